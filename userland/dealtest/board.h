/*
 * What dealer and target know of each other: a page that they share.
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
    bool executes; /* no board is left of it: it tells by signals, and never ends by itself */
};
extern const struct target targets[];
#define TARGETS 15U

/* What a target that executes sends to the dealer, which keeps the board for it. */
#define SIGNAL_STEP PROCESS_SIGURG
#define SIGNAL_HANDLED PROCESS_SIGUSR2

/* Be this target until the board says that it is done. */
_Noreturn void target_run(struct board *board, const struct target *target);

/* The program that a target which executes becomes again and again: dealtest with this argument. */
#define TARGET_AGAIN "again"
_Noreturn void target_run_again(void);
