/*
 * The memory of one process: its regions' limit; protect, map_file and set_break, each error once.
 */
#include "test/host/process_one.h"

/* ---- regions ---- */

/*
 * At the limit of regions, each operation that needs one more is refused in order, and all others work: unmapping the
 * end of a region, or replacing its neighbour.
 */
static void regions_run_out(void) {
    uint64_t pid = start();
    uaddr_t at, last = 0;
    uint32_t status = OK;
    CHECK_EQUAL(world_map(pid, AREA + 0x10000000, 5, READ_WRITE, AT, &at), OK);
    for (uint64_t i = 2; status == OK; i += 2) {
        last = AREA + i * PAGE_BYTES;
        status = world_map(pid, last, 1, READ_WRITE, AT, &at);
    }
    CHECK_EQUAL(status, E_EXISTS); /* ANCHOR is in the way */
    for (status = OK, last = ANCHOR; status == OK;)
        status = world_map(pid, last += 2 * PAGE_BYTES, 1, READ_WRITE, AT, &at);
    CHECK_EQUAL(status, P_LIMIT);
    CHECK_EQUAL(memory_of(pid)->vm->regions.count, VM_REGIONS_MAX);
    struct world_trace now = world_look();
    struct process_set_break_reply heap;
    uaddr_t wide = AREA + 0x10000000;
    CHECK_EQUAL(world_map_file(pid, last, 1, MEMORY_READ, AT, &at), P_LIMIT);
    CHECK_EQUAL(world_unmap(pid, wide + 0x1000, 1), P_LIMIT);
    CHECK_EQUAL(world_protect(pid, wide + 0x1000, 1, MEMORY_READ), P_LIMIT);
    CHECK_EQUAL(world_map(pid, wide + 0x1000, 1, READ_WRITE, AT | REPLACE, &at), P_LIMIT);
    CHECK_EQUAL(world_map(pid, last, 1, READ_WRITE, AT | TOGETHER, &at), P_LIMIT);
    CHECK_EQUAL(world_set_break(pid, 0, &heap), OK);
    CHECK_EQUAL(world_set_break(pid, heap.start + 1, &heap), P_LIMIT);
    CHECK_EQUAL(heap.end, heap.start);
    CHECK(world_same(&now));
    CHECK_EQUAL(memory_of(pid)->vm->regions.count, VM_REGIONS_MAX);
    CHECK_EQUAL(world_unmap(pid, wide - 0x1000, 2), OK);
    CHECK_EQUAL(world_unmap(pid, wide + 0x4000, 3), OK);
    CHECK_EQUAL(world_map(pid, wide + 0x4000, 1, READ_WRITE, AT, &at), OK); /* which joins */
    CHECK_EQUAL(memory_of(pid)->vm->regions.count, VM_REGIONS_MAX);
    CHECK_EQUAL(world_touch(thread_of(pid), wide, MEMORY_READ), P_ADDRESS);
    CHECK_EQUAL(world_touch(thread_of(pid), wide + 0x1000, MEMORY_READ), OK);
    finish(pid);
}

/* The cost of removing a range grows with what lies in it, not with its length: so no other process has to wait. */
static void a_long_range_is_taken_out_at_once(void) {
    uint64_t pid = start();
    uaddr_t at, low = ANCHOR + 0x100000, high = low + (1ULL << 40);
    for (uaddr_t area = low; area <= high; area += high - low) {
        CHECK_EQUAL(world_map(pid, area, 3, READ_WRITE, AT, &at), OK);
        CHECK_EQUAL(world_touch(thread_of(pid), area + PAGE_BYTES, MEMORY_WRITE), OK);
    }
    uint64_t calls = fake_unmap_count;
    CHECK_EQUAL(world_unmap(pid, low + PAGE_BYTES, (high - low) / PAGE_BYTES + 1), OK);
    CHECK(fake_unmap_count - calls < 10);
    CHECK_EQUAL(world_touch(thread_of(pid), low, MEMORY_WRITE), OK);
    CHECK_EQUAL(world_touch(thread_of(pid), low + PAGE_BYTES, MEMORY_READ), P_ADDRESS);
    CHECK_EQUAL(world_touch(thread_of(pid), high + PAGE_BYTES, MEMORY_READ), P_ADDRESS);
    CHECK_EQUAL(world_touch(thread_of(pid), high + 2 * PAGE_BYTES, MEMORY_READ), OK);
    finish(pid);
}

