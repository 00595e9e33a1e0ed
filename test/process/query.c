/*
 * Do get_pid, list, maps and memory tell the truth?
 */
#include "kernel/abi/rights.h"
#include "libsys/maker/layout.h"
#include "libsys/text/string.h"
#include "test/process/child.h"

#define CODE_ASKED 80
#define NAME "process_conformance"

/* ---- roles ---- */

/* maps_are_refused PID STATUS */
static int role_maps_are_refused(int argc, char **argv) {
    struct process_maps_request request = {.pid = number_of(argv[1])};
    struct process_maps_reply reply;
    CHECK_EQUAL(argc, 3);
    CHECK_STATUS(process_maps(process, &request, &reply, NULL), number_of(argv[2]));
    return CODE_ASKED;
}

/* ---- get_pid ---- */

static void get_pid_of_the_first_process(void) {
    CHECK_EQUAL(own_pid(), 1);
    CHECK_EQUAL(parent_pid(), 0);
}

static void get_pid_of_a_child(void) {
    uint64_t pid = START_ROLE("low_pid", text_of(own_pid()));
    CHECK_EXIT(pid, pid & 0x7f);
}

/* ---- list ---- */

static void list_ascends_and_ends(void) {
    uint64_t pids[3];
    uint64_t found = 0;
    struct process_list_request request = {.pid = 0};
    struct process_list_reply entry;
    uint32_t status;
    for (uint32_t i = 0; i < 3; i++)
        pids[i] = START_ROLE("leave", "0");
    while ((status = process_list(process, &request, &entry, NULL)) == OK) {
        CHECK(entry.pid >= request.pid);
        found += entry.pid == 1 || entry.pid == pids[0] || entry.pid == pids[1] || entry.pid == pids[2];
        request.pid = entry.pid + 1;
    }
    CHECK_STATUS(status, P_END);
    CHECK_EQUAL(found, 4);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_EXIT(pids[i], 0);
}

static void list_ends_behind_the_last_pid(void) {
    static const uint64_t pids[] = {1ULL << 31, 1ULL << 32, UINT64_MAX};
    struct process_list_reply entry;
    for (uint32_t i = 0; i < 3; i++) {
        struct process_list_request request = {.pid = pids[i]};
        CHECK_STATUS(process_list(process, &request, &entry, NULL), P_END);
    }
}

static void list_tells_of_oneself(void) {
    struct process_list_reply entry = {0};
    CHECK(find_process(1, &entry));
    CHECK_EQUAL(entry.parent, 0);
    CHECK_EQUAL(entry.state, PROCESS_RUNNING);
    CHECK_TEXT(entry.name, NAME);
    CHECK(entry.memory_pages > 0);
}

static void list_tells_of_who_has_ended(void) {
    struct process_list_reply entry = {0};
    uint64_t pid = START_ROLE("leave", "0");
    CHECK(reaches_state(pid, PROCESS_ENDED));
    CHECK(find_process(pid, &entry));
    CHECK_EQUAL(entry.parent, 1);
    CHECK_EXIT(pid, 0);
    CHECK(!find_process(pid, &entry));
}

static void list_tells_of_who_waits(void) {
    uint64_t pid = START_ROLE("idle_waiting");
    CHECK(reaches_state(pid, PROCESS_WAITING));
    CHECK_STATUS(kill_process(pid + 1, PROCESS_SIGKILL), OK);
    CHECK_EXIT(pid, 61); /* the role says that its child was killed */
}

static void list_tells_of_who_sleeps(void) {
    uint64_t pid = START_ROLE("idle");
    CHECK(reaches_state(pid, PROCESS_SLEEPING));
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    CHECK_KILLED(pid, PROCESS_SIGKILL);
}

