/*
 * How long are the kernel's stays, with interrupts off, under the worst loads?
 *
 * The machine counts time in instructions (suite.py --icount 0: one tick of the time-stamp counter each), so the
 * figures are the same on every host. The kernel has no checks, like the one that users boot, but measures itself
 * (INFO_LONGEST_STAY). Each case resets the measurement, makes its load and compares the longest stay with
 * TEST_STAY_LIMIT. A remark shows the stay and its kind.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define LIMIT_MS 60000U /* of virtual time, for one case */

#define MIB_2 (1ULL << 21)
#define GIB_512 (1ULL << 39)
#define SOMEWHERE (4 * GIB_512)
#define DERIVED 10000U
#define LARGE_POOL_PAGES 512U

static void start_over(void) {
    test_limit_ms(LIMIT_MS);
    (void)sys_system_info(INFO_LONGEST_STAY, 1);
}

static uint64_t longest_ticks;

/* Check the longest stay since the reset. */
static void check_stay(const char *name) {
    uint64_t ticks = sys_system_info(INFO_LONGEST_STAY, 0).value, cause = sys_system_info(INFO_LONGEST_CALL, 0).value;
    test_note("stay %s ticks=%lu cause=%lu", name, ticks, cause);
    test_row(name);
    CHECK(ticks > 0);
    longest_ticks = ticks > longest_ticks ? ticks : longest_ticks;
    if (ticks > TEST_STAY_LIMIT)
        test_fail("the kernel stayed %lu instructions, %u are allowed; cause %lu", ticks, TEST_STAY_LIMIT, cause);
    test_row(NULL);
    (void)sys_system_info(INFO_LONGEST_STAY, 1);
}

/* ---- capabilities ---- */

/* Room for many capabilities: large tables, in a pool of their own. */
#define ROOM_SLOTS 4096U /* of each */
struct room {
    cap_t tables[4];
    cap_t pool;
};

static struct room make_room(void) {
    struct room room = {.pool = world_pool(LARGE_POOL_PAGES)};
    for (uint32_t i = 0; i < 4; i++) {
        room.tables[i] = world_slot();
        CHECK_STATUS(sys_object_create(room.pool, OBJECT_TABLE, ROOM_SLOTS, room.tables[i]), OK);
    }
    return room;
}

static cap_t room_table(const struct room *room, uint64_t index) { return room->tables[index / (ROOM_SLOTS - 1)]; }
static cap_t room_slot(uint64_t index) { return 1 + index % (ROOM_SLOTS - 1); }

static void derive_wide(const struct room *room, cap_t root) {
    for (uint64_t i = 0; i < DERIVED; i++)
        CHECK_STATUS(sys_cap_copy(room_table(room, i), room_slot(i), root, RIGHTS_ALL, 0), OK);
}

/* Derive a chain, each capability from the previous one. */
static void derive_deep(const struct room *room, cap_t root) {
    cap_t last = root, slots[2] = {world_slot(), world_slot()};
    for (uint64_t i = 0; i < DERIVED; i++) {
        CHECK_STATUS(sys_cap_copy(0, slots[i % 2], last, RIGHTS_ALL, 0), OK);
        if (last != root)
            CHECK_STATUS(sys_cap_move(room_table(room, i - 1), room_slot(i - 1), last), OK);
        last = slots[i % 2];
    }
}

static void stay_in_cap_revoke(void) {
    struct room room = make_room();
    cap_t root = world_copy(world.silence, RIGHTS_ALL, 0);
    start_over();
    derive_wide(&room, root);
    check_stay("derive 10000, wide");
    CHECK_STATUS(sys_cap_revoke(root), OK);
    check_stay("revoke 10000, wide");
    derive_deep(&room, root);
    check_stay("derive 10000, deep");
    CHECK_STATUS(sys_cap_revoke(root), OK);
    check_stay("revoke 10000, deep");
}

