/*
 * Objects that die: what do others see of a dead object while it is taken apart, and who waits for that?
 *
 * An object is taken apart in steps, and the deleting thread can be interrupted between two of them. So here a thread
 * of low priority deletes, and the main thread lets it run for a moment at a time.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
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

/* Fill `count` slots from `slots` on; each holds a child of the capability in the slot before. */
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
 * A revoke is stopped half way, and the object dies. The slot that the revoke would have emptied next then gets another
 * object's capability, which is in another list and has its parent there: the revoke must not touch it.
 */
static void cap_revoke_of_one_that_dies_leaves_no_trace(void) {
    enum { CHAIN = 500, ROOT = 150, OTHERS = 200 };
    cap_t pool = world_pool(8), chain = world_slots(CHAIN), others = world_slots(OTHERS);
    make_chain(pool, chain, CHAIN);
    make_chain(world.pool, others, OTHERS);
    struct worker deleter, revoker;
    start_role(&deleter, role_delete, pool, 10);
    CHECK(await_empty(chain)); /* it is being taken apart: its capabilities go first */
    CHECK(is_there(chain + ROOT));
    start_role(&revoker, role_revoke, chain + ROOT, 16);
    CHECK(await_empty(chain + ROOT + 1));
    CHECK_STATUS(sys_thread_suspend(revoker.thread, 0), OK);
    uint64_t edge = ROOT + 1;
    while (edge < CHAIN && sys_signal_raise(chain + edge, 1).status == E_CAP)
        edge++;
    if (!CHECK(edge + 1 < CHAIN) || !CHECK(await_empty(chain + edge)))
        return;
    CHECK(sys_signal_raise(chain + CHAIN - 1, 1).status == OK);
    CHECK_STATUS(sys_cap_copy(0, chain + edge, others + OTHERS - 1, RIGHTS_ALL, 0), OK);
    (void)sys_cap_query(chain + CHAIN - 1); /* this corrects the depths in the dying object's list, if need be */
    CHECK_STATUS(sys_cap_revoke(others + OTHERS - 3), OK);
    CHECK(!is_there(others + OTHERS - 2));
    CHECK(!is_there(chain + edge)); /* its great-grandchild */
    worker_resume(&revoker);
    join(&deleter);
    worker_join(&revoker);
}

/* While a thread that was bound to a notification is taken apart, another one gets bound to it, and stays bound. */
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
               16); /* depths in the table's list are to be corrected, and the dying thread has to wait for that */
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
    CHECK_EQUAL(deleter.view->out[1], 0); /* the delete is not finished */
    join(&deleter);
    join(&parter);
    worker_resume(&heir);
    CHECK(worker_await(&heir, THREAD_IN_WAIT));
    CHECK_STATUS(sys_signal_raise(notification, 5), OK);
    worker_join(&heir);
    CHECK_EQUAL(heir.view->out[WAIT_WORD_0], 5);
}

/* Make a pool with `mib` MiB of tables in it. */
static cap_t make_garbage(uint64_t mib) {
    enum { CHUNK_PAGES = 512, TABLES = 7 }; /* tables of 64 pages in a chunk, beside the pool's own page */
    cap_t pool = world_pool(CHUNK_PAGES);
    for (uint64_t i = 2; i < mib; i += 2)
        CHECK_STATUS(sys_pool_extend(pool, world.region, world_frames(CHUNK_PAGES), CHUNK_PAGES), OK);
    for (uint64_t i = 0; i < TABLES * mib / 2; i++)
        CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, 8192, world_slot()), OK);
    return pool;
}

/* Wait for a bit, then count for ever. Where CPUs are emulated in turn, each step passes the turn to the next one. */
static void wait_and_count(struct worker_view *view) {
    (void)sys_signal_wait(view->caps[0], DEADLINE_NEVER);
    for (;; view->out[0]++)
        __asm__ volatile("pause");
}

/*
 * A thread dies with the table that had its last capability, and much else dies with it. It must not execute one more
 * instruction, however long it takes until the thread itself is taken apart. The thread waits for a bit, which then
 * comes, or it counts (`counts`).
 */