/* A mapping that would have joined its neighbour fails for want of a region: no part of it is left. */
static void failure_leaves_no_part_of_a_neighbour(void) {
    uint64_t pid = start();
    uaddr_t at;
    CHECK_EQUAL(world_map(pid, AREA + PAGE_BYTES, 1, READ_WRITE, AT | TOGETHER, &at), OK);
    for (uint64_t i = 4; world_map(pid, ANCHOR + i * PAGE_BYTES, 1, READ_WRITE, AT, &at) == OK;)
        i += 2;
    CHECK_EQUAL(memory_of(pid)->vm->regions.count, VM_REGIONS_MAX);
    struct world_trace now = world_look();
    fake_fail_at(2);
    CHECK(world_map(pid, AREA + 2 * PAGE_BYTES, 1, READ_WRITE, AT | TOGETHER, &at) != OK);
    fake_fail_at(0);
    CHECK(world_same(&now));
    CHECK(vm_is_free(memory_of(pid)->vm, AREA + 2 * PAGE_BYTES, AREA + 3 * PAGE_BYTES));
    finish(pid);
}

/* ---- protect ---- */

static void protect_holds_for_every_page(void) {
    uint64_t pid = start();
    cap_t thread = thread_of(pid);
    uaddr_t at;
    CHECK_EQUAL(world_map(pid, AREA + PAGE_BYTES, 4, READ_WRITE, AT, &at), OK);
    CHECK(world_set_word(thread, AREA + PAGE_BYTES, 11) && world_set_word(thread, AREA + 2 * PAGE_BYTES, 12));
    CHECK_EQUAL(world_protect(pid, AREA + 2 * PAGE_BYTES, 2, MEMORY_READ), OK);
    CHECK_EQUAL(world_touch(thread, AREA + 2 * PAGE_BYTES, MEMORY_WRITE), P_ADDRESS);
    CHECK_EQUAL(world_touch(thread, AREA + 3 * PAGE_BYTES, MEMORY_WRITE), P_ADDRESS);
    CHECK_EQUAL(world_word(thread, AREA + 2 * PAGE_BYTES), 12);
    CHECK(world_set_word(thread, AREA + PAGE_BYTES, 13) && world_set_word(thread, AREA + 4 * PAGE_BYTES, 14));
    CHECK_EQUAL(world_protect(pid, AREA, 5, 0), OK);
    for (uint64_t i = 0; i < 5; i++)
        CHECK_EQUAL(world_touch(thread, AREA + i * PAGE_BYTES, MEMORY_READ), P_ADDRESS);
    CHECK_EQUAL(world_protect(pid, AREA, 5, MEMORY_EXECUTE), OK);
    CHECK_EQUAL(world_touch(thread, AREA + PAGE_BYTES, MEMORY_EXECUTE), OK);
    CHECK_EQUAL(world_touch(thread, AREA + PAGE_BYTES, MEMORY_WRITE), P_ADDRESS);
    CHECK_EQUAL(world_protect(pid, AREA, 5, READ_WRITE), OK);
    CHECK_EQUAL(world_touch(thread, AREA + PAGE_BYTES, MEMORY_EXECUTE), P_ADDRESS);
    CHECK(world_set_word(thread, AREA + 2 * PAGE_BYTES + 8, 15));
    CHECK_EQUAL(world_word(thread, AREA + 2 * PAGE_BYTES), 12);
    CHECK_EQUAL(world_word(thread, AREA + PAGE_BYTES), 13);
    finish(pid);
}