/* The children become the grandparent's, so all their depths change. */
static void stay_in_cap_delete_of_a_parent(void) {
    struct room room = make_room();
    cap_t root = world_copy(world.silence, RIGHTS_ALL, 0);
    derive_wide(&room, root);
    start_over();
    CHECK_STATUS(sys_cap_delete(0, root), OK);
    cap_t next = world_copy(world.silence, RIGHTS_ALL, 0);
    check_stay("delete the parent of 10000, wide");
    CHECK_STATUS(sys_cap_delete(0, room.pool), OK);
    check_stay("destroy the tables that hold 10000");
    room.pool = next;
}

static void stay_in_destruction_of_a_table(void) {
    cap_t pool = world_pool(256), table = world_slot();
    start_over();
    CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, TABLE_SLOTS_MAX, table), OK);
    check_stay("create a table of 16384 slots");
    for (uint64_t i = 1; i < TABLE_SLOTS_MAX; i++)
        CHECK_STATUS(sys_cap_copy(table, i, world.silence, RIGHTS_ALL, 0), OK);
    start_over();
    CHECK_STATUS(sys_cap_delete(0, table), OK);
    check_stay("destroy a full table of 16384 slots");
    CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, TABLE_SLOTS_MAX, table), OK);
    check_stay("create it again in the same pool");
}

/* ---- pools ---- */

static void stay_in_destruction_of_a_pool(void) {
    cap_t memory = world_memory(8), large = hook_large_memory(1), slots = world_slots(320);
    uint64_t frames = world_frames(LARGE_POOL_PAGES), more = world_frames(LARGE_POOL_PAGES);
    cap_t pool = world_slot();
    start_over();
    CHECK_STATUS(sys_pool_create(world.region, frames, LARGE_POOL_PAGES, pool), OK);
    check_stay("create a pool of 512 pages");
    CHECK_STATUS(sys_pool_extend(pool, world.region, more, LARGE_POOL_PAGES), OK);
    check_stay("extend it by 512");
    for (uint64_t i = 0; i < 64; i++) {
        cap_t space = slots + 5 * i;
        CHECK_STATUS(sys_object_create(pool, OBJECT_SPACE, 0, space), OK);
        CHECK_STATUS(sys_space_map(space, memory, 0, 8, SOMEWHERE - 4 * PAGE_BYTES, READ_WRITE), OK);
        CHECK_STATUS(sys_space_map(space, large, 0, MAP_PAGES_MAX, SOMEWHERE + MIB_2, READ_WRITE), OK);
        CHECK_STATUS(sys_object_create(pool, OBJECT_THREAD, 0, space + 1), OK);
        CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, 64, space + 2), OK);
        CHECK_STATUS(sys_cap_copy(space + 2, 1, space, RIGHTS_ALL, 0), OK);
        CHECK_STATUS(sys_object_create(pool, OBJECT_ENDPOINT, 0, space + 3), OK);
        CHECK_STATUS(sys_object_create(pool, OBJECT_NOTIFICATION, 0, space + 4), OK);
    }
    check_stay("fill it with 64 spaces and more");
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
    check_stay("destroy it");
}

/* Use all pages of the pool, so that its destruction clears them. */
static void use_up(cap_t pool) {
    cap_t table = world_slot(), slot = world_slot();
    CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, 1024, table), OK);
    for (uint64_t i = 1; sys_object_create(pool, OBJECT_THREAD, 0, slot).status == OK; i++)
        CHECK_STATUS(sys_cap_move(table, i, slot), OK);
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
}

