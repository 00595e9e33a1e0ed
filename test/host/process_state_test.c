/*
 * The process server's state in the form for other layouts: is it the same once it was imported? Is what has no room
 * refused, and what does an import do with an export that is damaged?
 */
#include <stdlib.h>
#include <string.h>

#include "servers/process/programs/exec_rest.h"
#include "servers/process/recovery/recovery.h"
#include "test/host/process_layouts.h"
#include "test/host/suite.h"

#define AREA 0x10000000ULL
#define BOTH (MEMORY_READ | MEMORY_WRITE)

static struct server_context *const context = &served_context;
static _Alignas(8) uint8_t bytes[LAYOUTS_EXPORT_BYTES], sound[LAYOUTS_EXPORT_BYTES], second[LAYOUTS_EXPORT_BYTES];

#define CALL(badge, operation, ...) \
    (void)world_call(badge, operation, (const uint64_t[16]){__VA_ARGS__}, (uint64_t[512]){0}, NULL)

/*
 * A system with a bit of all: files, shared pages, staged strings, limits, an alarm, threads that wait and that can be
 * joined, a process that is stopped and one that has ended.
 */
static struct export make_system(uint8_t *to) {
    struct thread_registers entry;
    uint64_t pid = 0, child = 0, other = 0;
    uaddr_t at;
    layouts_map_keep();
    world_start(700);
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(world_map(pid, AREA, 3, BOTH, PROCESS_MAP_AT, &at), OK);
    CHECK(world_set_word(world_thread(pid), AREA, 1) && world_set_word(world_thread(pid), AREA + 2 * PAGE_BYTES, 1));
    CHECK_EQUAL(world_fork(pid, &child), OK);
    CHECK_EQUAL(world_spawn(1, &other, NULL), OK);
    CHECK_EQUAL(world_exit(other, 3), SERVER_DEFERRED);
    CHECK(fake_thread_runs(world_thread(pid), &entry));
    uint64_t stack = (entry.rsp & ~(PAGE_BYTES - 1)) - 4 * PAGE_BYTES;
    CALL(pid, 29, entry.rip, stack, 7, WORLD_BASE);
    CALL(pid, 29, entry.rip, stack, 7, WORLD_BASE);
    CALL(OBJECTS_BADGE(pid, 1), 30, 5);
    CALL(OBJECTS_BADGE(pid, 2), 34, AREA, 1, UINT64_MAX);
    CALL(pid, 38, PROCESS_LIMIT_PROCESSES, 5, 9);
    CALL(pid, 21, PROCESS_SIGUSR1, PROCESS_SIGNAL_HANDLE, 0x40);
    CALL(pid, 25, 5000000000);
    CALL(child, 7, child, PROCESS_SIGSTOP);
    CHECK_EQUAL(world_stage(child), OK);
    CALL(pid, 6, child, 0);
    return layouts_export(to);
}

/* All but the frames that the program has to itself. */
static uint64_t without_own(const struct export *from, uint8_t *to) {
    struct export copy = {.bytes = to, .room_bytes = LAYOUTS_EXPORT_BYTES};
    struct export_record record;
    for (uint64_t at = 0; export_next(from, &at, &record);)
        if (record.kind != PROCESS_STATE_OWN)
            export_put(&copy, record.kind, record.bytes, record.length_bytes);
    return copy.used_bytes;
}

static void state_is_the_same_behind_an_import(void) {
    static uint8_t left[LAYOUTS_EXPORT_BYTES], right[LAYOUTS_EXPORT_BYTES];
    struct export first = make_system(bytes);
    uint32_t kinds = 0;
    struct export_record record;
    for (uint64_t at = 0; export_next(&first, &at, &record);)
        kinds |= 1U << record.kind;
    CHECK_EQUAL(kinds, (1U << (PROCESS_STATE_IDENTITY + 1)) - 2); /* one of each kind at least */
    CHECK(layouts_import(&first) == NULL);
    layouts_go_on();
    struct export again = layouts_export(second);
    uint64_t left_bytes = without_own(&first, left), right_bytes = without_own(&again, right);
    CHECK_EQUAL(left_bytes, right_bytes);
    CHECK(memcmp(left, right, left_bytes) == 0);
    printf("# %lu bytes for %u processes\n", first.used_bytes, context->processes.count);
}

