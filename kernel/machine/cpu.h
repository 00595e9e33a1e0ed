/*
 * Per-CPU state: the running thread, the ready threads, the deadlines.
 */
#pragma once

#include "kernel/arch.h"
#include "kernel/base/heap.h"
#include "kernel/base/list.h"

#define CPUS_MAX 16U /* each takes 9 pages of the boot loader's heap */
#define PRIORITIES 64U

struct cpu {
    struct arch_cpu arch; /* first: GS points here */
    uint32_t index;

    /* Kernel lock for all that follows. */
    bool blocked;           /* `current` must not run on */
    bool unsettled;         /* sched_leave has something to decide */
    struct thread *current; /* runs, or ran last if `blocked`; NULL: died, or none yet */
    uint64_t ready_bitmap;  /* bit p: ready[p] has threads */
    uint64_t space_switches;
    struct list ready[PRIORITIES];     /* thread.run, first come first served */
    uint64_t deadline_bitmap;          /* bit p: deadlines[p] is not empty */
    struct heap deadlines[PRIORITIES]; /* deadline.node, by ns; index: the priority charged */
    uint64_t batch_ns;                 /* earliest time of the next batch, ... */
    uint64_t low_batch_ns;             /* ... for those below the running priority; ... */
    uint8_t batch_priority;            /* ... no limit above this, the highest of the last batch */
    uint64_t slice_end_ns;             /* when `current` must let equals run; 0: none waits */
    uint64_t armed_ns;                 /* time that the timer is armed for */
    struct thread *slice_owner;        /* the thread charged for the slice; NULL: none */
    uint64_t slice_start;              /* ticks of the time-stamp counter */
    bool stays;                        /* stay.h: it has the lock, ... */
    uint64_t stay_start;               /* ... since then, in ticks, ... */
    uint64_t stay_cause;               /* ... and why; ... */
    uint64_t longest_stay;             /* ... the longest time, in ticks, ... */
    uint64_t longest_cause;            /* ... and its cause: INFO_LONGEST_CALL */
    uint32_t traced_id;                /* thread that runs here by the trace; 0: none */
    uint64_t timer_ticks;
    uint64_t nmi_count;
    uint64_t lock_waits; /* how often the lock was not free, ... */
    uint64_t lock_wait_ticks;
    uint64_t longest_wait; /* ... and for how long, in all and at most */

    /* A request to this CPU is open (request.h). The holder of the lock sets it; the answer clears it. */
    uint32_t asked;
};

extern struct cpu *cpus[CPUS_MAX]; /* [0]: the CPU that booted; NULL: none */
extern uint32_t cpu_total;         /* the CPUs that run threads; their indices begin at 0 */
