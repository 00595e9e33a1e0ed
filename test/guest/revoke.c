/*
 * cap_revoke: are exactly the descendants of a capability taken away, wherever they lie?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

static bool is_there(cap_t slot) { return sys_signal_raise(slot, 1).status != E_CAP; }

static void cap_revoke_takes_all_children(void) {
    enum { WIDTH = 300 };
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), parent = world_copy(notification, RIGHTS_ALL, 0);
    cap_t sibling = world_copy(notification, RIGHTS_ALL, 0), children = world_slots(WIDTH);
    for (uint32_t i = 0; i < WIDTH; i++)
        CHECK_STATUS(sys_cap_copy(0, children + i, parent, RIGHTS_ALL, 0), OK);
    CHECK_STATUS(sys_cap_revoke(parent), OK);
    for (uint32_t i = 0; i < WIDTH; i++)
        CHECK(!is_there(children + i));
    CHECK(is_there(parent));
    CHECK(is_there(sibling));
    CHECK(is_there(notification));
}

static void cap_revoke_takes_all_generations(void) {
    enum { DEPTH = 300 };
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), chain = world_slots(DEPTH);
    for (uint32_t i = 0; i < DEPTH; i++)
        CHECK_STATUS(sys_cap_copy(0, chain + i, i == 0 ? notification : chain + i - 1, RIGHTS_ALL, 0), OK);
    CHECK_STATUS(sys_cap_revoke(chain + DEPTH / 2), OK);
    for (uint32_t i = 0; i < DEPTH; i++)
        CHECK_EQUAL(is_there(chain + i), i <= DEPTH / 2);
    CHECK_STATUS(sys_cap_revoke(notification), OK);
    CHECK(!is_there(chain));
    CHECK(is_there(notification));
}

static void cap_revoke_of_a_leaf_takes_nothing(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), leaf = world_copy(notification, 0, 0);
    CHECK_STATUS(sys_cap_revoke(leaf), OK);
    CHECK(is_there(leaf));
    CHECK_STATUS(sys_cap_revoke(world_slot()), E_CAP);
    CHECK_STATUS(sys_cap_revoke(0), E_CAP);
    CHECK_STATUS(sys_cap_revoke(INIT_TABLE_SLOTS), E_CAP);
}

static void cap_revoke_reaches_other_tables(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), copy = world_copy(notification, RIGHTS_ALL, 0);
    cap_t tables[8];
    for (uint32_t i = 0; i < 8; i++) {
        tables[i] = world_create(OBJECT_TABLE, 8);
        CHECK_STATUS(sys_cap_copy(tables[i], 1 + i % 7, copy, RIGHTS_ALL, 0), OK);
    }
    CHECK_STATUS(sys_cap_revoke(notification), OK);
    CHECK(!is_there(copy));
    for (uint32_t i = 0; i < 8; i++)
        CHECK_STATUS(sys_cap_copy(tables[i], 1 + i % 7, notification, RIGHTS_ALL, 0), OK);
}

/*
 * A middle capability with an elder sibling goes: its children become its parent's, and not that sibling's.
 *
 *     root -> elder, middle -> child -> grandchild
 */
static void cap_delete_leaves_orphans_to_the_grandparent(void) {
    cap_t root = world_create(OBJECT_NOTIFICATION, 0);
    cap_t middle = world_copy(root, RIGHTS_ALL, 0), child = world_copy(middle, RIGHTS_ALL, 0);
    cap_t grandchild = world_copy(child, RIGHTS_ALL, 0);
    cap_t elder = world_copy(root, RIGHTS_ALL, 0); /* copied last, it comes first in the list */
    CHECK_STATUS(sys_cap_delete(0, middle), OK);
    CHECK_STATUS(sys_cap_revoke(elder), OK);
    CHECK(is_there(child));
    CHECK(is_there(grandchild));
    CHECK_STATUS(sys_cap_revoke(child), OK); /* ... and is still its own child's parent */
    CHECK(is_there(child));
    CHECK(!is_there(grandchild));
    CHECK_STATUS(sys_cap_revoke(root), OK);
    CHECK(!is_there(child));
    CHECK(!is_there(elder));
}

