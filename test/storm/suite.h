/*
 * The suite of storms: process 1 in the usual system, whose servers have the hook (hook.c). `etc/storm` on the boot
 * volume lists plans, one a line (plan.c). For each the suite runs a session of programs (session.c), and looks whether
 * the system keeps its promises:
 *
 *     no hang                   the session ends in time
 *     no byte lost, none twice  but where a call failed, and its caller was told
 *     everybody is told         as many calls fail as events say; a parent learns why its child was ended
 *     nothing is left behind    frames and capabilities are as before
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/syscall.h"
#include "libsys/proto/process.h"
#include "test/storm/storm.h"

#define PLAN_EVENTS_MAX 8U

struct plan_event {
    uint32_t server; /* index in storm_servers */
    uint64_t number; /* of the message, kernel call or request */
    enum storm_what what;
    uint64_t argument;
};

struct plan {
    struct plan_event events[PLAN_EVENTS_MAX];
    uint32_t event_count;
};

#define STORM_SERVER(name, messages, calls, requests) STORM_SERVER_##name,
enum storm_server {
#include "test/storm/servers.def"
    STORM_SERVERS,
};
#undef STORM_SERVER
extern const char *const storm_servers[STORM_SERVERS];

/* Read a line. False: it is no plan. */
MUST_USE bool plan_read(const char *line, struct plan *ret_plan);

/* What the programs of a session have to say. It lies in memory that they share with the suite. */
struct session {
    uint64_t told;                 /* calls that failed as they may: the answer was lost, or the request was refused */
    bool wrong;                    /* something is as it may not be; it has been printed */
    bool cut;                      /* one of the programs has ended before its time */
    struct process_wait_reply end; /* ... how, if its parent knows */
};
extern struct session *session;

/*
 * The programs get these signals in turn. While a handler runs, its own signal is masked, so a call that it makes is
 * interrupted by another.
 */
#define SESSION_SIGNALS 3U
extern const uint32_t session_signals[SESSION_SIGNALS];

void session_is_cut(const struct process_wait_reply *end);

/* Run a session; `number` stands in what it prints on the console, 0: it prints nothing there. */
_Noreturn void session_run(uint32_t number);