static void list_tells_the_name_after_exec(void) {
    struct process_list_reply entry = {0};
    uint64_t pid = START_ROLE("exec_path", "test/process/sound");
    uint64_t limit_ns = sys_clock_read().value + 5000000000ULL;
    while (find_process(pid, &entry) && strcmp(entry.name, "sound") != 0 && sys_clock_read().value < limit_ns)
        continue;
    CHECK_TEXT(entry.name, "sound");
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    CHECK_KILLED(pid, PROCESS_SIGKILL);
}

static void list_counts_cpu_time(void) {
    struct process_list_reply entry = {0};
    uint64_t pid = START_ROLE("spin");
    uint64_t limit_ns = sys_clock_read().value + 5000000000ULL;
    while (find_process(pid, &entry) && entry.cpu_time_ns == 0 && sys_clock_read().value < limit_ns)
        continue;
    uint64_t first_ns = entry.cpu_time_ns;
    spin_ns(100000000);
    CHECK(find_process(pid, &entry));
    CHECK(first_ns > 0 && entry.cpu_time_ns > first_ns);
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    CHECK_KILLED(pid, PROCESS_SIGKILL);
}

/* ---- maps ---- */

static uint32_t ask_map(uint64_t pid, uint64_t index, struct process_maps_reply *ret_map) {
    struct process_maps_request request = {.pid = pid, .index = index};
    return process_maps(process, &request, ret_map, NULL);
}

static void maps_ascend_and_do_not_overlap(void) {
    struct process_maps_reply map;
    uint64_t end = 0;
    uint64_t count = 0;
    for (; ask_map(0, count, &map) == OK; count++) {
        CHECK(map.at >= end && map.page_count > 0 && map.at % PAGE_BYTES == 0);
        end = map.at + map.page_count * PAGE_BYTES;
    }
    CHECK(count >= 4);
    CHECK(end <= USER_LIMIT);
    CHECK_STATUS(ask_map(0, count, &map), P_END);
    CHECK_STATUS(ask_map(0, UINT64_MAX, &map), P_END);
}

/* The mapping of the caller that `address` is in. */
static struct process_maps_reply map_of(uint64_t address) {
    struct process_maps_reply map;
    for (uint64_t i = 0; ask_map(0, i, &map) == OK; i++)
        if (address >= map.at && address < map.at + map.page_count * PAGE_BYTES)
            return map;
    return (struct process_maps_reply){0};
}

static void maps_tell_rights_and_kinds(void) {
    static volatile uint64_t variable = 5;
    uint64_t local;
    CHECK_EQUAL(map_of((uint64_t)own_pid).rights, MEMORY_READ | MEMORY_EXECUTE);
    CHECK_EQUAL(map_of((uint64_t)&variable).rights, MEMORY_READ | MEMORY_WRITE);
    CHECK_EQUAL(map_of((uint64_t)&variable).kind, PROCESS_MAP_PRIVATE);
    CHECK_EQUAL(map_of((uint64_t)&local).rights, MEMORY_READ | MEMORY_WRITE);
    CHECK_EQUAL(map_of((uint64_t)&local).kind, PROCESS_MAP_STACK);
    CHECK_EQUAL(map_of((uint64_t)program.message).kind, PROCESS_MAP_MESSAGE);
    CHECK_EQUAL(map_of(0).page_count, 0);
}

static void maps_are_never_writable_and_executable(void) {
    struct process_maps_reply map;
    for (uint64_t i = 0; ask_map(0, i, &map) == OK; i++)
        CHECK((map.rights & (MEMORY_WRITE | MEMORY_EXECUTE)) != (MEMORY_WRITE | MEMORY_EXECUTE));
}

