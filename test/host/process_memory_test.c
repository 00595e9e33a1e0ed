/*
 * The memory of one process: which accesses bring a page (demand paging) and which end the process, the answers of map
 * and unmap with each error once, and the state after any call fails.
 */
#include "test/host/process_one.h"

#define ROW (AREA + 0x100000U) /* a multiple of 16 pages */

static void fault(uint64_t pid, uaddr_t at, uint64_t access) {
    struct server_event event = {pid, {MESSAGE_INFO(FAULT_PAGE, 4, 0), {FAULT_PAGE, at, access, 0}}};
    served_server.journal.mark = SERVER_WAITS;
    serve_fault(&event);
}

/* ---- faults ---- */

static void faults_bring_pages(void) {
    uint64_t pid = start();
    cap_t thread = thread_of(pid);
    uaddr_t stack = LAYOUT_STACK_TOP - LAYOUT_STACK_BYTES;
    CHECK(!fake_may_access(thread, stack, MEMORY_READ));
    uint64_t free = context->frames.free_count;
    fault(pid, stack + 5, FAULT_ACCESS_WRITE);
    CHECK(served_server.journal.mark == SERVER_DECIDED &&
          served_server.answer.info == MESSAGE_INFO(FAULT_RESUME, 0, 0));
    CHECK(fake_may_access(thread, stack, MEMORY_WRITE) && !fake_may_access(thread, stack + PAGE_BYTES, MEMORY_READ));
    CHECK_EQUAL(world_word(thread, stack + 8), 0);
    CHECK_EQUAL(context->frames.free_count, free - 2); /* a leaf is new, too */
    struct world_trace now = world_look();
    fault(pid, stack + 5, FAULT_ACCESS_WRITE); /* as if two threads had accessed it at once */
    fault(pid, stack + 5, 0);
    fault(pid, WORLD_BASE + 0x800, FAULT_ACCESS_FETCH); /* a page of the file, already mapped */
    CHECK(served_server.journal.mark == SERVER_DECIDED);
    CHECK(world_same(&now));
    finish(pid);
}

/* Access each page of the row that is not mapped yet: it must bring counts[i] pages, and none after the 40th. */
static void touch_in_order(uint64_t pid, const uint32_t *counts) {
    cap_t thread = thread_of(pid);
    uint32_t page = 0;
    for (; *counts != 0; page += *counts++) {
        uint64_t free = context->frames.free_count, held = memory_of(pid)->vm->frame_count;
        uaddr_t next = ROW + (page + *counts) * PAGE_BYTES;
        bool there = fake_may_access(thread, next, MEMORY_READ);
        fault(pid, ROW + page * PAGE_BYTES + 8, FAULT_ACCESS_WRITE);
        CHECK_EQUAL(context->frames.free_count, free - *counts);
        CHECK_EQUAL(memory_of(pid)->vm->frame_count, held + *counts);
        for (uint32_t i = 0; i < *counts; i++)
            CHECK(world_word(thread, ROW + (page + i) * PAGE_BYTES) == 0 &&
                  fake_may_access(thread, ROW + (page + i) * PAGE_BYTES, MEMORY_WRITE));
        CHECK_EQUAL(fake_may_access(thread, next, MEMORY_READ), there);
    }
}

static void faults_in_order_bring_more(void) {
    uaddr_t at;
    uint64_t pid = start();
    CHECK_EQUAL(world_map(pid, ROW, 40, READ_WRITE, AT, &at), OK);
    touch_in_order(pid, (const uint32_t[]){1, 2, 4, 8, 1, 16, 8, 0}); /* cut at multiples of 16, and at the end */
    finish(pid);

    pid = start();
    CHECK_EQUAL(world_map(pid, ROW, 40, READ_WRITE, AT, &at), OK);
    fault(pid, ROW + 2 * PAGE_BYTES, 0);
    fault(pid, ROW + 9 * PAGE_BYTES, 0);
    touch_in_order(pid, (const uint32_t[]){1, 1, 0}); /* the next is there */
    finish(pid);

    pid = start();
    CHECK_EQUAL(world_map(pid, ROW, 40, READ_WRITE, AT, &at), OK);
    struct memory_run rest;
    CHECK(frames_take(&context->frames, context->frames.free_count - PAGER_PLENTY - 2, 1, &rest));
    touch_in_order(pid, (const uint32_t[]){1, 2, 1, 1, 0}); /* it is not plenty any more */
    frames_give(&context->frames, &rest);
    finish(pid);
}

