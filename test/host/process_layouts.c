#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "test/host/process_layouts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "servers/process/programs/exec_rest.h"
#include "servers/process/recovery/recovery.h"
#include "test/host/suite.h"

static struct server_context *const context = &served_context;

void layouts_map_keep(void) {
    if (mmap((void *)KEEP_AT, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED)
        abort();
}

struct export layouts_export(uint8_t *bytes) {
    struct export export = {.bytes = bytes, .room_bytes = LAYOUTS_EXPORT_BYTES};
    CHECK(process_state_export(context, &export) == NULL);
    CHECK(export.used_bytes <= export.room_bytes);
    return export;
}

/* What main.c gives to a program that starts, in a space of its own. */
static void start(const struct server_context *before) {
    (void)sys_space_unmap(FAKE_CAP_SPACE, before->window, FAKE_FILE_PAGES);
    for (uint32_t i = 0; i < FAKE_OWN_PAGES; i++)
        (void)sys_space_unmap(FAKE_CAP_SPACE, (uaddr_t)fake_own[i], 1);
    slots_init(&program.slots, FAKE_CAP_FREE, FAKE_SLOTS);
    memset(&launch_exec_rest, 0, sizeof launch_exec_rest);
    served_server.journal.mark = SERVER_WAITS;
    memset(context, 0, sizeof *context);
    context->caps = before->caps;
    context->frames.region_count = before->frames.region_count;
    memcpy(context->frames.regions, before->frames.regions, sizeof context->frames.regions);
    context->frames.bit_count = before->frames.bit_count;
    context->frames.bits = before->frames.bits;
    context->fixed_addresses = true;
    context->cpu_count = 1;
    context->window = before->window;
}

const char *layouts_import(const struct export *from) {
    static struct server_context before;
    struct memory_run run;
    before = *context;
    start(&before);
    const char *no = process_state_find_room(&context->frames, from, WORK_BYTES / PAGE_BYTES, &run);
    if (no != NULL)
        return no;
    frames_start(&context->frames, before.frames.bits);
    context->work = (struct context_work){run, fake_ram[run.offset_pages]};
    frames_reserve(&context->frames, &run);
    no = process_state_claim(&context->frames, from);
    if (no != NULL)
        return no;
    if (page_allocator_init(&context->allocator, &context->frames, FAKE_CAP_SPACE, (uaddr_t)fake_own) != OK)
        return "no memory";
    process_table_init(&context->processes, &context->allocator, sizeof(struct process_record));
    return process_state_import(context, from);
}

void layouts_go_on(void) {
    recovery_count(context);
    fake_sweep();
    recovery_finish(context);
}

void layouts_swap(void) {
    static _Alignas(8) uint8_t bytes[LAYOUTS_EXPORT_BYTES];
    const struct export export = layouts_export(bytes);
    const char *no = layouts_import(&export);
    if (CHECK(no == NULL))
        layouts_go_on();
    else
        test_note("refused: %s", no);
}
