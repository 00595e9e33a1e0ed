/*
 * cap_query, endpoint_watch: does a server learn what it holds, and when nobody holds what it gave away any more?
 *
 *     endpoint -> end (kept by the server: rights END) -> given -> copies made by its holder
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/wire/message.h"
#include "test/guest/lib/arguments.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define BITS 0x600U
#define END (ENDPOINT_CALL | ENDPOINT_WATCH)
#define ENDPOINT_VALUE(rights, derived) \
    ((uint64_t)OBJECT_ENDPOINT | (uint64_t)(rights) << 8 | ((derived) ? QUERY_DERIVED : 0))

static struct { cap_t endpoint, end, notification; } scene;

static void set_scene(void) {
    scene.endpoint = world_create(OBJECT_ENDPOINT, 0);
    scene.notification = world_create(OBJECT_NOTIFICATION, 0);
    scene.end = world_copy(scene.endpoint, END, 7);
    CHECK_STATUS(sys_endpoint_watch(scene.endpoint, scene.notification, BITS), OK);
}

/* Make another capability like those of clients. */
static cap_t give(void) { return world_copy(scene.end, ENDPOINT_CALL, 0); }

static bool is_held(cap_t slot) { return (sys_cap_query(slot).value & QUERY_DERIVED) != 0; }
static void delete (cap_t slot) { CHECK_STATUS(sys_cap_delete(0, slot), OK); }

/* Check whether the bits were raised since the last check, and that `end` agrees. */
static void check_told(bool told) {
    if (told)
        CHECK_VALUE(sys_signal_poll(scene.notification), BITS);
    else
        CHECK_STATUS(sys_signal_poll(scene.notification), E_EMPTY);
    CHECK_EQUAL(is_held(scene.end), !told);
}

/* ---- cap_query ---- */

static void cap_query_tells_type_and_rights(void) {
    CHECK_VALUE(sys_cap_query(INIT_CAP_VOLUME), OBJECT_MEMORY | (uint64_t)(MEMORY_READ | MEMORY_EXECUTE) << 8 |
                                                    (sys_cap_query(INIT_CAP_VOLUME).value & QUERY_DERIVED));
    for (uint64_t type = OBJECT_SPACE; type <= OBJECT_NOTIFICATION; type++) {
        cap_t slot = world_create((enum object_type)type, type == OBJECT_TABLE ? 8 : 0);
        cap_t narrow = world_copy(slot, 2, 0);
        CHECK_VALUE(sys_cap_query(slot), type | RIGHTS_ALL << 8 | QUERY_DERIVED);
        CHECK_VALUE(sys_cap_query(narrow), type | 2 << 8);
    }
    cap_t badged = world_copy(world_create(OBJECT_ENDPOINT, 0), ENDPOINT_CALL, UINT64_MAX);
    CHECK_VALUE(sys_cap_query(badged), ENDPOINT_VALUE(ENDPOINT_CALL, false)); /* the value does not tell the badge */
}

/* caps[0] = a slot that holds the reply of a call that is not answered. */
static void cap_query_of_a_reply(void) {
    struct worker worker;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), slot = world_slot();
    role_start_call(&worker, (struct worker_plan){0}, endpoint, MESSAGE_INFO(1, 0, 0));
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    CHECK_STATUS(sys_cap_query(0), E_CAP);
    CHECK_STATUS(sys_cap_move(0, slot, 0), OK);
    CHECK_VALUE(sys_cap_query(slot), OBJECT_REPLY);
    delete (slot);
    worker_join(&worker);
}

static void cap_query_refuses_wrong_slots(void) {
    const cap_t wrong[] = {0, world_slot(), INIT_TABLE_SLOTS, 1ULL << 32, UINT64_MAX};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_STATUS(sys_cap_query(wrong[i]), E_CAP);
}

/* Many depths of descendants have to be corrected before the answer is right. */
static void cap_query_sees_through_orphans(void) {
    enum { ORPHANS = 400 };
    cap_t root = world_create(OBJECT_ENDPOINT, 0), middle = world_copy(root, RIGHTS_ALL, 0);
    cap_t orphans = world_slots(ORPHANS);
    for (uint32_t i = 0; i < ORPHANS; i++)
        CHECK_STATUS(sys_cap_copy(0, orphans + i, middle, RIGHTS_ALL, 0), OK);
    cap_t elder = world_copy(root, RIGHTS_ALL, 0); /* copied last, it comes first in the list */
    CHECK(is_held(middle));
    delete (middle);
    CHECK(!is_held(elder));
    CHECK(is_held(root));
    for (uint32_t i = 0; i < ORPHANS; i += 50)
        CHECK(!is_held(orphans + i));
}

/* ---- endpoint_watch ---- */

static void endpoint_watch_tells_of_the_last_one(void) {
    set_scene();
    cap_t first = give(), second = give(), child = world_copy(first, ENDPOINT_CALL, 0);
    check_told(false);
    delete (first); /* `child` comes next to `second` */
    check_told(false);
    delete (second);
    check_told(false);
    delete (child);
    check_told(true);
    cap_t again = give();
    check_told(false);
    delete (again);
    check_told(true);
    CHECK_STATUS(sys_signal_poll(scene.notification), E_EMPTY);
}

