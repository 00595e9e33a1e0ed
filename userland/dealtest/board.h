/*
 * What the dealer and its target know of each other: a page that both have.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/proto/process.h"

struct board {
    volatile uint64_t ready;   /* the target's handlers are there */
    volatile uint64_t done;    /* it is to end */
    volatile uint64_t steps;   /* moves as long as the target runs */
    volatile uint64_t handled; /* USR1 */
    volatile uint64_t wrong;   /* what the target has found to be so, and where: line of target.c, status */
    volatile uint64_t line, status;
};

/* What a target does over and over again. */
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

/* Be one, until it is done. */
_Noreturn void target_run(struct board *board, const struct target *target);

/* The program that a target which executes becomes again and again: dealtest with this argument. */
#define TARGET_AGAIN "again"
_Noreturn void target_run_again(void);
