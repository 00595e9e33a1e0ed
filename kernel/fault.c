#include "kernel/fault.h"

#include "kernel/endpoint.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

__attribute__((noinline)) static void trace_and_send(struct thread *thread) {
    trace_note_fault(thread);
    endpoint_send_fault(thread);
}

void fault_raise(struct thread *thread, enum fault_kind kind, uint64_t address, uint64_t access) {
    thread->fault_kind = kind;
    thread->fault_address = address;
    thread->fault_access = access;
    if (trace_wants(TRACE_FAULT))
        trace_and_send(thread);
    else
        endpoint_send_fault(thread);
}