/* Frames known to be zero take another path, which finds out their kind and where they end. */
static void stay_in_pool_extend_by_pages_of_another_pool(void) {
    uint64_t frames = world_frames(LARGE_POOL_PAGES), used = frames * PAGE_BYTES;
    for (uint32_t row = 0; row < 2; row++) {
        cap_t first = world_slot(), pool = world_pool(1);
        CHECK_STATUS(sys_pool_create(world.region, frames, LARGE_POOL_PAGES, first), OK);
        use_up(first);
        if (row == 1)
            CHECK_STATUS(sys_memory_fill(world.region, used + (LARGE_POOL_PAGES - 1) * PAGE_BYTES, 8, 1), OK);
        start_over();
        CHECK_STATUS(sys_pool_extend(pool, world.region, frames, LARGE_POOL_PAGES), OK);
        check_stay(row == 0 ? "extend a pool by 512 zero pages" : "extend a pool by 511 zero pages and another");
        CHECK_STATUS(sys_cap_delete(0, pool), OK);
    }
}

/* ---- mappings ---- */

static void map_protect_unmap(cap_t space, cap_t memory, uaddr_t at, const char *const names[static 3]) {
    start_over();
    CHECK_STATUS(sys_space_map(space, memory, 0, MAP_PAGES_MAX, at, READ_WRITE), OK);
    check_stay(names[0]);
    CHECK_STATUS(sys_space_protect(space, at, MAP_PAGES_MAX, MEMORY_READ), OK);
    check_stay(names[1]);
    CHECK_VALUE(sys_space_unmap(space, at, MAP_PAGES_MAX), MAP_PAGES_MAX);
    check_stay(names[2]);
}

static void stay_in_space_map_of_512_pages(void) {
    static const char *const small[] = {"map 512 pages", "protect 512 pages", "unmap 512 pages"};
    static const char *const large[] = {"map 2 MiB", "protect 2 MiB", "unmap 2 MiB"};
    cap_t space = world_create(OBJECT_SPACE, 0), memory = hook_large_memory(2);
    map_protect_unmap(space, memory, SOMEWHERE - 200 * PAGE_BYTES, small); /* six tables */
    map_protect_unmap(space, memory, SOMEWHERE, large);
    for (uint64_t i = 0; i < 2; i++)
        CHECK_STATUS(sys_space_map(space, memory, i * MAP_PAGES_MAX, MAP_PAGES_MAX, SOMEWHERE + i * MIB_2, READ_WRITE),
                     OK);
    start_over();
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE + PAGE_BYTES, MAP_PAGES_MAX, MEMORY_READ), OK);
    check_stay("split two pages of 2 MiB");
    CHECK_VALUE(sys_space_unmap(space, SOMEWHERE + PAGE_BYTES, MAP_PAGES_MAX), MAP_PAGES_MAX);
    check_stay("unmap across the two");
    CHECK_STATUS(sys_cap_delete(0, space), OK);
    check_stay("destroy the space");
}

/* Full last-level tables, spread over many tables of the level above, in a pool of many small parts. */
static void stay_in_space_audit(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = world_memory(MAP_PAGES_MAX);
    for (uint64_t i = 0; i < 40; i++) {
        CHECK_STATUS(
            sys_space_map(space, memory, 0, MAP_PAGES_MAX, SOMEWHERE + i / 4 * GIB_512 + i % 4 * MIB_2, READ_WRITE),
            OK);
    }
    start_over();
    CHECK_STATUS(world_audit(space), OK);
    check_stay("audit a space with 20480 pages");
}

static void stay_with_many_chunks(void) {
    cap_t pool = world_pool(4), space = world_slot(), memory = world_memory(MAP_PAGES_MAX), table = world_slot();
    CHECK_STATUS(sys_object_create(pool, OBJECT_SPACE, 0, space), OK);
    for (uint64_t i = 1; i < POOL_CHUNKS_MAX; i++)
        CHECK_STATUS(sys_pool_extend(pool, world.region, world_frames(2), i % 2 + 1), OK);
    start_over();
    CHECK_STATUS(sys_space_map(space, memory, 0, MAP_PAGES_MAX, SOMEWHERE - 200 * PAGE_BYTES, READ_WRITE), OK);
    check_stay("map 512 pages out of a pool of 64 parts");
    CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, TABLE_SLOTS_MAX, table), E_MEMORY);
    check_stay("find no run in it");
}

