/*
 * Fault messages, for those who watch other programs.
 */
#pragma once

#include "kernel/abi/thread.h"
#include "libsys/backtrace.h"
#include "libsys/image.h"
#include "libsys/server.h"

/* The fault that an event of kind MESSAGE_FAULT tells of. */
void fault_from_event(const struct server_event *event, struct fault_message *ret_fault);

/* The signal (enum process_signal) that a fault of this kind raises. */
uint64_t fault_signal(uint64_t kind);

/* "page fault", "undefined instruction", ... */
const char *fault_text(uint64_t kind);

/*
 * A report on the kernel's log, in this order; `name` says whose fault it is. `./baton run` adds functions and lines to it
 * (tools/evidence/faults.py), so its form is fixed.
 */

/* Which image lies where. */
void fault_log_image(const char *name, const struct image_mark *image);

/*
 * What happened and where, how far the page walk got, registers.
 * stack_lowest: where the lowest mapping above the fault's address begins, of which the stack may be in: a fault just below,
 *               with the stack pointer there, too, is called a stack overflow. 0 = none.
 * why: of a page fault, for a watcher that knows more than the page tables show; NULL = what those show.
 */
void fault_log(const char *name, const struct fault_message *fault, uaddr_t stack_lowest, const char *why);

/* The calls that led there, if `memory` shows them. */
void fault_log_callers(const char *name, const struct fault_message *fault, struct backtrace_memory *memory);
