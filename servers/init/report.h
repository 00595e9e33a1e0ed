/*
 * What the kernel's log says of a server's fault: image, fault and registers, callers. tools/evidence/faults.py reads it, so its
 * form is fixed.
 */
#pragma once

#include "servers/init/build.h"

/* Of child->fault. Its memory must still be there. */
void report_fault(const struct world *world, const struct child *child);
