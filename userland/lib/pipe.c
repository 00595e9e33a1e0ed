#include "userland/lib/pipe.h"

#include "libsys/format.h"
#include "libsys/program.h"
#include "libsys/proto/process.h"

uint32_t pipe_make(struct pipe_ends *ret_ends) {
    struct pipes_create_request request = {.zero = 0};
    struct pipes_create_reply reply;
    struct protocol_extra extra = {.receive = {slot_take(), slot_take()}};
    uint32_t status = pipes_create(program_cap("pipes"), &request, &reply, &extra);
    *ret_ends = (struct pipe_ends){extra.receive[0], extra.receive[1]};
    if (status != OK) {
        pipe_drop(&ret_ends->reader);
        pipe_drop(&ret_ends->writer);
    }
    return status;
}

void pipe_drop(cap_t *slot) {
    if (*slot == 0)
        return;
    (void)sys_cap_delete(0, *slot); /* it lies in a slot of ours */
    slot_free(*slot);
    *slot = 0;
}

uint32_t pipe_give(const char *name, cap_t cap) {
    struct process_give_request request;
    struct process_give_reply reply;
    struct protocol_extra extra = {.send = {cap}};
    (void)format_into(request.name, sizeof request.name, "to.%s", name);
    return process_give(program_process(), &request, &reply, &extra);
}

uint32_t pipe_take_back(const char *name) { return pipe_give(name, program_cap("console")); }