/* A parent with very many children is deleted: correcting the orphans' depths takes many steps. The next call must not
 * see any of the steps. */
static void cap_delete_leaves_many_orphans(void) {
    enum { ORPHANS = 400 };
    cap_t root = world_create(OBJECT_NOTIFICATION, 0), middle = world_copy(root, RIGHTS_ALL, 0);
    cap_t orphans = world_slots(ORPHANS);
    for (uint32_t i = 0; i < ORPHANS; i++)
        CHECK_STATUS(sys_cap_copy(0, orphans + i, i % 3 == 0 ? middle : orphans + i - 1, RIGHTS_ALL, 0), OK);
    cap_t elder = world_copy(root, RIGHTS_ALL, 0);
    CHECK_STATUS(sys_cap_delete(0, middle), OK);
    CHECK_STATUS(sys_cap_revoke(elder), OK);
    for (uint32_t i = 0; i < ORPHANS; i++)
        CHECK(is_there(orphans + i));
    CHECK_STATUS(sys_cap_revoke(orphans), OK);
    CHECK(!is_there(orphans + 1));
    CHECK(!is_there(orphans + 2));
    CHECK(is_there(orphans + 3));
    CHECK_STATUS(sys_cap_revoke(root), OK);
    for (uint32_t i = 0; i < ORPHANS; i++)
        CHECK(!is_there(orphans + i));
}

/* The root itself can be deleted: its children become roots, and none of them owns another. */
static void cap_delete_of_the_root_leaves_equals(void) {
    cap_t root = world_create(OBJECT_NOTIFICATION, 0), first = world_copy(root, RIGHTS_ALL, 0);
    cap_t second = world_copy(root, RIGHTS_ALL, 0), child = world_copy(first, RIGHTS_ALL, 0);
    CHECK_STATUS(sys_cap_delete(0, root), OK);
    CHECK_STATUS(sys_cap_revoke(second), OK);
    CHECK(is_there(first));
    CHECK(is_there(child));
    CHECK_STATUS(sys_cap_revoke(first), OK);
    CHECK(is_there(second));
    CHECK(!is_there(child));
}

/* Memory derived in steps: revoking a region takes back all its parts. Mapped pages stay mapped. */
static void cap_revoke_of_memory(void) {
    cap_t all = world_memory(16), part = world_slot(), page = world_slot();
    CHECK_STATUS(sys_memory_derive(all, 4, 8, part, RIGHTS_ALL), OK);
    CHECK_STATUS(sys_memory_derive(part, 1, 1, page, READ_WRITE), OK);
    volatile uint64_t *mapped = world_map(page, 1);
    *mapped = 77;
    CHECK_STATUS(sys_cap_revoke(all), OK);
    CHECK_STATUS(sys_memory_fill(part, 0, 8, 0), E_CAP);
    CHECK_STATUS(sys_memory_fill(page, 0, 8, 0), E_CAP);
    CHECK_EQUAL(*mapped, 77);
}

/* ---- bindings are capabilities, too ---- */

static void cap_revoke_of_a_space_stops_its_threads(void) {
    struct worker worker;
    worker_start(&worker, (struct worker_plan){.code = role_spin, .own_space = true, .own_table = true});
    worker_let_run(1000000);
    CHECK(worker.view->out[0] > 0);
    CHECK_STATUS(sys_cap_revoke(worker.space), OK);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_STOPPED);
    CHECK_STATUS(sys_thread_resume(worker.thread), E_STATE);
    uint64_t count = worker.view->out[0];
    worker_let_run(1000000);
    CHECK_EQUAL(worker.view->out[0], count);
}

/* caps[0] = notification. Raise it until that fails; out[0] = the status. */
static void raise_on(struct worker_view *view) {
    do {
        view->out[0] = sys_signal_raise(view->caps[0], 1).status;
        view->out[1]++;
    } while (view->out[0] == OK);
}

static void cap_revoke_of_a_table_leaves_its_threads_without(void) {
    struct worker worker;
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    worker_make(&worker, (struct worker_plan){.code = raise_on, .own_space = true, .own_table = true});
    worker.view->caps[0] = worker_give(&worker, 1, notification, NOTIFICATION_RAISE, 0);
    worker_resume(&worker);
    worker_let_run(1000000);
    CHECK(worker.view->out[1] > 0);
    CHECK_STATUS(sys_cap_revoke(worker.table), OK);
    worker_join(&worker);
    CHECK_STATUS(worker.view->out[0], E_CAP);
}

