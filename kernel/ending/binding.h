/*
 * Bindings: capabilities that lie in a kernel object and have an effect there (enum cap_binding). Removing one has to
 * end its effect.
 */
#pragma once

#include "kernel/run/thread.h"

/* Lock: kernel lock, for everything here. */

/*
 * Derive the capability in `binding` from `source`; NULL: empty the binding. For boot, thread_configure and
 * thread_handover.
 */
void thread_bind(struct thread *thread, struct cap_slot *binding, struct cap_slot *source);
/* Make `frame` the thread's message page, in place of the one that it has; 0: it gets none. */
void thread_hold_message_frame(struct thread *thread, uint64_t frame);
/*
 * Let a dead thread release what it has besides bindings: its message page, and its notification if it is still the
 * bound thread.
 */
void thread_leave(struct thread *thread);

/*
 * Remove a bound capability and end its effect. thread_unbind: the thread loses what the binding gave it. irq_unbind:
 * the interrupt line is masked. trace_unbind: the trace ends. watch_unbind: the endpoint is not watched any more.
 */
void thread_unbind(struct cap_slot *slot);
void irq_unbind(struct cap_slot *slot);
void trace_unbind(struct cap_slot *slot);
void watch_unbind(struct cap_slot *slot);

/* cap_remove(), with unbinding if the slot is bound. Use it to take a capability away from another thread or object. */
void cap_take_away(struct cap_slot *slot);

/*
 * Remove at most `count` descendants of `root`, in list order. True: none is left. False: call again. If the caller
 * gives up instead, the list is sound: cap_settle can correct its depths.
 */
bool cap_revoke_some(struct cap_slot *root, uint32_t count);
