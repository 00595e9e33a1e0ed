/*
 * cap_copy, cap_move, cap_delete: what does each do to a slot, and when does it refuse?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

static uint64_t capabilities(void) { return sys_system_info(INFO_CAPABILITIES, 0).value; }

static void cap_copy_gives_the_same_object(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), copy = world_copy(notification, RIGHTS_ALL, 0);
    CHECK_STATUS(sys_signal_raise(copy, 3), OK);
    CHECK_VALUE(sys_signal_poll(notification), 3);
    CHECK_STATUS(sys_signal_raise(notification, 4), OK);
    CHECK_VALUE(sys_signal_poll(copy), 4);
}

static void cap_copy_narrows_rights(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    cap_t wait = world_copy(notification, NOTIFICATION_WAIT, 0), none = world_copy(notification, 0, 0);
    cap_t again = world_copy(wait, RIGHTS_ALL, 0), more = world_copy(none, UINT64_MAX, 0);
    CHECK_STATUS(sys_signal_raise(wait, 1), E_RIGHTS);
    CHECK_STATUS(sys_signal_poll(wait), E_EMPTY);
    CHECK_STATUS(sys_signal_raise(again, 1), E_RIGHTS); /* a copy can't regain rights */
    CHECK_STATUS(sys_signal_poll(again), E_EMPTY);
    CHECK_STATUS(sys_signal_raise(none, 1), E_RIGHTS);
    CHECK_STATUS(sys_signal_poll(none), E_RIGHTS);
    CHECK_STATUS(sys_signal_poll(more), E_RIGHTS);
}

static void cap_copy_sets_a_badge_once(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), badged = world_copy(notification, RIGHTS_ALL, 6);
    CHECK_STATUS(sys_signal_raise(badged, 2), OK);
    CHECK_STATUS(sys_signal_raise(badged, 8), E_RIGHTS);
    CHECK_STATUS(sys_signal_raise(badged, 3), E_RIGHTS);
    CHECK_STATUS(sys_cap_copy(0, world_slot(), badged, RIGHTS_ALL, 4), E_RIGHTS);
    CHECK_STATUS(sys_cap_copy(0, world_slot(), badged, RIGHTS_ALL, 6), E_RIGHTS);
    cap_t copy = world_copy(badged, RIGHTS_ALL, 0); /* keeps it */
    CHECK_STATUS(sys_signal_raise(copy, 8), E_RIGHTS);
    CHECK_STATUS(sys_signal_raise(copy, 4), OK);
}

