#include "kernel/ipc/transfer.h"

#include "kernel/base/string.h"
#include "kernel/base/tail.h"
#include "kernel/memory/space.h"
#include "kernel/run/table.h"

#define INFO_KNOWN_BITS (0xffffffffULL << 32 | MESSAGE_DEADLINE | 0xfffULL)

enum status transfer_check_info(const struct thread *thread, uint64_t info) {
    if (transfer_is_short(info))
        return OK;
    if ((info & ~INFO_KNOWN_BITS) != 0 || message_words(info) > MESSAGE_WORDS || message_caps(info) > MESSAGE_CAPS)
        return E_ARG;
    return thread->message == NULL ? E_STATE : OK;
}

/*
 * Each function reads an index from a user's page once and uses only what it has read: the user may change it
 * meanwhile.
 */
static inline struct cap_slot *sent(const struct thread *from, uint32_t i) {
    return table_slot(from, __atomic_load_n(&from->message->send_caps[i], __ATOMIC_RELAXED));
}
static inline struct cap_slot *place_for(const struct thread *to, uint32_t i) {
    return table_slot(to, __atomic_load_n(&to->message->receive_caps[i], __ATOMIC_RELAXED));
}

/* Move the words beyond the registers. Both threads have message pages. */
__attribute__((noinline)) static enum status move_words(const struct thread *from, struct thread *to, uint32_t words) {
    memory_move(&to->message->words[MESSAGE_REGISTERS], &from->message->words[MESSAGE_REGISTERS],
                (words - MESSAGE_REGISTERS) * sizeof(uint64_t));
    return OK;
}

/* Any case of transfer_rest: any number of capabilities, simple or not, and all errors. */
NOT_INLINE static enum status transfer_any(struct thread *from, struct thread *to, uint64_t info) {
    uint32_t words = message_words(info), caps = message_caps(info);
    if (from->message == NULL)
        return E_STATE;
    if (to->message == NULL)
        return E_RECEIVE;
    struct cap_slot *sources[MESSAGE_CAPS], *slots[MESSAGE_CAPS];
    for (uint32_t i = 0; i < caps; i++) {
        struct cap_slot *source = sources[i] = sent(from, i), *slot = slots[i] = place_for(to, i);
        if (source == NULL || cap_is_empty(source))
            return E_CAP;
        if (cap_type(source) == OBJECT_REPLY)
            return E_TYPE;
        enum status status = cap_can_derive(source);
        if (status != OK)
            return status;
        if (!cap_settle(cap_object(source), STEPS_MAX))
            return E_BUSY;
        if (slot == NULL || !cap_is_empty(slot))
            return E_RECEIVE;
        for (uint32_t j = 0; j < i; j++) {
            if (slots[j] == slot)
                return E_RECEIVE;
        }
    }
    for (uint32_t i = 0; i < caps; i++)
        cap_derive(slots[i], sources[i], cap_rights(sources[i]), sources[i]->data);
    return words > MESSAGE_REGISTERS ? move_words(from, to, words) : OK;
}

/* The common case, which is tried first, is one simple capability, and an empty slot for it. */
enum status transfer_rest(struct thread *from, struct thread *to, uint64_t info) {
    bool is_one = message_caps(info) == 1 && from->message != NULL && to->message != NULL;
    struct cap_slot *source = is_one ? sent(from, 0) : NULL, *slot = is_one ? place_for(to, 0) : NULL;
    if (source == NULL || slot == NULL || !cap_is_empty(slot) || !cap_is_simple(source))
        return transfer_any(from, to, info);
    cap_link_child(slot, source, cap_rights(source), source->data);
    return message_words(info) > MESSAGE_REGISTERS ? move_words(from, to, message_words(info)) : OK;
}

/* Write the rest of a struct fault_message in place. */
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