static void check_dead_thread(bool counts, uint64_t cpu) {
    cap_t garbage = make_garbage(8), pool = world_pool(300), table = world_create(OBJECT_TABLE, 8);
    cap_t bits = world_create(OBJECT_NOTIFICATION, 0), mark = world_create(OBJECT_NOTIFICATION, 0), big = world_slot();
    struct worker victim, collector, deleter;
    worker_make(&victim, (struct worker_plan){.code = wait_and_count, .priority = 14, .cpu = cpu});
    victim.view->caps[0] = bits;
    worker_resume(&victim);
    worker_let_run(MOMENT_NS * 10);
    if (counts) {
        CHECK_STATUS(sys_signal_raise(bits, 1), OK);
        worker_let_run(MOMENT_NS * 10);
    }
    start_role(&collector, role_delete, garbage, 8);
    worker_let_run(MOMENT_NS * 10);
    CHECK_STATUS(sys_cap_move(table, 1, victim.thread), OK);
    CHECK_STATUS(sys_cap_copy(table, 2, mark, RIGHTS_ALL, 0), OK);
    CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, 8192, big), OK);
    CHECK_STATUS(sys_cap_move(table, 3, big), OK);
    start_role(&deleter, role_delete, table, 12);
    for (uint32_t i = 0; i < MOMENTS_MAX && (sys_cap_query(mark).value & QUERY_DERIVED) != 0; i++)
        worker_let_run(MOMENT_NS);
    CHECK_EQUAL(deleter.view->out[1], 0);
    uint64_t count = victim.view->out[0];
    (void)sys_signal_raise(bits, 1);
    worker_let_run(MOMENT_NS * 100);
    victim.ended = true;
    if (!CHECK_EQUAL(victim.view->out[0], count))
        return; /* it would not let the others run */
    join(&deleter);
    join(&collector);
}

static void cap_delete_stops_a_thread_at_once(void) {
    test_limit_ms(30000);
    check_dead_thread(false, 0);
    uint64_t cpus = sys_system_info(INFO_CPUS, 0).value;
    if (cpus > 1) {
        check_dead_thread(false, 1);
        check_dead_thread(true, cpus - 1);
    }
}

/* A pool dies, and a thread in it. As long as capabilities to the thread are left it can be named, but not resumed. */
static void thread_resume_of_a_dying_one(void) {
    enum { COPIES = 300 };
    cap_t pool = world_pool(16), copies = world_slots(COPIES), bits = world_create(OBJECT_NOTIFICATION, 0);
    struct worker victim, deleter;
    worker_make(&victim, (struct worker_plan){.code = wait_and_count, .pool = pool});
    victim.view->caps[0] = bits;
    for (uint32_t i = 0; i < COPIES; i++)
        CHECK_STATUS(sys_cap_copy(0, copies + i, victim.thread, RIGHTS_ALL, 0), OK);
    CHECK_STATUS(sys_signal_raise(bits, 1), OK);
    start_role(&deleter, role_delete, pool, 12);
    for (uint32_t i = 0; i < MOMENTS_MAX && is_there(victim.thread); i++)
        worker_let_run(MOMENT_NS);
    CHECK_EQUAL(deleter.view->out[1], 0);
    struct thread_registers entry = worker_entry_state(&victim, wait_and_count);
    victim.ended = true;
    if (!CHECK_STATUS(sys_thread_resume(copies), E_STATE) || /* it is the last of the list */
        !CHECK_STATUS(worker_handover(copies, INIT_CAP_SPACE, &entry, HANDOVER_RESUME), E_STATE))
        return;
    worker_let_run(MOMENT_NS);
    CHECK_EQUAL(victim.view->out[0], 0);
    join(&deleter);
}

#define QUICK_NS 20000U /* instructions, where they are counted */

/* A call of the main thread, which nothing interrupts, must be quick. */
#define CHECK_QUICK(call)                      \
    do {                                       \
        uint64_t begin = world_now();          \
        CHECK_STATUS(call, OK);                \
        CHECK(world_now() - begin < QUICK_NS); \
    } while (0)

