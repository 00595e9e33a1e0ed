#include "userland/lib/pipe.h"

#include "kernel/abi/rights.h"
#include "libsys/program.h"
#include "libsys/proto/process.h"
#include "libsys/string.h"

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

/* The bag's places are slots of the program's own: what it has under a name itself is overwritten, and kept here meanwhile. */
static struct {
    const char *name;
    cap_t cap;
} kept[2];

static void keep_own(const char *name) {
    size_t i = kept[0].cap == 0 ? 0 : 1;
    cap_t own = program_cap(name), slot = own == 0 || kept[i].cap != 0 ? 0 : slot_take();
    if (slot == 0)
        return;
    if (sys_cap_copy(0, slot, own, RIGHTS_ALL, 0).status != OK) {
        slot_free(slot);
        return;
    }
    kept[i].name = name;
    kept[i].cap = slot;
}

static uint32_t give(const char *name, cap_t cap) {
    struct process_give_request request = {.name = ""};
    struct process_give_reply reply;
    struct protocol_extra extra = {.send = {cap}};
    memcpy(request.name, name, strnlen(name, sizeof request.name - 1));
    return process_give(program_cap("process"), &request, &reply, &extra);
}

uint32_t pipe_give(const char *name, cap_t cap) {
    keep_own(name);
    return give(name, cap);
}

uint32_t pipe_take_back(const char *name) {
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (kept[i].cap == 0 || strcmp(kept[i].name, name) != 0)
            continue;
        uint32_t status = give(name, kept[i].cap);
        pipe_drop(&kept[i].cap);
        return status;
    }
    return give(name, program_cap("console"));
}
