/*
 * A machine with some programs, for tests of init's policy: the clock, the kernel, and the programs that recovery.c and
 * storm.c act on. begin() makes it.
 */
#pragma once

#include "servers/init/recovery.h"

#define CLOCK_STEP_NS 1000U /* each look at the clock takes as long */
#define FATAL_RIP 0x4711U

extern uint64_t clock_ns, timer_ns;
extern char last_line[LOG_BYTES_MAX]; /* on the log */

/* What was done to each program, by its place in the manifest. */
struct seen {
    uint32_t builds, gone_builds, starts, stops, swaps;
    uint64_t build_ns, dead_rip;
    char path[MANIFEST_IMAGE_MAX]; /* of another image that it was to be swapped for */
};
extern struct seen seen[MANIFEST_PROGRAMS_MAX];
extern uint32_t power_offs, revoked_count, taken_back, resume_count;
extern cap_t deleted[8];
extern uint32_t deleted_count;

/* What happens next. */
extern bool build_fails, gone_build_fails, start_fails;
extern uint64_t heard[MANIFEST_PROGRAMS_MAX], run_state[MANIFEST_PROGRAMS_MAX];
extern bool is_starved;    /* other programs have the CPU */
extern bool keeps_nothing; /* no program has a state, nor says what it has heard */
extern uint64_t cpu_time_ns;
extern uint64_t dead_rax; /* of a program that is stopped */

/* init_swap_test has the swaps. Here none is under way but if it concerns the program that is named. */
extern const struct child *swapped;
extern uint64_t swap_ns; /* when the swap is to be looked at */

/* command: the kernel's command line. The programs are called a, b, ... and have all the same rule. */
void begin(const char *command, uint32_t count, struct manifest_restart rule, uint64_t heartbeat_ms);
/* Let the timer do what it was set to. */
void tick(void);

static const struct manifest_restart three = {.limit = 3, .window_ms = 1000};