/* A forbidden access ends the process by SIGSEGV, a lack of memory by SIGKILL. */
static void faults_end_the_process(void) {
    static const struct {
        uaddr_t at;
        uint64_t access;
        uint64_t rights; /* of the page at AREA */
    } rows[] = {
        {AREA, FAULT_ACCESS_WRITE | FAULT_ACCESS_PRESENT, MEMORY_READ},
        {AREA, FAULT_ACCESS_FETCH | FAULT_ACCESS_PRESENT, READ_WRITE},
        {AREA, 0, 0},
        {AREA + PAGE_BYTES, 0, READ_WRITE},
        {AREA - 1, 0, READ_WRITE},
        {LAYOUT_STACK_TOP - LAYOUT_STACK_BYTES - 1, FAULT_ACCESS_WRITE, READ_WRITE},
        {LAYOUT_STACK_TOP, 0, READ_WRITE},
        {WORLD_BASE + 0x800, FAULT_ACCESS_WRITE | FAULT_ACCESS_PRESENT, READ_WRITE},
        {0, 0, READ_WRITE},
        {USER_LIMIT, 0, READ_WRITE},
        {UINT64_MAX, FAULT_ACCESS_WRITE, READ_WRITE},
    };
    struct process_wait_reply end;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t pid = start();
        CHECK_EQUAL(world_protect(pid, AREA, 1, rows[i].rights), OK);
        fault(pid, rows[i].at, rows[i].access);
        CHECK(served_server.journal.mark != SERVER_DECIDED);
        CHECK_EQUAL(world_wait(1, pid, 1, &end), OK);
        CHECK(end.end == PROCESS_KILLED && end.value == PROCESS_SIGSEGV && end.address == rows[i].at);
        CHECK(world_same(&before));
    }
    uint64_t pid = start();
    struct memory_run all;
    while (frames_take(&context->frames, 1000, 1, &all)) {
    }
    fault(pid, LAYOUT_STACK_TOP - LAYOUT_STACK_BYTES, FAULT_ACCESS_WRITE);
    CHECK_EQUAL(world_wait(1, pid, 1, &end), OK);
    CHECK(end.end == PROCESS_KILLED && end.value == PROCESS_SIGKILL);
}

/* The kth call fails while a new page is brought: nothing changes. */
static void new_page_fails_at_every_call(void) {
    uaddr_t at;
    for (uint32_t kind = 0; kind < 4; kind++) { /* 3: two pages at once */
        uint64_t pid = start();
        uint32_t k = 1;
        if (kind == 0 || kind == 3)
            CHECK_EQUAL(world_map(pid, AREA + PAGE_BYTES, 4, READ_WRITE, AT, &at), OK);
        else /* its third page is a part of the file and zeroes */
            CHECK_EQUAL(world_map_file(pid, AREA + PAGE_BYTES, 4, kind == 1 ? READ_WRITE : MEMORY_READ, AT, &at), OK);
        if (kind == 3)
            CHECK_EQUAL(world_touch(thread_of(pid), AREA + 0x2000, MEMORY_READ), OK);
        struct world_trace now = world_look();
        for (;; k++) {
            fake_fail_at(k);
            uint32_t status = world_touch(thread_of(pid), AREA + 0x3008, MEMORY_READ);
            if (!fake_failed())
                break;
            CHECK(status != OK && status != P_ADDRESS);
            CHECK(world_same(&now));
        }
        CHECK_EQUAL(k, kind == 0 ? 3 : 4); /* fill, map; and copy, or fill another */
        finish(pid);
    }
}

/* The kth call fails in a write to a page that is or was shared: the old content stays, and the next write succeeds. */
static void copied_page_fails_at_every_call(void) {
    for (uint32_t alone = 0; alone < 2; alone++) {
        uint64_t child;
        for (uint32_t k = 1;; k++) {
            uint64_t pid = start();
            CHECK_EQUAL(world_fork(pid, &child), OK);
            if (alone == 1) {
                struct process_wait_reply end;
                CHECK_EQUAL(world_exit(child, 0), SERVER_DEFERRED);
                CHECK_EQUAL(world_wait(pid, child, 1, &end), OK);
            }
            uint64_t free = context->frames.free_count;
            fake_fail_at(k);
            uint32_t status = world_touch(thread_of(pid), AREA, MEMORY_WRITE);
            bool failed = fake_failed();
            fake_fail_at(0);
            CHECK_EQUAL(status == OK, !failed);
            CHECK_EQUAL(world_word(thread_of(pid), AREA), 1);
            CHECK(world_set_word(thread_of(pid), AREA, 2));
            CHECK_EQUAL(context->frames.free_count, free - (alone == 1 ? 0 : 1));
            if (alone == 0) {
                CHECK_EQUAL(world_word(thread_of(child), AREA), 1);
                CHECK_EQUAL(world_exit(child, 0), SERVER_DEFERRED);
            }
            finish(pid);
            if (!failed) {
                CHECK_EQUAL(k, alone == 1 ? 2 : 3); /* protect; or copy, map */
                break;
            }
        }
    }
}