static void cap_copy_refuses_badges_on_other_types(void) {
    const cap_t sources[] = {INIT_CAP_TABLE, INIT_CAP_SPACE, INIT_CAP_THREAD, INIT_CAP_POOL, INIT_CAP_VOLUME};
    for (uint32_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        CHECK_STATUS(sys_cap_copy(0, world_slot(), sources[i], RIGHTS_ALL, 1), E_ARG);
}

static void cap_copy_narrows_ranges(void) {
    cap_t some = world_copy(INIT_CAP_PORTS, RIGHTS_ALL, RANGE(0x100, 0x10));
    const struct {
        uint64_t range, status;
    } rows[] = {
        {RANGE(0x100, 0x10), OK}, {RANGE(0x10f, 1), OK},    {RANGE(0x100, 0x11), E_ARG},
        {RANGE(0xff, 2), E_ARG},  {RANGE(0x110, 1), E_ARG}, {RANGE(0x10f, 0xffffffff), E_ARG},
        {RANGE(0x105, 0), E_ARG}, {RANGE(0, 65536), E_ARG}, {RANGE(0xffffffff, 0xffffffff), E_ARG},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STATUS(sys_cap_copy(0, world_slot(), some, RIGHTS_ALL, rows[i].range), rows[i].status);
    CHECK_STATUS(sys_cap_copy(0, world_slot(), INIT_CAP_PORTS, RIGHTS_ALL, RANGE(65535, 1)), OK);
    CHECK_STATUS(sys_cap_copy(0, world_slot(), INIT_CAP_PORTS, RIGHTS_ALL, RANGE(65535, 2)), E_ARG);
    CHECK_STATUS(sys_cap_copy(0, world_slot(), INIT_CAP_IRQ, RIGHTS_ALL, RANGE(4, 1)), OK);
    CHECK_STATUS(sys_cap_copy(0, world_slot(), INIT_CAP_IRQ, RIGHTS_ALL, RANGE(4, 200)), E_ARG);
}

static void cap_copy_refuses_wrong_slots(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), free = world_slot();
    uint64_t before = capabilities();
    CHECK_STATUS(sys_cap_copy(0, free, world_slot(), RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, free, 0, RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, free, INIT_TABLE_SLOTS, RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, free, UINT64_MAX, RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, 0, endpoint, RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, INIT_TABLE_SLOTS, endpoint, RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, UINT64_MAX, endpoint, RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, 1ULL << 32 | free, endpoint, RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, endpoint, endpoint, RIGHTS_ALL, 0), E_EXISTS);
    CHECK_STATUS(sys_cap_copy(0, INIT_CAP_TABLE, endpoint, RIGHTS_ALL, 0), E_EXISTS);
    CHECK_EQUAL(capabilities(), before);
}

/* All ways to name a wrong target table, for copy, move and delete alike. */
static void check_wrong_tables(uint64_t (*operation)(cap_t table, cap_t slot, cap_t source)) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), table = world_create(OBJECT_TABLE, 16);
    cap_t unwritable = world_copy(table, TABLE_USE, 0);
    CHECK_STATUS(operation(world_slot(), 1, endpoint), E_CAP);
    CHECK_STATUS(operation(UINT64_MAX, 1, endpoint), E_CAP);
    CHECK_STATUS(operation(endpoint, 1, endpoint), E_TYPE);
    CHECK_STATUS(operation(unwritable, 1, endpoint), E_RIGHTS);
    CHECK_STATUS(operation(table, 0, endpoint), E_CAP);
    CHECK_STATUS(operation(table, 16, endpoint), E_CAP);
    CHECK_STATUS(operation(table, UINT64_MAX, endpoint), E_CAP);
    CHECK_STATUS(operation(table, 15, endpoint), OK);
}

static uint64_t do_copy(cap_t table, cap_t slot, cap_t source) {
    return sys_cap_copy(table, slot, source, RIGHTS_ALL, 0).status;
}
static uint64_t do_move(cap_t table, cap_t slot, cap_t source) { return sys_cap_move(table, slot, source).status; }
static uint64_t do_delete(cap_t table, cap_t slot, cap_t source) {
    (void)source;
    return sys_cap_delete(table, slot).status;
}

static void cap_copy_refuses_wrong_tables(void) { check_wrong_tables(do_copy); }
static void cap_move_refuses_wrong_tables(void) { check_wrong_tables(do_move); }
static void cap_delete_refuses_wrong_tables(void) { check_wrong_tables(do_delete); }

static void cap_copy_refuses_wrong_source_tables(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), table = world_create(OBJECT_TABLE, 16), free = world_slot();
    cap_t unreadable = world_copy(table, TABLE_USE | TABLE_WRITE, 0);
    CHECK_STATUS(sys_cap_copy(table, 15, endpoint, RIGHTS_ALL, 0), OK);
    uint64_t before = capabilities();
    CHECK_STATUS(sys_cap_copy(0, free, RANGE(15, world_slot()), RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, free, RANGE(15, UINT32_MAX), RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, free, RANGE(15, endpoint), RIGHTS_ALL, 0), E_TYPE);
    CHECK_STATUS(sys_cap_copy(0, free, RANGE(15, unreadable), RIGHTS_ALL, 0), E_RIGHTS);
    CHECK_STATUS(sys_cap_copy(0, free, RANGE(0, table), RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, free, RANGE(14, table), RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, free, RANGE(16, table), RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, free, RANGE(UINT32_MAX, table), RIGHTS_ALL, 0), E_CAP);
    CHECK_EQUAL(capabilities(), before);
}