static void stay_in_memory_fill_and_copy(void) {
    cap_t memory = world_memory(2);
    start_over();
    CHECK_STATUS(sys_memory_fill(memory, 0, BYTES_MAX, 5), OK);
    check_stay("fill 4096 bytes");
    CHECK_STATUS(sys_memory_copy(memory, PAGE_BYTES, memory, 0, BYTES_MAX), OK);
    check_stay("copy 4096 bytes");
    CHECK_STATUS(sys_memory_copy(memory, PAGE_BYTES + 3, memory, 1, BYTES_MAX - 8), OK);
    check_stay("copy 4088 bytes, unaligned");
}

/* ---- time and messages ---- */

/* Make timers in a pool of their own. One per ns gives a heap its longest right spine; random times
 * make many removals long. */
static cap_t make_timers(uint64_t count, uint64_t when_ns, bool at_random) {
    cap_t pool = world_pool(LARGE_POOL_PAGES), table = world_slot(), slot = world_slot();
    for (uint64_t i = 0; i < 2; i++)
        CHECK_STATUS(sys_pool_extend(pool, world.region, world_frames(LARGE_POOL_PAGES), LARGE_POOL_PAGES), OK);
    CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, TABLE_SLOTS_MAX, table), OK);
    for (uint64_t i = 0; i < count; i++) {
        CHECK_STATUS(sys_object_create(pool, OBJECT_NOTIFICATION, 0, slot), OK);
        CHECK_STATUS(sys_signal_timer(slot, 1, when_ns + (at_random ? random_below(1000000) : i)), OK);
        CHECK_STATUS(sys_cap_move(table, 1 + i, slot), OK);
    }
    CHECK(world_now() < when_ns);
    return pool;
}

#define HEAP_TIMERS 16000U
#define HEAP_NS 60000000U /* the time in which they are made */

/* Stays while a thread runs whose priority does not exceed the timers', and while they die. */
static void stay_when_timers_fill_a_heap(void) {
    uint64_t when_ns = world_now() + HEAP_NS;
    cap_t pool = make_timers(HEAP_TIMERS, when_ns, false);
    start_over();
    while (world_now() < when_ns + HEAP_NS / 2)
        continue;
    check_stay("16000 deadlines in a row");
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
    pool = make_timers(HEAP_TIMERS, world_now() + HEAP_NS, false);
    start_over();
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
    check_stay("destroy 16000 notifications with timers");
}

#define FAR_NS 30000000000U

/* Start callers whose deadlines are in the middle of a heap. `space` 0: the main thread's own. */
static void start_callers(struct worker *workers, uint32_t count, cap_t endpoint, cap_t space, cap_t timers[static 2]) {
    uint64_t far_ns = world_now() + FAR_NS;
    timers[0] = make_timers(HEAP_TIMERS / 2, far_ns, true);
    for (uint32_t i = 0; i < count; i++)
        role_start_call_until(&workers[i], (struct worker_plan){.space = space, .priority = PRIORITY_MAIN}, endpoint,
                              far_ns - count + i);
    timers[1] = make_timers(HEAP_TIMERS / 2, far_ns, true);
    worker_let_run(20000000);
}

#define HEAP_CALLERS 48U

/* Many waits end at once, and each deadline leaves the heap: of threads whose space dies, and of threads
 * that wait for an answer. */
static void stay_in_the_end_of_waits_among_many_timers(void) {
    struct worker workers[HEAP_CALLERS];
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), pool = world_pool(LARGE_POOL_PAGES), timers[2];
    start_callers(workers, HEAP_CALLERS, endpoint, worker_space_from(pool), timers);
    start_over();
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
    check_stay("destroy a space of 48 callers");
    CHECK_STATUS(sys_cap_delete(0, timers[0]), OK);
    CHECK_STATUS(sys_cap_delete(0, timers[1]), OK);
}