/* Pages far apart need so many tables that the pool must grow more than once, which can fail, too. */
static void pools_grow(void) {
    uaddr_t at;
    uint64_t pid = start();
    cap_t thread = thread_of(pid);
    uint32_t failures = 0, grown = 0;
    for (uint64_t i = 1; i <= 28; i++) {
        CHECK_EQUAL(world_map(pid, AREA + (i << 39), 1, READ_WRITE, AT, &at), OK);
        uint32_t runs = memory_of(pid)->pool.run_count;
        for (uint32_t k = 1;; k++) {
            fake_fail_at(k);
            uint32_t status = world_touch(thread, at, MEMORY_WRITE);
            bool failed = fake_failed();
            fake_fail_at(0);
            CHECK_EQUAL(status == OK, !failed);
            if (!failed)
                break;
            failures++;
        }
        grown += memory_of(pid)->pool.run_count - runs;
        CHECK(world_set_word(thread, at, i));
    }
    CHECK_EQUAL(grown, 3); /* 12 + 24 + 48 pages are not enough for 3 tables of each of 28 */
    CHECK(failures > 28 * 2);
    CHECK_EQUAL(world_word(thread, AREA), 1);
    finish(pid);
}

/* ---- map, unmap ---- */

static void map_refuses(void) {
    static const struct {
        struct process_map_request request;
        uint32_t status;
    } rows[] = {
        {{AREA + 0x10000, 0, READ_WRITE, AT}, P_ARGUMENT},
        {{AREA + 0x10000, 0, READ_WRITE, 0}, P_ARGUMENT},
        {{AREA + 0x10000, 100, READ_WRITE, AT}, P_ARGUMENT},
        {{AREA + 0x10001, PAGE_BYTES, READ_WRITE, AT}, P_ARGUMENT},
        {{AREA + 0x10000, PAGE_BYTES, MEMORY_WRITE | MEMORY_EXECUTE, AT}, P_ARGUMENT},
        {{AREA + 0x10000, PAGE_BYTES, 1 << 3, AT}, P_ARGUMENT},
        {{AREA + 0x10000, PAGE_BYTES, 1ULL << 32, AT}, P_ARGUMENT},
        {{AREA + 0x10000, PAGE_BYTES, READ_WRITE, 1 << 3 | AT}, P_ARGUMENT},
        {{AREA + 0x10000, PAGE_BYTES, READ_WRITE, REPLACE}, P_ARGUMENT},
        {{PROCESS_MAP_LOWEST - PAGE_BYTES, PAGE_BYTES, READ_WRITE, AT}, P_ADDRESS},
        {{0, PAGE_BYTES, READ_WRITE, AT}, P_ADDRESS},
        {{PROCESS_MAP_END, PAGE_BYTES, READ_WRITE, AT}, P_ADDRESS},
        {{PROCESS_MAP_END - PAGE_BYTES, 2 * PAGE_BYTES, READ_WRITE, AT}, P_ADDRESS},
        {{UINT64_MAX - 0xfff, 2 * PAGE_BYTES, READ_WRITE, AT}, P_ADDRESS},
        {{LAYOUT_STACK_TOP - PAGE_BYTES, PAGE_BYTES, READ_WRITE, AT | REPLACE}, P_ADDRESS},
        {{LAYOUT_MESSAGE, PAGE_BYTES, READ_WRITE, AT | REPLACE}, P_ADDRESS},
        {{AREA, PAGE_BYTES, READ_WRITE, AT}, E_EXISTS},
        {{AREA - PAGE_BYTES, 2 * PAGE_BYTES, READ_WRITE, AT}, E_EXISTS},
        {{WORLD_BASE, PAGE_BYTES, READ_WRITE, AT}, E_EXISTS},
        {{AREA + 0x10000, (CONTEXT_PAGES_MAX + 1ULL) * PAGE_BYTES, READ_WRITE, AT}, P_LIMIT},
        {{0, UINT64_MAX & ~(PAGE_BYTES - 1), READ_WRITE, 0}, P_LIMIT},
        {{AREA + 0x10000, 600 * PAGE_BYTES, READ_WRITE, AT | TOGETHER}, P_NO_MEMORY},
    };
    uint64_t pid = start();
    struct process_map_reply reply;
    struct world_trace now = world_look();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!CHECK_EQUAL(world_call(pid, 15, &rows[i].request, &reply, NULL), rows[i].status))
            printf("#   row %zu\n", i);
        CHECK(world_same(&now));
        CHECK_EQUAL(memory_of(pid)->vm->regions.count, 7); /* three segments, two pages, stack, message */
    }
    CHECK_EQUAL(world_call(77, 15, &rows[0].request, &reply, NULL), P_NO_PROCESS);
    finish(pid);
}

