#include "servers/process/memory/open_file.h"

#include "libsys/program/program.h"
#include "libsys/proto/files.h"
#include "libsys/text/string.h"

uint32_t open_file(struct server_context *context, uint32_t owner, const char *path, uint64_t length_bytes,
                   struct vm_file **ret_file, char *reason) {
    static struct files_map_request request; /* large, and one at a time */
    static struct protocol_extra extra;
    struct files_map_reply reply;
    if (length_bytes > sizeof request.path)
        return P_NOT_FOUND;
    request.length_bytes = length_bytes;
    request.owner = owner;
    memcpy(request.path, path, length_bytes);
    extra.receive[0] = slot_take();
    if (extra.receive[0] == 0)
        return P_LIMIT;
    uint32_t status = files_map(context->caps.files, &request, &reply, &extra);
    if (status != OK) {
        memcpy(reason, extra.reason, PROTOCOL_REASON_MAX);
        slot_free(extra.receive[0]);
        return status;
    }
    *ret_file = vm_file_add(&context->files, extra.receive[0], reply.offset_bytes, reply.size_bytes);
    if (*ret_file != NULL)
        return OK;
    (void)sys_cap_delete(0, extra.receive[0]);
    slot_free(extra.receive[0]);
    return P_LIMIT;
}
