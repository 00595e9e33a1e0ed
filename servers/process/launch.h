/*
 * Starting programs: spawn makes a process, exec puts another program into one, fork copies one.
 *
 * Both build everything on the side. Until the one handover that commits it, nothing that exists is touched, and
 * whatever fails is followed by destroying what was built: the k-th kernel call may fail, for every k.
 */
#pragma once

#include "servers/process/system.h"

struct launch_request {
    char path[PROCESS_PATH_MAX + 1]; /* zero-terminated */
    struct process_strings strings;  /* how the strings in the work area divide */
    uint64_t length_bytes;           /* of these strings */
};

/*
 * A new process, child of process `parent` (0 = none), with copies of the capabilities of `bag` that the strings name.
 * Errors: see process_spawn in libsys/proto/process.h; `reason` (PROTOCOL_REASON_MAX bytes) may say more.
 */
MUST_USE uint32_t launch_spawn(struct system *system, uint32_t parent, struct bag *bag,
                               const struct launch_request *request, char *reason, struct process **ret_process);

/*
 * A copy of a process that waits for the answer to its call of fork; in the copy the answer has come, and says 0.
 * Errors: P_LIMIT; P_NO_MEMORY; the kernel's.
 */
MUST_USE uint32_t launch_fork(struct system *system, struct process *parent, struct process **ret_child);

/* Another program in a process that waits for the answer to its call. OK: the caller of that call is gone. */
MUST_USE uint32_t launch_exec(struct system *system, struct process *process, const struct launch_request *request,
                              char *reason);