/* Out of a table, within it and into another: each copy is the child of its source, and has no
 * right that the source lacks. */
static void cap_copy_from_another_table(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), free = world_slot();
    cap_t table = world_create(OBJECT_TABLE, 16), other = world_create(OBJECT_TABLE, 8);
    cap_t readable = world_copy(table, TABLE_READ, 0);
    CHECK_STATUS(sys_cap_copy(table, 15, endpoint, ENDPOINT_CALL, 0), OK);
    CHECK_STATUS(sys_cap_copy(table, 3, RANGE(15, table), RIGHTS_ALL, 7), OK);
    CHECK_STATUS(sys_cap_copy(table, 4, RANGE(3, table), RIGHTS_ALL, 8), E_RIGHTS); /* the source has a badge already */
    CHECK_STATUS(sys_cap_copy(other, 7, RANGE(3, readable), RIGHTS_ALL, 0), OK);
    CHECK_STATUS(sys_cap_copy(0, free, RANGE(7, other), RIGHTS_ALL, 0), OK);
    CHECK_EQUAL(QUERY_RIGHTS(sys_cap_query(free).value), ENDPOINT_CALL);
    CHECK_STATUS(sys_cap_delete(table, 3), OK); /* its children stay */
    CHECK_STATUS(sys_cap_query(free), OK);
    CHECK_STATUS(sys_cap_revoke(endpoint), OK);
    CHECK_STATUS(sys_cap_query(free), E_CAP);
}

static void cap_copy_to_another_table(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_signal_wait, .own_space = true, .own_table = true});
    worker.view->caps[0] = worker_give(&worker, 5, notification, NOTIFICATION_WAIT, 0);
    worker.view->in[0] = world_soon();
    CHECK_STATUS(sys_cap_copy(worker.table, 5, notification, RIGHTS_ALL, 0), E_EXISTS);
    CHECK_STATUS(sys_signal_raise(notification, 9), OK);
    worker_resume(&worker);
    worker_join(&worker);
    CHECK_EQUAL(worker.view->out[SIGNAL_BITS], 9);
}

/*
 * The longest possible chain of copies. Each is copied from the previous one, which is then moved into a
 * large table to make room.
 */
static void cap_copy_stops_at_the_deepest(void) {
    enum { DEEPEST = 65535, TABLES = 17, SLOTS = 4096 };
    struct worker client;
    struct message message;
    uint64_t badge;
    test_limit_ms(60000);
    cap_t pool = world_pool(MAP_PAGES_MAX), tables = world_slots(TABLES);
    CHECK_STATUS(sys_pool_extend(pool, world.region, world_frames(MAP_PAGES_MAX), MAP_PAGES_MAX), OK);
    for (uint32_t i = 0; i < TABLES; i++)
        CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, SLOTS, tables + i), OK);
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), at[2] = {world_slot(), world_slot()};
    CHECK_STATUS(sys_cap_copy(0, at[0], notification, RIGHTS_ALL, 0), OK);
    uint32_t depth = 1;
    while (depth < DEEPEST && sys_cap_copy(0, at[depth % 2], at[(depth - 1) % 2], RIGHTS_ALL, 0).status == OK) {
        cap_t slot = 1 + depth % (SLOTS - 1), table = tables + depth / (SLOTS - 1);
        if (sys_cap_move(table, slot, at[(depth - 1) % 2]).status != OK)
            break;
        depth++;
    }
    CHECK_EQUAL(depth, DEEPEST);
    cap_t deepest = at[(depth - 1) % 2];
    CHECK_STATUS(sys_cap_copy(0, world_slot(), deepest, RIGHTS_ALL, 0), E_LIMIT);
    struct thread_config config = {.notification = deepest};
    CHECK_STATUS(worker_configure(INIT_CAP_THREAD, &config, THREAD_NOTIFICATION), E_LIMIT);
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_call(&client, (struct worker_plan){.own_table = true}, endpoint, 0);
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    client.message->receive_caps[0] = 9;
    program.message->send_caps[0] = deepest;
    message.info = MESSAGE_INFO(0, 0, 1);
    CHECK_STATUS(ep_reply(0, &message), E_LIMIT);
    message.info = MESSAGE_INFO(0, 0, 0);
    CHECK_STATUS(ep_reply(0, &message), OK);
    worker_join(&client);
    CHECK_STATUS(sys_cap_move(0, world_slot(), deepest), OK);
    CHECK_STATUS(sys_cap_revoke(notification), OK);
}

