#include "servers/process/memory/stage.h"

#include "libsys/string.h"

void stage_forget(struct system *system, struct stage *stage) {
    for (uint32_t i = 0; i < stage->page_count; i++)
        frames_give(&system->frames, &stage->pages[i]);
    stage->page_count = 0;
    stage->length_bytes = 0;
}

/* Where a part of the work area lies in its Memory capability. */
static uint64_t work_offset(const struct system *system, uint64_t offset) {
    return system->work.run.offset_pages * PAGE_BYTES + offset;
}

/* Copy from the scratch page to the staged bytes' end; the pages are there. */
static uint32_t copy_in(const struct system *system, const struct stage *stage, uint64_t length_bytes) {
    for (uint64_t done = 0; done < length_bytes;) {
        uint64_t at = stage->length_bytes + done;
        const struct frame_run *page = &stage->pages[at / PAGE_BYTES];
        uint64_t part = PAGE_BYTES - at % PAGE_BYTES;
        if (part > length_bytes - done)
            part = length_bytes - done;
        struct result result =
            sys_memory_copy(page->memory, page->offset_pages * PAGE_BYTES + at % PAGE_BYTES, system->work.run.memory,
                            work_offset(system, WORK_SCRATCH_OFFSET + done), part);
        if (result.status != OK)
            return (uint32_t)result.status;
        done += part;
    }
    return OK;
}

uint32_t stage_append(struct system *system, struct stage *stage, uint64_t offset_bytes, const void *bytes,
                      uint64_t length_bytes) {
    if (offset_bytes == 0)
        stage_forget(system, stage);
    if (offset_bytes != stage->length_bytes || length_bytes > PAGE_BYTES)
        return P_ARGUMENT;
    if (stage->length_bytes + length_bytes > PROCESS_STAGE_MAX)
        return P_TOO_BIG;
    while (stage->page_count * PAGE_BYTES < stage->length_bytes + length_bytes) {
        if (!frames_take(&system->frames, 1, 1, &stage->pages[stage->page_count]))
            return P_NO_MEMORY;
        stage->page_count++;
    }
    memcpy(system->work.bytes + WORK_SCRATCH_OFFSET, bytes, length_bytes);
    uint32_t status = copy_in(system, stage, length_bytes);
    if (status == OK)
        stage->length_bytes += (uint32_t)length_bytes;
    return status;
}

uint32_t stage_collect(struct system *system, struct stage *stage, uint64_t *ret_length_bytes) {
    uint32_t status = OK;
    *ret_length_bytes = stage->length_bytes;
    for (uint64_t done = 0; status == OK && done < stage->length_bytes; done += PAGE_BYTES) {
        const struct frame_run *page = &stage->pages[done / PAGE_BYTES];
        uint64_t part = stage->length_bytes - done < PAGE_BYTES ? stage->length_bytes - done : PAGE_BYTES;
        status = (uint32_t)sys_memory_copy(system->work.run.memory, work_offset(system, WORK_STRINGS_OFFSET + done),
                                           page->memory, page->offset_pages * PAGE_BYTES, part)
                     .status;
    }
    stage_forget(system, stage);
    return status;
}
