/*
 * The suite of storms: process 1 in the usual system, whose servers have the hook (hook.c). `etc/storm` on the boot
 * volume lists plans, one a line (plan.c). For each the suite runs a session of programs (session.c), and looks whether
 * the system keeps its promises:
 *
 *     no hang                   the session ends in time
 *     no byte lost, none twice  but where a call failed, and its caller was told
 *     everybody is told         as many calls fail as events say
 *     nothing is left behind    frames and capabilities are as before
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/syscall.h"
#include "test/storm/storm.h"

#define PLAN_EVENTS_MAX 8U

struct plan_event {
    uint32_t server; /* index in storm_servers */
    uint64_t number; /* of the call or the request */
    enum storm_what what;
    uint64_t argument;
};

struct plan {
    struct plan_event events[PLAN_EVENTS_MAX];
    uint32_t event_count;
};

/* Servers with a hook. A server that keeps its state is named here, in manifest.py and in meson.build. */
#define STORM_SERVERS 3U
extern const char *const storm_servers[STORM_SERVERS];

/* Read a line. False: it is no plan. */
MUST_USE bool plan_read(const char *line, struct plan *ret_plan);
MUST_USE bool plan_has(const struct plan *plan, enum storm_what what);

/* What a session reports: its exit code. */
#define SESSION_TOLD_MAX 100U /* up to here: calls that failed with E_PEER, or were refused */
#define SESSION_WRONG 101U    /* it has printed what */

/*
 * Run the session; `number` stands in what it prints, 0: it prints nothing. alarms: calls are interrupted from time to
 * time.
 */
int session_run(uint32_t number, bool alarms);
