/*
 * Memory exhausted: which processes may take the last frames, which one is chosen to end, what it and the others are
 * told, and is all memory free again afterwards?
 */
#include "servers/process/memory/pressure.h"

#include "test/host/process_one.h"
#include "test/lib/random.h"

#define RESERVE 40U
#define HOGS 6U

static struct memory_run taken[32]; /* by the test */
static uint32_t taken_count;

/* Take all frames but `count`. */
static void leave(uint64_t page_count) {
    while (context->frames.free_count > page_count && taken_count < sizeof taken / sizeof taken[0])
        CHECK(frames_take(&context->frames, context->frames.free_count - page_count, 1, &taken[taken_count++]));
    CHECK_EQUAL(context->frames.free_count, page_count);
}

static void give_back(void) {
    while (taken_count > 0)
        frames_give(&context->frames, &taken[--taken_count]);
}

static uint64_t child_of(uint64_t parent) {
    uint64_t pid = 0;
    CHECK_EQUAL(world_spawn(parent, &pid, NULL), OK);
    return pid;
}

/* Access `count` mapped pages from `at` on. False: the process has ended. */
static bool touch(uint64_t pid, uaddr_t at, uint64_t page_count) {
    for (uint64_t i = 0; i < page_count; i++) {
        uaddr_t page = at + i * PAGE_BYTES;
        struct server_event event = {pid,
                                     {MESSAGE_INFO(FAULT_PAGE, 4, 0), {FAULT_PAGE, page, FAULT_ACCESS_WRITE, 0x1234}}};
        served_server.journal.mark = SERVER_WAITS;
        pressure_take_for(context, (uint32_t)pid);
        serve_fault(&event);
        pressure_take_for(context, 0);
        if (served_server.journal.mark != SERVER_DECIDED)
            return false;
        CHECK(world_set_word(thread_of(pid), page, pid + i));
    }
    return true;
}

static bool is_alive(uint64_t pid) {
    struct process *process = world_process(pid);
    return process != NULL && !process->ended;
}

static bool ended_for_memory(uint64_t parent, uint64_t pid) {
    struct process_wait_reply end = {0};
    CHECK_EQUAL(world_wait(parent, pid, 1, &end), OK);
    return end.end == PROCESS_KILLED && end.value == PROCESS_SIGKILL && end.fault == PROCESS_NO_MEMORY_LEFT;
}

static void reserve_is_a_part(void) {
    CHECK_EQUAL(pressure_reserve(0), PRESSURE_RESERVE_LEAST);
    CHECK_EQUAL(pressure_reserve(PRESSURE_RESERVE_LEAST * PRESSURE_RESERVE_PART), PRESSURE_RESERVE_LEAST);
    CHECK_EQUAL(pressure_reserve(65536), 1024);
}

/* At the reserve each operation that takes frames is refused, with a reason, and changes nothing. Process 1 goes on. */
static void last_frames_are_kept(void) {
    uint64_t pid = start(), child;
    uaddr_t at;
    struct process_map_request request = {AREA + 0x100000, 4 * PAGE_BYTES, READ_WRITE, AT | TOGETHER};
    struct process_map_reply reply;
    struct process_fork_request fork_request = {0};
    struct process_fork_reply fork_reply;
    struct server_call call;
    context->reserve = RESERVE;
    leave(RESERVE + 3);
    struct world_trace now = world_look();
    CHECK_EQUAL(world_call(pid, 15, &request, &reply, &call), P_NO_MEMORY);
    CHECK(strstr(call.reason, "the last 40 are kept") != NULL);
    CHECK_EQUAL(world_call(pid, 14, &fork_request, &fork_reply, &call), P_NO_MEMORY);
    CHECK(strstr(call.reason, "are kept") != NULL);
    CHECK_EQUAL(world_spawn(pid, &child, &call), P_NO_MEMORY);
    CHECK(strstr(call.reason, "are kept") != NULL);
    CHECK_EQUAL(world_exec(pid), P_NO_MEMORY);
    world_unstage(pid);
    CHECK(world_same(&now));
    CHECK_EQUAL(world_map(pid, AREA + 0x100000, 4, READ_WRITE, AT, &at), OK); /* a mapping alone takes no frames */
    CHECK_EQUAL(world_unmap(pid, AREA + 0x100000, 4), OK);
    child = child_of(1); /* of the reserve */
    CHECK(context->frames.free_count < RESERVE);
    CHECK_EQUAL(world_exit(child, 0), SERVER_DEFERRED);
    struct process_wait_reply end;
    CHECK_EQUAL(world_wait(1, child, 1, &end), OK);
    give_back();
    CHECK_EQUAL(world_call(pid, 15, &request, &reply, NULL), OK);
    finish(pid);
}