/* A thread of low priority is about to take 8 MiB apart. Another thread's delete is as quick as ever, and complete. */
static void cap_delete_beside_others_garbage(void) {
    test_limit_ms(30000);
    cap_t garbage = make_garbage(8), notification = world_create(OBJECT_NOTIFICATION, 0), own = world_pool(4);
    cap_t copy = world_copy(notification, RIGHTS_ALL, 0), first = world_slot(), second = world_slot();
    cap_t endpoint = world_slot();
    (void)world_copy(copy, RIGHTS_ALL, 0);
    CHECK_STATUS(sys_object_create(own, OBJECT_TABLE, 8, first), OK);
    uint64_t used = sys_system_info(INFO_POOL_USED, own).value;
    CHECK_STATUS(sys_object_create(own, OBJECT_TABLE, 64, second), OK);
    CHECK_STATUS(sys_object_create(own, OBJECT_ENDPOINT, 0, endpoint), OK);
    struct worker collector;
    start_role(&collector, role_delete, garbage, 8);
    worker_let_run(MOMENT_NS * 10);
    CHECK_EQUAL(collector.view->out[1], 0);
    uint64_t frames = sys_system_info(INFO_FRAMES_KERNEL, 0).value;
    CHECK_QUICK(sys_cap_revoke(copy));
    CHECK_QUICK(sys_cap_delete(0, copy));
    CHECK_QUICK(sys_cap_delete(0, endpoint));
    CHECK_QUICK(sys_cap_delete(0, second));
    CHECK_VALUE(sys_system_info(INFO_POOL_USED, own), used);
    CHECK_QUICK(sys_cap_delete(0, own));
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_KERNEL, 0).value, frames - 4);
    CHECK_EQUAL(collector.view->out[1], 0);
    join(&collector);
}

/* A pool dies while another thread, which does not get to run, has begun to take one of its objects
 * apart, beneath more garbage. */
static void cap_delete_of_a_pool_waits_for_all_in_it(void) {
    test_limit_ms(30000);
    cap_t own = world_pool(200), first = world_slot(), second = world_slot();
    uint64_t frames = sys_system_info(INFO_FRAMES_KERNEL, 0).value;
    CHECK_STATUS(sys_object_create(own, OBJECT_TABLE, 8192, first), OK);
    CHECK_STATUS(sys_object_create(own, OBJECT_TABLE, 8192, second), OK);
    struct worker collectors[2];
    start_role(&collectors[0], role_delete, first, 8);
    worker_let_run(MOMENT_NS * 10);
    start_role(&collectors[1], role_delete, make_garbage(2), 10);
    worker_let_run(MOMENT_NS * 10);
    CHECK_EQUAL(collectors[0].view->out[1] + collectors[1].view->out[1], 0);
    CHECK_STATUS(sys_cap_delete(0, own), OK);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_KERNEL, 0).value, frames - 200 + 512);
    join(&collectors[1]);
    join(&collectors[0]);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_KERNEL, 0).value, frames - 200);
}

/* A pool's only capability lies in a table made from that pool: the call that empties the slot loses the table. */
static void cap_delete_through_a_table_that_dies_by_it(void) {
    cap_t pool = world_pool(300), table = world_slot(), slots = world_slots(4);
    uint64_t frames = sys_system_info(INFO_FRAMES_KERNEL, 0).value;
    CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, 16, table), OK);
    for (uint64_t i = 0; i < 4; i++)
        CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, 2048, slots + i), OK);
    CHECK_STATUS(sys_cap_move(table, 1, pool), OK);
    CHECK_STATUS(sys_cap_delete(table, 1), OK);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_KERNEL, 0).value, frames - 300);
    CHECK_STATUS(sys_cap_delete(table, 1), E_CAP);
}

/* Delete caps[0], which takes long; another call deletes caps[1]. */
static void role_delete_other(struct worker_view *view) {
    view->out[2] = sys_cap_delete(0, view->caps[1]).status;
    view->out[3]++;
}