/* The image's own pages, made writable, become copies (copy-on-write): the file does not change. */
static void protect_copies_pages_of_a_file(void) {
    uint64_t pid = start();
    cap_t thread = thread_of(pid);
    uint64_t old = world_word(thread, WORLD_BASE + 0x1008);
    CHECK_EQUAL(world_protect(pid, WORLD_BASE + 0x1000, 1, READ_WRITE), OK);
    CHECK_EQUAL(world_word(thread, WORLD_BASE + 0x1008), old);
    CHECK(world_set_word(thread, WORLD_BASE + 0x1008, 55));
    CHECK_EQUAL(world_protect(pid, WORLD_BASE + 0x1000, 1, MEMORY_READ), OK);
    CHECK_EQUAL(world_word(thread, WORLD_BASE + 0x1008), 55);
    uint64_t in_file;
    memcpy(&in_file, &fake_file[1][8], 8);
    CHECK_EQUAL(in_file, old);
    finish(pid);
}

/* ---- files ---- */

static uint32_t map_file(uint64_t pid, const struct process_map_file_request *wanted, struct server_call *ret_call) {
    static struct process_map_file_request request;
    struct process_map_file_reply reply = {0};
    request = *wanted;
    memcpy(request.path, "bin/prog", 8);
    return world_call(pid, 16, &request, &reply, ret_call);
}

static void map_file_refuses(void) {
    static const struct {
        struct process_map_file_request request;
        uint32_t status;
    } rows[] = {
        {{8, AREA + 0x10000, PAGE_BYTES, MEMORY_READ, AT, 1, ""}, P_ARGUMENT},
        {{8, AREA + 0x10000, PAGE_BYTES, MEMORY_READ, AT, 0x3000, ""}, P_ARGUMENT},
        {{8, AREA + 0x10000, PAGE_BYTES, MEMORY_READ, AT, UINT64_MAX & ~(PAGE_BYTES - 1), ""}, P_ARGUMENT},
        {{8, AREA + 0x10000, 0, MEMORY_READ, AT, 0, ""}, P_ARGUMENT},
        {{8, AREA + 0x10000, 1, MEMORY_READ, AT, 0, ""}, P_ARGUMENT},
        {{8, AREA + 0x10004, PAGE_BYTES, MEMORY_READ, AT, 0, ""}, P_ARGUMENT},
        {{8, AREA + 0x10000, PAGE_BYTES, MEMORY_READ, AT | TOGETHER, 0, ""}, P_ARGUMENT},
        {{8, AREA + 0x10000, PAGE_BYTES, MEMORY_READ, REPLACE, 0, ""}, P_ARGUMENT},
        {{8, AREA + 0x10000, PAGE_BYTES, MEMORY_WRITE | MEMORY_EXECUTE, AT, 0, ""}, P_ARGUMENT},
        {{8, PROCESS_MAP_END, PAGE_BYTES, MEMORY_READ, AT, 0, ""}, P_ADDRESS},
        {{8, AREA, PAGE_BYTES, MEMORY_READ, AT, 0, ""}, E_EXISTS},
        {{8, AREA, (CONTEXT_PAGES_MAX + 1ULL) * PAGE_BYTES, MEMORY_READ, AT, 0, ""}, P_LIMIT},
        {{PROCESS_PATH_MAX + 1, AREA + 0x10000, PAGE_BYTES, MEMORY_READ, AT, 0, ""}, P_NOT_FOUND},
    };
    struct server_call answer;
    uint64_t pid = start();
    struct world_trace now = world_look();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!CHECK_EQUAL(map_file(pid, &rows[i].request, NULL), rows[i].status))
            printf("#   row %zu\n", i);
        CHECK(world_same(&now));
    }
    struct process_map_file_request good = {8, AREA + 0x10000, PAGE_BYTES, MEMORY_READ, AT, 0, ""};
    CHECK_EQUAL(map_file(99, &good, NULL), P_NO_PROCESS);
    fake_fail_at(2); /* the message to the files server */
    CHECK_EQUAL(map_file(pid, &good, &answer), P_NOT_FOUND);
    CHECK(strcmp(answer.reason, "made to fail") == 0);
    fake_fail_at(0);
    struct vm_file *free_files = context->files.free;
    uint32_t file_count = context->files.used_count;
    context->files.free = NULL; /* as if all were in use */
    context->files.used_count = VM_FILES_MAX;
    CHECK_EQUAL(map_file(pid, &good, NULL), P_LIMIT);
    context->files.free = free_files;
    context->files.used_count = file_count;
    /* as if programs had mapped as much as they may; an image may still be mapped */
    context->files.held_count += VM_FILES_MAPPED_MAX;
    CHECK_EQUAL(map_file(pid, &good, NULL), P_LIMIT);
    CHECK(world_same(&now));
    CHECK_EQUAL(world_exec(pid), SERVER_DEFERRED);
    context->files.held_count -= VM_FILES_MAPPED_MAX;
    finish(pid);
}

