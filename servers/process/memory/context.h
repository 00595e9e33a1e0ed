/*
 * What the process server makes processes from: its capabilities, its memory, and one work area, which it uses for one
 * process at a time.
 */
#pragma once

#include "kernel/abi/thread.h"
#include "libsys/maker/layout.h"
#include "libsys/maker/random.h"
#include "servers/process/memory/vm_file.h"
#include "servers/process/pages/frames.h"
#include "servers/process/pages/page_allocator.h"
#include "servers/process/records/process.h"

#define CONTEXT_WINDOW_PAGES_MAX 16384U /* largest image file: 64 MiB */
#define CONTEXT_PAGES_MAX 131072U       /* largest address space of a process: 512 MiB */
#define CONTEXT_SERVICES_MAX 8U

/* Capabilities of this server. */
struct context_caps {
    cap_t endpoint; /* protocol `process`; all rights, no badge */
    cap_t events;   /* notification: Ctrl-C, Ctrl-Z and the timer */
    cap_t space;    /* its own */
    cap_t pool;     /* its own */
    cap_t files;
    cap_t console; /* 0 = none: nothing keeps the background from reading there */
    cap_t init;    /* 0 = none: the machine can't be switched off when process 1 ends */
};

/* Bits of the notification `events`. */
#define EVENT_INTERRUPT 1U /* the console saw Ctrl-C */
#define EVENT_TIMER 2U     /* ... a wake may be due (wakes.h) */
#define EVENT_SUSPEND 4U   /* ... the console saw Ctrl-Z */

/* The work area: frames in a row, mapped in this server's space. */
struct context_work {
    struct memory_run run;
    uint8_t *bytes; /* where they are mapped */
};
#define WORK_STRINGS_OFFSET 0U              /* the strings of a new program */
#define WORK_STACK_OFFSET PROCESS_STAGE_MAX /* the upper end of its stack */
#define WORK_STACK_BYTES (LAYOUT_STRINGS_PAGES_MAX * PAGE_BYTES)
#define WORK_SCRATCH_OFFSET (WORK_STACK_OFFSET + WORK_STACK_BYTES)
#define WORK_BYTES (WORK_SCRATCH_OFFSET + PAGE_BYTES)

/*
 * Handlers on their way to a thread. From the moment when its registers are written, the rest has to follow: what this
 * server has not done then, its successor does.
 */
struct context_handlers {
    uint64_t written;               /* HANDLERS_WRITTEN | the thread's badge; 0: nothing is left to do */
    struct pending_signals pending; /* afterwards */
    uint64_t masked;
};

/* An identity that is being renewed (objects.h). */
struct context_renewal {
    uint32_t pid; /* 0: none */
    uint32_t service;
    uint64_t there[2]; /* slots that had it before */
};

/* The mappings that were changed last, and the last region that was added (pager.h). */
struct context_change {
    struct incarnation *incarnation;
    uaddr_t start, end;
};

struct server_context {
    struct context_caps caps;
    struct frames frames;
    uint64_t reserve; /* frames that only process 1 and this server itself may take (pressure.h) */
    struct page_allocator allocator;
    struct vm_files files;
    struct context_work work;
    struct memory_run bookkeeping; /* of `frames` */
    uaddr_t window;                /* where image files are mapped while they are looked at */
    uint64_t priority;             /* of processes */
    uint64_t cpu_count;            /* CPUs that programs run on: 0 .. cpu_count - 1 */
    struct random random;
    bool fixed_addresses;  /* no address randomisation, for debugging */
    bool other_priorities; /* some threads may have others than their nice values stand for (policy.h) */
    struct process_table processes;
    struct context_handlers handlers;
    uint64_t paused; /* SUSPEND_... of the thread that was paused last, behind its badge; 0: it was told */
    struct context_renewal renewal;
    uint64_t woken;           /* by the call word_wake that is being served */
    uint32_t told_foreground; /* the group that the console was told last */
    struct context_change change, addition;
    cap_t services[CONTEXT_SERVICES_MAX]; /* of the system: endpoints without a badge, for process 1 */
    uint32_t service_count;
};

/*
 * Are there slots for one more process or thread? CONTEXT_SLOTS_KEPT of them stay free, however many processes there
 * are: each waiting thread needs a slot for its answer, and so do exec and the capabilities in a message.
 */
#define CONTEXT_SLOTS_KEPT 64U
bool context_has_slots(const struct server_context *context);

/* Map frames in this server's own space. Errors: the kernel's. */
MUST_USE uint64_t context_map_own(const struct server_context *context, const struct memory_run *run, uaddr_t at);
