/*
 * Is the child of a fork a copy of its parent, and then separate from it? Tries each one's writes, their ends in any
 * order, and fork with each single call failing and with every number of free frames.
 */
#include <string.h>

#include "kernel/abi/rights.h"
#include "test/host/process_world.h"
#include "test/host/suite.h"

/* Near each other: frames are counted here, so a pool must not have to grow for page tables. */
#define PLAIN 0x10000000ULL  /* 3 pages, anonymous */
#define SHARED 0x10010000ULL /* 2 pages, shared */
#define COPIED 0x10400000ULL /* the file, writable */
#define VIEWED 0x10410000ULL /* the file, read-only */
#define LONG 0x10800000ULL   /* of a case's own */
#define STACK (LAYOUT_STACK_TOP - 8)
#define VARIABLES (WORLD_BASE + 0x2000) /* of the image */
#define READ_WRITE (MEMORY_READ | MEMORY_WRITE)
#define PAGES_FREE 450U

static struct server_context *const context = &served_context;

static cap_t thread_of(uint64_t pid) { return world_thread(pid); }

/* Start process 1, and a child of it with memory of all kinds. Returns the child's pid. */
static uint64_t start_with(uint64_t pages, struct world_trace *ret_before) {
    uint64_t pid = 0;
    uaddr_t at;
    struct process_set_break_reply heap;
    world_start(pages);
    CHECK_EQUAL(world_start_first(), OK);
    *ret_before = world_look();
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK_EQUAL(world_map(pid, PLAIN, 3, READ_WRITE, PROCESS_MAP_AT, &at), OK);
    CHECK_EQUAL(world_map(pid, SHARED, 2, READ_WRITE, PROCESS_MAP_AT | PROCESS_MAP_TOGETHER, &at), OK);
    CHECK_EQUAL(world_map_file(pid, COPIED, 4, READ_WRITE, PROCESS_MAP_AT, &at), OK);
    CHECK_EQUAL(world_map_file(pid, VIEWED, 3, MEMORY_READ, PROCESS_MAP_AT, &at), OK);
    CHECK_EQUAL(world_set_break(pid, 0, &heap), OK);
    CHECK_EQUAL(world_set_break(pid, heap.start + 0x1800, &heap), OK);
    cap_t thread = thread_of(pid);
    CHECK(world_set_word(thread, PLAIN, 101) && world_set_word(thread, PLAIN + PAGE_BYTES, 102));
    CHECK(world_set_word(thread, SHARED, 103));
    CHECK(world_set_word(thread, COPIED + PAGE_BYTES, 104));
    CHECK(world_set_word(thread, heap.start, 105));
    CHECK(world_set_word(thread, VARIABLES + 0x200, 106));
    return pid;
}

static uint64_t start(struct world_trace *ret_before) { return start_with(PAGES_FREE, ret_before); }

static void end_and_wait(uint64_t parent, uint64_t pid) {
    struct process_wait_reply end;
    CHECK_EQUAL(world_exit(pid, 0), SERVER_DEFERRED);
    CHECK_EQUAL(world_wait(parent, pid, 1, &end), OK);
}

/* Is the memory as start() and the file have made it? */
static bool is_as_started(uint64_t pid) {
    uint64_t file_word;
    uaddr_t heap = world_objects(pid)->incarnation.break_start;
    cap_t thread = thread_of(pid);
    memcpy(&file_word, &fake_file[2][8], sizeof file_word);
    return CHECK_EQUAL(world_word(thread, PLAIN), 101) && CHECK_EQUAL(world_word(thread, PLAIN + PAGE_BYTES), 102) &&
           CHECK_EQUAL(world_word(thread, PLAIN + 2 * PAGE_BYTES), 0) && CHECK_EQUAL(world_word(thread, SHARED), 103) &&
           CHECK_EQUAL(world_word(thread, SHARED + PAGE_BYTES), 0) &&
           CHECK_EQUAL(world_word(thread, COPIED + PAGE_BYTES), 104) &&
           CHECK_EQUAL(world_word(thread, COPIED + 0x2008), file_word) &&
           CHECK_EQUAL(world_word(thread, VIEWED + 0x2008), file_word) && CHECK_EQUAL(world_word(thread, heap), 105) &&
           CHECK_EQUAL(world_word(thread, VARIABLES + 0x200), 106);
}

/* The child has its parent's mappings, and equal bytes in all pages that the parent has and in the
 * first four of each mapping. */
