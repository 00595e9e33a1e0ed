/*
 * A model of the kernel: the promises of docs/abi/ and kernel/abi/ in their plainest form, written from these and not
 * from the kernel. Capabilities are a tree of parents, everything else is an array that is searched. There is one CPU.
 * Calls take no memory and have no steps. Behaviour that the pages leave open is open here, too (see the fields
 * `memory_failed` and `regs_open`).
 *
 *   objects[id] the objects; id 0 is none
 *   caps[place] the capabilities; place = id of a table, thread or the interrupt lines * MODEL_SLOTS + slot
 *   frames[i]     RAM from `first_frame` on: its holders, and its first MODEL_WORDS words
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/message.h"
#include "kernel/abi/rights.h"
#include "kernel/abi/thread.h"

#define MODEL_OBJECTS 256U
#define MODEL_SLOTS 64U   /* of each table; the driver uses no others */
#define MODEL_LINES 24U   /* interrupt lines that the driver has a capability for */
#define MODEL_FRAMES 288U /* frames that the driver uses */
#define MODEL_WORDS 128U  /* of each frame: a message page without its data */
#define MODEL_PAGES 96U   /* mapped pages of a space */
#define MODEL_NONE UINT32_MAX
#define MODEL_BLOCKED 254U /* not a status: the call has not ended yet */

/* Words of a message page. */
enum {
    WORD_SEND = MESSAGE_WORDS,
    WORD_RECEIVE = WORD_SEND + MESSAGE_CAPS,
    WORD_DEADLINE = WORD_RECEIVE + MESSAGE_CAPS
};

/* The places in a thread, and how many there are. */
enum model_place { PLACE_REPLY, PLACE_TABLE, PLACE_SPACE, PLACE_FAULT, PLACE_NOTIFICATION, PLACE_MESSAGE, PLACES };
enum { PLACE_WATCH = 1 }; /* the one in an endpoint */

struct model_cap {
    uint32_t object; /* 0 = empty; for a Reply the waiting thread */
    enum object_type type;
    uint32_t rights;
    uint64_t data;
    uint32_t parent; /* place; 0 = none. Object 0 has no places, so 0 is free */
    uint32_t next;   /* another capability to the object, in no order; 0 = the end */
};

struct model_regs {
    uint64_t status, target, info, words[MESSAGE_REGISTERS], rip;
};

struct model_thread {
    enum thread_run_state state;
    uint64_t priority;
    bool suspended, foreign;
    bool regs_open;         /* its wait ended in two ways at once, and the pages do not say which one is reported */
    uint32_t message_frame; /* MODEL_NONE = no message page */
    int64_t stamp;          /* READY: the order among equals; equal stamps = any order */
    uint32_t queue;         /* the endpoint or notification it waits at; 0 = none */
    uint64_t wait_priority, wait_arrival;
    uint64_t deadline_ns;
    uint64_t call_info;
    uint64_t fault_kind, fault_address, fault_access;
    uint32_t reply_place; /* the place of the Reply that can answer it; 0 = none */
    struct model_regs regs;
};

struct model_page {
    uint64_t page; /* virtual address / PAGE_BYTES */
    uint32_t frame;
    uint32_t rights, limit;
};

struct model_object {
    enum object_type type; /* OBJECT_NONE = this id is free */
    bool dying;
    uint32_t payer;     /* the pool that paid for it; 0 = boot */
    uint32_t first_cap; /* place; 0 = none */
    uint32_t cap_total;
    const void *kernel; /* the kernel's object, for comparison only */
    union {
        struct model_thread thread;
        struct {
            uint64_t slot_count;
        } table;
        struct {
            uint64_t bits, timer_bits, timer_ns, timer_priority;
            uint32_t bound;
        } notification;
        struct {
            uint64_t frame_count, part_count;
        } pool;
        struct {
            uint32_t page_count;
            struct model_page pages[MODEL_PAGES];
        } space;
        struct {
            uint64_t bits[MODEL_SLOTS];
        } irq;
        struct {
            uint64_t watch_bits;
            uint32_t watcher; /* the notification bound now, or at the beginning of this step; 0 = none */
        } endpoint;
    };
};

struct model_frame {
    uint32_t pool;  /* 0 = a user's */
    uint32_t count; /* mappings and message pages */
    /* Which words are not determined: none; all (cleared, or unchanged if the pool never used the frame); or those of a
     * fault after the first ones. */
    enum { OPEN_NOT, OPEN_CLEARED, OPEN_FAULT } open;
    uint64_t words[MODEL_WORDS];
};

struct model {
    struct model_object objects[MODEL_OBJECTS];
    struct model_cap caps[MODEL_OBJECTS * MODEL_SLOTS];
    struct model_frame frames[MODEL_FRAMES];
    uint64_t first_frame;
    uint64_t cap_total;
    uint32_t current; /* the thread that runs; 0 = none */
    uint64_t now_ns;
    uint64_t batch_ns, low_batch_ns, batch_priority; /* of deadlines: see timer.h */
    uint64_t arrivals;
    int64_t stamp, front_stamp;
    bool reaping;                           /* threads woken now are woken in any order */
    bool memory_failed;                     /* the kernel said E_MEMORY: right if the model can't tell */
    uint32_t created;                       /* the object that the last call made; 0 = none */
    bool lost[MODEL_OBJECTS * MODEL_SLOTS]; /* in this step the capability at this place lost its last descendant */
    uint64_t may_raise[MODEL_OBJECTS];      /* bits of notifications that this step may have raised for such a loss */
    const char *objection;                  /* NULL, or the kernel's wrong action */
};
extern struct model model;

