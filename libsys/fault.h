/*
 * Fault messages, for those who watch other programs.
 */
#pragma once

#include "kernel/abi/thread.h"
#include "libsys/backtrace.h"
#include "libsys/server.h"

/* The fault that an event of kind MESSAGE_FAULT tells of. */
void fault_from_event(const struct server_event *event, struct fault_message *ret_fault);

/* The signal (enum process_signal) that a fault of this kind raises. */
uint64_t fault_signal(uint64_t kind);

/* "page fault", "undefined instruction", ... */
const char *fault_text(uint64_t kind);

/* Report on the kernel's log: what, where, how far the page walk got, registers. `name` says whose fault it is. */
void fault_log(const char *name, const struct fault_message *fault);

/*
 * Report who called whom, if `memory` shows it: right after fault_log. `./baton run` adds names to these lines and to the
 * first of fault_log (tools/evidence/faults.py), so their form is fixed.
 */
void fault_log_callers(const char *name, const struct fault_message *fault, struct backtrace_memory *memory);