static void stay_in_destruction_of_replies_among_many_timers(void) {
    struct worker workers[HEAP_CALLERS];
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), table = world_create(OBJECT_TABLE, 64), timers[2];
    start_callers(workers, HEAP_CALLERS, endpoint, 0, timers);
    for (uint32_t i = 0; i < HEAP_CALLERS; i++) {
        CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), OK);
        CHECK_STATUS(sys_cap_move(table, 1 + i, 0), OK);
    }
    start_over();
    CHECK_STATUS(sys_cap_delete(0, table), OK);
    check_stay("destroy a table with 48 replies");
    CHECK_STATUS(sys_cap_delete(0, timers[0]), OK);
    CHECK_STATUS(sys_cap_delete(0, timers[1]), OK);
}

#define TIMERS 300U
#define WAITERS 40U

/* Waiting threads die with the table that has the only capabilities to them. */
static void stay_in_destruction_of_a_table_of_callers(void) {
    static struct worker workers[HEAP_CALLERS];
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), table = world_create(OBJECT_TABLE, 64), timers[2];
    start_callers(workers, HEAP_CALLERS, endpoint, 0, timers);
    for (uint32_t i = 0; i < HEAP_CALLERS; i++)
        CHECK_STATUS(sys_cap_move(table, 1 + i, workers[i].thread), OK);
    start_over();
    CHECK_STATUS(sys_cap_delete(0, table), OK);
    check_stay("destroy a table with the capabilities of 48 callers");
    CHECK_STATUS(sys_cap_delete(0, timers[0]), OK);
    CHECK_STATUS(sys_cap_delete(0, timers[1]), OK);
}

static void stay_when_many_deadlines_come_at_once(void) {
    struct worker workers[WAITERS];
    cap_t timers = world_slots(TIMERS), endpoint = world_create(OBJECT_ENDPOINT, 0);
    uint64_t when_ns = world_now() + 50000000;
    for (uint32_t i = 0; i < WAITERS; i++)
        role_start_call_until(&workers[i], (struct worker_plan){0}, endpoint, when_ns);
    for (uint32_t i = 0; i < TIMERS; i++) {
        CHECK_STATUS(sys_object_create(world.pool, OBJECT_NOTIFICATION, 0, timers + i), OK);
        CHECK_STATUS(sys_signal_timer(timers + i, 1, when_ns), OK);
    }
    CHECK(world_now() < when_ns);
    start_over();
    worker_let_run(60000000);
    check_stay("340 deadlines at once");
    for (uint32_t i = 0; i < TIMERS; i++)
        CHECK_VALUE(sys_signal_poll(timers + i), 1);
    for (uint32_t i = 0; i < WAITERS; i++) {
        worker_join(&workers[i]);
        CHECK_STATUS(workers[i].view->out[CALL_STATUS], E_TIMEOUT);
    }
}

/* Messages that can't be delivered: the receiver has no slots for their four capabilities. */
static void stay_in_ep_wait_with_bad_messages(void) {
    struct worker workers[WAITERS];
    struct message message;
    uint64_t badge, cancels = 0, status;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < WAITERS; i++) {
        role_start_call(&workers[i], (struct worker_plan){0}, endpoint, MESSAGE_INFO(0, MESSAGE_WORDS, MESSAGE_CAPS));
        for (uint32_t cap = 0; cap < MESSAGE_CAPS; cap++)
            workers[i].message->send_caps[cap] = world.silence;
    }
    worker_let_run(10000000);
    for (uint32_t cap = 0; cap + 1 < MESSAGE_CAPS; cap++) /* the last of them is missing */
        program.message->receive_caps[cap] = world_slot();
    program.message->receive_caps[MESSAGE_CAPS - 1] = 0;
    start_over();
    while ((status = ep_wait(endpoint, 0, &message, &badge)) == E_CANCEL)
        cancels++;
    CHECK_STATUS(status, E_TIMEOUT);
    CHECK(cancels >= 4);
    check_stay("40 messages that can't be delivered");
    for (uint32_t i = 0; i < WAITERS; i++) {
        worker_join(&workers[i]);
        CHECK_STATUS(workers[i].view->out[CALL_STATUS], E_RECEIVE);
    }
}

