/*
 * The report, on the kernel's log, of a server's fault or of one that hangs: image, what happened, callers.
 * tools/evidence/faults.py reads it, so its form is fixed.
 */
#pragma once

#include "servers/init/build.h"

/* Report child->fault. The program's memory must still be there. */
void report_fault(const struct world *world, const struct child *child);

/* Report a program that was stopped with the registers of child->fault since it has taken no message for silent_ms. */
void report_hang(const struct world *world, const struct child *child, uint64_t silent_ms);