static void maps_of_a_child_are_those_of_its_image(void) {
    struct process_maps_reply map = {0};
    const struct child_start start = {IMAGES "sound", NULL, NULL, NULL};
    uint64_t pid;
    CHECK_STATUS(start_spawn(&start, &pid), OK);
    CHECK_STATUS(ask_map(pid, 0, &map), OK);
    CHECK_EQUAL(map.at, 0x400000); /* see images.py */
    CHECK_EQUAL(map.page_count, 1);
    CHECK_EQUAL(map.rights, MEMORY_READ | MEMORY_EXECUTE);
    CHECK_STATUS(ask_map(0, 0, &map), OK);
    CHECK(map.at != 0x400000);
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    CHECK_KILLED(pid, PROCESS_SIGKILL);
}

static void maps_refuse_pids_of_nobody(void) {
    struct process_maps_reply map;
    CHECK_STATUS(ask_map(1ULL << 40, 0, &map), P_NO_PROCESS);
    CHECK_STATUS(ask_map(UINT64_MAX, 0, &map), P_NO_PROCESS);
}

static void maps_of_a_parent_are_refused(void) {
    CHECK_ROLE(CODE_ASKED, "maps_are_refused", "1", text_of(P_PERMISSION));
}

/* ---- memory ---- */

static struct process_memory_reply ask_memory(void) {
    struct process_memory_request request = {0};
    struct process_memory_reply reply = {0};
    (void)CHECK_STATUS(process_memory(process, &request, &reply, NULL), OK);
    return reply;
}

static void memory_counts_processes_and_their_frames(void) {
    struct process_memory_reply before = ask_memory();
    uint64_t pid = START_ROLE("spin");
    struct process_memory_reply during = ask_memory();
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    struct process_memory_reply ended = ask_memory();
    CHECK_KILLED(pid, PROCESS_SIGKILL);
    CHECK_EQUAL(during.process_count, before.process_count + 1);
    CHECK_EQUAL(ended.process_count, before.process_count + 1);
    CHECK_EQUAL(ask_memory().process_count, before.process_count);
    CHECK(during.frames_free < before.frames_free);
    CHECK(during.kernel_capabilities > before.kernel_capabilities);
    CHECK(during.slots_used > before.slots_used);
}

static void memory_is_no_more_than_there_is(void) {
    struct process_memory_reply memory = ask_memory();
    CHECK(memory.frames_free > 0 && memory.frames_free < memory.frames_managed);
    CHECK(memory.own_pool_used > 0 && memory.own_pool_used <= memory.own_pool_bytes);
}

#define LIST OPERATION(list)
#define MAPS OPERATION(maps)
#define KILL OPERATION(kill)
static const struct test_case cases[] = {
    CASE(get_pid_of_the_first_process),
    CASE(get_pid_of_a_child),
    CASE_NEEDS(list_ascends_and_ends, LIST),
    CASE_NEEDS(list_ends_behind_the_last_pid, LIST),
    CASE_NEEDS(list_tells_of_oneself, LIST),
    CASE_NEEDS(list_tells_of_who_has_ended, LIST),
    CASE_NEEDS(list_tells_of_who_waits, LIST | KILL),
    CASE_NEEDS(list_tells_of_who_sleeps, LIST | KILL | OPERATION(sleep)),
    CASE_NEEDS(list_tells_the_name_after_exec, LIST | KILL),
    CASE_NEEDS(list_counts_cpu_time, LIST | KILL),
    CASE_NEEDS(maps_ascend_and_do_not_overlap, MAPS),
    CASE_NEEDS(maps_tell_rights_and_kinds, MAPS),
    CASE_NEEDS(maps_are_never_writable_and_executable, MAPS),
    CASE_NEEDS(maps_of_a_child_are_those_of_its_image, MAPS | KILL),
    CASE_NEEDS(maps_refuse_pids_of_nobody, MAPS),
    CASE_NEEDS(maps_of_a_parent_are_refused, MAPS),
    CASE_NEEDS(memory_counts_processes_and_their_frames, OPERATION(memory) | KILL),
    CASE_NEEDS(memory_is_no_more_than_there_is, OPERATION(memory)),
};
static const struct role roles[] = {ROLE(maps_are_refused)};
GROUP(query);
