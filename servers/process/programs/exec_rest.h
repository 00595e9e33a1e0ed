/*
 * What is left to do of an exec once its thread was handed over.
 */
#pragma once

#include "servers/process/answers/answer.h"

/*
 * An exec from the handover on, which can't be taken back: what is left to do, by this program or its successor. It
 * outlives the program (libsys/program/keep.h).
 */
struct launch_exec_rest {
    uint64_t thread; /* EXEC_HANDED_OVER | its badge; 0: nothing is left to do */
    struct incarnation next;
    bool deleted;                      /* the new program has no capabilities but its own */
    uint32_t given_count;              /* number i of these ... */
    cap_t held[OBJECTS_GIVEN_MAX];     /* ... is moved from here to slot OBJECTS_SLOT_GIVEN + i; 0: it is not moved */
    uint16_t slots[OBJECTS_GIVEN_MAX]; /* ... and was there before; 0: it is left out */
    struct identity identities[CONTEXT_SERVICES_MAX]; /* of the new program */
    char path[PROCESS_PATH_MAX + 1];
};
extern struct launch_exec_rest launch_exec_rest;
#define EXEC_HANDED_OVER (1ULL << 63)

/* Empty the slots in which capabilities are held. */
void launch_exec_drop_held(void);

/* The process of an exec that was handed over and is not done. NULL: there is none. */
struct process *launch_exec_process(const struct server_context *context);

/* In place of a program that has died: let the record name the new program, before anything is claimed or counted. */
void launch_exec_take_over(const struct server_context *context);

/* Do what is left to do of an exec, if there is one. */
void launch_exec_finish(struct server_context *context);
