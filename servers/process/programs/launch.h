/*
 * Starting programs: spawn makes a process, exec puts another program into one, fork copies one.
 *
 * Each builds everything on the side, and touches nothing that exists until one handover commits it. A failure before
 * that destroys what was built: the k-th kernel call may fail, for every k. If this server ends before, its successor
 * finds one noted word that names a new process, and takes it back: all else then belongs to nobody.
 */
#pragma once

#include "kernel/abi/thread.h"
#include "servers/process/answers/answer.h"

struct launch_request {
    char path[PROCESS_PATH_MAX + 1]; /* zero-terminated */
    struct process_strings strings;  /* how the strings in the work area divide */
    uint64_t length_bytes;           /* of these strings */
    uint32_t group;                  /* of a new process: its number, PROCESS_GROUP_SAME or PROCESS_GROUP_OWN */
};

/*
 * Make a process that runs a program, child of `parent`. NULL: the strings name slots of this server. It starts with
 * the next delivery_run().
 * Errors: see process_spawn in libsys/proto/process.h; `reason` (PROTOCOL_REASON_MAX bytes) may say more.
 */
MUST_USE uint32_t launch_spawn(struct server_context *context, struct process *parent,
                               const struct launch_request *request, char *reason, struct process **ret_process);

/*
 * Copy the process of `caller`, which waits for the answer to its fork. Of its threads only `caller` is in the copy,
 * where fork has returned 0. *ret_pid is complete and the call decided when the child starts.
 * Errors: P_LIMIT; P_NO_MEMORY; the kernel's.
 */
MUST_USE uint32_t launch_fork(struct server_context *context, struct process_thread *caller, uint64_t *ret_pid);

/*
 * Put another program into the process of `caller`, which waits for the answer to its call. All other threads stop
 * meanwhile. On success they and the program that waits for the answer are gone; on failure they go on. Errors: as for
 * launch_spawn.
 */
MUST_USE uint32_t launch_exec(struct server_context *context, struct process_thread *caller,
                              const struct launch_request *request, char *reason);

/*
 * Read the registers that a waiting thread will have once its call is answered by the word `answer`. Its FPU state is
 * left where thread_write takes it from.
 */
MUST_USE uint32_t launch_read_registers(cap_t thread, uint64_t answer, struct thread_registers *ret_registers);
