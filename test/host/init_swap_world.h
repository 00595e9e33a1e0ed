/*
 * One server of a machine, for tests of init's swaps (servers/init/swap.c): which program does its thread run in? The
 * kernel, the clock and the programs are these files'. Each call that a swap makes can be made to fail.
 */
#pragma once

#include "libsys/program/keep.h"
#include "libsys/runtime/print.h"
#include "servers/init/swap.h"

#define OLD_SPACE 11U
#define NEW_SPACE 12U
#define EXPORT_SPACE 13U /* of the program that exports */
#define FIRST_KEEP 21U
#define EXPORT_KEEP 22U
#define SECOND_KEEP 23U
#define KEEP_PAGES 5U
#define OLD_RIP 0x1000U
#define NEW_RIP 0x2000U
#define PAGE_WORD 0x5eedU /* what the old program's message page has */
#define GENERATION 7U
#define SLOTS_END 128U /* the first state says so */

extern struct child the_server;
extern struct manifest_program entry;
extern uint64_t clock_ns;
extern char last_line[LOG_BYTES_MAX];     /* on the log */
extern uint32_t call_count, failing_call; /* the call with this number fails; 0: none */

/* The machine, as far as a swap can see it. */
extern struct swap_machine {
    cap_t runs_in; /* Space of the thread */
    uint64_t rip;  /* where it was entered; 0: it is stopped */
    bool suspended;
    enum thread_run_state run_state;
    uint64_t rax; /* with which its wait has ended */
    uint64_t message_word, saved_word;
    struct keep_head head;
    uint64_t heard;
    struct keep_head second_head; /* of the memory for a second state */
    uint32_t spaces, pages;       /* that are there, of new programs, and copies of the message page */
    uint32_t runs;                /* of kept memory, beside the first one */
    uint32_t reports;
} machine;

/* What the new program does once it runs. */
enum conduct { ACCEPTS, SAYS_NO, ENDS, HANGS, ACCEPTS_AND_ENDS, IS_FOREIGN };

/* Begin anew: the server runs the program `bin/old`. */
void begin(void);

/* Begin to swap it. Returns swap_begin()'s status; a failure has a reason. */
uint32_t swap_to(const char *path);

/* The new program, which runs, does this. */
void act(enum conduct conduct);

/* The head of the state that the server uses. */
struct keep_head *head_of(const struct child *one);

/* Does the old program run? Is nothing left of a swap, and nothing missing? Both, and it can't tell a difference? */
bool is_old(void);
void check_rest(void);
void check_old_runs(void);

/* Why the swap was not done; empty if it was. */
const char *answer(void);
