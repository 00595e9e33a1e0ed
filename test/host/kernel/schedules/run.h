/*
 * Shared by explore.c and hooks.c: the current schedule, and a step of it. Every load and store passes through here.
 */
#pragma once

#include "test/host/kernel/schedules/explore.h"

#define STACK_BYTES 65536U
#define UNDO_WORDS (1U << 17)

struct run_cpu {
    void *stack_pointer;
    uint64_t read;     /* the words it has read since it last relaxed, as a set of 64 hash values */
    uint32_t priority; /* PCT */
    uint32_t ticket;   /* its last ticket of the lock */
    bool has_ticket, holds, outside;
};

/* The value of a word before it was written. */
struct undo {
    uint64_t *word, was;
};

struct run {
    bool active; /* a CPU runs */
    bool shows;
    bool guarded; /* accesses without the lock are checked */
    uint32_t current;
    uint64_t step, next; /* at step `next` the scheduler decides */
    uint32_t ready;      /* CPUs that can go on, a bit each */
    uint32_t relaxed;    /* CPUs that wait in a loop */
    uint32_t stale;      /* CPUs that have read a word which another CPU has written since */
    uint32_t idle;       /* CPUs in explore_idle() */
    uint32_t cpu_count;
    struct undo *undo_end;
    uintptr_t stacks; /* of all CPUs; private, so no steps */
    uintptr_t lock;   /* address of the program's lock */
    struct run_cpu cpus[EXPLORE_CPUS_MAX];
    struct undo undo[UNDO_WORDS];
};
extern struct run run;

void run_decide(void *where);
void run_guard(uintptr_t address, bool is_store, void *where);
_Noreturn void run_undo_full(void);
void run_show(uint32_t to, void *where);
/* Another CPU has written a word that those in `readers` have read. */
void run_wake_readers(uint32_t readers);

static inline bool run_is_stack(uintptr_t address) {
    return address - run.stacks < (uintptr_t)EXPLORE_CPUS_MAX * STACK_BYTES;
}

static inline uint64_t run_hash(uintptr_t word) { return 1ULL << (word * 0x9e3779b97f4a7c15ULL >> 58); }

static inline void run_save_word(uint64_t *word) {
    if (run.undo_end == run.undo + UNDO_WORDS)
        run_undo_full();
    *run.undo_end++ = (struct undo){.word = word, .was = *word};
}

/* Tell the CPUs that have read these words that they have changed. */
static inline void run_tell_readers(uint64_t set) {
    uint32_t readers = 0;
    for (uint32_t i = 0; i < run.cpu_count; i++) {
        if (i != run.current && (run.cpus[i].read & set) != 0)
            readers |= 1U << i;
    }
    if ((readers & ~run.stale) != 0)
        run_wake_readers(readers);
}

static inline bool run_is_step(uintptr_t address) { return run.active && !run_is_stack(address); }

/* Call before an access: other CPUs may have their turn now. The access itself follows at once. */
static inline void run_step(uintptr_t address, bool is_store, void *where) {
    if (++run.step >= run.next)
        run_decide(where);
    const struct run_cpu *cpu = &run.cpus[run.current];
    if (run.guarded && !cpu->holds && !cpu->outside)
        run_guard(address, is_store, where);
}

static inline void run_note(uintptr_t address, uintptr_t bytes, bool is_store) {
    uintptr_t first = address / 8, last = (address + bytes - 1) / 8;
    uint64_t set = 0;
    for (uintptr_t word = first; word <= last; word++) {
        set |= run_hash(word);
        if (is_store)
            run_save_word((uint64_t *)(word * 8));
    }
    run.cpus[run.current].read |= set;
    if (is_store)
        run_tell_readers(set);
}

static inline void run_access(uintptr_t address, uintptr_t bytes, bool is_store, void *where) {
    run_step(address, is_store, where);
    run_note(address, bytes, is_store);
}
