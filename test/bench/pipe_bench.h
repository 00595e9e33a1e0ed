/*
 * pipe_round_trip: two processes send each other one byte through two pipes.
 */
#pragma once

/*
 * self: the path of this program, which calls pipe_bench_partner when its one argument is PIPE_BENCH_PARTNER. fail:
 * what goes wrong ends there; does not return.
 */
void pipe_bench_row(const char *self, void (*fail)(const char *what));

#define PIPE_BENCH_PARTNER "partner"
/* Send back what comes until nothing more does. Returns the exit status. */
int pipe_bench_partner(void);