/* ---- move ---- */

static void cap_move_leaves_the_source_empty(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), slot = world_slot();
    uint64_t before = capabilities();
    CHECK_STATUS(sys_cap_move(0, slot, notification), OK);
    CHECK_STATUS(sys_signal_raise(notification, 1), E_CAP);
    CHECK_STATUS(sys_signal_raise(slot, 1), OK);
    CHECK_STATUS(sys_cap_move(0, notification, slot), OK); /* and back: the slot can be used again */
    CHECK_VALUE(sys_signal_poll(notification), 1);
    CHECK_EQUAL(capabilities(), before);
}

static void cap_move_refuses_wrong_slots(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), free = world_slot();
    CHECK_STATUS(sys_cap_move(0, free, world_slot()), E_CAP);
    CHECK_STATUS(sys_cap_move(0, free, INIT_TABLE_SLOTS), E_CAP);
    CHECK_STATUS(sys_cap_move(0, free, 0), E_CAP); /* no call is being served */
    CHECK_STATUS(sys_cap_move(0, INIT_CAP_TABLE, endpoint), E_EXISTS);
    CHECK_STATUS(sys_cap_move(0, endpoint, endpoint), E_EXISTS);
    CHECK_STATUS(sys_cap_move(0, 0, endpoint), E_CAP);
    CHECK_STATUS(sys_cap_move(0, INIT_TABLE_SLOTS, endpoint), E_CAP);
}

/* A moved capability keeps its place in the derivation: its parent's revocation finds it, and its children stay its
 * own. */
static void cap_move_keeps_the_derivation(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), parent = world_copy(notification, RIGHTS_ALL, 0);
    cap_t child = world_copy(parent, RIGHTS_ALL, 0), sibling = world_copy(notification, RIGHTS_ALL, 0);
    cap_t table = world_create(OBJECT_TABLE, 16), moved = world_slot();
    CHECK_STATUS(sys_cap_move(table, 4, parent), OK);
    CHECK_STATUS(sys_cap_copy(table, 4, sibling, RIGHTS_ALL, 0), E_EXISTS);
    CHECK_STATUS(sys_cap_move(0, moved, notification), OK);
    struct thread_config config = {.table = table};
    CHECK_STATUS(worker_configure(INIT_CAP_THREAD, &config, 0), OK); /* the message page did not change */
    CHECK_STATUS(sys_cap_revoke(moved), OK);
    CHECK_STATUS(sys_signal_raise(child, 1), E_CAP);
    CHECK_STATUS(sys_signal_raise(sibling, 1), E_CAP);
    CHECK_STATUS(sys_cap_copy(table, 4, moved, RIGHTS_ALL, 0), OK); /* the source slot in that table was emptied */
    CHECK_STATUS(sys_signal_raise(moved, 1), OK);
}

/* ---- delete ---- */

static void cap_delete_empties_a_slot(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), copy = world_copy(notification, RIGHTS_ALL, 0);
    CHECK_STATUS(sys_cap_delete(0, copy), OK);
    CHECK_STATUS(sys_signal_raise(copy, 1), E_CAP);
    CHECK_STATUS(sys_signal_raise(notification, 1), OK);
    CHECK_STATUS(sys_cap_delete(0, copy), OK); /* deleting from an empty slot does nothing */
    CHECK_STATUS(sys_cap_delete(0, 0), OK);
    CHECK_STATUS(sys_cap_delete(0, INIT_TABLE_SLOTS), E_CAP);
    CHECK_STATUS(sys_cap_delete(0, UINT64_MAX), E_CAP);
}

