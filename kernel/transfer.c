#include "kernel/transfer.h"

#include "kernel/arch.h"
#include "kernel/space.h"
#include "kernel/string.h"
#include "kernel/table.h"

#define INFO_KNOWN_BITS (0xffffffffULL << 32 | MESSAGE_DEADLINE | 0xfffULL)

enum status transfer_check_info(const struct thread *thread, uint64_t info) {
    if (transfer_is_short(info))
        return OK;
    if ((info & ~INFO_KNOWN_BITS) != 0 || message_words(info) > MESSAGE_WORDS || message_caps(info) > MESSAGE_CAPS)
        return E_ARG;
    return thread->message == NULL ? E_STATE : OK;
}

/* What goes where. Indices are read from the users' pages once, so that nothing can change between check and use. */
struct cap_moves {
    struct cap_slot *from[MESSAGE_CAPS], *to[MESSAGE_CAPS];
};

static enum status check_caps(struct thread *from, const struct thread *to, uint32_t count, struct cap_moves *moves) {
    for (uint32_t i = 0; i < count; i++) {
        struct cap_slot *source = table_slot(from, __atomic_load_n(&from->message->send_caps[i], __ATOMIC_RELAXED));
        struct cap_slot *slot = table_slot(to, __atomic_load_n(&to->message->receive_caps[i], __ATOMIC_RELAXED));
        if (source == NULL || cap_is_empty(source))
            return E_CAP;
        if (cap_type(source) == OBJECT_REPLY)
            return E_TYPE;
        enum status status = cap_can_derive(source);
        if (status != OK)
            return status;
        if (!cap_settle(cap_object(source), REAPER_BUDGET))
            return E_BUSY;
        if (slot == NULL || !cap_is_empty(slot))
            return E_RECEIVE;
        for (uint32_t j = 0; j < i; j++) {
            if (moves->to[j] == slot)
                return E_RECEIVE;
        }
        moves->from[i] = source;
        moves->to[i] = slot;
    }
    return OK;
}

enum status transfer_message(struct thread *from, struct thread *to, uint64_t info, uint64_t *ret_info) {
    uint32_t words = message_words(info), caps = message_caps(info);
    if (words > MESSAGE_REGISTERS || caps > 0) {
        if (from->message == NULL)
            return E_STATE;
        if (to->message == NULL)
            return E_RECEIVE;
        struct cap_moves moves;
        enum status status = check_caps(from, to, caps, &moves);
        if (status != OK)
            return status;
        for (uint32_t i = 0; i < caps; i++)
            cap_derive(moves.to[i], moves.from[i], cap_rights(moves.from[i]), moves.from[i]->data);
        if (words > MESSAGE_REGISTERS)
            transfer_long_words(from, to, words);
    }
    *ret_info = info & ~MESSAGE_DEADLINE;
    return OK;
}

/* The rest of a struct fault_message, in place. */
static inline void write_fault_details(const struct thread *from, uint64_t *words) {
    struct thread_registers *registers = (void *)&words[offsetof(struct fault_message, registers) / 8];
    struct space_walk *walk = (void *)&words[offsetof(struct fault_message, walk) / 8];
    const struct space *space = thread_space(from);
    arch_registers_read(from, registers);
    if (from->fault_kind == FAULT_PAGE && space != NULL)
        arch_walk(space->root, from->fault_address, walk);
    else
        *walk = (struct space_walk){0};
}

uint64_t transfer_fault(const struct thread *from, struct thread *to) {
    enum message_kind kind = from->fault_kind == FAULT_SYSCALL ? MESSAGE_SYSCALL : MESSAGE_FAULT;
    uint64_t info = MESSAGE_INFO(from->fault_kind, MESSAGE_REGISTERS, 0) | (uint64_t)kind << 12;
    uint64_t *words = to->arch.frame.words;
    words[0] = from->fault_kind;
    words[1] = from->fault_address;
    words[2] = from->fault_access;
    words[3] = from->arch.frame.rip;
    if (to->message == NULL)
        return info;
    write_fault_details(from, to->message->words);
    return info + FAULT_WORDS - MESSAGE_REGISTERS;
}
