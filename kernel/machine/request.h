/*
 * What the CPU that holds the kernel lock asks of the others: to forget translations, to leave an address space, to save FPU
 * state, or only to show that they are not in user mode any more.
 *
 * A request is a word in each CPU that is asked, an interrupt, and a wait for all answers with the lock held. A CPU in user
 * mode or idle is interrupted, and on its way in has to wait for the lock; one that waits for the lock looks for requests at
 * each turn. So a CPU that gets the lock at once has no request to look for, and nobody who answers needs anything
 * that the asker holds.
 *
 * Lock: kernel lock, for everything here but request_answer().
 */
#pragma once

#include "kernel/machine/cpu.h"

struct thread;

/* Wherever `root` is loaded: forget translations of [at, at + page_count pages); load another root. Called after the tables
 * were changed, before the lock is released: until then no frame or table that went is anybody's. */
void request_flush_others(uint64_t root, uint64_t at, uint64_t page_count);
static inline void request_flush(uint64_t root, uint64_t at, uint64_t page_count) {
    arch_flush(root, at, page_count);
    if (cpu_total > 1)
        request_flush_others(root, at, page_count);
}
void request_leave(uint64_t root);

/* A thread of `cpu` moves or gets another image: what of its state is kept in that CPU's registers goes to memory. */
void request_release(struct cpu *cpu, struct thread *thread);

/* Another CPU is in the kernel now and can't leave it before the lock is released: the registers of the thread that runs there are in
 * its frame, and what it came for has not been begun. */
void request_park(struct cpu *cpu);

/* This CPU idles: see to it that there is nothing to ask of it, so that nobody waits until it wakes up. */
void request_none(const struct cpu *cpu);

/* What is asked of this CPU, if anything. For who waits for the lock. */
void request_answer(struct cpu *cpu);
