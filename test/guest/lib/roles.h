/*
 * What workers often do: one system call, its outcome left in the view.
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

/* A client of `endpoint` that makes one call; it runs when the main thread waits. */
void role_start_call(struct worker *worker, struct worker_plan plan, cap_t endpoint, uint64_t info);
/* The same that gives up. */
void role_start_call_until(struct worker *worker, struct worker_plan plan, cap_t endpoint, uint64_t deadline_ns);
/* A thread that waits once at an endpoint (role_wait) or for a notification (role_signal_wait), for ever. */
void role_start_wait(struct worker *worker, struct worker_plan plan, worker_code *role, cap_t object);

/* What came of touching an address: the value there, or a fault, which stays unanswered. */
enum touch_kind { TOUCH_READ, TOUCH_WRITE, TOUCH_RUN };
struct touch {
    bool faulted;
    struct fault_message fault;
    uint64_t value; /* TOUCH_READ */
};

/* Touch `at` in `space` (0: the program's own; others have the code from worker_space), by a worker made for it. What
 * is run should be the bytes of ROLE_RETURN. */
struct touch role_touch(cap_t space, enum touch_kind kind, uaddr_t at);
#define ROLE_RETURN 0xc3U
#define ROLE_TOUCHED 0x70c4edULL /* what TOUCH_WRITE writes */

/* role_touch, checked: no fault; or a page fault at that address with this enum fault_access. */
bool role_can_touch(cap_t space, enum touch_kind kind, uaddr_t at);
bool role_faults(cap_t space, enum touch_kind kind, uaddr_t at, uint64_t access);

/*
 * And then everybody sleeps: the end of a random run. Whoever else is there has stopped or waits for good. Something
 * dead is left to the CPUs that idle, for which a thread of each waits, and nothing happens for a while. These threads,
 * and then one more of each CPU by a raise, must run within the two hundredth part of a case's time.
 */
void role_check_sleepers(void);
