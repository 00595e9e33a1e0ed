/*
 * The suite of servers that come back: process 1 in the usual system, with servers of the protocol `mortal` (mortal.h).
 *
 *     mortal     comes back as often as it must
 *     slow       has a heartbeat, and a lower priority than programs
 *     steady     comes back a few times within a short window
 *     brittle    comes back a few times, a while after each death
 *
 * Around each case the suite compares what the kernel and the server `mortal` have in use.
 */
#pragma once

#include "test/lib/servers.h"
#include "test/lib/status.h"
#include "test/restart/mortal.h"

/* manifest.py has them, too. */
#define HEARTBEAT_MS 200U
#define STEADY_WINDOW_MS 200U
#define BRITTLE_LIMIT 3U
#define BRITTLE_BACKOFF_MS 100U
#define NS_PER_MS 1000000U

#define GROUP(name) const struct suite group_##name = {cases, sizeof cases / sizeof cases[0]}
extern const struct suite group_calls, group_starts, group_ends, group_gone, group_swaps;

/* The capability for a server, from the manifest. */
cap_t server(const char *name);

/* A death of no other request. */
uint64_t new_death(uint64_t times, enum mortal_place place);

/* One call each. Statuses are the server's; what it replied is in *ret_reply if that is not NULL. */
uint32_t add(cap_t at, uint64_t death, uint64_t amount, struct mortal_add_reply *ret_reply);
uint32_t swap_text(cap_t at, uint64_t death, uint64_t length_bytes, struct mortal_swap_reply *ret_reply);
uint32_t open_own(cap_t at, uint64_t death, cap_t *ret_own);
uint32_t give(cap_t at, uint64_t death, cap_t given, uint64_t *ret_count);
uint32_t take(cap_t at, uint64_t death, cap_t *ret_taken, uint64_t *ret_count);
uint32_t hand(cap_t at, uint64_t death, uint64_t amount, uint64_t *ret_count);
struct mortal_look_reply look(cap_t at);
void doom(cap_t at, const struct mortal_doom_request *request);
void reset(cap_t at);

/* A call in a thread of its own. */
struct caller {
    cap_t at;
    uint64_t death;
    uint64_t changes; /* to wait for; 0: an addition */
    uint32_t status;  /* of the call, once it is over */
    struct mortal_await_reply reply;
    uint64_t thread;
    volatile bool over;
};
void caller_start(struct caller *caller);
/* ... and wait until the server has `waiting` callers that wait. */
void caller_park(struct caller *caller, uint64_t waiting);
/* Wait for its end. Returns its status. */
uint32_t caller_join(struct caller *caller);

/* Sleep. */
void doze(uint64_t duration_ns);

/* Has the log had this text since the last call that found something? */
bool log_says(const char *text);
