/*
 * Makes a change whole, whenever the program dies: either all of it was made or nothing. For servers whose memory
 * outlives them (libsys/program/keep.h).
 *
 *     journal_note(&pipe->added, sizeof pipe->added);   the old bytes are written down ...
 *     pipe->added += length;                            ... before they change
 *     the commit: one store that forgets all notes      by the server's loop, or by journal_call()
 *
 * The successor of a program that died before the commit puts the old bytes back. It needs notes only for what it can't
 * find out otherwise: bytes that nothing names yet, and what can be computed from the rest, need none.
 *
 * An effect outside memory is a system call. It comes last in its change, by journal_call(), which makes the commit in
 * the instruction after it. If the program dies there, its registers tell the successor whether the call was made.
 *
 * Without kept memory no notes are taken, so pure code can call journal_note() anywhere, on the host, too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/abi/thread.h"

#define JOURNAL_BYTES 32768U /* for one change: old bytes, and 16 for each note */

struct journal {
    uint64_t mark;  /* stage in bits 7..0, above them the bytes of notes: one word, so that one store is the commit */
    uint8_t *notes; /* NULL: nothing is kept */
};
#define JOURNAL_STAGE(mark) ((mark)&0xff)
#define JOURNAL_USED(mark) ((mark) >> 8)

/* The journal of this program. NULL: it has none. */
extern struct journal *journal;

/* All changes so far stay, and the loop is at `stage`. */
static inline void journal_commit(struct journal *kept, uint64_t stage) {
    __asm__ volatile("" : : : "memory"); /* the compiler must not move a change past the store */
    *(volatile uint64_t *)&kept->mark = stage;
}

/* Behind the old bytes of a note, so that the notes can be read from the last one on. */
struct journal_note_end {
    uint64_t at;
    uint64_t bytes;
};

/* How much a note of `bytes` bytes takes. */
static inline uint64_t journal_note_bytes(uint64_t bytes) {
    return (bytes + 7) / 8 * 8 + sizeof(struct journal_note_end);
}

/* journal_note() for any number of bytes. */
void journal_note_long(const void *at, size_t bytes);

/* Could an undo put something back? */
static inline bool journal_has_notes(void) { return journal != NULL && JOURNAL_USED(journal->mark) > 0; }

/*
 * Before `bytes` bytes at `at` change: write them down. If JOURNAL_BYTES do not suffice, the program ends: it must not
 * change what it can't put back.
 */
static inline void journal_note(const void *at, size_t bytes) {
    if (!__builtin_constant_p(bytes) || bytes > 8) { /* most are of one word: a few moves */
        journal_note_long(at, bytes);
        return;
    }
    if (journal == NULL || journal->notes == NULL)
        return;
    uint64_t used = JOURNAL_USED(journal->mark);
    uint8_t *note = journal->notes + used;
    struct journal_note_end end = {(uint64_t)(uintptr_t)at, bytes};
    if (used > JOURNAL_BYTES - journal_note_bytes(8))
        __builtin_trap();
    __builtin_memcpy(note, at, bytes);
    __builtin_memcpy(note + 8, &end, sizeof end);
    journal_commit(journal, JOURNAL_STAGE(journal->mark) | (used + journal_note_bytes(8)) << 8);
    __asm__ volatile("" : : : "memory"); /* the caller's change comes after the note */
}

/* Note a variable and set it. */
#define JOURNAL_SET(place, value) (journal_note(&(place), sizeof(place)), (void)((place) = (value)))

/* Put the old bytes back. If the program dies within this, its successor does it again. */
void journal_undo(struct journal *undone);

/* All changes so far are whole: none of them is undone any more. */
void journal_settle(void);

/* The registers of a system call. */
struct journal_effect {
    uint64_t rax, rdi, rsi, rdx, r10, r8, r9;
};

/*
 * Make a system call; if its status is OK, *place becomes `value` in the next instruction: a successor finds both made
 * or neither. Returns the status. place: &journal->mark makes it the commit, with `value` as the stage; any other word
 * is set beside the notes, so it must have none, and what belongs together is committed before.
 */
uint64_t journal_call(uint64_t *place, const struct journal_effect *effect, uint64_t value);

/* journal_call() for a system call that returns a value: *place becomes `flags` | the value. */
uint64_t journal_read(uint64_t *place, const struct journal_effect *effect, uint64_t flags);