static void cap_revoke_of_a_fault_endpoint_stops_at_the_next_fault(void) {
    struct worker worker;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .fault_endpoint = endpoint});
    CHECK_STATUS(sys_cap_revoke(endpoint), OK);
    worker_resume(&worker);
    CHECK(worker_await(&worker, THREAD_STOPPED));
}

static void cap_revoke_of_a_message_page_lets_the_frame_go(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing});
    cap_t memory = world_memory(1);
    uint64_t before = sys_system_info(INFO_FRAMES_MAPPED, 0).value;
    struct thread_config config = {.message_memory = memory};
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_MESSAGE_PAGE), OK);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, before + 1);
    CHECK_STATUS(sys_cap_revoke(memory), OK);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, before);
    struct thread_registers entry = worker_entry_state(&worker, role_nothing);
    CHECK_VALUE(
        ((struct result){.status = OK, .value = worker_handover(worker.thread, INIT_CAP_SPACE, &entry, 0).value}),
        AUDIT_MESSAGE_PAGE);
}

static void cap_revoke_of_a_bound_notification_unbinds_it(void) {
    struct worker worker;
    struct message message;
    uint64_t badge;
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_wait(&worker, (struct worker_plan){0}, role_wait, endpoint);
    struct thread_config config = {.notification = notification};
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_NOTIFICATION), OK);
    CHECK(worker_await(&worker, THREAD_IN_WAIT));
    CHECK_STATUS(sys_cap_revoke(notification), OK);
    CHECK_STATUS(sys_signal_raise(notification, 1), OK);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_IN_WAIT);
    CHECK_VALUE(sys_signal_poll(notification), 1);
    CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), E_TIMEOUT);
}

/* ---- compared with a model ---- */

#define MODEL_SLOTS 48U
#define STEPS 4000U

/* The derivations: parent[i] is an index, or NOBODY if no ancestor is left. */
static struct {
    bool there[MODEL_SLOTS];
    uint32_t parent[MODEL_SLOTS];
} model;
#define NOBODY MODEL_SLOTS

static bool model_descends(uint32_t slot, uint32_t ancestor) {
    while (slot != NOBODY && slot != ancestor)
        slot = model.parent[slot];
    return slot == ancestor;
}

static void model_revoke(uint32_t root) {
    bool goes[MODEL_SLOTS];
    for (uint32_t i = 0; i < MODEL_SLOTS; i++)
        goes[i] = model.there[i] && i != root && model_descends(i, root);
    for (uint32_t i = 0; i < MODEL_SLOTS; i++)
        model.there[i] = model.there[i] && !goes[i];
}

static void model_delete(uint32_t slot) {
    for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
        if (model.there[i] && model.parent[i] == slot)
            model.parent[i] = model.parent[slot];
    }
    model.there[slot] = false;
}

static void model_move(uint32_t to, uint32_t from) {
    for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
        if (model.there[i] && model.parent[i] == from)
            model.parent[i] = to;
    }
    model.there[to] = true;
    model.parent[to] = model.parent[from];
    model.there[from] = false;
}

static void take_random_step(cap_t slots) {
    uint32_t a = (uint32_t)random_below(MODEL_SLOTS), b = (uint32_t)random_below(MODEL_SLOTS);
    uint64_t choice = random_below(16);
    if (choice < 9) {
        uint64_t status = !model.there[a] ? E_CAP : model.there[b] ? E_EXISTS : OK;
        CHECK_STATUS(sys_cap_copy(0, slots + b, slots + a, RIGHTS_ALL, 0), status);
        if (status == OK) {
            model.there[b] = true;
            model.parent[b] = a;
        }
    } else if (choice < 11) {
        uint64_t status = !model.there[a] ? E_CAP : model.there[b] ? E_EXISTS : OK;
        CHECK_STATUS(sys_cap_move(0, slots + b, slots + a), status);
        if (status == OK)
            model_move(b, a);
    } else if (choice < 15) {
        CHECK_STATUS(sys_cap_delete(0, slots + a), OK);
        if (model.there[a])
            model_delete(a);
    } else {
        CHECK_STATUS(sys_cap_revoke(slots + a), model.there[a] ? OK : E_CAP);
        if (model.there[a])
            model_revoke(a);
    }
}

