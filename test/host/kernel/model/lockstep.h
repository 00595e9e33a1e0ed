/*
 * One machine and its model in lock-step: both make each system call, fault, interrupt or tick, and then all
 * visible state must be equal.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"

/* Slots of the first thread's table, in addition to those of machine.h. It never loses these. */
enum { LOCKSTEP_CAP_IRQ = 6, LOCKSTEP_CAP_PORTS = 7, LOCKSTEP_CAP_SIGNAL = 8 };
#define LOCKSTEP_CALL_RIP 0x400002ULL /* a thread's RIP after its syscall instruction */

struct lockstep {
    uint64_t seed;  /* state of the random numbers */
    uint64_t step;  /* calls made so far */
    uint32_t first; /* the model's name for the first thread */
    uint32_t irq;   /* ... for the interrupt lines */
    uint64_t next_deadline;
    const char *failure; /* NULL: no difference so far */
};
extern struct lockstep lockstep;

/* A call as it is made: number, arguments. */
struct lockstep_call {
    uint64_t number;
    uint64_t a[6];
};

uint64_t lockstep_random(uint64_t below);
static inline bool lockstep_chance(uint64_t percent) { return lockstep_random(100) < percent; }

/* Make a fresh machine and model, with only the first thread. */
void lockstep_start(uint64_t seed);

/* One step: the running thread makes this call. False: machine and model differ (lockstep.failure). */
bool lockstep_make_call(const struct lockstep_call *call);
/* Whether the kernel broke off the running thread's call, so that it must be made again. */
bool lockstep_must_restart(void);
bool lockstep_restart(void);
/* The running thread faults. */
bool lockstep_fault(uint64_t kind, uint64_t address, uint64_t access);
bool lockstep_irq(uint32_t line);
/* Advance the clock; everything due happens. */
bool lockstep_tick(uint64_t ns);

/* Print how often each call had each outcome, as TAP comments. Returns the number of different outcomes. */
uint32_t lockstep_print_outcomes(void);

/* Print the last calls, oldest first, as TAP comments. */
void lockstep_print_history(void);
