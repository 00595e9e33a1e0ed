/*
 * What a program that died has left behind: a change that may not be whole, and slots. server.c says when each is
 * looked at.
 */
#pragma once

#include "libsys/wire/journal.h"
#include "libsys/wire/message.h"

/* Did the program end behind the system call at `from`, before `to`, and was the call made (commit.h)? */
bool recover_made_call(const struct thread_registers *dead, const char *from, const char *to);

/* Finish or undo the last change of a program that ended with these registers. The journal is empty afterwards. */
void recover_change(struct journal *left, const struct thread_registers *dead);

/*
 * Capabilities that came with a call into `receive`, MESSAGE_CAPS slots: one in a slot that the state has claimed is
 * the server's, and receive forgets it. The others go with the call: they stay, or are deleted if call_is_over.
 */
void recover_received(cap_t *receive, bool call_is_over);

/*
 * Empty the slots that nobody has claimed: what the program had just made, or what belongs to lost state. Calls among
 * them end with P_LOST. table: the server's own. Cost: O(slots that were ever taken).
 */
void recover_sweep(cap_t table);

/* Answer a call of which nothing is known any more with P_LOST. Its slot is empty afterwards. */
void recover_answer_lost(cap_t reply);