static void cap_revoke_agrees_with_a_model(void) {
    test_limit_ms(60000);
    cap_t slots = world_slots(MODEL_SLOTS);
    memset(&model, 0, sizeof model);
    for (uint32_t step = 0; step < STEPS; step++) {
        bool any = false;
        for (uint32_t i = 0; i < MODEL_SLOTS; i++)
            any = any || model.there[i];
        if (!any) { /* the last capability went, and the object with it */
            CHECK_STATUS(sys_object_create(world.pool, OBJECT_NOTIFICATION, 0, slots), OK);
            model.there[0] = true;
            model.parent[0] = NOBODY;
        }
        take_random_step(slots);
        for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
            if (is_there(slots + i) != model.there[i]) {
                test_fail("step %u: slot %u is %s", step, i, model.there[i] ? "empty" : "not empty");
                return;
            }
        }
        if (step % 64 == 0)
            CHECK(sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0).status != E_STATE);
    }
    test_note("%u steps, all of %u slots compared after each", STEPS, MODEL_SLOTS);
}

/* caps[0] = a pool. */
static void delete_pool(struct worker_view *view) { view->out[0] = 1 + sys_cap_delete(0, view->caps[0]).status; }

/* Garbage does not grow: a capability of a dying object can no longer be copied. */
static void cap_copy_of_a_dying_object(void) {
    enum { COPIES = 150 };
    struct worker worker;
    cap_t pool = world_pool(32), endpoint = world_slot(), copies = world_slots(COPIES), more = world_slot();
    cap_t other = world_create(OBJECT_TABLE, 32);
    struct thread_config config = {.fault_endpoint = copies};
    CHECK_STATUS(sys_object_create(pool, OBJECT_ENDPOINT, 0, endpoint), OK);
    for (uint64_t i = 0; i < COPIES; i++)
        CHECK_STATUS(sys_cap_copy(0, copies + i, endpoint, RIGHTS_ALL, 0), OK);
    worker_make(&worker, (struct worker_plan){.code = delete_pool});
    worker.view->caps[0] = pool;
    worker_resume(&worker);
    worker_let_run(6000);
    CHECK_EQUAL(worker.view->out[0], 0);          /* the delete is not finished */
    CHECK_STATUS(sys_cap_query(endpoint), E_CAP); /* ... and has begun */
    CHECK_STATUS(sys_cap_query(copies), OK);      /* the last capability to go */
    CHECK_STATUS(sys_cap_copy(0, more, copies, RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(other, 1, copies, RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_copy(0, more, copies, RIGHTS_ALL, 7), E_CAP);
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_FAULT_ENDPOINT), E_CAP);
    CHECK_STATUS(sys_cap_move(0, more, copies), OK); /* it may still be moved */
    worker_join(&worker);
    CHECK_EQUAL(worker.view->out[0], 1 + OK);
    CHECK_STATUS(sys_cap_query(more), E_CAP);
}

SUITE(CASE(cap_copy_of_a_dying_object), CASE(cap_revoke_takes_all_children), CASE(cap_revoke_takes_all_generations),
      CASE(cap_revoke_of_a_leaf_takes_nothing), CASE(cap_revoke_reaches_other_tables),
      CASE(cap_delete_leaves_orphans_to_the_grandparent), CASE(cap_delete_leaves_many_orphans),
      CASE(cap_delete_of_the_root_leaves_equals), CASE(cap_revoke_of_memory),
      CASE(cap_revoke_of_a_space_stops_its_threads), CASE(cap_revoke_of_a_table_leaves_its_threads_without),
      CASE(cap_revoke_of_a_fault_endpoint_stops_at_the_next_fault),
      CASE(cap_revoke_of_a_message_page_lets_the_frame_go), CASE(cap_revoke_of_a_bound_notification_unbinds_it),
      CASE(cap_revoke_agrees_with_a_model));
