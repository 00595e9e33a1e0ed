/*
 * The fast path: the entry code itself (arch/x86_64/syscall.S) does the common case of a call and of its answer. The
 * message has no deadline, a thread on the other side waits for it on this CPU, and no ready thread would come first.
 * In any other case the fast path changes nothing, and the long way (calls/endpoint.c) does the work. The outcome is
 * the one that the long way would have produced.
 *
 * Its conditions are kept in a form that is quick to check. A thread can take over if `thread->direct` (thread.h) is
 * this CPU's `arch.direct`. `arch.direct` is the CPU itself. While the running thread must not use the fast path, it is
 * CPU_DIRECT_NOBODY, which no thread has.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/*
 * Reasons why no call may take the fast path at present. While there is one, or for a foreign thread, every call is
 * watched (syscall.c).
 */
enum fastpath_bar {
    FASTPATH_BAR_TEST = 1 << 0, /* CONTROL_TEST_FASTPATH */
    FASTPATH_BAR_TRACE = 1 << 1,
};

/* Lock: kernel lock. */
void fastpath_bar(enum fastpath_bar reason, bool barred);

/*
 * Call when another thread runs on `cpu`, when the running one becomes foreign or stops being so, and when the FPU has
 * another owner.
 */
void fastpath_update(struct cpu *cpu);
