#pragma once

#include <stdint.h>

struct thread;

/*
 * The handlers of message calls. Arguments and results are in the caller's frame, except the status, which is returned.
 */
uint64_t sys_ep_call(struct thread *self);
uint64_t sys_ep_wait(struct thread *self);
uint64_t sys_ep_reply(struct thread *self);
uint64_t sys_ep_reply_wait(struct thread *self);
