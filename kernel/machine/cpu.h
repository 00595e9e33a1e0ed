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
    uint64_t batch_ns;                 /* no batch of deadlines before this time (timer.h), */
    uint64_t low_batch_ns;             /* and none of those below the running priority before this one; */
    uint8_t batch_priority;            /* but deadlines above this priority, the last batch's highest, need not wait */
    uint64_t slice_end_ns;             /* when `current` must let equals run; 0: none waits */
    uint64_t armed_ns;                 /* time that the timer is armed for */
    struct thread *slice_owner;        /* the thread charged for the slice; NULL: none */
    uint64_t slice_start;              /* ticks of the time-stamp counter */
    bool stays;                        /* a stay in the kernel is being measured: stay.h */
    uint64_t stay_start;               /* when it began, in ticks */
    uint64_t stay_cause;               /* what it is for: a system call's number, or STAY_... */
    uint64_t longest_stay;             /* the longest stay so far, in ticks */
    uint64_t longest_cause;            /* what that was for: INFO_LONGEST_CALL */
    uint32_t traced_id;                /* the thread that runs here according to the trace; 0: none */
    uint64_t timer_ticks;
    uint64_t nmi_count;
    uint64_t lock_waits;      /* how often this CPU found the lock taken */
    uint64_t lock_wait_ticks; /* ticks that it has waited for the lock */
    uint64_t longest_wait;    /* ticks of the longest of these waits */

    /* A request to this CPU is open (request.h). The holder of the lock sets it; the answer clears it. */
    uint32_t asked;
};

extern struct cpu *cpus[CPUS_MAX]; /* [0]: the CPU that booted; NULL: none */
extern uint32_t cpu_total;         /* the CPUs that run threads; their indices begin at 0 */
