/*
 * What each CPU has for itself: the running thread, the ready threads, the deadlines.
 */
#pragma once

#include "kernel/arch.h"
#include "kernel/base/heap.h"
#include "kernel/base/list.h"

#define CPUS_MAX 16U /* 9 pages of the boot loader's heap each */
#define PRIORITIES 64U

struct cpu {
    struct arch_cpu arch; /* first: GS points here */
    uint32_t index;

    /* Kernel lock for all that follows. */
    bool blocked;           /* `current` must not run on */
    bool unsettled;         /* sched_leave has something to decide */
    struct thread *current; /* runs, or ran last if `blocked`; NULL: it died or there was none */
    uint64_t ready_bitmap;  /* bit p: ready[p] has threads */
    uint64_t space_switches;
    struct list ready[PRIORITIES];     /* thread.run, first come first served */
    uint64_t deadline_bitmap;          /* bit p: deadlines[p] is not empty */
    struct heap deadlines[PRIORITIES]; /* deadline.node, by ns; of the priority that they are charged to */
    uint64_t batch_ns;                 /* when the next batch of them may be, ... */
    uint64_t low_batch_ns;             /* ... of those below the running priority; ... */
    uint8_t batch_priority;            /* ... those above this, the highest of the last batch, are not held up */
    uint64_t slice_end_ns;             /* when `current` must let its equals run; 0: none waits */
    uint64_t armed_ns;                 /* what the timer is set to */
    struct thread *slice_owner;        /* whose time it is; NULL: nobody's */
    uint64_t slice_start;              /* ticks of the time-stamp counter */
    bool stays;                        /* stay.h: it has the lock, ... */
    uint64_t stay_start;               /* ... since then, in ticks, ... */
    uint64_t stay_cause;               /* ... and why; ... */
    uint64_t longest_stay;             /* ... the longest time, in ticks, ... */
    uint64_t longest_cause;            /* ... and what that was: INFO_LONGEST_CALL */
    uint32_t traced_id;                /* whom the trace believes to run here; 0: nobody */
    uint64_t timer_ticks;
    uint64_t nmi_count;
    uint64_t lock_waits; /* how often the lock was not free, ... */
    uint64_t lock_wait_ticks;
    uint64_t longest_wait; /* ... and for how long, in all and at most */

    /* Something is asked of this CPU (request.h): set by the holder of the lock, cleared with the answer. */
    uint32_t asked;
};

extern struct cpu *cpus[CPUS_MAX]; /* [0]: the one that booted; NULL: none */
extern uint32_t cpu_total;         /* those that run threads, from 0 on */
