#include "servers/init/kept.h"

#include "kernel/abi/rights.h"
#include "libsys/program/program.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "servers/init/report.h"

/* Map memory that the program shares with others before and after it, wherever it is, at its one address. */
static bool map_shared(const struct child *child, const char *what, const struct memory_run *run, uaddr_t at) {
    for (uint64_t done = 0; done < run->page_count; done += MAP_PAGES_MAX) {
        uint64_t count = smaller(run->page_count - done, MAP_PAGES_MAX);
        struct result result = sys_space_map(child->space, run->memory, run->offset_pages + done, count,
                                             at + done * PAGE_BYTES, MEMORY_READ | MEMORY_WRITE);
        if (result.status != OK)
            return report_failure(child, what, result.status);
    }
    return true;
}

bool kept_map(const struct child *child) {
    return map_shared(child, "keep", &child->keep, KEEP_AT) && map_shared(child, "export", &child->export, EXPORT_AT);
}

bool kept_clear_page(const struct child *child, const char *what, const struct memory_run *page) {
    struct result result = sys_memory_fill(page->memory, page->offset_pages * PAGE_BYTES, PAGE_BYTES, 0);
    return result.status == OK || report_failure(child, what, result.status);
}

bool kept_take(const struct child *child, struct world *world, struct memory_run *ret_run) {
    bool taken = world->source.take(&world->source, child->keep.page_count, ret_run);
    bool fits = taken && ret_run->page_count == child->keep.page_count;
    for (uint64_t i = 0; fits && i < ret_run->page_count; i++) /* others have used it */
        fits = kept_clear_page(child, "keep", &(struct memory_run){ret_run->memory, ret_run->offset_pages + i, 1});
    if (taken && !fits)
        world->source.give_back(&world->source, ret_run);
    if (!fits)
        *ret_run = (struct memory_run){0};
    return fits;
}

void kept_drop_export(struct child *child, struct world *world) {
    if (child->export.page_count == 0)
        return;
    for (uint64_t done = 0; child->space != 0 && done < child->export.page_count; done += MAP_PAGES_MAX)
        (void)sys_space_unmap(child->space, EXPORT_AT + done * PAGE_BYTES, /* can't fail: they are mapped */
                              smaller(child->export.page_count - done, MAP_PAGES_MAX));
    world->source.give_back(&world->source, &child->export);
    child->export = (struct memory_run){0};
    child->export_form = child->export_bytes = 0;
}

uint64_t kept_word(const struct child *child, const struct world *world, uint64_t offset_bytes) {
    uint64_t word = 0, from = child->keep.offset_pages * PAGE_BYTES + offset_bytes;
    const struct memory_run *buffer = &world->buffer;
    if (sys_memory_copy(buffer->memory, buffer->offset_pages * PAGE_BYTES, child->keep.memory, from, sizeof word)
            .status == OK)
        memcpy(&word, (const void *)WORLD_BUFFER_AT, sizeof word);
    return word;
}

/* Write a part of the head, which lies in the buffer. */
static uint64_t put_head(const struct child *child, const struct world *world, uint64_t offset, uint64_t bytes) {
    uint64_t from = world->buffer.offset_pages * PAGE_BYTES, to = child->keep.offset_pages * PAGE_BYTES;
    return sys_memory_copy(child->keep.memory, to + offset, world->buffer.memory, from + offset, bytes).status;
}

/* If the program before had not even looked at where its own predecessor ended, that place is told again. */
bool kept_write_head(struct child *child, const struct world *world, const struct thread_registers *dead,
                     enum keep_trial trial) {
    struct keep_head *head = (struct keep_head *)WORLD_BUFFER_AT;
    const uint64_t end_at = offsetof(struct keep_head, failed);
    if (child->keep.page_count == 0)
        return true;
    uint64_t recovered = kept_word(child, world, offsetof(struct keep_head, recovered)), status = OK;
    if (dead != NULL && recovered + 1 == child->generation) {
        head->failed = child->end == INIT_FAULT || child->end == INIT_HUNG;
        head->dead = *dead;
        status = put_head(child, world, end_at, sizeof *head - end_at);
    }
    head->generation = child->generation;
    head->trial = trial;
    head->export_form = child->export_form;
    head->export_bytes = child->export_bytes;
    head->is_foreign = 0;
    memset(head->no, 0, sizeof head->no);
    if (status == OK)
        status = put_head(child, world, 0, sizeof head->generation);
    if (status == OK)
        status = put_head(child, world, offsetof(struct keep_head, trial), end_at - offsetof(struct keep_head, trial));
    return status == OK || report_failure(child, "keep", status);
}