/* Each `end` counts by itself: capabilities given from one do not keep another. */
static void endpoint_watch_tells_which(void) {
    enum { ENDS = 5 };
    set_scene();
    cap_t ends[ENDS], given[ENDS];
    for (uint32_t i = 0; i < ENDS; i++) {
        ends[i] = world_copy(scene.endpoint, END, 100 + i);
        given[i] = world_copy(ends[i], ENDPOINT_CALL, 0);
    }
    for (uint32_t i = 0; i < ENDS; i++) {
        delete (given[i * 2 % ENDS]);
        CHECK_VALUE(sys_signal_poll(scene.notification), BITS);
        for (uint32_t k = 0; k < ENDS; k++)
            CHECK_EQUAL(is_held(ends[k * 2 % ENDS]), k > i);
    }
}

static void endpoint_watch_tells_nothing_of_moves(void) {
    set_scene();
    cap_t table = world_create(OBJECT_TABLE, 8), given = give();
    CHECK_STATUS(sys_cap_move(table, 1, given), OK);
    check_told(false);
    CHECK_STATUS(sys_cap_delete(table, 1), OK);
    check_told(true);
}

/* Clients may copy and delete their capabilities without any notice, since these lack ENDPOINT_WATCH. */
static void endpoint_watch_needs_the_right_to_tell(void) {
    set_scene();
    cap_t given = give();
    delete (world_copy(given, RIGHTS_ALL, 0));
    check_told(false);
    cap_t mute = world_copy(scene.endpoint, ENDPOINT_CALL, 0);
    delete (world_copy(mute, RIGHTS_ALL, 0));
    check_told(false);
    cap_t none = world_copy(scene.endpoint, END, 0); /* no notice: it had no children */
    delete (none);
    check_told(false);
}

static void endpoint_watch_tells_of_a_revocation(void) {
    set_scene();
    cap_t given = give();
    for (uint32_t i = 0; i < 40; i++)
        (void)world_copy(i % 2 == 0 ? given : scene.end, ENDPOINT_CALL, 0);
    CHECK_STATUS(sys_cap_revoke(given), OK);
    check_told(false);
    CHECK_STATUS(sys_cap_revoke(scene.end), OK);
    check_told(true);
    CHECK_STATUS(sys_cap_revoke(scene.end), OK); /* no child is left */
    CHECK_STATUS(sys_signal_poll(scene.notification), E_EMPTY);
}

static void endpoint_watch_tells_of_the_death_of_a_table(void) {
    set_scene();
    cap_t table = world_create(OBJECT_TABLE, 64);
    for (uint32_t i = 1; i < 60; i++)
        CHECK_STATUS(sys_cap_copy(table, i, scene.end, ENDPOINT_CALL, 0), OK);
    check_told(false);
    delete (table);
    check_told(true);
}

/* A process is killed: its table, and its thread, which is bound to the endpoint, go with its pool. */
static void endpoint_watch_tells_of_the_death_of_a_pool(void) {
    struct worker worker;
    set_scene();
    cap_t pool = world_pool(32), given = give();
    worker_make(&worker,
                (struct worker_plan){.code = role_nothing, .own_table = true, .pool = pool, .fault_endpoint = given});
    CHECK_STATUS(sys_cap_copy(worker.table, 20, given, RIGHTS_ALL, 0), OK);
    delete (given);
    check_told(false);
    CHECK_STATUS(sys_cap_delete(worker.table, 20), OK);
    check_told(false); /* the thread's binding is left */
    CHECK_STATUS(sys_cap_revoke(pool), OK);
    delete (pool);
    check_told(true);
}

/* The last holder's end is noticed although depths before it in the list were wrong. */
static void endpoint_watch_sees_through_orphans(void) {
    enum { ORPHANS = 300 };
    set_scene();
    cap_t middle = give(), orphans = world_slots(ORPHANS);
    for (uint32_t i = 0; i < ORPHANS; i++)
        CHECK_STATUS(sys_cap_copy(0, orphans + i, i % 3 == 0 ? middle : orphans + i - 1, RIGHTS_ALL, 0), OK);
    cap_t elder = give();
    delete (middle);
    delete (elder);
    check_told(false);
    for (uint32_t i = 0; i < ORPHANS; i++)
        delete (orphans + i * 7 % ORPHANS);
    check_told(true);
}

/* A server gets the notice while it waits for calls. */
static void endpoint_watch_wakes_a_server(void) {
    struct worker worker;
    set_scene();
    cap_t given = give();
    role_start_wait(&worker, (struct worker_plan){0}, role_wait, scene.endpoint);
    struct thread_config config = {.notification = scene.notification};
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_NOTIFICATION), OK);
    CHECK(worker_await(&worker, THREAD_IN_WAIT));
    delete (given);
    worker_join(&worker);
    CHECK_STATUS(worker.view->out[WAIT_STATUS], OK);
    CHECK_EQUAL(message_kind(worker.view->out[WAIT_INFO]), MESSAGE_NOTIFICATION);
    CHECK_EQUAL(worker.view->out[WAIT_WORD_0], BITS);
}

