#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/locks.h"

struct library_locks library_locks;

uint32_t process_fork(cap_t server, const struct process_fork_request *request, struct process_fork_reply *reply,
                      struct protocol_extra *extra) {
    uint32_t status = process_fork_alone(server, request, reply, extra);
    if (status != OK || reply->pid != 0 || !program.has_threads)
        return status;
    library_locks = (struct library_locks){0};
    slots_after_fork();
    threads_after_fork();
    return OK;
}
