/*
 * Starting programs: spawn makes a process, exec puts another program into one, fork copies one.
 *
 * Both build everything on the side. Until the one handover that commits it, nothing that exists is touched, and
 * whatever fails is followed by destroying what was built: the k-th kernel call may fail, for every k.
 */
#pragma once

#include "kernel/abi/thread.h"
#include "servers/process/memory/objects.h"

struct launch_request {
    char path[PROCESS_PATH_MAX + 1]; /* zero-terminated */
    struct process_strings strings;  /* how the strings in the work area divide */
    uint64_t length_bytes;           /* of these strings */
    uint32_t group;                  /* of a new process: its number, PROCESS_GROUP_SAME or PROCESS_GROUP_OWN */
};

/*
 * A new process, child of `parent`. Without one (NULL) the strings name slots of this server.
 * Errors: see process_spawn in libsys/proto/process.h; `reason` (PROTOCOL_REASON_MAX bytes) may say more.
 */
MUST_USE uint32_t launch_spawn(struct server_context *context, struct process *parent,
                               const struct launch_request *request, char *reason, struct process **ret_process);

/*
 * A copy of a process, of whose threads only `caller` is in it, which waits for the answer to its call of fork; in the copy the
 * answer has come, and says 0. Errors: P_LIMIT; P_NO_MEMORY; the kernel's.
 */
MUST_USE uint32_t launch_fork(struct server_context *context, struct process_thread *caller,
                              struct process **ret_child);

/*
 * Another program in a process of which `caller` waits for the answer to its call. The other threads stop before it is done, and
 * are gone then, as is who waits for the answer; if it fails they go on.
 */
MUST_USE uint32_t launch_exec(struct server_context *context, struct process_thread *caller,
                              const struct launch_request *request, char *reason);

/* The registers of a thread that waits for the answer to its call, as they are when that is the word `answer`. Its FPU state is left
 * where thread_write takes it from. */
MUST_USE uint32_t launch_read_registers(cap_t thread, uint64_t answer, struct thread_registers *ret_registers);
