/*
 * Reports on the kernel's log: of a fault that ends a process, and of a handover that the kernel refuses.
 */
#pragma once

#include "libsys/maker/fault.h"
#include "servers/process/memory/objects.h"

/*
 * Report a fault: images, fault and registers, callers, mappings around it. tools/evidence/faults.py reads it, so its
 * form is fixed. status: why the pager could not bring the page (pager_bring); P_ADDRESS for other
 * faults.
 */
void report_fault(struct server_context *context, const struct process_thread *thread,
                  const struct fault_message *fault, uint32_t status);

/*
 * Report a handover that the kernel has just refused (E_AUDIT): the check that failed, which `reason` gets, too
 * (PROTOCOL_REASON_MAX bytes); how the kernel's tables and this server's records show the pages where the program at
 * `path` was to start; what an audit of its whole space finds. If the tables lack what is recorded, the pager is at
 * fault; if both lack it, the image is.
 */
void report_refusal(const char *path, const struct incarnation *incarnation, const struct thread_registers *entry,
                    char *reason);