static void stay_in_destruction_of_an_endpoint(void) {
    struct worker workers[WAITERS];
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), notification = world_create(OBJECT_NOTIFICATION, 0);
    for (uint32_t i = 0; i < WAITERS; i++) {
        if (i % 2 == 0)
            role_start_call(&workers[i], (struct worker_plan){0}, endpoint, 0);
        else
            role_start_wait(&workers[i], (struct worker_plan){0}, role_signal_wait, notification);
    }
    worker_let_run(10000000);
    start_over();
    CHECK_STATUS(sys_cap_revoke(endpoint), OK);
    CHECK_STATUS(sys_cap_delete(0, endpoint), OK);
    check_stay("destroy an endpoint with 20 senders");
    CHECK_STATUS(sys_cap_revoke(notification), OK);
    CHECK_STATUS(sys_cap_delete(0, notification), OK);
    check_stay("destroy a notification with 20 waiters");
    for (uint32_t i = 0; i < WAITERS; i++)
        worker_join(&workers[i]);
}

static void stay_in_ep_call_with_the_longest_message(void) {
    struct worker worker;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_call(&worker, (struct worker_plan){0}, endpoint, MESSAGE_INFO(0, MESSAGE_WORDS, MESSAGE_CAPS));
    for (uint32_t cap = 0; cap < MESSAGE_CAPS; cap++) {
        worker.message->send_caps[cap] = world.silence;
        program.message->receive_caps[cap] = world_slot();
    }
    start_over();
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    message.info = MESSAGE_INFO(0, MESSAGE_WORDS, 0);
    CHECK_STATUS(ep_reply(0, &message), OK);
    worker_join(&worker);
    check_stay("call of 68 words and 4 capabilities, fault");
}

/* ---- threads ---- */

static void stay_in_thread_configure_and_handover(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    struct thread_registers entry = worker_entry_state(&worker, role_nothing);
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    struct thread_config config = {.table = worker.table,
                                   .fault_endpoint = world.faults,
                                   .message_memory = worker.window,
                                   .message_offset_pages = WORKER_STACK_PAGES,
                                   .notification = notification,
                                   .priority = PRIORITY_WORKER};
    start_over();
    CHECK_STATUS(worker_configure(worker.thread, &config, 0x7f), OK);
    check_stay("configure every field of a thread");
    CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, 0), OK);
    check_stay("handover");
}

/* Prints the longest stay of all for ./baton bench; must be the last case. */
static void stay_longest_of_all(void) {
    test_note("bench id=longest_stay ops=1 ticks=%lu kernel=%lu", longest_ticks, longest_ticks);
    CHECK(longest_ticks > 0);
}

SUITE(CASE(stay_in_cap_revoke), CASE(stay_in_cap_delete_of_a_parent), CASE(stay_in_destruction_of_a_table),
      CASE(stay_in_destruction_of_a_pool), CASE(stay_in_pool_extend_by_pages_of_another_pool),
      CASE(stay_in_space_map_of_512_pages), CASE(stay_in_space_audit), CASE(stay_with_many_chunks),
      CASE(stay_in_memory_fill_and_copy), CASE(stay_when_timers_fill_a_heap),
      CASE(stay_in_the_end_of_waits_among_many_timers), CASE(stay_in_destruction_of_replies_among_many_timers),
      CASE(stay_in_destruction_of_a_table_of_callers), CASE(stay_when_many_deadlines_come_at_once),
      CASE(stay_in_ep_wait_with_bad_messages), CASE(stay_in_destruction_of_an_endpoint),
      CASE(stay_in_ep_call_with_the_longest_message), CASE(stay_in_thread_configure_and_handover),
      CASE(stay_longest_of_all));
