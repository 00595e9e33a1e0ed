/*
 * The fast path: the common case of a call and of its answer, done by the entry code itself (arch/x86_64/syscall.S). A
 * message without a deadline, a thread on the other side that waits for it on this CPU, nobody ready who would come first. If
 * anything is otherwise it changes nothing, and endpoint.c does the work; what it does is what endpoint.c would have done.
 *
 * What it asks is kept in a form that is quick to ask. A thread can take over if `thread->direct` (thread.h) is this CPU's
 * `arch.direct`, which is the CPU itself, or nobody's as long as the running thread may not use the fast path.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* Why no call may take the fast path at present. With a reason, or of a foreign thread, every call is watched (syscall.c). */
enum fastpath_bar {
    FASTPATH_BAR_TEST = 1 << 0, /* CONTROL_TEST_FASTPATH */
    FASTPATH_BAR_TRACE = 1 << 1,
};

/* Lock: kernel lock. */
void fastpath_bar(enum fastpath_bar reason, bool barred);

/* Who runs on `cpu`, or whether it is foreign, or who owns the FPU has changed. */
void fastpath_update(struct cpu *cpu);