static void mappings_find_a_place(void) {
    uint64_t pid = start();
    uaddr_t first, second, third;
    CHECK_EQUAL(world_map(pid, 0x12345, 3, READ_WRITE, 0, &first), OK); /* `at` does not count */
    CHECK(first >= memory_of(pid)->places && first % PAGE_BYTES == 0 && first < PROCESS_MAP_END);
    CHECK_EQUAL(world_map(pid, 0, 2, MEMORY_READ, 0, &second), OK);
    CHECK_EQUAL(second, first + 3 * PAGE_BYTES);
    CHECK_EQUAL(world_unmap(pid, first, 3), OK);
    CHECK_EQUAL(world_map(pid, 0, 4, MEMORY_READ, 0, &third), OK);
    CHECK_EQUAL(third, second + 2 * PAGE_BYTES);
    CHECK_EQUAL(world_map(pid, 0, 3, MEMORY_EXECUTE, 0, &third), OK);
    CHECK_EQUAL(third, first);
    CHECK_EQUAL(world_touch(thread_of(pid), first, MEMORY_EXECUTE), OK);
    finish(pid);
}

/* The address space has a maximum size, even for a program whose image alone takes all of it. */
static void address_space_has_a_limit(void) {
    uint64_t pid = start();
    uaddr_t at;
    struct process_set_break_reply heap;
    uint64_t used = 5 + 2 + LAYOUT_STACK_BYTES / PAGE_BYTES + 1;
    CHECK_EQUAL(world_map(pid, 0, CONTEXT_PAGES_MAX - used + 1, MEMORY_READ, 0, &at), P_LIMIT);
    CHECK_EQUAL(world_map(pid, 0, CONTEXT_PAGES_MAX - used, MEMORY_READ, 0, &at), OK);
    CHECK_EQUAL(world_set_break(pid, 0, &heap), OK);
    CHECK_EQUAL(world_set_break(pid, heap.start + 1, &heap), P_LIMIT);
    finish(pid);
    ((struct maker_file *)(void *)fake_file)->headers[3].p_memsz = (CONTEXT_PAGES_MAX - 2ULL) * PAGE_BYTES;
    if (world_spawn(1, &pid, NULL) != OK) /* it may be refused as a whole */
        return;
    CHECK_EQUAL(world_map(pid, 0, 1, MEMORY_READ, 0, &at), P_LIMIT);
    CHECK_EQUAL(world_set_break(pid, 0, &heap), OK);
    CHECK_EQUAL(world_set_break(pid, heap.start + 1, &heap), P_LIMIT);
}

