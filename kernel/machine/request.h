/*
 * Requests of the CPU that holds the kernel lock to other CPUs: flush TLB entries, leave an address space, save FPU
 * state, or only show that they are not in user mode any more.
 *
 * A request is a word in each CPU that is asked, an interrupt, and a wait for all answers with the lock held. A CPU in
 * user mode or idle is interrupted, and has to wait for the lock on its way into the kernel. A CPU that waits for the
 * lock looks for requests all the time. So a CPU that gets the lock at once has no request to look for, and answering
 * never needs the lock.
 *
 * Lock: kernel lock, for everything here except request_answer().
 */
#pragma once

#include "kernel/machine/cpu.h"

struct thread;

/*
 * Flush the translations of [at, at + page_count pages) on all CPUs where `root` is loaded, or (request_flush_others)
 * on all of these but this one. Call after the tables were changed, before the lock is released. Until it returns,
 * frames and tables that were removed must not be used again.
 */
void request_flush_others(uint64_t root, uint64_t at, uint64_t page_count);
static inline void request_flush(uint64_t root, uint64_t at, uint64_t page_count) {
    arch_flush(root, at, page_count);
    if (cpu_total > 1)
        request_flush_others(root, at, page_count);
}
/* Let all CPUs where `root` is loaded load another root. Call before the tables of a dying space are taken apart. */
void request_leave(uint64_t root);

/*
 * Save the FPU state of a thread of `cpu` to memory if that CPU has it in registers. Call when the thread moves or gets
 * another image.
 */
void request_release(struct cpu *cpu, struct thread *thread);

/*
 * Bring another CPU into the kernel, which it can't leave before the lock is released. Then the registers of the thread
 * that runs there are in its frame, and the kernel has not begun to handle the system call or exception for which it
 * entered.
 */
void request_park(struct cpu *cpu);

/*
 * Prepare this CPU for sleep: leave its address space and save its FPU state, so that no other CPU has a request to it.
 */
void request_none(const struct cpu *cpu);

/* Answer a request to this CPU, if there is one. For a CPU that waits for the lock. */
void request_answer(struct cpu *cpu);
