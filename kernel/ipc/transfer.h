/*
 * Moving a message from one thread to another: the words beyond the registers, and capabilities.
 */
#pragma once

#include "kernel/run/thread.h"

/* A message that is all in registers: up to MESSAGE_REGISTERS words, no capabilities, no flags. */
static inline bool transfer_is_short(uint64_t info) { return (uint32_t)info <= MESSAGE_REGISTERS; }

/* What the receiver sees of an info word. */
static inline uint64_t transfer_delivered(uint64_t info) { return info & ~MESSAGE_DEADLINE; }

/* Can `thread` send this info word at all? E_ARG malformed; E_STATE it needs a message page and the thread has none. */
MUST_USE enum status transfer_check_info(const struct thread *thread, uint64_t info);

/*
 * Bring what is not in registers of the message `info`, which has more than that, from `from` to `to`. All or nothing.
 * Errors: E_CAP a slot to send from is empty; E_TYPE it holds a reply; E_LIMIT too deep; E_RECEIVE the receiver has no
 * message page, or a slot it offers is missing or occupied; E_BUSY a long deletion is at work on a capability's list.
 */
MUST_USE enum status transfer_rest(struct thread *from, struct thread *to, uint64_t info);

/* Make the message of `from`, which is in a fault, in the registers and message page of `to`; its info word. Cannot fail: a
 * receiver without a message page gets the first words only. */
uint64_t transfer_fault(const struct thread *from, struct thread *to);

/* The whole message, that in registers included. */
MUST_USE static inline enum status transfer_message(struct thread *from, struct thread *to, uint64_t info) {
    enum status status = transfer_is_short(transfer_delivered(info)) ? OK : transfer_rest(from, to, info);
    for (uint32_t i = 0; status == OK && i < MESSAGE_REGISTERS; i++)
        to->arch.frame.words[i] = from->arch.frame.words[i];
    return status;
}
