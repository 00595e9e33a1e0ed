#pragma once

#include <stdint.h>

struct thread;

/* The handlers of message calls: arguments and results are in the caller's frame, but for the status. */
uint64_t sys_ep_call(struct thread *self);
uint64_t sys_ep_wait(struct thread *self);
uint64_t sys_ep_reply(struct thread *self);
uint64_t sys_ep_reply_wait(struct thread *self);
