/*
 * The suite of crowds: process 1 in the usual system, whose process server has the hook of test/storm. It starts many
 * processes that fork, exec, wait, fault, get signals, are stopped and talk through pipes, and notes how each ends:
 *
 *     process 1        waits for the leader, which is lost if the server fails at it again and again
 *       leader         plays the script: starts the others, talks to them, waits for them
 *         others       one role each, by turns
 *
 * What a crowd does is the same each time. So each run has the ends of an undisturbed one, wherever a server is swapped
 * or dies, except those of processes that the server had to give up, which their parent is told.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/proto/process.h"
#include "libsys/wire/message.h"
#include "test/storm/storm.h"

#define CROWD_MAX 100U
#define CROWD_ROLES 7U   /* taken in turn */
#define CROWD_SIGNALS 3U /* that one of them sends to itself */

/* Exit codes: a check failed; the server has given up a child or a call, and has told so. */
#define CROWD_WRONG 98
#define CROWD_TOLD 99

struct crowd_end {
    uint64_t pid, end, value, fault; /* as of process_wait_reply; pid 0: not waited for */
};

/* In memory that all processes of the suite share. */
struct crowd {
    uint64_t count;      /* of processes besides the leader */
    bool storms;         /* the leader lets the events come that the hook knows */
    const char *swapped; /* the server to swap before each call, for `image`; NULL: none */
    const char *image;
    const char *other; /* by turns with `image`; NULL: none */
    uint64_t swaps;    /* so far */
    uint64_t told;     /* calls that were answered P_FAILED, and were made again */
    uint64_t lost;     /* calls that failed otherwise */
    struct crowd_end ends[CROWD_MAX];
};
extern struct crowd *crowd;

/* Calls of process 1 and of the leader, made again if the server fails at them. */
uint64_t crowd_fork(void);
struct process_wait_reply crowd_wait(uint64_t pid);

/* An order to the hook in the process server. Returns its answer. */
struct message crowd_order(enum storm_order what, uint64_t a, uint64_t b, uint64_t c);

/* The leader. */
_Noreturn void crowd_lead(void);

/* The program that a role executes. */
int crowd_executed(void);