/* Members that no system of a few calls changes are other than zero here, each in its own way. */
static void numbers_of_the_server_come_along(void) {
    struct process_table *table = &context->processes;
    struct random random;
    struct export export;
    (void)make_system(bytes);
    table->last_pid = 1000;
    table->keys = 1;
    table->last_order = 30;
    table->foreground = 2;
    table->keys_group = 3;
    table->pids_repeat = context->other_priorities = true;
    context->paused = 40;
    random_start(&context->random, "seed", 4);
    (void)random_next(&context->random);
    random = context->random;
    export = layouts_export(bytes);
    CHECK(layouts_import(&export) == NULL);
    CHECK_EQUAL(table->last_pid, 1000);
    CHECK_EQUAL(table->keys, 1);
    CHECK_EQUAL(table->last_order, 30);
    CHECK_EQUAL(table->foreground, 2);
    CHECK_EQUAL(table->keys_group, 3);
    CHECK(table->pids_repeat && context->other_priorities);
    CHECK_EQUAL(context->paused, 40);
    CHECK(memcmp(&context->random, &random, sizeof random) == 0);
}

/* The next program takes frames that no record names, and shared ones must stay shared. */
static void each_frame_in_use_is_named(void) {
    static uint64_t bookkeeping[FAKE_FRAMES / 2];
    static struct frames frames;
    const struct export export = make_system(bytes);
    frames = context->frames;
    frames_start(&frames, bookkeeping);
    CHECK(process_state_claim(&frames, &export) == NULL);
    CHECK_EQUAL(frames.free_count, context->frames.free_count);
    CHECK(memcmp(frames.bits, context->frames.bits, frames.bit_count / 8) == 0);
    CHECK(memcmp(frames.sharers, context->frames.sharers, frames.bit_count * sizeof frames.sharers[0]) == 0);
}

/* ---- what is refused ---- */

/* The record number `index` of a kind, to be changed. */
static void *record_of_kind(const struct export *from, uint32_t kind, uint32_t index) {
    struct export_record record;
    for (uint64_t at = 0; export_next(from, &at, &record);)
        if (record.kind == kind && index-- == 0)
            return from->bytes + ((const uint8_t *)record.bytes - from->bytes);
    abort(); /* the system has none */
}

static void refused(const struct export *from, const char *want) {
    const char *no = layouts_import(from);
    CHECK(strlen(want) < KEEP_NO_MAX);
    CHECK_TEXT(no != NULL ? no : "nothing", want);
    memcpy(bytes, sound, sizeof bytes);
}

/* Import the sound export with another value in a member of one record. */
#define REFUSED(kind, index, type, member, value, want)              \
    do {                                                             \
        struct type *changed = record_of_kind(&export, kind, index); \
        changed->member = (value);                                   \
        refused(&export, want);                                      \
    } while (0)
#define DAMAGED(kind, index, type, member, value) REFUSED(kind, index, type, member, value, PROCESS_STATE_DAMAGED)

static void what_has_no_room_is_refused(void) {
    struct export export = make_system(bytes);
    memcpy(sound, bytes, sizeof bytes);
    REFUSED(PROCESS_STATE_PROCESS, 1, process_state_process, pid, PROCESS_MAX + 1, "no room for process 1025 (prog)");
    REFUSED(PROCESS_STATE_FILE, 0, process_state_file, number, VM_FILES_MAX, "no room for so many mapped files");
    REFUSED(PROCESS_STATE_ACCOUNT, 0, process_state_account, number, ACCOUNTS_MAX,
            "no room for so many limits on processes");
    struct memory_run run;
    CHECK_TEXT(process_state_find_room(&context->frames, &export, FAKE_FRAMES, &run),
               "no 1024 pages in a row are free for its tables");
}

/* A run of frames that goes on behind the last one. */
static void refused_frames(const struct export *export, uint32_t count) {
    struct process_state_pages *pages = record_of_kind(export, PROCESS_STATE_PAGES, 0);
    struct frames *frames = &context->frames;
    pages->count = count;
    frames_start(frames, frames->bits);
    CHECK_TEXT(process_state_claim(frames, export), PROCESS_STATE_DAMAGED);
    memcpy(bytes, sound, sizeof bytes);
}