/*
 * A thread is stopped in the middle of a cap_delete and sent to other code, where it deletes something else:
 * that must be a new call, not the rest of the first. The same holds for a thread that becomes foreign: another
 * thread makes its call, or none does.
 */
static void thread_write_ends_a_cap_delete(void) {
    cap_t big = world_create(OBJECT_TABLE, 2048), other = world_create(OBJECT_NOTIFICATION, 0);
    struct worker worker;
    start_role(&worker, role_delete, big, 12);
    worker.view->caps[1] = other;
    for (uint32_t i = 0; i < MOMENTS_MAX && is_there(big); i++)
        worker_let_run(MOMENT_NS);
    CHECK_STATUS(sys_thread_suspend(worker.thread, 0), OK);
    CHECK_EQUAL(worker.view->out[1], 0);
    struct thread_registers entry = worker_entry_state(&worker, role_delete_other);
    CHECK_STATUS(worker_write(worker.thread, &entry), OK);
    worker_resume(&worker);
    worker_join(&worker);
    CHECK_EQUAL(worker.view->out[3], 1);
    CHECK_STATUS(worker.view->out[2], OK);
    CHECK(!is_there(other));
}

static void thread_configure_foreign_ends_a_cap_delete(void) {
    cap_t big = world_create(OBJECT_TABLE, 2048), other = world_create(OBJECT_NOTIFICATION, 0);
    struct worker worker;
    struct fault_message fault;
    struct thread_config config = {.foreign = 1};
    start_role(&worker, role_delete, big, 12);
    for (uint32_t i = 0; i < MOMENTS_MAX && is_there(big); i++)
        worker_let_run(MOMENT_NS);
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_FOREIGN), OK);
    if (!CHECK(worker_outcome(&worker, &fault)))
        return;
    CHECK_EQUAL(fault.kind, FAULT_SYSCALL);
    CHECK_EQUAL(worker.view->out[1], 0);
    config.foreign = 0;
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_FOREIGN), OK);
    worker.view->caps[0] = other;
    fault.registers.rip -= 2; /* make the call again, for something else */
    fault.registers.rsi = other;
    fault.registers.rax = SYS_cap_delete;
    worker_answer(FAULT_WRITE, &fault);
    join(&worker);
    CHECK(!is_there(other));
}

/* A handover lets a space with 25 tables die in `pool`, and takes nothing apart. Returns the thread's next
 * space, also from `pool`. */
static cap_t leave_dead_space(struct worker *worker, cap_t pool) {
    cap_t first = world_slot(), second = world_slot();
    uint64_t flags = HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK;
    worker_make(worker, (struct worker_plan){.code = role_nothing});
    worker->ended = true;
    CHECK_STATUS(sys_object_create(pool, OBJECT_SPACE, 0, first), OK);
    for (uint64_t i = 0; i < 25; i++)
        CHECK_STATUS(sys_space_map(first, worker->window, 0, 1, 0x10000000 + (i << 21), READ_WRITE), OK);
    CHECK_STATUS(sys_object_create(pool, OBJECT_SPACE, 0, second), OK);
    struct thread_registers entry = worker_entry_state(worker, role_nothing);
    CHECK_STATUS(worker_handover(worker->thread, first, &entry, flags), OK);
    CHECK_STATUS(sys_cap_delete(0, first), OK);
    CHECK_STATUS(worker_handover(worker->thread, second, &entry, flags), OK);
    return second;
}

/* A pool's memory is all in dead objects that a handover left: object_create takes them apart
 * first, and does not refuse. */
static void object_create_waits_for_what_is_dead(void) {
    cap_t pool = world_pool(40);
    struct worker worker;
    (void)leave_dead_space(&worker, pool);
    for (uint64_t i = 0; i < 6; i++) /* 24 pages */
        CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, 512, world_slot()), OK);
    CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, 8192, world_slot()), E_MEMORY); /* nothing is dead now */
}

