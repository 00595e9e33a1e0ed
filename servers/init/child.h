/*
 * A program of the manifest while it runs: what it is made of, and how it is brought back.
 */
#pragma once

#include "libsys/maker/fault.h"
#include "libsys/maker/stack.h"
#include "libsys/proto/init.h"
#include "servers/init/manifest.h"
#include "servers/init/world.h"

struct child {
    const struct manifest_program *program;
    uint64_t number; /* in the manifest, from 1 on: badge of its faults and, unless told otherwise, of its calls */
    cap_t pool;      /* all kernel objects of the program lie in here */
    cap_t space;
    cap_t table;
    cap_t thread;
    cap_t space_slot;                /* in its table: its capability to its Space; 0: it has none */
    struct memory_run message;       /* its thread's message page, ... */
    struct memory_run keep;          /* ... and the memory that outlives it; no pages: none */
    struct memory_run export;        /* while it is swapped: for its state in another form; no pages: none, ... */
    uint64_t export_form;            /* ... what lies there, ... */
    uint64_t export_bytes;           /* ... and its size, or that of all the room (struct keep_head) */
    struct string_block notes;       /* what it is told of its capabilities */
    char path[MANIFEST_IMAGE_MAX];   /* of the image; at first that of the manifest */
    char former[MANIFEST_IMAGE_MAX]; /* ... and of the one before the last swap, ... */
    uint64_t proven_ns;              /* ... which comes back if the new one ends by itself before then, ... */
    uint64_t proven_heard;           /* ... or before it has taken so many messages */
    uint64_t generation;             /* with kept memory: programs that were built here, this one included */
    struct thread_registers entry;   /* for the handover */
    struct image image;
    struct fault_message fault; /* the last one */
    struct {
        struct image_mark mark;
        struct fault_message fault;
        uint64_t at_ns;
    } reported; /* in full, the last time */
    /* How it is brought back, see recovery.c. */
    enum init_state state;
    enum init_end end; /* of the program before */
    struct thread_registers dead;
    uint64_t restart_count, window_count;
    uint64_t window_ns;          /* when the window began */
    uint64_t due_ns;             /* when it is to be started; 0: it runs, or stays away */
    uint64_t heard;              /* messages that it had taken, ... */
    uint64_t looked_ns, used_ns; /* ... the time, and its own time on a CPU, when init looked last, ... */
    uint64_t silent_ns;          /* ... and for how long it has seemed to hang by then */
};

/* What init has, the manifest, and the programs that it makes. main.c fills them in. */
extern struct world the_world;
extern struct manifest the_manifest;
extern struct child the_children[MANIFEST_PROGRAMS_MAX];
