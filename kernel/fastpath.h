/*
 * The common case of a call and of its answer, done straight: a message of words alone, a thread on the other side that waits
 * for it on this CPU, nobody ready who would come first. Whatever is otherwise, the functions change nothing, return
 * false, and endpoint.c does the work; what they do is what endpoint.c would have done.
 */
#pragma once

#include <stdbool.h>

struct cpu;
struct thread;

/* Lock: kernel lock. `self` is the running thread, in the system call ep_call or ep_reply_wait. */
bool fastpath_call(struct cpu *cpu, struct thread *self);
bool fastpath_reply_wait(struct cpu *cpu, struct thread *self);

/* With -Dchecks, for tests: false takes the long way always. */
extern bool fastpath_enabled;