/* space_map, too, takes the dead apart when it needs memory for page tables. */
static void space_map_waits_for_what_is_dead(void) {
    cap_t pool = world_pool(40);
    struct worker worker;
    cap_t second = leave_dead_space(&worker, pool);
    for (uint64_t i = 0; i < 25; i++)
        CHECK_STATUS(sys_space_map(second, worker.window, 0, 1, 0x10000000 + (i << 21), READ_WRITE), OK);
}

static void delete_one(struct worker_view *view) { (void)sys_cap_delete(0, view->caps[0]); }

/* A thread is killed while it deletes a capability with descendants: it is gone, or it is there
 * and can revoke all of them. */
static void cap_delete_half_done_cuts_nobody_off(void) {
    enum { COPIES = 100 };
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), slots = world_slots(COPIES);
    for (uint64_t ns = 250; ns < 8000; ns += 250) {
        struct worker worker;
        CHECK_STATUS(sys_cap_copy(0, slots, endpoint, RIGHTS_ALL, 0), OK);
        for (uint64_t i = 1; i < COPIES; i++)
            CHECK_STATUS(sys_cap_copy(0, slots + i, slots, RIGHTS_ALL, 0), OK);
        worker_make(&worker, (struct worker_plan){.code = delete_one, .priority = 10});
        worker.view->caps[0] = slots;
        worker_resume(&worker);
        worker_let_run(ns);
        CHECK_STATUS(sys_cap_delete(0, worker.thread), OK);
        if (sys_cap_query(slots).status == OK) {
            CHECK_STATUS(sys_cap_revoke(slots), OK);
            for (uint64_t i = 1; i < COPIES && !test_has_failed(); i++)
                CHECK_STATUS(sys_cap_query(slots + i), E_CAP);
            CHECK_STATUS(sys_cap_delete(0, slots), OK);
        }
        CHECK_STATUS(sys_cap_revoke(endpoint), OK);
    }
}

/*
 * A borrower makes a pool of borrowed frames, and puts the pool's only capability into a table in that pool. Revoking
 * the loan does not end the pool, as pool_create says, so the lender does not get the frames back. If the loan is a
 * Memory without MEMORY_POOL, the lender gets them back once nobody maps them any more.
 */
static void pool_create_of_lent_frames_that_hide(void) {
    cap_t lent = world_memory(16), table = world_slot(), pool = world_slot(), again = world_slot();
    cap_t safe = world_copy(lent, RIGHTS_ALL & ~(uint64_t)MEMORY_POOL, 0);
    CHECK_STATUS(sys_pool_create(safe, 0, 16, pool), E_RIGHTS);
    cap_t borrowed = world_copy(lent, RIGHTS_ALL, 0);
    CHECK_STATUS(sys_pool_create(borrowed, 0, 16, pool), OK);
    CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, 8, table), OK);
    CHECK_STATUS(sys_cap_move(table, 1, pool), OK);
    CHECK_STATUS(sys_cap_revoke(lent), OK);
    CHECK_STATUS(sys_pool_create(lent, 0, 16, again), E_BUSY);
    CHECK_STATUS(sys_memory_fill(lent, 0, 8, 0), E_BUSY);
    CHECK_STATUS(sys_cap_delete(table, 1), OK); /* while the table can be reached, so can the pool */
    CHECK_STATUS(sys_pool_create(lent, 0, 16, again), OK);
}

SUITE(CASE(pool_create_of_lent_frames_that_hide), CASE(cap_delete_half_done_cuts_nobody_off),
      CASE(cap_delete_beside_others_garbage), CASE(cap_delete_of_a_pool_waits_for_all_in_it),
      CASE(cap_delete_through_a_table_that_dies_by_it), CASE(thread_write_ends_a_cap_delete),
      CASE(thread_configure_foreign_ends_a_cap_delete), CASE(object_create_waits_for_what_is_dead),
      CASE(space_map_waits_for_what_is_dead), CASE(cap_delete_stops_a_thread_at_once),
      CASE(thread_resume_of_a_dying_one), CASE(cap_revoke_of_one_that_dies_leaves_no_trace),
      CASE(thread_configure_notification_of_a_dying_one));