static void child_sees_what_its_parent_has(void) {
    static uint8_t mine[PAGE_BYTES], its[PAGE_BYTES];
    uint64_t child;
    struct world_trace before;
    uint64_t pid = start(&before);
    CHECK_EQUAL(world_fork(pid, &child), OK);
    CHECK(child != pid && child > 1);
    struct process_maps_request of_parent = {pid, 0}, of_child = {child, 0};
    struct process_maps_reply parent_map, child_map;
    uint32_t compared = 0;
    while (world_call(1, 12, &of_parent, &parent_map, NULL) == OK) {
        CHECK_EQUAL(world_call(1, 12, &of_child, &child_map, NULL), OK);
        CHECK(memcmp(&parent_map, &child_map, sizeof child_map) == 0);
        of_parent.index++;
        of_child.index++;
        for (uint64_t i = 0; i < parent_map.page_count && parent_map.kind != PROCESS_MAP_MESSAGE; i++) {
            uaddr_t at = parent_map.at + i * PAGE_BYTES;
            if (i >= 4 && i + 2 < parent_map.page_count)
                continue;
            CHECK(world_read(thread_of(pid), at, mine, PAGE_BYTES) &&
                  world_read(thread_of(child), at, its, PAGE_BYTES));
            CHECK(memcmp(mine, its, PAGE_BYTES) == 0);
            compared++;
        }
    }
    CHECK_EQUAL(world_call(1, 12, &of_child, &child_map, NULL), P_END);
    CHECK(compared > 20);
    CHECK(is_as_started(pid) && is_as_started(child));
    const struct process_objects *from = world_objects(pid), *to = world_objects(child);
    CHECK_EQUAL(to->incarnation.break_end, from->incarnation.break_end);
    CHECK_EQUAL(to->incarnation.places, from->incarnation.places);
    CHECK(world_process(pid)->first.message_frame != world_process(child)->first.message_frame);
    CHECK_EQUAL(world_word(world_thread(child), LAYOUT_MESSAGE), 0);
}

/* The child goes on after the call, with the answer 0, its parent's capabilities and name, and a parent. */
static void child_returns_from_the_call(void) {
    uint64_t child;
    struct thread_registers parent_entry, entry;
    struct world_trace before;
    uint64_t pid = start(&before);
    CHECK(fake_thread_runs(thread_of(pid), &parent_entry));
    parent_entry.rax = parent_entry.rdi = parent_entry.rsi = parent_entry.rdx = 99; /* as in the call */
    parent_entry.rbx = 98;
    memcpy(program.message->data, &parent_entry, sizeof parent_entry);
    CHECK_EQUAL(sys_thread_write(thread_of(pid), THREAD_REGISTERS).status, OK);
    CHECK_EQUAL(world_fork(pid, &child), OK);
    CHECK(fake_thread_runs(thread_of(pid), &parent_entry) && fake_thread_runs(thread_of(child), &entry));
    CHECK_EQUAL(entry.rax, OK);
    CHECK_EQUAL(entry.rdi, 0);
    CHECK_EQUAL(entry.rsi, MESSAGE_INFO(OK, 1, 0));
    CHECK_EQUAL(entry.rdx, 0);
    CHECK(entry.rip == parent_entry.rip && entry.rsp == parent_entry.rsp && entry.rbx == 98);
    const struct process_objects *from = world_objects(pid), *to = world_objects(child);
    for (cap_t slot = 1; slot < OBJECTS_TABLE_SLOTS; slot++)
        CHECK_EQUAL(fake_table_has(to->table, slot), fake_table_has(from->table, slot));
    CHECK(to->identities[0].kept != 0 && to->identities[0].kept != from->identities[0].kept);
    struct process_get_pid_request request = {0};
    struct process_get_pid_reply reply;
    CHECK_EQUAL(world_call(child, 8, &request, &reply, NULL), OK);
    CHECK(reply.pid == child && reply.parent == pid);
    CHECK(strcmp(process_find(&context->processes, child)->name, "prog") == 0);
}

/* Copy-on-write: parent and child write to every other page; then the second to write a page has
 * it alone, without a copy. */