static inline uint32_t model_place(uint32_t object, uint32_t slot) { return object * MODEL_SLOTS + slot; }
static inline struct model_thread *model_thread(uint32_t object) { return &model.objects[object].thread; }

/* ---- model.c: objects, capabilities, death ---- */
void model_start(uint64_t first_frame);
uint32_t model_add_object(enum object_type type, uint32_t pool);
void model_set_first(uint32_t place, uint32_t object, uint64_t rights, uint64_t data);
void model_derive(uint32_t place, uint32_t parent, uint64_t rights, uint64_t data);
void model_move(uint32_t to, uint32_t from);
void model_set_reply(uint32_t place, uint32_t caller);
void model_clear_reply(uint32_t place);
/* Empty a place: children become the parent's, the last one kills, a reply's caller gets E_PEER. */
void model_remove(uint32_t place);
/* Empty a place in a thread or an interrupt line, which loses its binding. */
void model_take_away(uint32_t place);
bool model_descends(uint32_t place, uint32_t from);
/* Take all dead objects apart. */
void model_reap(void);

/*
 * Watched endpoints: the kernel has raised these bits, and woken this thread (0 = none). The pages do not say in which
 * order things go within a step, so the model only knows which bits had to be raised and which may have been.
 */
void model_watch_raised(uint32_t notification, uint64_t bits, uint32_t woken);
/* At the end of the step: were all bits raised that had to be? raised[notification] = bits. */
void model_watch_end(const uint64_t *raised);

/* Look-ups by the thread `self`: the place of a slot of its table; 0 = none. */
uint32_t model_slot(uint32_t self, uint64_t slot);
uint64_t model_find(uint32_t self, uint64_t slot, enum object_type type, uint64_t rights, uint32_t *ret_place);
uint64_t model_find_empty(uint32_t self, uint64_t slot, uint32_t *ret_place);

/* ---- model_threads.c: scheduling, waits, time ---- */
void model_ready(uint32_t thread);
void model_block(uint32_t thread, enum thread_run_state state);
void model_swap(uint32_t running, enum thread_run_state state, uint32_t next);
void model_wake(uint32_t thread, uint64_t status);
void model_cancel(uint32_t thread);
void model_stop(uint32_t thread);
void model_wait_at(uint32_t thread, uint32_t object);
/* The first thread in the queue of `object` in one of two states; 0 = none. */
uint32_t model_first_waiter(uint32_t object, enum thread_run_state one, enum thread_run_state other);
void model_raise(uint32_t notification, uint64_t bits);
/* Give the notification's bits to its waiter or bound thread. */
void model_deliver_bits(uint32_t notification, uint32_t thread);
void model_timer(uint64_t now_ns, bool slice_is_over);
bool model_is_idle(void); /* no thread can run */
/* The kernel returns to the thread `chosen` (0 = none): check that it may. */
void model_leave(uint32_t chosen);

/* ---- model_ipc.c ---- */
void model_fault(uint32_t thread, uint64_t kind, uint64_t address, uint64_t access);
uint64_t model_ep_call(uint32_t self);
uint64_t model_ep_wait(uint32_t self);
uint64_t model_ep_reply(uint32_t self);
uint64_t model_ep_reply_wait(uint32_t self);

/* ---- model_calls.c, model_memory.c: the plain calls. a: arguments; the value is 0 unless set ---- */
typedef uint64_t model_handler(uint32_t self, const uint64_t *a, uint64_t *ret_value);
model_handler model_cap_copy, model_cap_move, model_cap_delete, model_cap_revoke, model_thread_configure,
    model_thread_handover, model_thread_resume, model_thread_suspend, model_thread_read, model_thread_write,
    model_signal_raise, model_signal_wait, model_signal_poll, model_signal_timer, model_irq_bind, model_irq_ack,
    model_port_read, model_port_write, model_clock_read, model_system_info, model_cap_query, model_endpoint_watch;
model_handler model_memory_derive, model_memory_fill, model_memory_copy, model_pool_create, model_pool_extend,
    model_object_create, model_space_map, model_space_unmap, model_space_protect, model_space_query;

/* The data that calls take from the message page; the driver puts it there, too. */
extern struct thread_config model_config;
extern struct thread_registers model_registers;

/* The running thread makes the system call in its registers. */
void model_call(void);
/* The place that cap_delete(table, slot) empties; 0 = none. */
uint32_t model_victim(uint32_t self, uint64_t table, uint64_t slot, uint64_t *ret_status);

/* Figures: a pool's bytes in use; frames with a count; the least that a pool has free. */
uint64_t model_pool_used(uint32_t pool);
uint64_t model_pool_free_at_least(uint32_t pool);
uint64_t model_mapped_count(void);
uint64_t model_frame_holders(uint64_t frame); /* MODEL_NONE: not a user's */