static void unmap_and_protect_refuse(void) {
    static const struct {
        uaddr_t at;
        uint64_t length;
        uint32_t unmap_status, protect_status;
    } rows[] = {
        {AREA + 1, PAGE_BYTES, P_ARGUMENT, P_ARGUMENT},
        {AREA, 0, P_ARGUMENT, P_ARGUMENT},
        {AREA, 5, P_ARGUMENT, P_ARGUMENT},
        {PROCESS_MAP_LOWEST - PAGE_BYTES, PAGE_BYTES, P_ADDRESS, P_ADDRESS},
        {AREA, PROCESS_MAP_END, P_ADDRESS, P_ADDRESS},
        {AREA, UINT64_MAX & ~(PAGE_BYTES - 1), P_ADDRESS, P_ADDRESS},
        {LAYOUT_STACK_TOP - PAGE_BYTES, PAGE_BYTES, P_ADDRESS, P_ADDRESS},
        {LAYOUT_MESSAGE, PAGE_BYTES, P_ADDRESS, P_ADDRESS},
        {AREA + PAGE_BYTES, PAGE_BYTES, OK, P_ADDRESS}, /* holes */
        {AREA - PAGE_BYTES, PAGE_BYTES, OK, P_ADDRESS},
    };
    uint64_t pid = start();
    struct world_trace now = world_look();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct process_unmap_request unmap = {rows[i].at, rows[i].length};
        struct process_protect_request protect = {rows[i].at, rows[i].length, MEMORY_READ};
        uint64_t zero;
        CHECK_EQUAL(world_call(pid, 17, &unmap, &zero, NULL), rows[i].unmap_status);
        CHECK_EQUAL(world_call(pid, 18, &protect, &zero, NULL), rows[i].protect_status);
    }
    CHECK_EQUAL(world_protect(pid, AREA, 2, MEMORY_READ), P_ADDRESS); /* a hole behind a page */
    CHECK_EQUAL(world_protect(pid, AREA, 1, MEMORY_WRITE | MEMORY_EXECUTE), P_ARGUMENT);
    CHECK_EQUAL(world_protect(pid, AREA, 1, 8), P_ARGUMENT);
    CHECK(world_same(&now));
    CHECK(world_set_word(thread_of(pid), AREA, 3));
    CHECK_EQUAL(world_unmap(99, AREA, 1), P_NO_PROCESS);
    CHECK_EQUAL(world_protect(99, AREA, 1, MEMORY_READ), P_NO_PROCESS);
    finish(pid);
}

/* Unmap from the middle of a mapping, of a file's pages, of several kinds at once: the rest stays, and the
 * unmapped pages are freed. */
static void unmap_takes_just_the_range(void) {
    uint64_t pid = start();
    cap_t thread = thread_of(pid);
    uaddr_t at;
    CHECK_EQUAL(world_map(pid, AREA + PAGE_BYTES, 5, READ_WRITE, AT, &at), OK);
    struct world_trace now = world_look();
    for (uint64_t i = 1; i < 6; i++)
        CHECK(world_set_word(thread, AREA + i * PAGE_BYTES, 10 + i));
    CHECK_EQUAL(world_unmap(pid, AREA + 2 * PAGE_BYTES, 2), OK);
    for (uint64_t i = 1; i < 6; i++) {
        bool gone = i == 2 || i == 3;
        CHECK_EQUAL(world_word(thread, AREA + i * PAGE_BYTES), gone ? UINT64_MAX : 10 + i);
        CHECK_EQUAL(fake_may_access(thread, AREA + i * PAGE_BYTES, MEMORY_READ), !gone);
    }
    CHECK_EQUAL(context->frames.free_count, now.free_frames - 3);
    CHECK_EQUAL(world_map(pid, AREA + 2 * PAGE_BYTES, 2, READ_WRITE, AT, &at), OK);
    CHECK_EQUAL(world_word(thread, AREA + 2 * PAGE_BYTES), 0); /* not its old contents */
    CHECK_EQUAL(world_map_file(pid, AREA + 0x10000, 3, MEMORY_READ, AT, &at), OK);
    CHECK_EQUAL(world_unmap(pid, AREA + 0x11000, 1), OK);
    CHECK(!fake_may_access(thread, AREA + 0x11000, MEMORY_READ) &&
          fake_may_access(thread, AREA + 0x10000, MEMORY_READ));
    uint64_t word;
    memcpy(&word, &fake_file[2][8], sizeof word);
    CHECK_EQUAL(world_word(thread, AREA + 0x12008), word);
    CHECK_EQUAL(world_unmap(pid, AREA, 0x20), OK); /* several, with holes */
    CHECK_EQUAL(memory_of(pid)->vm->regions.count, 6);
    CHECK_EQUAL(context->frames.free_count, now.free_frames + 1);
    CHECK_EQUAL(world_look().files, now.files);
    finish(pid);
}

