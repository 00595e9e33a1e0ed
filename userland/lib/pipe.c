#include "userland/lib/pipe.h"

#include "libsys/program/program.h"

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
    (void)sys_cap_delete(0, *slot); /* can't fail: the slot is in our own table */
    slot_free(*slot);
    *slot = 0;
}
