/*
 * Making a program of the manifest: space, thread, table, and exactly the capabilities that its entry names.
 */
#pragma once

#include "libsys/maker/fault.h"
#include "libsys/maker/stack.h"
#include "libsys/program/export.h"
#include "libsys/proto/init.h"
#include "servers/init/manifest.h"
#include "servers/init/world.h"

#define SWAP_PAGES 512U /* set aside for what a swap has beside a program that still has its own: image and state */

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

/*
 * Build a program without starting it. fault_endpoint: where its faults go. False: it can't be built, and the log says
 * why.
 */
bool child_build(struct child *child, struct world *world, cap_t fault_endpoint);

/*
 * Build another program, from the file `path` of the volume, in the place of one that ended: thread, table, message
 * page and kept memory stay, and it gets the frames that the one before had to itself. dead: that one's registers.
 * False: it can't be built, the log says why, and the thread has no Space any more.
 */
bool child_rebuild(struct child *child, const char *path, struct world *world, const struct thread_registers *dead);

/*
 * Build another program beside one that runs: *ret_next is what the child will be. False: it can't be built, the log
 * says why, and nothing has changed.
 */
bool child_build_beside(const struct child *child, const char *path, struct world *world, struct child *ret_next);

/* Let the thread go on in another Space. The program's own capability then means that one. False: the log says why. */
bool child_enter(const struct child *child);

/* Give up a Space that no thread runs in any more, if there is one, and its frames. */
void child_drop_image(struct child *child, struct world *world);

/*
 * Tell the program of child->generation which one it is, and for what it is started. dead: where the one before ended;
 * NULL: there is none, or it was told already. False: it can't be done, and the log says why.
 */
bool child_write_head(struct child *child, const struct world *world, const struct thread_registers *dead,
                      enum keep_trial trial);

/*
 * Take memory for an export, or for a second state: as much as the child keeps, in one run, all zero. False: there is
 * none, and *ret_run has no pages.
 */
bool child_take_kept(const struct child *child, struct world *world, struct memory_run *ret_run);

/* Give up a program's export, if there is one. Nobody can see it any more. */
void child_drop_export(struct child *child, struct world *world);

/* A word of the program's kept memory; 0 if it has none. */
uint64_t child_kept_word(const struct child *child, const struct world *world, uint64_t offset_bytes);

/* Does the program say that it keeps no state? Then nothing can take its place, and nobody knows what it has heard. */
static inline bool child_keeps_nothing(const struct child *child, const struct world *world) {
    return child_kept_word(child, world, offsetof(struct keep_head, layout)) == KEEP_NOTHING;
}

/* Start a program that was built. False: the kernel refuses, and the log says why. */
bool child_start(const struct child *child);
