#include "libsys/wire/recover.h"

#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/wire/commit.h"
#include "libsys/wire/protocol.h"
#include "libsys/wire/transfer.h"

bool recover_made_call(const struct thread_registers *dead, const char *from, const char *to) {
    return dead->rip >= (uint64_t)(uintptr_t)from && dead->rip < (uint64_t)(uintptr_t)to && (uint32_t)dead->rax == OK;
}

void recover_change(struct journal *left, const struct thread_registers *dead) {
    if (recover_made_call(dead, journal_call_made, journal_call_end))
        *(uint64_t *)(uintptr_t)dead->rbx = dead->r12;
    else if (recover_made_call(dead, journal_read_made, journal_read_end))
        *(uint64_t *)(uintptr_t)dead->rbx = dead->r12 | dead->rdx;
    journal_undo(left);
}

void recover_answer_lost(cap_t reply) {
    struct message answer = {.info = MESSAGE_INFO(P_LOST, 0, 0)};
    if (ep_reply(reply, &answer) != OK)
        (void)sys_cap_delete(0, reply);
}

void recover_sweep(cap_t table) {
    for (uint64_t at = program.slots.first; (at = slots_find_free(&program.slots, at)) != 0;) {
        uint64_t slot = sys_system_info(INFO_NEXT_SLOT, RANGE(table, at)).value;
        at = slot != 0 ? slot + 1 : at + INFO_SLOTS_SEEN;
        if (slot == 0 || slots_is_taken(&program.slots, slot))
            continue;
        if (QUERY_TYPE(sys_cap_query(slot).value) == OBJECT_REPLY)
            recover_answer_lost(slot);
        else
            (void)sys_cap_delete(0, slot);
    }
}

void recover_received(cap_t *receive, bool call_is_over) {
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++) {
        if (slots_is_taken(&program.slots, receive[i])) {
            receive[i] = 0;
            continue;
        }
        slot_claim(receive[i]);
        if (call_is_over)
            (void)sys_cap_delete(0, receive[i]);
    }
}
