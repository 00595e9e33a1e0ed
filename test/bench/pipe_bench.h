/*
 * pipe_round_trip: two processes send each other one byte through two pipes.
 */
#pragma once

/*
 * Measure the row. self: the path of this program, which must call pipe_bench_partner when its one argument is
 * PIPE_BENCH_PARTNER. fail: is called on any failure; must not return.
 */
void pipe_bench_row(const char *self, void (*fail)(const char *what));

#define PIPE_BENCH_PARTNER "partner"
/* Send back each byte until the end of the stream. Returns the exit status. */
int pipe_bench_partner(void);