/* Every byte, for each kind of access: the file's bytes, then zeroes; also from an offset. */
static void files_are_seen_as_they_are(void) {
    static uint8_t seen[5 * PAGE_BYTES], wanted[5 * PAGE_BYTES];
    static const uint64_t rights[] = {MEMORY_READ, READ_WRITE, MEMORY_EXECUTE};
    for (uint32_t i = 0; i < 6; i++) {
        uint64_t pid = start();
        uint64_t offset = i / 3 * PAGE_BYTES;
        struct process_map_file_request request = {8, AREA + 0x10000, sizeof seen, rights[i % 3], AT, offset, ""};
        memset(wanted, 0, sizeof wanted);
        memcpy(wanted, &fake_file[0][0] + offset, MAKER_FILE_BYTES - offset);
        CHECK_EQUAL(map_file(pid, &request, NULL), OK);
        CHECK(world_read(thread_of(pid), AREA + 0x10000, seen, sizeof seen));
        CHECK(memcmp(seen, wanted, sizeof seen) == 0);
        if (rights[i % 3] == READ_WRITE) {
            CHECK(world_set_word(thread_of(pid), AREA + 0x10010, 1) &&
                  world_set_word(thread_of(pid), AREA + 0x14000, 2));
            CHECK(memcmp(wanted, &fake_file[0][0] + offset, MAKER_FILE_BYTES - offset) == 0);
        }
        finish(pid);
    }
}

/* A mapping of a file that may not be accessed yet. */
static void files_without_access(void) {
    uint64_t pid = start();
    uaddr_t at;
    CHECK_EQUAL(world_map_file(pid, AREA + 0x10000, 3, 0, AT, &at), OK);
    CHECK_EQUAL(world_touch(thread_of(pid), AREA + 0x10000, MEMORY_READ), P_ADDRESS);
    CHECK_EQUAL(world_protect(pid, AREA + 0x10000, 3, MEMORY_READ), OK);
    CHECK_EQUAL(world_word(thread_of(pid), AREA + 0x12008), world_word(thread_of(pid), WORLD_BASE + 0x2008));
    finish(pid);
}

/* ---- break ---- */

