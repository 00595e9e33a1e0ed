/*
 * Fault messages, for programs that watch others.
 */
#pragma once

#include "kernel/abi/thread.h"
#include "libsys/maker/backtrace.h"
#include "libsys/maker/image.h"
#include "libsys/wire/server.h"

/* Take the fault out of an event of kind MESSAGE_FAULT. */
void fault_from_event(const struct server_event *event, struct fault_message *ret_fault);

/* Returns the signal (enum process_signal) that a fault of this kind raises. */
uint64_t fault_signal(uint64_t kind);

/* "page fault", "undefined instruction", ... */
const char *fault_text(uint64_t kind);

/* Is this no mistake, but how a server ends whose main returned? */
bool fault_is_return(const struct fault_message *fault);

/*
 * A report in the kernel's log; make the calls in this order. `name` is the faulted program. `./baton run` adds
 * functions and lines to the report (tools/evidence/faults.py), so its form is fixed.
 */

/* Log which image lies where. */
void fault_log_image(const char *name, const struct image_mark *image);

/*
 * Log the fault, its address, how far the page walk got, and the registers.
 * stack_lowest: start of the lowest mapping above the fault's address, which may hold the stack; 0: there is none. A
 * fault just below it, with the stack pointer there, too, is reported as a stack overflow.
 * why: cause of a page fault, from a watcher that knows more than the page tables show; NULL: what those show.
 */
void fault_log(const char *name, const struct fault_message *fault, uaddr_t stack_lowest, const char *why);

/* Log the calls that led to the fault, as far as `memory` shows them. */
void fault_log_callers(const char *name, const struct fault_message *fault, struct backtrace_memory *memory);