static void writes_are_ones_own(void) {
    uint64_t child;
    struct world_trace before;
    uint64_t pid = start(&before);
    uaddr_t heap = world_objects(pid)->incarnation.break_start;
    const uaddr_t places[] = {PLAIN, PLAIN + PAGE_BYTES, COPIED + PAGE_BYTES, heap, VARIABLES + 0x200, STACK};
    cap_t parent_thread = thread_of(pid);
    CHECK(world_set_word(parent_thread, STACK, 107));
    CHECK_EQUAL(world_fork(pid, &child), OK);
    cap_t child_thread = thread_of(child);
    for (uint64_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        cap_t first = i % 2 == 0 ? parent_thread : child_thread;
        cap_t second = i % 2 == 0 ? child_thread : parent_thread;
        uint64_t old = world_word(first, places[i]);
        CHECK(old != UINT64_MAX && !fake_may_access(first, places[i], MEMORY_WRITE));
        if (i >= 3) /* mapped pages of the second, and unmapped ones */
            CHECK_EQUAL(world_word(second, places[i]), old);
        uint64_t free = context->frames.free_count;
        CHECK(world_set_word(first, places[i], 1000 + i));
        CHECK_EQUAL(context->frames.free_count, free - 1);
        CHECK_EQUAL(world_word(second, places[i]), old);
        CHECK(world_set_word(second, places[i], 2000 + i));
        CHECK_EQUAL(context->frames.free_count, free - 1); /* it was the page's only holder */
        CHECK_EQUAL(world_word(first, places[i]), 1000 + i);
        CHECK_EQUAL(world_word(second, places[i]), 2000 + i);
    }
    /* Pages that neither had touched before the fork are new to each. */
    CHECK(world_set_word(parent_thread, PLAIN + 2 * PAGE_BYTES, 1) && world_set_word(child_thread, PLAIN + 0x2008, 2));
    CHECK_EQUAL(world_word(parent_thread, PLAIN + 2 * PAGE_BYTES + 8), 0);
    CHECK_EQUAL(world_word(child_thread, PLAIN + 2 * PAGE_BYTES), 0);
    end_and_wait(pid, child);
    end_and_wait(1, pid);
    CHECK(world_same(&before));
}

static void memory_mapped_together_is_one(void) {
    uint64_t child, grandchild;
    struct world_trace before;
    uint64_t pid = start(&before);
    CHECK_EQUAL(world_fork(pid, &child), OK);
    CHECK_EQUAL(world_fork(child, &grandchild), OK);
    CHECK(world_set_word(thread_of(child), SHARED, 1));
    CHECK_EQUAL(world_word(thread_of(pid), SHARED), 1);
    CHECK_EQUAL(world_word(thread_of(grandchild), SHARED), 1);
    CHECK(world_set_word(thread_of(pid), SHARED + PAGE_BYTES, 2)); /* the first access to this page */
    CHECK_EQUAL(world_word(thread_of(grandchild), SHARED + PAGE_BYTES), 2);
    end_and_wait(1, pid);
    CHECK(world_set_word(thread_of(grandchild), SHARED, 3));
    CHECK_EQUAL(world_word(thread_of(child), SHARED), 3);
    end_and_wait(child, grandchild);
    CHECK_EQUAL(world_word(thread_of(child), SHARED), 3);
    CHECK_EQUAL(world_exit(child, 0), SERVER_DEFERRED);
    CHECK(world_same(&before));
}

/* Memory that is shared but may not be accessed yet is shared once it may be. */
static void memory_mapped_together_without_access_is_one(void) {
    uint64_t child;
    uaddr_t at;
    struct world_trace before;
    uint64_t pid = start(&before);
    uint64_t flags = PROCESS_MAP_AT | PROCESS_MAP_TOGETHER;
    CHECK_EQUAL(world_map(pid, PLAIN + 0x20000, 1, 0, flags, &at), OK);
    CHECK_EQUAL(world_protect(pid, at, 1, READ_WRITE), OK);
    CHECK_EQUAL(world_fork(pid, &child), OK);
    CHECK(world_set_word(thread_of(pid), at, 5));
    CHECK_EQUAL(world_word(thread_of(child), at), 5);
}

/* Three generations all write the same pages, and end in each order. */
static void generations_end_in_any_order(void) {
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (uint32_t order = 0; order < 6; order++) {
        uint64_t pids[3];
        struct world_trace before;
        pids[0] = start(&before);
        CHECK_EQUAL(world_fork(pids[0], &pids[1]), OK);
        CHECK(world_set_word(thread_of(pids[1]), PLAIN, 201));
        CHECK_EQUAL(world_fork(pids[1], &pids[2]), OK);
        CHECK(world_set_word(thread_of(pids[0]), PLAIN + PAGE_BYTES, 302));
        CHECK_EQUAL(world_word(thread_of(pids[2]), PLAIN), 201);
        CHECK(world_set_word(thread_of(pids[2]), PLAIN, 401));
        CHECK_EQUAL(world_word(thread_of(pids[0]), PLAIN), 101);
        CHECK_EQUAL(world_word(thread_of(pids[1]), PLAIN), 201);
        CHECK_EQUAL(world_word(thread_of(pids[1]), PLAIN + PAGE_BYTES), 102);
        CHECK_EQUAL(world_word(thread_of(pids[2]), PLAIN + PAGE_BYTES), 102);
        for (uint32_t i = 0; i < 3; i++) {
            if (i == 2) { /* the last one has all to itself */
                CHECK_EQUAL(world_look().sharers, 0);
                CHECK(world_set_word(thread_of(pids[orders[order][2]]), PLAIN + PAGE_BYTES, 9));
            }
            struct process_wait_reply end;
            CHECK_EQUAL(world_exit(pids[orders[order][i]], 0), SERVER_DEFERRED);
            (void)world_wait(1, PROCESS_ANY, 1, &end);
            (void)world_wait(pids[0], PROCESS_ANY, 1, &end);
            (void)world_wait(pids[1], PROCESS_ANY, 1, &end);
        }
        if (!CHECK(world_same(&before)))
            printf("#   order %u\n", order);
    }
}

