/*
 * Objects that die: what is a dead object to others while it is taken apart, and who waits for that?
 *
 * Taking apart goes in steps, and the thread that deletes can be interrupted between two of them. So here a thread of low
 * priority deletes, and the main thread lets it run for a moment at a time.
 */
#include "kernel/abi/system.h"
#include "libsys/program.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/test.h"
#include "test/guest/lib/world.h"

#define MOMENT_NS 3000U /* a step or two */
#define MOMENTS_MAX 10000U

static bool is_there(cap_t slot) { return sys_cap_query(slot).status != E_CAP; }

/* Delete, or revoke, caps[0]. */
static void role_delete(struct worker_view *view) {
    view->out[0] = sys_cap_delete(0, view->caps[0]).status;
    view->out[1]++;
}
static void role_revoke(struct worker_view *view) {
    view->out[0] = sys_cap_revoke(view->caps[0]).status;
    view->out[1]++;
}

static void start_role(struct worker *worker, worker_code *role, cap_t slot, uint64_t priority) {
    worker_make(worker, (struct worker_plan){.code = role, .priority = priority});
    worker->view->caps[0] = slot;
    worker_resume(worker);
}

static void join(struct worker *worker) {
    worker_join(worker);
    CHECK_STATUS(worker->view->out[0], OK);
}

/* `slots` is the first of `count` slots, in each of which there is a child of what is in the one before. */
static void make_chain(cap_t pool, cap_t slots, uint64_t count) {
    CHECK_STATUS(sys_object_create(pool, OBJECT_NOTIFICATION, 0, slots), OK);
    for (uint64_t i = 1; i < count; i++)
        CHECK_STATUS(sys_cap_copy(0, slots + i, slots + i - 1, RIGHTS_ALL, 0), OK);
}

/* Let others run until the slot is empty. */
static bool await_empty(cap_t slot) {
    for (uint32_t i = 0; i < MOMENTS_MAX && sys_signal_raise(slot, 1).status != E_CAP; i++)
        worker_let_run(MOMENT_NS);
    return sys_signal_raise(slot, 1).status == E_CAP;
}

/*
 * A revoke is stopped half way, and the object dies. A slot that the revoke would have emptied next gets something else: that is
 * in another list now, and has its parent there.
 */
static void cap_revoke_of_one_that_dies_leaves_no_trace(void) {
    enum { CHAIN = 500, ROOT = 150, OTHERS = 200 };
    cap_t pool = world_pool(8), chain = world_slots(CHAIN), others = world_slots(OTHERS);
    make_chain(pool, chain, CHAIN);
    make_chain(world.pool, others, OTHERS);
    struct worker deleter, revoker;
    start_role(&deleter, role_delete, pool, 10);
    CHECK(await_empty(chain)); /* it is taken apart, and has its capabilities taken away first */
    CHECK(is_there(chain + ROOT));
    start_role(&revoker, role_revoke, chain + ROOT, 16);
    CHECK(await_empty(chain + ROOT + 1));
    CHECK_STATUS(sys_thread_suspend(revoker.thread), OK);
    uint64_t edge = ROOT + 1;
    while (edge < CHAIN && sys_signal_raise(chain + edge, 1).status == E_CAP)
        edge++;
    if (!CHECK(edge + 1 < CHAIN) || !CHECK(await_empty(chain + edge)))
        return;
    CHECK(sys_signal_raise(chain + CHAIN - 1, 1).status == OK);
    CHECK_STATUS(sys_cap_copy(0, chain + edge, others + OTHERS - 1, RIGHTS_ALL, 0), OK);
    (void)sys_cap_query(chain + CHAIN - 1); /* it has the dying object's list put in order, if need be */
    CHECK_STATUS(sys_cap_revoke(others + OTHERS - 3), OK);
    CHECK(!is_there(others + OTHERS - 2));
    CHECK(!is_there(chain + edge)); /* its great-grandchild */
    worker_resume(&revoker);
    join(&deleter);
    worker_join(&revoker);
}

/* While a thread that was bound to a notification is taken apart, another one is bound to it, and stays so. */
static void thread_configure_notification_of_a_dying_one(void) {
    enum { ORPHANS = 600 };
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), endpoint = world_create(OBJECT_ENDPOINT, 0);
    cap_t thread = world_create(OBJECT_THREAD, 0), table = world_create(OBJECT_TABLE, 8);
    cap_t parent = world_copy(table, RIGHTS_ALL, 0), orphans = world_slots(ORPHANS);
    struct thread_config config = {.table = table, .notification = notification};
    CHECK_STATUS(worker_configure(thread, &config, THREAD_TABLE | THREAD_NOTIFICATION), OK);
    for (uint32_t i = 0; i < ORPHANS; i++)
        CHECK_STATUS(sys_cap_copy(0, orphans + i, parent, RIGHTS_ALL, 0), OK);
    struct worker parter, deleter, heir;
    start_role(&parter, role_delete, parent,
               16); /* the table's list is out of order, which the dying thread has to wait for */
    worker_let_run(MOMENT_NS);
    start_role(&deleter, role_delete, thread, 17);
    worker_make(&heir, (struct worker_plan){.code = role_wait, .priority = 12});
    heir.view->caps[0] = endpoint;
    heir.view->in[0] = DEADLINE_NEVER;
    uint64_t status = E_BUSY;
    for (uint32_t i = 0; i < MOMENTS_MAX && status == E_BUSY; i++) {
        worker_let_run(MOMENT_NS);
        status = worker_configure(heir.thread, &config, THREAD_NOTIFICATION).status;
    }
    CHECK_EQUAL(status, OK);
    CHECK_EQUAL(deleter.view->out[1], 0); /* it is still at it */
    join(&deleter);
    join(&parter);
    worker_resume(&heir);
    CHECK(worker_await(&heir, THREAD_IN_WAIT));
    CHECK_STATUS(sys_signal_raise(notification, 5), OK);
    worker_join(&heir);
    CHECK_EQUAL(heir.view->out[WAIT_WORD_0], 5);
}

SUITE(CASE(cap_revoke_of_one_that_dies_leaves_no_trace), CASE(thread_configure_notification_of_a_dying_one));