static void endpoint_watch_replaces_what_was_bound(void) {
    set_scene();
    cap_t other = world_create(OBJECT_NOTIFICATION, 0), given = give();
    CHECK_STATUS(sys_endpoint_watch(scene.endpoint, other, 1), OK);
    delete (given);
    CHECK_STATUS(sys_signal_poll(scene.notification), E_EMPTY);
    CHECK_VALUE(sys_signal_poll(other), 1);
    given = give();
    CHECK_STATUS(sys_endpoint_watch(scene.endpoint, 0, 0), OK);
    CHECK_STATUS(sys_endpoint_watch(scene.endpoint, 0, 0), OK); /* without a binding this does nothing */
    delete (given);
    CHECK_STATUS(sys_signal_poll(other), E_EMPTY);
}

/* The binding is a capability: it keeps the notification, and ends when it is revoked. */
static void endpoint_watch_ends_with_the_notification(void) {
    set_scene();
    cap_t copy = world_copy(scene.notification, RIGHTS_ALL, 0), given = give();
    CHECK_STATUS(sys_endpoint_watch(scene.endpoint, copy, 1), OK);
    CHECK(is_held(copy));
    CHECK_STATUS(sys_cap_revoke(copy), OK);
    delete (given);
    CHECK_STATUS(sys_signal_poll(scene.notification), E_EMPTY);

    cap_t pool = world_pool(4), slot = world_slot();
    CHECK_STATUS(sys_object_create(pool, OBJECT_NOTIFICATION, 0, slot), OK);
    CHECK_STATUS(sys_endpoint_watch(scene.endpoint, slot, 1), OK);
    delete (pool);
    delete (give());
    CHECK_STATUS(sys_signal_poll(slot), E_CAP);
}

static void endpoint_watch_ends_with_the_endpoint(void) {
    set_scene();
    cap_t given = give();
    CHECK(is_held(scene.notification));
    delete (scene.endpoint);
    delete (given);
    CHECK_VALUE(sys_signal_poll(scene.notification), BITS);
    delete (scene.end);
    CHECK(!is_held(scene.notification)); /* the binding is gone */
    CHECK_STATUS(sys_signal_poll(scene.notification), E_EMPTY);
}

static uint64_t call_watch_by(cap_t cap) { return sys_endpoint_watch(scene.endpoint, cap, 1).status; }

static void endpoint_watch_refuses_wrong_capabilities(void) {
    set_scene();
    const struct {
        cap_t endpoint;
        uint64_t status;
    } rows[] = {{0, E_CAP},
                {world_slot(), E_CAP},
                {INIT_TABLE_SLOTS, E_CAP},
                {UINT64_MAX, E_CAP},
                {scene.notification, E_TYPE},
                {world_copy(scene.endpoint, END | ENDPOINT_GRANT, 0), E_RIGHTS}};
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STATUS(sys_endpoint_watch(rows[i].endpoint, scene.notification, 1), rows[i].status);
    argument_check("endpoint_watch notification", call_watch_by, world_copy(scene.notification, NOTIFICATION_WAIT, 0));
}

static void endpoint_watch_refuses_arguments(void) {
    set_scene();
    cap_t badged = world_copy(scene.notification, RIGHTS_ALL, 6);
    CHECK_STATUS(sys_endpoint_watch(scene.endpoint, scene.notification, 0), E_ARG);
    CHECK_STATUS(sys_endpoint_watch(scene.endpoint, badged, 9), E_RIGHTS); /* a badge is a mask, as in signal_raise */
    delete (give());
    check_told(true); /* the old binding still works */
    CHECK_STATUS(sys_endpoint_watch(scene.endpoint, badged, 4), OK);
    delete (give());
    CHECK_VALUE(sys_signal_poll(scene.notification), 4);
}

SUITE(CASE(cap_query_tells_type_and_rights), CASE(cap_query_of_a_reply), CASE(cap_query_refuses_wrong_slots),
      CASE(cap_query_sees_through_orphans), CASE(endpoint_watch_tells_of_the_last_one),
      CASE(endpoint_watch_tells_which), CASE(endpoint_watch_tells_nothing_of_moves),
      CASE(endpoint_watch_needs_the_right_to_tell), CASE(endpoint_watch_tells_of_a_revocation),
      CASE(endpoint_watch_tells_of_the_death_of_a_table), CASE(endpoint_watch_tells_of_the_death_of_a_pool),
      CASE(endpoint_watch_sees_through_orphans), CASE(endpoint_watch_wakes_a_server),
      CASE(endpoint_watch_replaces_what_was_bound), CASE(endpoint_watch_ends_with_the_notification),
      CASE(endpoint_watch_ends_with_the_endpoint), CASE(endpoint_watch_refuses_wrong_capabilities),
      CASE(endpoint_watch_refuses_arguments));
