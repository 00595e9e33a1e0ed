/*
 * Bindings: capabilities that lie in a kernel object and mean something there (enum cap_binding). Whoever takes one away has to
 * end what it stood for.
 */
#pragma once

#include "kernel/run/thread.h"

/* Lock: kernel lock, for everything here. */

/* Set up by boot and thread_configure alike: the capability is derived from `source`; NULL: the binding becomes empty. */
void thread_bind(struct thread *thread, struct cap_slot *binding, struct cap_slot *source);
void thread_hold_message_frame(struct thread *thread, uint64_t frame); /* in place of the present one; 0: none */
/* What a thread that is dead has besides bindings goes: its message page, its notification, if it is still the bound one. */
void thread_leave(struct thread *thread);

/* A bound capability goes, and what it stood for ends: what a thread has by it, an interrupt line's notification, the trace, the
 * notification that watches an endpoint. */
void thread_unbind(struct cap_slot *slot);
void irq_unbind(struct cap_slot *slot);
void trace_unbind(struct cap_slot *slot);
void watch_unbind(struct cap_slot *slot);

/* cap_remove(), and unbinding if the slot is bound. What takes capabilities away from somebody else uses this. */
void cap_take_away(struct cap_slot *slot);

/*
 * `count` of what was derived from `root`, the nearest first. True: there is none left. False: call again; if nobody
 * does, cap_settle finds the list in order.
 */
bool cap_revoke_some(struct cap_slot *root, uint32_t count);