/* Fork with the kth call failing, for every k: no trace of the child is left, and the parent can still read and
 * write. */
static void fork_fails_at_every_call(void) {
    uint64_t child;
    uint32_t k = 1;
    struct world_trace first;
    uint64_t pid = start(&first);
    cap_t thread = thread_of(pid);
    CHECK(is_as_started(pid)); /* this brings pages */
    struct world_trace before = world_look();
    for (;; k++) {
        fake_fail_at(k);
        uint32_t status = world_fork(pid, &child);
        if (!fake_failed())
            break;
        fake_fail_at(0);
        CHECK(status != OK);
        if (!CHECK(world_same(&before)))
            printf("#   after call %u failed\n", k);
        CHECK(world_set_word(thread, PLAIN, 500) && world_set_word(thread, PLAIN, 101) && is_as_started(pid));
        CHECK(world_same(&before)); /* no page was copied for that */
    }
    fake_fail_at(0);
    printf("# fork makes %u calls that can fail\n", k - 1);
    CHECK(k > 25);
    CHECK(is_as_started(child));
    end_and_wait(pid, child);
    CHECK(world_same(&before));
    end_and_wait(1, pid);
    CHECK(world_same(&first));
}

static void fork_with_every_number_of_frames(void) {
    uint64_t child;
    struct world_trace first;
    uint64_t pid = start(&first);
    CHECK(is_as_started(pid)); /* this brings pages */
    uint64_t parent_needs = PAGES_FREE - context->frames.free_count;
    CHECK_EQUAL(world_fork(pid, &child), OK);
    uint64_t child_needs = PAGES_FREE - parent_needs - context->frames.free_count;
    CHECK(child_needs > 20);
    for (uint64_t pages = 0; pages <= child_needs; pages++) {
        pid = start_with(parent_needs + pages, &first);
        CHECK(is_as_started(pid));
        struct world_trace before = world_look();
        uint32_t status = world_fork(pid, &child);
        CHECK_EQUAL(status, pages < child_needs ? P_NO_MEMORY : OK);
        CHECK(is_as_started(pid));
        if (status != OK)
            CHECK(world_same(&before));
        else
            CHECK(is_as_started(child));
    }
}

static void too_many_holders_or_processes(void) {
    uint64_t child;
    struct world_trace first;
    uint64_t pid = start(&first);
    uint32_t *entry = vm_entry(world_objects(pid)->incarnation.vm, COPIED + PAGE_BYTES);
    uint16_t *sharers = &context->frames.sharers[*entry & VM_FRAME];
    *sharers = UINT16_MAX;
    struct world_trace before = world_look();
    CHECK_EQUAL(world_fork(pid, &child), P_LIMIT);
    CHECK(world_same(&before));
    *sharers = 0;
    CHECK(is_as_started(pid));
    before = world_look();
    context->processes.count = PROCESS_MAX; /* as if there were so many */
    CHECK_EQUAL(world_fork(pid, &child), P_LIMIT);
    context->processes.count = before.processes;
    context->processes.thread_count = PROCESS_ALL_THREADS_MAX;
    CHECK_EQUAL(world_fork(pid, &child), P_LIMIT);
    context->processes.thread_count = before.processes;
    CHECK(world_same(&before));
    CHECK_EQUAL(world_fork(0, &child), P_NO_PROCESS);
}

