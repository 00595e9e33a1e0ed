/*
 * A process and the programs that run in it: made, replaced, destroyed.
 *
 *   process -- home pool: thread, table       lives as long as the process
 *           |- message page
 *           `- image -- pool: space, tables   one program's run; exec puts another in its place
 */
#pragma once

#include "libsys/maker/image.h"
#include "libsys/proto/process.h"

#define PROCESSES_MAX 32U
#define FAULT_BADGE (1ULL << 32) /* badge of faults: this and the pid; of calls: the pid */

struct mini_process {
    uint32_t pid; /* 0 = the entry is free */
    uint32_t parent;
    bool orphan; /* nobody will wait for it */
    bool ended;
    struct process_wait_reply end; /* what its parent will be told */
    cap_t answer;                  /* 0, or the right to answer its wait ... */
    uint64_t wait_pid;             /* ... for this child, or PROCESS_ANY */
    char name[PROCESS_NAME_MAX];
    cap_t home, thread, table;
    struct memory_run message;
    uint8_t home_owner, image_owner; /* of frames, see frames.h */
    cap_t image_pool;
    struct image image;
    uint64_t staged_bytes;
    char staged[PROCESS_STAGE_MAX];
};

struct launch_caps {
    cap_t endpoint, space, files;
};

/* A spawn or exec: `strings` says how the strings that the caller has staged divide. */
struct mini_request {
    char path[PROCESS_PATH_MAX + 1];
    struct process_strings strings;
};

/* Take frames to work in, mapped into the server's own space, and slots. False: there are too few. */
bool launch_start(const struct launch_caps *own);

/*
 * Fill `child`, a free entry with pid and parent set, with a program that `caller` asked for, and let it run.
 * Errors: those of the protocol's spawn; `reason` may say more. Call process_destroy after an error.
 */
uint32_t launch_spawn(struct mini_process *caller, struct mini_process *child, const struct mini_request *request,
                      char *reason);

/* Replace the program of `process`. On error nothing has happened to it. */
uint32_t launch_exec(struct mini_process *process, const struct mini_request *request, char *reason);

/* Destroy all that a process is made of, half made or whole; its entry stays. */
void process_destroy(struct mini_process *process);
