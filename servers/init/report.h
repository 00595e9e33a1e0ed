/*
 * What init says about a server on the kernel's log: that it can't be made, or how it has faulted or hangs (image, what
 * happened, callers). tools/evidence/faults.py reads the latter, so their form is fixed.
 */
#pragma once

#include "servers/init/child.h"

/* Report a step of making a program that has failed. Returns false. */
bool report_failure(const struct child *child, const char *what, uint64_t status);

/*
 * Report child->fault, in one line if it is that of the program before. The program's memory must still be there.
 */
void report_fault(const struct world *world, struct child *child);

/* Report a program that was stopped with the registers of child->fault since it has taken no message for silent_ms. */
void report_hang(const struct world *world, const struct child *child, uint64_t silent_ms);
