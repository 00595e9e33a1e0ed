/*
 * The page that the dealer shares with its target, and the kinds of targets.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/proto/process.h"

struct board {
    volatile uint64_t ready;   /* the target has set its handlers */
    volatile uint64_t done;    /* the target is to end */
    volatile uint64_t steps;   /* counts as long as the target runs */
    volatile uint64_t handled; /* how many USR1 were handled */
    volatile uint64_t wrong;   /* a check of the target has failed, with line of target.c and status */
    volatile uint64_t line, status;
};

/* A kind of target; it makes turn after turn. */
struct target {
    const char *name;
    void (*turn)(void);
    bool executes; /* it calls exec in each turn, and so loses the board: it reports by signals, and has to be killed */
};
extern const struct target targets[];
#define TARGETS 15U

/* The signals by which a target that calls exec reports to the dealer, which writes to the board in its place. */
#define SIGNAL_STEP PROCESS_SIGURG
#define SIGNAL_HANDLED PROCESS_SIGUSR2

/* Be this target until the board says that it is done. */
_Noreturn void target_run(struct board *board, const struct target *target);

/* A target that calls exec becomes, again and again, dealtest with this argument. */
#define TARGET_AGAIN "again"
_Noreturn void target_run_again(void);
