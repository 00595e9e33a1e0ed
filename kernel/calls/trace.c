#include "kernel/run/trace.h"

#include "kernel/calls/ports.h"
#include "kernel/ending/binding.h"
#include "kernel/machine/call.h"
#include "kernel/memory/memory.h"
#include "kernel/run/table.h"

/* Check the frames that are to hold the trace, and find their capability. */
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
    trace_start(range_first(source->data) + offset_pages, page_count, events);
    cap_derive(&trace.memory, source, cap_rights(source), source->data);
    return result(OK);
}

static struct result stop(void) {
    if (trace.events == 0)
        return result(E_STATE);
    if (!cap_settle(cap_object(&trace.memory), STEPS_MAX))
        return result(CALL_RESTART);
    trace_unbind(&trace.memory);
    return result(OK);
}

/* A trace shows the actions of every thread, so it needs authority over the whole machine. */
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