static void replacing_takes_what_was_there(void) {
    uint64_t pid = start();
    cap_t thread = thread_of(pid);
    uaddr_t at;
    CHECK_EQUAL(world_map_file(pid, AREA, 4, READ_WRITE, AT | REPLACE, &at), OK);
    CHECK(world_set_word(thread, AREA + PAGE_BYTES, 4));
    struct world_trace now = world_look();
    CHECK_EQUAL(world_map(pid, AREA + PAGE_BYTES, 1, READ_WRITE, AT | REPLACE, &at), OK);
    CHECK_EQUAL(context->frames.free_count, now.free_frames + 1);
    CHECK_EQUAL(world_word(thread, AREA + PAGE_BYTES), 0);
    uint64_t word;
    memcpy(&word, fake_file[2], 8);
    CHECK_EQUAL(world_word(thread, AREA + 2 * PAGE_BYTES), word);
    CHECK_EQUAL(world_map(pid, AREA, 4, READ_WRITE, AT | REPLACE, &at), OK);
    CHECK_EQUAL(world_look().files, now.files - 1);
    CHECK_EQUAL(world_word(thread, AREA + 2 * PAGE_BYTES), 0);
    finish(pid);
}

/* Mapping, writing and unmapping at ever new addresses leaks nothing. */
static void places_once_used_are_forgotten(void) {
    uint64_t pid = start();
    uaddr_t at;
    for (uint64_t i = 1; i <= 500 && !test_has_failed(); i++) {
        CHECK_EQUAL(world_map(pid, AREA + i * VM_LEAF_PAGES * PAGE_BYTES, 1, READ_WRITE, AT, &at), OK);
        if (!CHECK(world_set_word(thread_of(pid), at, i)))
            printf("#   place %u\n", (uint32_t)i);
        CHECK_EQUAL(world_unmap(pid, at, 1), OK);
    }
    finish(pid);
}

/* ---- failures ---- */

enum trial { TRY_MAP, TRY_TOGETHER, TRY_FILE, TRY_FILE_COPY, TRY_UNMAP, TRY_PROTECT, TRY_BREAK, TRIALS };

static uint32_t try(enum trial trial, uint64_t pid) {
    uaddr_t at;
    struct process_set_break_reply heap;
    switch (trial) {
    case TRY_MAP:
        return world_map(pid, AREA + 0x8000, 4, READ_WRITE, AT, &at);
    case TRY_TOGETHER:
        return world_map(pid, AREA + 0x8000, 4, READ_WRITE, AT | TOGETHER, &at);
    case TRY_FILE:
        return world_map_file(pid, AREA + 0x8000, 3, MEMORY_READ, AT, &at);
    case TRY_FILE_COPY:
        return world_map_file(pid, AREA + 0x8000, 3, READ_WRITE, AT, &at);
    case TRY_UNMAP:
        return world_unmap(pid, AREA, 1);
    case TRY_PROTECT:
        return world_protect(pid, AREA, 1, MEMORY_READ);
    case TRY_BREAK:
        return world_set_break(pid, memory_of(pid)->break_start + 0x3000, &heap);
    case TRIALS:
        break;
    }
    return E_ARG;
}

/* Each operation with its kth call failing, for every k: nothing changes, and the next try succeeds. */
static void operations_fail_at_every_call(void) {
    static const uint32_t calls[TRIALS] = {[TRY_TOGETHER] = 8, [TRY_FILE] = 3, [TRY_FILE_COPY] = 2};
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        uint64_t pid = start();
        struct world_trace now = world_look();
        uint32_t regions = memory_of(pid)->vm->regions.count, k = 1;
        for (;; k++) {
            fake_fail_at(k);
            uint32_t status = try((enum trial)trial, pid);
            CHECK_EQUAL(status == OK, !fake_failed());
            if (!fake_failed())
                break;
            CHECK_EQUAL(memory_of(pid)->vm->regions.count, regions);
            if (!CHECK(world_same(&now)))
                printf("#   trial %u, call %u\n", trial, k);
        }
        CHECK_EQUAL(k - 1, calls[trial]);
        finish(pid);
    }
}

SUITE(CASE(faults_bring_pages), CASE(faults_in_order_bring_more), CASE(faults_end_the_process),
      CASE(new_page_fails_at_every_call), CASE(copied_page_fails_at_every_call), CASE(pools_grow), CASE(map_refuses),
      CASE(mappings_find_a_place), CASE(address_space_has_a_limit), CASE(unmap_and_protect_refuse),
      CASE(unmap_takes_just_the_range), CASE(replacing_takes_what_was_there), CASE(places_once_used_are_forgotten),
      CASE(operations_fail_at_every_call));