static void what_contradicts_itself_is_refused(void) {
    struct export export = make_system(bytes);
    memcpy(sound, bytes, sizeof bytes);
    DAMAGED(PROCESS_STATE_PROCESS, 1, process_state_process, pid, 1);     /* twice */
    DAMAGED(PROCESS_STATE_PROCESS, 2, process_state_process, parent, 99); /* nobody */
    DAMAGED(PROCESS_STATE_PROCESS, 2, process_state_process, parent, 3);  /* itself */
    DAMAGED(PROCESS_STATE_PROCESS, 0, process_state_process, pid, 77);    /* no process 1 */
    DAMAGED(PROCESS_STATE_PROCESS, 1, process_state_process, account, 7);
    DAMAGED(PROCESS_STATE_PROCESS, 1, process_state_process, nice, PROCESS_NICE_MAX + 1);
    DAMAGED(PROCESS_STATE_PROCESS, 1, process_state_process, image_count, 3);
    DAMAGED(PROCESS_STATE_PROCESS, 1, process_state_process, staged_bytes, 1);
    DAMAGED(PROCESS_STATE_ACCOUNT, 0, process_state_account, above, 1);
    DAMAGED(PROCESS_STATE_SERVER, 0, process_state_server, last_pid, 0);
    DAMAGED(PROCESS_STATE_SERVER, 0, process_state_server, random_left, 9);
    DAMAGED(PROCESS_STATE_SERVER, 0, process_state_server, paused, UINT64_MAX);
    DAMAGED(PROCESS_STATE_SERVICE, 0, process_state_service, slot, FAKE_CAP_FREE);
    DAMAGED(PROCESS_STATE_FILE, 0, process_state_file, slot, FAKE_CAP_ENDPOINT);
    DAMAGED(PROCESS_STATE_THREAD, 0, process_state_thread, waits, 7);
    DAMAGED(PROCESS_STATE_THREAD, 0, process_state_thread, is, PROCESS_STATE_GONE);
    DAMAGED(PROCESS_STATE_SIGNAL, 0, process_state_signal, signal, 65);
    DAMAGED(PROCESS_STATE_IDENTITY, 0, process_state_identity, service, 1);
    DAMAGED(PROCESS_STATE_REGION, 0, process_state_region, end, AREA + 1);
    DAMAGED(PROCESS_STATE_REGION, 0, process_state_region, kind, 0);
    DAMAGED(PROCESS_STATE_REGION, 0, process_state_region, file, 4000);
    DAMAGED(PROCESS_STATE_PAGES, 0, process_state_pages, at, AREA + 1);
    DAMAGED(PROCESS_STATE_PAGES, 0, process_state_pages, at, 0x700000000000); /* no region */
    DAMAGED(PROCESS_STATE_PAGES, 0, process_state_pages, count, 0);
    DAMAGED(PROCESS_STATE_PAGES, 0, process_state_pages, frame, 5); /* none */
    DAMAGED(PROCESS_STATE_STAGED, 0, process_state_staged, frame, UINT64_MAX);
    refused_frames(&export, 100000);
    const struct process_state_pool *pool = record_of_kind(&export, PROCESS_STATE_POOL, 0);
    DAMAGED(PROCESS_STATE_POOL, 1, process_state_pool, frame, pool->frame); /* two owners */
    DAMAGED(PROCESS_STATE_PAGES, 0, process_state_pages, frame, pool->frame);
    DAMAGED(PROCESS_STATE_OWN, 0, process_state_own, frame, pool->frame);
    const struct process_state_process *first = record_of_kind(&export, PROCESS_STATE_PROCESS, 0);
    DAMAGED(PROCESS_STATE_PROCESS, 1, process_state_process, table, first->table);
    struct export cut = {export.bytes, export.room_bytes, export.used_bytes - 8};
    CHECK_TEXT(layouts_import(&cut), PROCESS_STATE_DAMAGED);
    CHECK(layouts_import(&export) == NULL); /* and what was changed was all that was wrong */
}

static void damage_is_refused_or_harmless(void) {
    struct export export = make_system(bytes);
    uint64_t refused_count = 0, all = 0;
    memcpy(sound, bytes, sizeof bytes);
    for (uint64_t i = 0; i < export.used_bytes; i++)
        for (uint32_t way = 0; way < 2; way++) {
            bytes[i] = way == 0 ? (uint8_t)~sound[i] : sound[i] ^ 1;
            bool is_refused = layouts_import(&export) != NULL;
            if (!is_refused)
                recovery_count(context);
            refused_count += is_refused;
            all++;
            bytes[i] = sound[i];
        }
    CHECK(refused_count * 3 > all);
    printf("# %lu of %lu wrong bytes are refused\n", refused_count, all);
}

/* An exec whose thread was handed over has to be finished by the program itself. */
static void nothing_is_exported_within_a_change(void) {
    struct export export = make_system(bytes);
    launch_exec_rest.thread = 1;
    CHECK_TEXT(process_state_export(context, &export), "it is in the middle of a change");
    launch_exec_rest.thread = 0;
    context->handlers.written = 1;
    CHECK_TEXT(process_state_export(context, &export), "it is in the middle of a change");
}

SUITE(CASE(state_is_the_same_behind_an_import), CASE(numbers_of_the_server_come_along),
      CASE(each_frame_in_use_is_named), CASE(what_has_no_room_is_refused), CASE(what_contradicts_itself_is_refused),
      CASE(damage_is_refused_or_harmless), CASE(nothing_is_exported_within_a_change));