/* Pages of a file mapping that were written before the mapping became read-only: the child has them, too. */
static void pages_written_before_they_were_protected(void) {
    uint64_t child = 0;
    struct world_trace before;
    uint64_t pid = start(&before);
    CHECK_EQUAL(world_protect(pid, VIEWED, 1, READ_WRITE), OK);
    CHECK(world_set_word(thread_of(pid), VIEWED, 77));
    CHECK_EQUAL(world_protect(pid, VIEWED, 1, MEMORY_READ), OK);
    CHECK_EQUAL(world_word(thread_of(pid), VIEWED), 77);
    CHECK_EQUAL(world_fork(pid, &child), OK);
    CHECK_EQUAL(world_word(thread_of(child), VIEWED), 77);
    CHECK_EQUAL(world_protect(child, VIEWED, 1, READ_WRITE), OK);
    CHECK(world_set_word(thread_of(child), VIEWED, 78));
    CHECK_EQUAL(world_word(thread_of(pid), VIEWED), 77);
}

/* One run of pages that were written, longer than what the kernel protects by one call. */
static void long_runs_are_protected(void) {
    uint64_t child = 0, count = MAP_PAGES_MAX + 2;
    struct world_trace before;
    uaddr_t at;
    uint64_t pid = start_with(PAGES_FREE / 2 + count, &before);
    cap_t thread = thread_of(pid);
    CHECK_EQUAL(world_map(pid, LONG, count, READ_WRITE, PROCESS_MAP_AT, &at), OK);
    for (uint64_t i = 0; i < count; i++)
        CHECK(world_set_word(thread, LONG + i * PAGE_BYTES, i));
    if (!CHECK_EQUAL(world_fork(pid, &child), OK))
        return;
    for (uint64_t i = 0; i < count; i += MAP_PAGES_MAX + 1) {
        CHECK(world_set_word(thread, LONG + i * PAGE_BYTES, 1000));
        CHECK_EQUAL(world_word(thread_of(child), LONG + i * PAGE_BYTES), i);
    }
}

/* A mapping without any access is no obstacle, and the child has it, too. */
static void mappings_without_access_are_copied(void) {
    uint64_t child = 0;
    struct world_trace before;
    uint64_t pid = start(&before);
    CHECK_EQUAL(world_protect(pid, PLAIN, 3, 0), OK);
    CHECK_EQUAL(world_fork(pid, &child), OK);
    CHECK_EQUAL(world_touch(thread_of(child), PLAIN, MEMORY_READ), P_ADDRESS);
    CHECK_EQUAL(world_protect(child, PLAIN, 3, MEMORY_READ), OK);
    CHECK_EQUAL(world_word(thread_of(child), PLAIN), 101);
    CHECK_EQUAL(world_protect(pid, VIEWED, 3, 0), OK); /* pages that are the file's own */
    CHECK_EQUAL(world_fork(pid, &child), OK);
}

/* The child's table has all of the parent's capabilities, in the same slots, except those that belong to a thread. */
static void capabilities_are_passed_on(void) {
    uint64_t child;
    struct world_trace before;
    uint64_t pid = start(&before);
    cap_t from = world_objects(pid)->table;
    for (cap_t slot = OBJECTS_SLOT_GIVEN + 1; slot < OBJECTS_TABLE_SLOTS; slot += 2)
        CHECK_EQUAL(sys_cap_copy(from, slot, FAKE_CAP_EVENTS, RIGHTS_ALL, 0).status, OK);
    CHECK_EQUAL(sys_cap_copy(from, OBJECTS_SLOT_THREADS + 5, FAKE_CAP_EVENTS, RIGHTS_ALL, 0).status, OK);
    CHECK_EQUAL(world_fork(pid, &child), OK);
    for (cap_t slot = OBJECTS_SLOT_GIVEN; slot < OBJECTS_TABLE_SLOTS; slot++)
        CHECK(fake_table_has(world_objects(child)->table, slot) == fake_table_has(from, slot));
    CHECK(!fake_table_has(world_objects(child)->table, OBJECTS_SLOT_THREADS + 5));
    end_and_wait(pid, child);
    CHECK_EQUAL(sys_cap_delete(from, OBJECTS_SLOT_GIVEN).status, OK);
    CHECK_EQUAL(world_fork(pid, &child), OK);
    CHECK(!fake_table_has(world_objects(child)->table, OBJECTS_SLOT_GIVEN));
    end_and_wait(pid, child);
    end_and_wait(1, pid);
    CHECK(world_same(&before));
}

SUITE(CASE(child_sees_what_its_parent_has), CASE(child_returns_from_the_call), CASE(writes_are_ones_own),
      CASE(memory_mapped_together_is_one), CASE(memory_mapped_together_without_access_is_one),
      CASE(generations_end_in_any_order), CASE(fork_fails_at_every_call), CASE(fork_with_every_number_of_frames),
      CASE(too_many_holders_or_processes), CASE(pages_written_before_they_were_protected),
      CASE(long_runs_are_protected), CASE(mappings_without_access_are_copied), CASE(capabilities_are_passed_on));
