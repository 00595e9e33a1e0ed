#include "servers/process/memory/context.h"

#include "kernel/abi/rights.h"
#include "libsys/program/program.h"

bool context_has_slots(const struct server_context *context) {
    return slots_left(&program.slots) >= context->processes.thread_count + CONTEXT_SLOTS_KEPT;
}

uint64_t context_map_own(const struct server_context *context, const struct memory_run *run, uaddr_t at) {
    uint64_t status = OK;
    for (uint64_t done = 0; done < run->page_count && status == OK; done += MAP_PAGES_MAX) {
        uint64_t left = run->page_count - done;
        uint64_t count = left < MAP_PAGES_MAX ? left : MAP_PAGES_MAX;
        status = sys_space_map(context->caps.space, run->memory, run->offset_pages + done, count,
                               at + done * PAGE_BYTES, MEMORY_READ | MEMORY_WRITE)
                     .status;
    }
    return status;
}
