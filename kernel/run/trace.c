#include "kernel/run/trace.h"

#include "kernel/machine/call.h"
#include "kernel/run/fastpath.h"
#include "kernel/run/thread.h"

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
    if (thread == NULL || thread != trace.caller) /* it deleted itself or was taken from here, or another thread runs */
        return;
    bool waits = thread->state >= THREAD_IN_CALL;
    if (trace.call != 0 && !waits && trace_wants(TRACE_RETURN))
        add(TRACE_RETURN, thread->id, trace.call, thread->arch.frame.status, thread->arch.frame.words[0]);
}

void trace_note_fault(const struct thread *thread) {
    add(TRACE_FAULT, thread->id, thread->fault_kind, thread->fault_address, thread->arch.frame.rip);
}

void trace_start(uint64_t first_frame, uint64_t page_count, uint64_t events) {
    trace = (struct trace){
        .events = events, .first_frame = first_frame, .page_count = page_count, .memory = {.previous = BOUND_TRACE}};
    for (uint32_t i = 0; i < cpu_total; i++)
        cpus[i]->traced_id = cpus[i]->current == NULL ? 0 : cpus[i]->current->id;
    *header() =
        (struct trace_header){.record_count = TRACE_RECORDS(page_count), .events = events, .ticks_start = arch_ticks()};
    fastpath_bar(FASTPATH_BAR_TRACE, true);
}

void trace_stop(void) {
    fastpath_bar(FASTPATH_BAR_TRACE, false);
    header()->events = 0;
    frame_release_run(trace.first_frame, trace.page_count);
    trace.events = 0;
}