static void cap_delete_of_the_last_destroys_the_object(void) {
    const struct {
        enum object_type type;
        uint64_t argument;
    } rows[] = {{OBJECT_SPACE, 0},    {OBJECT_THREAD, 0},   {OBJECT_TABLE, 8},
                {OBJECT_TABLE, 4096}, {OBJECT_ENDPOINT, 0}, {OBJECT_NOTIFICATION, 0}};
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t before = sys_system_info(INFO_POOL_USED, world.pool).value;
        cap_t object = world_create(rows[i].type, rows[i].argument), copy = world_copy(object, 0, 0);
        uint64_t used = sys_system_info(INFO_POOL_USED, world.pool).value;
        CHECK(used > before);
        CHECK_STATUS(sys_cap_delete(0, object), OK);
        CHECK_EQUAL(sys_system_info(INFO_POOL_USED, world.pool).value, used);
        CHECK_STATUS(sys_cap_delete(0, copy), OK);
        CHECK_EQUAL(sys_system_info(INFO_POOL_USED, world.pool).value, before);
    }
}

/* Two objects that hold each other's last capability: two tables, each in the other. */
static void cap_delete_of_a_table_that_holds_itself(void) {
    uint64_t before = sys_system_info(INFO_POOL_USED, world.pool).value;
    cap_t table = world_create(OBJECT_TABLE, 8), inner = world_create(OBJECT_TABLE, 8);
    CHECK_STATUS(sys_cap_move(table, 1, inner), OK);
    CHECK_STATUS(sys_cap_delete(0, table), OK); /* ends the inner one, too */
    CHECK_EQUAL(sys_system_info(INFO_POOL_USED, world.pool).value, before);
    table = world_create(OBJECT_TABLE, 8);
    CHECK_STATUS(sys_cap_copy(table, 1, table, RIGHTS_ALL, 0), OK);
    CHECK_STATUS(sys_cap_delete(0, table), OK);
    /* it keeps itself alive until its pool is destroyed */
    CHECK(sys_system_info(INFO_POOL_USED, world.pool).value > before);
}

static void cap_delete_in_another_table(void) {
    cap_t table = world_create(OBJECT_TABLE, 8), notification = world_create(OBJECT_NOTIFICATION, 0);
    CHECK_STATUS(sys_cap_copy(table, 3, notification, RIGHTS_ALL, 0), OK);
    CHECK_STATUS(sys_cap_delete(table, 3), OK);
    CHECK_STATUS(sys_cap_delete(table, 3), OK);
    CHECK_STATUS(sys_cap_copy(table, 3, notification, RIGHTS_ALL, 0), OK);
}

SUITE(CASE(cap_copy_gives_the_same_object), CASE(cap_copy_narrows_rights), CASE(cap_copy_sets_a_badge_once),
      CASE(cap_copy_refuses_badges_on_other_types), CASE(cap_copy_narrows_ranges), CASE(cap_copy_refuses_wrong_slots),
      CASE(cap_copy_refuses_wrong_tables), CASE(cap_copy_to_another_table), CASE(cap_copy_refuses_wrong_source_tables),
      CASE(cap_copy_from_another_table), CASE(cap_copy_stops_at_the_deepest), CASE(cap_move_refuses_wrong_tables),
      CASE(cap_move_leaves_the_source_empty), CASE(cap_move_refuses_wrong_slots), CASE(cap_move_keeps_the_derivation),
      CASE(cap_delete_refuses_wrong_tables), CASE(cap_delete_empties_a_slot),
      CASE(cap_delete_of_the_last_destroys_the_object), CASE(cap_delete_of_a_table_that_holds_itself),
      CASE(cap_delete_in_another_table));