/*
 * The page allocator is full of one process's leaves: that process ends when another needs a record. Process 1 has some
 * left.
 */
static void last_records_are_kept(void) {
    uint64_t pid = start(), hog = child_of(1), child;
    uaddr_t at;
    context->reserve = RESERVE;
    CHECK_EQUAL(world_map(hog, AREA, 20, READ_WRITE, AT, &at), OK);
    CHECK(touch(hog, AREA, 20));
    for (uaddr_t part = AREA + (1ULL << 31); part < AREA + (1ULL << 31) + (4ULL << 23); part += 1ULL << 23) {
        CHECK_EQUAL(world_map(hog, part, 1, READ_WRITE, AT, &at), OK);
        CHECK(touch(hog, part, 1));
    }
    CHECK_EQUAL(world_map(pid, AREA + (1ULL << 32), 60, READ_WRITE, AT, &at), OK);
    CHECK(touch(pid, AREA + (1ULL << 32), 59)); /* more frames, but fewer records */
    CHECK_EQUAL(world_map(pid, AREA + (2ULL << 32), 1, READ_WRITE, AT, &at), OK);
    uint32_t lowest = context->allocator.lowest_free;
    context->allocator.lowest_free = PAGE_ALLOCATOR_PAGES_MAX - PAGE_ALLOCATOR_RESERVE;
    CHECK_EQUAL(world_spawn(pid, &child, NULL), P_NO_MEMORY);
    CHECK(touch(pid, AREA + (2ULL << 32), 1)); /* the hog's records are free now */
    CHECK(is_alive(pid) && !is_alive(hog));
    CHECK(ended_for_memory(1, hog));
    context->allocator.lowest_free = lowest;
    finish(pid);
}

/* The process with the most frames ends, not the one that asks. Shared frames count for each holder in part. */
static void most_frames_end(void) {
    uint64_t small = start(), hog, forked;
    uaddr_t at;
    context->reserve = RESERVE;
    hog = child_of(1);
    CHECK_EQUAL(world_map(hog, AREA, 120, READ_WRITE, AT, &at), OK);
    CHECK_EQUAL(world_map(small, AREA + 0x100000, 40, READ_WRITE, AT, &at), OK);
    CHECK(touch(hog, AREA, 20));
    CHECK_EQUAL(world_map(small, AREA + 0x200000, 30, READ_WRITE, AT, &at), OK);
    CHECK(touch(small, AREA + 0x200000, 30));
    CHECK_EQUAL(world_fork(small, &forked), OK); /* 30 pages that its end would not give back */
    leave(RESERVE + 5);
    CHECK(touch(small, AREA + 0x100000, 25));
    CHECK(is_alive(small) && is_alive(forked) && !is_alive(hog));
    CHECK(ended_for_memory(1, hog));
    CHECK(strstr(world_log, "is killed for process 2") != NULL);
    CHECK(context->frames.free_count >= RESERVE);
    give_back();
    CHECK_EQUAL(world_exit(forked, 0), SERVER_DEFERRED);
    struct process_wait_reply end;
    CHECK_EQUAL(world_wait(small, forked, 1, &end), OK);
    finish(small);
}

