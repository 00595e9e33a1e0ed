#include "kernel/run/trace.h"

#include "kernel/arch.h"
#include "kernel/base/ledger.h"
#include "kernel/calls/ports.h"
#include "kernel/machine/call.h"
#include "kernel/memory/memory.h"
#include "kernel/run/fastpath.h"
#include "kernel/run/table.h"

struct trace trace;

static struct trace_header *header(void) { return arch_pointer(trace.first_frame * PAGE_BYTES); }

/* Not inlined: its callers are many, and small. */
__attribute__((noinline)) static void add(enum trace_event event, uint32_t thread, uint64_t detail, uint64_t first,
                                          uint64_t second) {
    struct trace_record *records = (struct trace_record *)(header() + 1);
    records[trace.next] = (struct trace_record){
        .ticks = arch_ticks(),
        .thread = thread,
        .detail = (uint16_t)detail,
        .event = (uint8_t)event,
        .cpu = (uint8_t)arch_this_cpu()->index,
        .words = {first, second},
    };
    trace.next = trace.next + 1 == TRACE_RECORDS(trace.page_count) ? 0 : trace.next + 1;
    __atomic_store_n(&header()->written, ++trace.written, __ATOMIC_RELEASE);
}

void trace_note_interrupt(const struct thread *thread, uint32_t line) {
    add(TRACE_INTERRUPT, thread == NULL ? 0 : thread->id, line, 0, 0);
}

void trace_note_message(const struct thread *from, const struct thread *to, uint64_t info, bool is_answer) {
    add(TRACE_MESSAGE, from->id, is_answer, to->id, info);
}

void trace_note_wake(const struct thread *thread) {
    add(TRACE_RETURN, thread->id, 0, thread->arch.frame.status, thread->arch.frame.words[0]);
}

void trace_note_switch(struct cpu *cpu) {
    uint32_t next = cpu->current == NULL ? 0 : cpu->current->id, last = cpu->traced_id;
    cpu->traced_id = next;
    if (next != last && trace_wants(TRACE_SWITCH))
        add(TRACE_SWITCH, last, 0, next, 0);
}

void trace_note_call(const struct thread *thread, uint64_t number) {
    thread->cpu->unsettled = true;
    trace.caller = thread;
    trace.call = number;
    if (trace_wants(TRACE_CALL))
        add(TRACE_CALL, thread->id, number, thread->arch.frame.target, thread->arch.frame.info);
}

void trace_note_return(const struct cpu *cpu) {
    const struct thread *thread = cpu->current;
    if (thread == NULL || thread != trace.caller) /* it has deleted itself, was taken from here, or another one runs */
        return;
    bool waits = thread->state >= THREAD_IN_CALL;
    if (trace.call != 0 && !waits && trace_wants(TRACE_RETURN))
        add(TRACE_RETURN, thread->id, trace.call, thread->arch.frame.status, thread->arch.frame.words[0]);
}

void trace_note_fault(const struct thread *thread) {
    add(TRACE_FAULT, thread->id, thread->fault_kind, thread->fault_address, thread->arch.frame.rip);
}

/* The frames that are to hold the trace, and the capability that gives them. */
static enum status find_frames(const struct thread *self, cap_t memory, uint64_t offset_pages, uint64_t page_count,
                               struct cap_slot **ret_slot) {
    enum status status = table_find(self, memory, OBJECT_MEMORY, MEMORY_WRITE, ret_slot);
    if (status == OK)
        status = cap_can_derive(*ret_slot);
    if (status != OK)
        return status;
    if (((const struct memory *)cap_object(*ret_slot))->is_device)
        return E_TYPE;
    uint64_t range = (*ret_slot)->data;
    if (page_count == 0 || page_count > TRACE_PAGES_MAX || page_count > range_count(range) ||
        offset_pages > range_count(range) - page_count)
        return E_ARG;
    return memory_check_frames(range_first(range) + offset_pages, page_count);
}

static struct result start(const struct thread *self, cap_t memory, uint64_t offset_pages, uint64_t page_count,
                           uint64_t events) {
    if (trace.events != 0)
        return result(E_BUSY);
    struct cap_slot *source;
    enum status status = find_frames(self, memory, offset_pages, page_count, &source);
    if (status != OK)
        return result(status);
    if (!cap_settle(cap_object(source), STEPS_MAX))
        return result(CALL_RESTART);
    if (!frame_hold_run(range_first(source->data) + offset_pages, page_count))
        return result(E_LIMIT);
    trace = (struct trace){.events = events,
                           .first_frame = range_first(source->data) + offset_pages,
                           .page_count = page_count,
                           .memory = {.previous = BOUND_TRACE}};
    cap_derive(&trace.memory, source, cap_rights(source), source->data);
    for (uint32_t i = 0; i < cpu_total; i++)
        cpus[i]->traced_id = cpus[i]->current == NULL ? 0 : cpus[i]->current->id;
    *header() =
        (struct trace_header){.record_count = TRACE_RECORDS(page_count), .events = events, .ticks_start = arch_ticks()};
    fastpath_bar(FASTPATH_BAR_TRACE, true);
    return result(OK);
}

void trace_unbind(struct cap_slot *slot) {
    fastpath_bar(FASTPATH_BAR_TRACE, false);
    header()->events = 0;
    for (uint64_t i = 0; i < trace.page_count; i++)
        frame_release(trace.first_frame + i);
    trace.events = 0;
    cap_remove(slot);
}

static struct result stop(void) {
    if (trace.events == 0)
        return result(E_STATE);
    if (!cap_settle(cap_object(&trace.memory), STEPS_MAX))
        return result(CALL_RESTART);
    trace_unbind(&trace.memory);
    return result(OK);
}

/* A trace shows what every thread does, so it needs the authority over all of the machine. */
struct result sys_trace_control(cap_t ports, cap_t memory, uint64_t offset_pages, uint64_t page_count,
                                uint64_t events) {
    const struct thread *self = caller();
    enum status status = ports_check_all(self, ports);
    if (status == OK && (events & ~TRACE_ALL) != 0)
        status = E_ARG;
    if (status != OK)
        return result(status);
    return events == 0 ? stop() : start(self, memory, offset_pages, page_count, events);
}
