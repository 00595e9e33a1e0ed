/*
 * Threads for cases: in the program's own space or a new one, with the program's table or a small one of their own.
 *
 * A worker's window is six pages, at the same addresses in the main thread's space and in its own, wherever it runs:
 *
 *     stack (4 pages) | message page | view | two pages where nothing is mapped
 *
 * The main thread sees the whole window: it puts arguments into the view and takes results from there. In a new space a
 * worker has only the window and the program's code and constants, but no variables. When its code returns, it ends
 * with a breakpoint at worker_end, which arrives, like its faults, at world.faults.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/message.h"
#include "kernel/abi/thread.h"
#include "libsys/wire/message.h"

#define WORKERS_MAX 64U
#define WORKER_STACK_PAGES 4U
#define WORKER_TABLE_SLOTS 64U
#define VIEW_CAPS 16U
#define VIEW_VALUES 256U
#define VIEW_BYTES 1024U

/* The page that the main thread and a worker share. Each case gives the fields their meaning. */
struct worker_view {
    struct message_page *message; /* the worker's */
    cap_t caps[VIEW_CAPS];        /* slots in the worker's table */
    volatile uint64_t in[16];
    volatile uint64_t out[VIEW_VALUES];
    uint8_t kept[VIEW_BYTES]; /* room for structures that the worker needs */
};
_Static_assert(sizeof(struct worker_view) <= PAGE_BYTES, "one page");

typedef void worker_code(struct worker_view *view);

struct worker_plan {
    worker_code *code;
    bool own_space;       /* run in a new space; worker.space */
    bool own_table;       /* use a new table; worker.table. worker_give puts capabilities there */
    cap_t table;          /* use this one */
    cap_t space;          /* run in this one, which has the program's code (worker_space) */
    cap_t fault_endpoint; /* 0: world.faults */
    cap_t pool;           /* 0: the scratch pool */
    uint64_t priority;    /* 0: PRIORITY_WORKER */
    uint64_t cpu;
};

struct worker {
    cap_t thread, space, table;
    struct message_page *message;
    struct worker_view *view;
    cap_t window; /* Memory: all six pages */
    uaddr_t stack_top;
    uint64_t badge; /* in its messages at world.faults; 0: it has another fault endpoint */
    bool ended;     /* its code has returned, and worker_join or worker_fault has noticed */
};

/* Make a worker, stopped at its first instruction. `worker` must stay where it is. */
void worker_make(struct worker *worker, struct worker_plan plan);
/* Make a worker and let it run: it does when the main thread, which has the higher priority, waits. */
void worker_start(struct worker *worker, struct worker_plan plan);
void worker_resume(const struct worker *worker);

/* A new space with the program's code and constants. */
cap_t worker_space(void);
cap_t worker_space_from(cap_t pool);
/* Put a copy of `source` into the worker's table, at the next free slot from `slot` on. Returns that slot. */
cap_t worker_give(const struct worker *worker, cap_t slot, cap_t source, uint64_t rights, uint64_t badge);

/* Wait until the worker faults (true: the fault is the current reply's) or its code returns (false). */
bool worker_outcome(struct worker *worker, struct fault_message *ret_fault);
/* Wait until its code has returned. A fault or a delay fails the case. */
void worker_join(struct worker *worker);
/* Wait for a fault, as above. False: none came, and the case fails. */
bool worker_fault(struct worker *worker, struct fault_message *ret_fault);
/* Answer the fault. `fault`: the registers for FAULT_WRITE; may be NULL for other answers. */
void worker_answer(enum fault_reply answer, const struct fault_message *fault);
/* Fail the case for each fault that no call above has taken. */
void worker_report_faults(void);

/* thread_read. Fails the case if the call fails. */
struct thread_state worker_read(cap_t thread);
/* Let workers run until this one is in `state`. False, and the case fails, if that takes too long. */
bool worker_await(const struct worker *worker, enum thread_run_state state);
/* Let threads of lower priority run for this long. */
void worker_let_run(uint64_t ns);

/* thread_configure, thread_write and thread_handover, with their arguments put into the message page. */
struct result worker_configure(cap_t thread, const struct thread_config *config, uint64_t fields);
struct result worker_write(cap_t thread, const struct thread_registers *registers);
struct result worker_handover(cap_t thread, cap_t space, const struct thread_registers *entry, uint64_t flags);
/* The entry state that starts `code` in a worker's window. */
struct thread_registers worker_entry_state(const struct worker *worker, worker_code *code);
