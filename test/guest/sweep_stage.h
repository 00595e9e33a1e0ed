/*
 * The stage for sweep.c: threads that repeat an operation, and an interrupt that comes in between.
 *
 *    client, own space, priority 16     does the operation       -> server, own space, priority 16
 *    intruder, own space, priority 24   wakes by the interrupt
 *    bystander, priority 1              must never notice
 */
#pragma once

#include "kernel/abi/syscall.h"
#include "test/guest/lib/raw.h"
#include "test/guest/lib/worker.h"

#define STEPS_MAX 4U

#define COM1_ENABLE 0x3f9U /* its interrupt for "ready to send" comes as soon as it is enabled */
#define COM1_READY 2U
#define COM1_LINE 4U

/* Slots of the client's table, and of the intruder's. */
enum { CLIENT_GO = 1, CLIENT_DONE, CLIENT_TICK, CLIENT_PORTS, CLIENT_SERVER, CLIENT_FREE };
enum { INTRUDER_TICK = 1, INTRUDER_LINE, INTRUDER_PORTS };

enum interrupt { INTERRUPT_NONE, INTERRUPT_TIMER, INTERRUPT_NMI };

/* The client's view: orders in in[], and a struct client_view in place of out[]. */
enum { IN_INTERRUPT, IN_DELAY_NS, IN_STEPS, IN_STORES /* bit i: step i is a store, not a system call */ };
struct client_view {
    struct raw_registers given[STEPS_MAX];
    struct raw_registers found[STEPS_MAX];
    uint64_t took_ns;
};
_Static_assert(sizeof(struct client_view) <= VIEW_VALUES * sizeof(uint64_t), "fits the view");

enum { OUT_COUNT, OUT_LOST }; /* out[] of server and intruder: turns; turns in which a register changed */

struct sweep_stage {
    struct worker client, server, intruder, bystander;
    cap_t go, done, tick, endpoint;
    enum interrupt interrupt;
    struct thread_registers bystander_registers;
    void (*prepare)(struct sweep_stage *stage); /* before each round; may be NULL */
    void (*check)(struct sweep_stage *stage);   /* after each round; may be NULL */
    cap_t scratch[4];                           /* the operation's own */
    uint64_t frames;
    struct raw_registers reference[STEPS_MAX];
    struct message_page reference_message;
    uint64_t interrupted; /* rounds in which an interrupt came */
};

/* `interrupt` is the kind that will come. The stage must stay until the case ends. */
void stage_init(struct sweep_stage *stage, enum interrupt interrupt);
struct worker_plan stage_own(worker_code *code); /* a worker with a space and a table of its own */
static inline struct client_view *stage_view(const struct sweep_stage *stage) {
    return (void *)(uintptr_t)stage->client.view->out;
}

/* Add the operation's next step: a system call whose other registers are marked; a system call with arguments; a
 * store to an unmapped address. */
struct raw_registers *stage_add_step(struct sweep_stage *stage, enum syscall_number number);
void stage_add_call(struct sweep_stage *stage, enum syscall_number number, const uint64_t arguments[static 6]);
void stage_add_store(struct sweep_stage *stage, uaddr_t at);

/* Run the operation once without an interrupt, then with one at each instruction in turn, and compare. */
void stage_sweep(struct sweep_stage *stage, const char *name);
