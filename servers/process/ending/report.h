/*
 * The report, on the kernel's log, of a fault that ends a process: images, fault and registers, callers, mappings
 * around it. tools/evidence/faults.py reads it, so its form is fixed.
 */
#pragma once

#include "libsys/fault.h"
#include "servers/process/memory/objects.h"

/* Write the report. status: why the pager could not bring the page (pager_bring); P_ADDRESS for other faults. */
void report_fault(struct server_context *context, const struct process_thread *thread,
                  const struct fault_message *fault, uint32_t status);
