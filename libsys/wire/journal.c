#include "libsys/wire/journal.h"

#include "libsys/text/string.h"

struct journal *journal;

/* Behind the old bytes of a note, so that the notes can be read from the last one on. */
struct note_end {
    uint64_t at;
    uint64_t bytes;
};

void journal_note(const void *at, size_t bytes) {
    if (journal == NULL || journal->notes == NULL)
        return;
    uint64_t used = JOURNAL_USED(journal->mark), padded = (bytes + 7) / 8 * 8;
    struct note_end end = {(uint64_t)(uintptr_t)at, bytes};
    if (bytes > JOURNAL_BYTES || padded + sizeof end > JOURNAL_BYTES - used)
        __builtin_trap();
    if (bytes == 8) /* most are of one word */
        __builtin_memcpy(journal->notes + used, at, 8);
    else
        memcpy(journal->notes + used, at, bytes);
    __builtin_memcpy(journal->notes + used + padded, &end, sizeof end);
    journal_commit(journal, JOURNAL_STAGE(journal->mark) | (used + padded + sizeof end) << 8);
    __asm__ volatile("" : : : "memory"); /* the caller's change comes after the note */
}

void journal_undo(struct journal *undone) {
    uint64_t used;
    while ((used = JOURNAL_USED(undone->mark)) != 0) {
        struct note_end end;
        memcpy(&end, undone->notes + used - sizeof end, sizeof end);
        uint64_t before = used - sizeof end - (end.bytes + 7) / 8 * 8;
        memcpy((void *)(uintptr_t)end.at, undone->notes + before, end.bytes);
        journal_commit(undone, JOURNAL_STAGE(undone->mark) | before << 8);
    }
}

void journal_settle(void) {
    if (journal != NULL)
        journal_commit(journal, JOURNAL_STAGE(journal->mark));
}
