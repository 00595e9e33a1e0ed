#include "servers/process/memory/staged_strings.h"

#include <stddef.h>

#include "libsys/text/string.h"
#include "libsys/wire/journal.h"

static void note_lengths(const struct staged_strings *staged) {
    journal_note(staged, offsetof(struct staged_strings, pages));
}

void staged_strings_forget(struct server_context *context, struct staged_strings *staged) {
    if (staged->page_count == 0)
        return;
    note_lengths(staged);
    for (uint32_t i = 0; i < staged->page_count; i++)
        frames_give(&context->frames, &staged->pages[i]);
    staged->page_count = 0;
    staged->length_bytes = 0;
}

/* Where a part of the work area lies in its Memory capability. */
static uint64_t work_offset(const struct server_context *context, uint64_t offset) {
    return context->work.run.offset_pages * PAGE_BYTES + offset;
}

/* Append bytes from the scratch page to the staged strings; the pages for them are there. */
static uint32_t copy_in(const struct server_context *context, const struct staged_strings *staged,
                        uint64_t length_bytes) {
    for (uint64_t done = 0; done < length_bytes;) {
        uint64_t at = staged->length_bytes + done;
        const struct memory_run *page = &staged->pages[at / PAGE_BYTES];
        uint64_t part = PAGE_BYTES - at % PAGE_BYTES;
        if (part > length_bytes - done)
            part = length_bytes - done;
        struct result result =
            sys_memory_copy(page->memory, page->offset_pages * PAGE_BYTES + at % PAGE_BYTES, context->work.run.memory,
                            work_offset(context, WORK_SCRATCH_OFFSET + done), part);
        if (result.status != OK)
            return (uint32_t)result.status;
        done += part;
    }
    return OK;
}

uint32_t staged_strings_append(struct server_context *context, struct staged_strings *staged, uint64_t offset_bytes,
                               const void *bytes, uint64_t length_bytes) {
    if (offset_bytes == 0 && staged->page_count > 0) {
        staged_strings_forget(context, staged);
        journal_settle(); /* the frames may be taken again */
    }
    if (offset_bytes != staged->length_bytes || length_bytes > PAGE_BYTES)
        return P_ARGUMENT;
    if (staged->length_bytes + length_bytes > PROCESS_STAGE_MAX)
        return P_TOO_BIG;
    while (staged->page_count * PAGE_BYTES < staged->length_bytes + length_bytes) {
        if (!frames_take(&context->frames, 1, 1, &staged->pages[staged->page_count]))
            return P_NO_MEMORY;
        staged->page_count++;
    }
    memcpy(context->work.bytes + WORK_SCRATCH_OFFSET, bytes, length_bytes);
    uint32_t status = copy_in(context, staged, length_bytes);
    note_lengths(staged);
    if (status == OK)
        staged->length_bytes += (uint32_t)length_bytes;
    return status;
}

uint32_t staged_strings_collect(struct server_context *context, struct staged_strings *staged,
                                uint64_t *ret_length_bytes) {
    uint32_t status = OK;
    *ret_length_bytes = staged->length_bytes;
    for (uint64_t done = 0; status == OK && done < staged->length_bytes; done += PAGE_BYTES) {
        const struct memory_run *page = &staged->pages[done / PAGE_BYTES];
        uint64_t part = staged->length_bytes - done < PAGE_BYTES ? staged->length_bytes - done : PAGE_BYTES;
        status = (uint32_t)sys_memory_copy(context->work.run.memory, work_offset(context, WORK_STRINGS_OFFSET + done),
                                           page->memory, page->offset_pages * PAGE_BYTES, part)
                     .status;
    }
    return status;
}