/* When a process has set a limit for itself and its children, processes of that account end before others do. */
static void accounts_come_first(void) {
    uint64_t leader = start(), member, hog;
    uaddr_t at;
    struct process_set_limit_request limit = {PROCESS_LIMIT_PROCESSES, 9, 9};
    struct process_set_limit_reply reply;
    context->reserve = RESERVE;
    hog = child_of(1);
    CHECK_EQUAL(world_map(hog, AREA, 60, READ_WRITE, AT, &at), OK);
    CHECK(touch(hog, AREA, 60));
    CHECK_EQUAL(world_call(leader, 38, &limit, &reply, NULL), OK);
    member = child_of(leader);
    CHECK_EQUAL(world_map(member, AREA, 50, READ_WRITE, AT, &at), OK);
    CHECK(touch(member, AREA, 50));
    CHECK_EQUAL(world_map(leader, AREA + 0x100000, 90, READ_WRITE, AT, &at), OK);
    CHECK(touch(leader, AREA + 0x100000, 40));
    leave(RESERVE + 2);
    CHECK(touch(leader, AREA + 0x100000 + 40 * PAGE_BYTES, 8));
    CHECK(is_alive(leader) && is_alive(hog) && !is_alive(member));
    CHECK(ended_for_memory(leader, member));
    leave(RESERVE);
    CHECK(touch(leader, AREA + 0x100000 + 48 * PAGE_BYTES, 1)); /* alone it has less than the hog: it is not at fault */
    CHECK(is_alive(leader) && !is_alive(hog));
    CHECK(ended_for_memory(1, hog));
    leave(RESERVE);
    CHECK(!touch(leader, AREA + 0x100000 + 49 * PAGE_BYTES, 30)); /* it has no one left to ask but itself */
    CHECK(ended_for_memory(1, leader));
    taken_count = 0;
}

/* Process 1 takes the reserve, then the others' pages, and is the last to end. */
static void first_ends_last(void) {
    uint64_t pid = start();
    uaddr_t at;
    context->reserve = RESERVE;
    CHECK_EQUAL(world_map(1, AREA, 400, READ_WRITE, AT, &at), OK);
    leave(RESERVE);
    CHECK(touch(1, AREA, RESERVE - 2));
    CHECK(is_alive(pid) && context->frames.free_count < 3);
    CHECK(touch(1, AREA + (RESERVE - 2) * PAGE_BYTES, 10));
    CHECK(!is_alive(pid));
    CHECK(ended_for_memory(1, pid));
    CHECK(is_alive(1) && strstr(world_log, "only process 1 is left") == NULL);
    CHECK(!touch(1, AREA + RESERVE * PAGE_BYTES, 300));
    CHECK(strstr(world_log, "out of memory, and only process 1 is left") != NULL);
    CHECK(strstr(world_log, "process 1 was killed by 9: switching off") != NULL);
    taken_count = 0;
}

/* Hogs and an innocent process act at random until all hogs are gone: the innocent one survives, and no memory is
 * lost. */
static void hogs_at_random(void) {
    for (uint64_t seed = 1; seed <= 20 && !test_has_failed(); seed++) {
        uint64_t innocent = start(), state = seed, hogs[HOGS];
        uaddr_t at;
        uint32_t ended = 0;
        context->reserve = RESERVE;
        struct world_trace now = world_look();
        for (uint32_t i = 0; i < HOGS; i++) {
            hogs[i] = child_of(1);
            CHECK_EQUAL(world_map(hogs[i], AREA, 600, READ_WRITE, AT, &at), OK);
        }
        for (uint32_t step = 0; step < 4000 && ended < HOGS && !test_has_failed(); step++) {
            uint64_t random = random_step(&state), hog = hogs[random % HOGS], child;
            if (hog != 0 && (random >> 8) % 64 == 0 && world_fork(hog, &child) == OK) {
                CHECK_EQUAL(world_exit(child, 0), SERVER_DEFERRED);
                CHECK_EQUAL(world_wait(hog, child, 1, &(struct process_wait_reply){0}), OK);
            } else if (hog != 0) {
                (void)touch(hog, AREA + (random >> 20) % 580 * PAGE_BYTES, 1 + (random >> 40) % 16);
            }
            CHECK(touch(innocent, AREA, 1) && is_alive(1));
            CHECK(context->frames.free_count + 3 >= RESERVE); /* page tables may take a few of the reserve */
            for (uint32_t i = 0; i < HOGS; i++) {
                if (hogs[i] == 0 || is_alive(hogs[i]))
                    continue;
                CHECK(ended_for_memory(1, hogs[i]));
                hogs[i] = 0;
                ended++;
            }
        }
        CHECK_EQUAL(ended, HOGS);
        CHECK(world_same(&now));
        finish(innocent);
    }
}

SUITE(CASE(reserve_is_a_part), CASE(last_frames_are_kept), CASE(last_records_are_kept), CASE(most_frames_end),
      CASE(accounts_come_first), CASE(first_ends_last), CASE(hogs_at_random));
