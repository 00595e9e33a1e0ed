/*
 * The report, on the kernel's log, of a server's fault: image, fault and registers, callers. tools/evidence/faults.py
 * reads it, so its form is fixed.
 */
#pragma once

#include "servers/init/build.h"

/* Report child->fault. The program's memory must still be there. */
void report_fault(const struct world *world, const struct child *child);
