#include "kernel/fault.h"

#include "kernel/endpoint.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

void fault_raise(struct thread *thread, enum fault_kind kind, uint64_t address, uint64_t access) {
    thread->fault_kind = kind;
    thread->fault_address = address;
    thread->fault_access = access;
    if (cap_is_empty(&thread->fault_endpoint))
        log_line(LOG_WARN, "fault", "kind %u at rip %x, address %x, access %x: no fault endpoint, thread stopped",
                 (uint64_t)kind, thread->arch.frame.rip, address, access);
    if (trace_wants(TRACE_FAULT))
        trace_note_fault(thread);
    endpoint_send_fault(thread);
}
