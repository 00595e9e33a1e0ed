/*
 * The common case of a call and of its answer, done straight: a message of words alone, a thread on the other side that waits
 * for it on this CPU, nobody ready who would come first. Whatever is otherwise, the functions change nothing, return
 * false, and endpoint.c does the work; what they do is what endpoint.c would have done.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct thread;

/* Lock: kernel lock. `self` is the running thread, in the system call ep_call or ep_reply_wait. */
bool fastpath_call(struct cpu *cpu, struct thread *self);
bool fastpath_reply_wait(struct cpu *cpu, struct thread *self);

/* Why no call may take the fast path at present. */
enum fastpath_bar {
    FASTPATH_BAR_TEST = 1 << 1, /* CONTROL_TEST_FASTPATH */
    FASTPATH_BAR_TRACE = 1 << 2,
};

/*
 * All reasons there are. Only threads whose `foreign` is equal to it take the fast path, which is 0 or 1: so the one
 * comparison asks for no reason and for a thread that is not foreign.
 */
extern uint8_t fastpath_barred;

void fastpath_bar(enum fastpath_bar reason, bool barred);