static void break_moves(void) {
    struct process_set_break_reply heap;
    uint64_t pid = start();
    cap_t thread = thread_of(pid);
    uaddr_t at;
    CHECK(world_set_word(thread, WORLD_BASE + 0x2200, 20)); /* that there is a leaf for the heap */
    struct world_trace now = world_look();
    CHECK_EQUAL(world_set_break(pid, 0, &heap), OK);
    uaddr_t first = heap.start;
    CHECK_EQUAL(first, WORLD_BASE + 0x5000);
    CHECK_EQUAL(heap.end, first);
    CHECK_EQUAL(world_touch(thread, first, MEMORY_READ), P_ADDRESS);
    CHECK_EQUAL(world_set_break(pid, first + 1, &heap), OK);
    CHECK(world_set_word(thread, first, 21));
    CHECK_EQUAL(world_set_break(pid, first + PAGE_BYTES, &heap), OK);
    CHECK_EQUAL(world_touch(thread, first + PAGE_BYTES, MEMORY_READ), P_ADDRESS);
    CHECK_EQUAL(world_set_break(pid, first + 0x3001, &heap), OK);
    CHECK(world_set_word(thread, first + 0x3000, 22));
    CHECK_EQUAL(world_word(thread, first), 21);
    CHECK_EQUAL(world_set_break(pid, first + 0x3000, &heap), OK);
    CHECK_EQUAL(world_touch(thread, first + 0x3000, MEMORY_READ), P_ADDRESS);
    CHECK_EQUAL(world_set_break(pid, first + 0x4000, &heap), OK);
    CHECK_EQUAL(world_word(thread, first + 0x3000), 0);
    CHECK_EQUAL(world_set_break(pid, first - 1, &heap), P_ADDRESS);
    CHECK_EQUAL(world_set_break(pid, PROCESS_MAP_END, &heap), P_ADDRESS);
    CHECK_EQUAL(world_set_break(pid, UINT64_MAX, &heap), P_ADDRESS);
    CHECK_EQUAL(world_map(pid, first + 0x6000, 1, READ_WRITE, AT, &at), OK);
    CHECK_EQUAL(world_set_break(pid, first + 0x6001, &heap), E_EXISTS);
    CHECK(heap.start == first && heap.end == first + 0x4000);
    CHECK_EQUAL(world_unmap(pid, first + 0x6000, 1), OK);
    CHECK_EQUAL(world_set_break(pid, first, &heap), OK);
    CHECK_EQUAL(heap.end, first);
    CHECK(world_same(&now));
    CHECK_EQUAL(world_set_break(99, 0, &heap), P_NO_PROCESS);
    finish(pid);
}

/* The server's own pages pass from one process to the next without being cleared, so they must not hold anything
 * that a process had mapped. */
static void pages_of_its_own_come_back_clean(void) {
    struct process_wait_reply end;
    uint64_t pid = start();
    context->allocator.spare_max = PAGE_ALLOCATOR_SPARE_MAX; /* what is given back stays mapped from now on */
    CHECK_EQUAL(world_unmap(pid, ANCHOR, 1), OK);
    CHECK_EQUAL(world_exit(pid, 0), SERVER_DEFERRED);
    CHECK_EQUAL(world_wait(1, pid, 1, &end), OK);
    CHECK(page_allocator_spare_count(&context->allocator) >= 4); /* record, vm, regions, leaves */
    CHECK(world_spare_is_clean());
    const struct spare_pages *spare = &context->allocator.more_spare;
    uint32_t clean = spare->clean, other = spare->other;
    CHECK(clean != 0 && other != 0);
    CHECK(page_allocator_take(&context->allocator, 8) ==
          fake_own[other - 1]); /* clean ones are for whoever wants all of it zero */
    const uint64_t *words = page_allocator_take(&context->allocator, PAGE_BYTES);
    CHECK((const void *)words == fake_own[clean - 1] && words[0] == 0);
}

SUITE(CASE(regions_run_out), CASE(a_long_range_is_taken_out_at_once), CASE(failure_leaves_no_part_of_a_neighbour),
      CASE(pages_of_its_own_come_back_clean), CASE(protect_holds_for_every_page), CASE(protect_copies_pages_of_a_file),
      CASE(map_file_refuses), CASE(files_are_seen_as_they_are), CASE(files_without_access), CASE(break_moves));
