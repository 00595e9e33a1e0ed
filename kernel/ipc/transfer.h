/*
 * Moves a message from one thread to another: the words beyond the registers, and capabilities.
 */
#pragma once

#include "kernel/run/thread.h"

/* Is the message all in registers: at most MESSAGE_REGISTERS words, no capabilities, no flags? */
static inline bool transfer_is_short(uint64_t info) { return (uint32_t)info <= MESSAGE_REGISTERS; }

/* The part of an info word that the receiver sees. */
static inline uint64_t transfer_delivered(uint64_t info) { return info & ~MESSAGE_DEADLINE; }

/* May `thread` send this info word? E_ARG malformed; E_STATE it needs a message page and the thread has none. */
MUST_USE enum status transfer_check_info(const struct thread *thread, uint64_t info);

/*
 * Move the part of the message `info` that is not in registers, from `from` to `to`. Call only if there is such a part.
 * All or nothing. Errors: E_STATE the sender has no message page any more; E_CAP a slot to send from is empty, or its
 * object is dying; E_TYPE the slot holds a Reply; E_LIMIT its capability is at the greatest depth; E_RECEIVE the
 * receiver has no message page, or a slot it offers is missing or occupied; E_BUSY a long deletion is at work on a
 * capability's list.
 */
MUST_USE enum status transfer_rest(struct thread *from, struct thread *to, uint64_t info);

/*
 * Write the fault message of `from` into the registers and message page of `to`. Returns its info word. Cannot fail: a
 * receiver without a message page gets the first words only.
 */
uint64_t transfer_fault(const struct thread *from, struct thread *to);

/* Move the whole message, including its words in registers. Errors: as transfer_rest. */
MUST_USE static inline enum status transfer_message(struct thread *from, struct thread *to, uint64_t info) {
    enum status status = transfer_is_short(transfer_delivered(info)) ? OK : transfer_rest(from, to, info);
    for (uint32_t i = 0; status == OK && i < MESSAGE_REGISTERS; i++)
        to->arch.frame.words[i] = from->arch.frame.words[i];
    return status;
}
