/*
 * Common roles of workers: one system call, whose outcome is left in the view.
 */
#pragma once

#include "test/guest/lib/worker.h"

/* Call caps[0] with info in[0], words in[2..5] and, if the info asks for it, deadline in[1]. */
void role_call(struct worker_view *view);
/* out[] of role_call. The last is the clock afterwards. */
enum { CALL_STATUS, CALL_INFO, CALL_WORD_0, CALL_WORD_1, CALL_WORD_2, CALL_WORD_3, CALL_ENDED_NS };

/* Wait at caps[0] until deadline in[0]; a message is not answered, so its sender waits until this worker ends. */
void role_wait(struct worker_view *view);
/* out[] of role_wait. */
enum { WAIT_STATUS, WAIT_BADGE, WAIT_INFO, WAIT_WORD_0, WAIT_WORD_1, WAIT_WORD_2, WAIT_WORD_3, WAIT_ENDED_NS };

/* Wait for the notification caps[0] until deadline in[0]. */
void role_signal_wait(struct worker_view *view);
/* out[] of role_signal_wait. */
enum { SIGNAL_STATUS, SIGNAL_BITS, SIGNAL_ENDED_NS };

/* Serve at caps[0]: answer each message with its own words and label; for ever, or until a wait fails (out[1]). */
void role_echo(struct worker_view *view);
enum { ECHO_COUNT, ECHO_STATUS };

/* Count in out[0], for ever. */
void role_spin(struct worker_view *view);

/* Do nothing: the worker ends at once. */
void role_nothing(struct worker_view *view);

/* Start a client that makes one call at `endpoint`. It runs when the main thread waits. */
void role_start_call(struct worker *worker, struct worker_plan plan, cap_t endpoint, uint64_t info);
/* Start such a client whose call has a deadline. */
void role_start_call_until(struct worker *worker, struct worker_plan plan, cap_t endpoint, uint64_t deadline_ns);
/* Start a thread that waits once, without a deadline, at an endpoint (role_wait) or for a
 * notification (role_signal_wait). */
void role_start_wait(struct worker *worker, struct worker_plan plan, worker_code *role, cap_t object);

/* The outcome of an access: the value there, or a fault, which stays unanswered. */
enum touch_kind { TOUCH_READ, TOUCH_WRITE, TOUCH_RUN };
struct touch {
    bool faulted;
    struct fault_message fault;
    uint64_t value; /* TOUCH_READ */
};

/* Access `at` in `space` by a new worker. space: 0 is the program's own; others must have the code from worker_space.
 * Executed bytes should be those of ROLE_RETURN. */
struct touch role_touch(cap_t space, enum touch_kind kind, uaddr_t at);
#define ROLE_RETURN 0xc3U
#define ROLE_TOUCHED 0x70c4edULL /* the value that TOUCH_WRITE writes */

/* role_touch, checked: true if there was no fault; else it must be a page fault at that address
 * with the access of `kind`. */
bool role_can_touch(cap_t space, enum touch_kind kind, uaddr_t at);
bool role_faults(cap_t space, enum touch_kind kind, uaddr_t at, uint64_t access);

/*
 * The end of a random run: do all CPUs still wake up? All other threads must have stopped, or wait for good. For each
 * CPU one thread waits for a dead object that is left to idle CPUs, and another one for a notification. After a pause
 * the first ones must run, then a raise must wake the others, each within 1/200 of a case's time.
 */
void role_check_sleepers(void);
