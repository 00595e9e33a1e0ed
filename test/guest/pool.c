/*
 * pool_create, pool_extend, object_create: do users pay for kernel memory down to the last byte, and get all of it
 * back?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/arguments.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

static uint64_t used(cap_t pool) { return sys_system_info(INFO_POOL_USED, pool).value; }
static uint64_t size(cap_t pool) { return sys_system_info(INFO_POOL_BYTES, pool).value; }
static uint64_t kernel_frames(void) { return sys_system_info(INFO_FRAMES_KERNEL, 0).value; }

static void pool_create_takes_frames(void) {
    uint64_t before = kernel_frames();
    cap_t pool = world_pool(7);
    CHECK_EQUAL(kernel_frames(), before + 7);
    CHECK_EQUAL(size(pool), 7 * PAGE_BYTES);
    CHECK_EQUAL(used(pool), 0);
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
    CHECK_EQUAL(kernel_frames(), before);
    CHECK_STATUS(sys_system_info(INFO_POOL_BYTES, pool), E_CAP);
    CHECK_STATUS(sys_system_info(INFO_POOL_USED, INIT_CAP_SPACE), E_TYPE);
}

static void pool_create_refuses_ranges(void) {
    cap_t memory = world_memory(4), slot = world_slot();
    const uint64_t rows[][2] = {
        {0, 0}, {0, 5}, {4, 1}, {UINT64_MAX, 2}, {0, UINT64_MAX}, {1ULL << 52, 1}, {0, MAP_PAGES_MAX + 1}};
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STATUS(sys_pool_create(memory, rows[i][0], rows[i][1], slot), E_ARG);
    CHECK_STATUS(sys_pool_create(world.region, world_frames(MAP_PAGES_MAX + 1), MAP_PAGES_MAX + 1, slot), E_ARG);
    CHECK_STATUS(sys_pool_create(memory, 0, 1, memory), E_EXISTS);
    CHECK_STATUS(sys_pool_create(memory, 0, 1, 0), E_CAP);
    CHECK_STATUS(sys_pool_create(memory, 0, 1, UINT64_MAX), E_CAP);
    CHECK_STATUS(sys_pool_create(INIT_CAP_DEVICES, 0xfed00, 1, slot), E_RIGHTS);
    CHECK_STATUS(sys_pool_create(INIT_CAP_VOLUME, 0, 1, slot), E_RIGHTS);
    CHECK_STATUS(sys_pool_create(memory, 0, 1, slot), OK); /* the smallest possible, without room for any object */
    CHECK_STATUS(sys_object_create(slot, OBJECT_ENDPOINT, 0, world_slot()), E_MEMORY);
}

static void pool_extend_refuses_ranges(void) {
    cap_t memory = world_memory(4), pool = world_pool(4);
    const uint64_t rows[][2] = {{0, 0}, {0, 5}, {1, 4}, {4, 1}, {UINT64_MAX, 2}, {0, UINT64_MAX}, {1ULL << 52, 1}};
    uint64_t before = kernel_frames();
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STATUS(sys_pool_extend(pool, memory, rows[i][0], rows[i][1]), E_ARG);
    CHECK_STATUS(sys_pool_extend(pool, world.region, world_frames(MAP_PAGES_MAX + 1), MAP_PAGES_MAX + 1), E_ARG);
    CHECK_EQUAL(size(pool), 4 * PAGE_BYTES);
    CHECK_EQUAL(kernel_frames(), before);
    CHECK_STATUS(sys_pool_extend(pool, memory, 0, 4), OK);
    CHECK_EQUAL(size(pool), 8 * PAGE_BYTES);
}

static cap_t tested, memory_1;
static uint64_t call_create(cap_t cap) { return sys_pool_create(cap, 0, 1, world_slot()).status; }
static uint64_t call_extend(cap_t cap) { return sys_pool_extend(cap, memory_1, 0, 1).status; }
static uint64_t call_extend_memory(cap_t cap) { return sys_pool_extend(tested, cap, 0, 1).status; }
static uint64_t call_object(cap_t cap) { return sys_object_create(cap, OBJECT_ENDPOINT, 0, world_slot()).status; }

static void pool_calls_refuse_wrong_capabilities(void) {
    memory_1 = world_memory(1);
    tested = world_pool(4);
    cap_t no_pool = world_copy(memory_1, READ_WRITE, 0);
    argument_check("pool_create", call_create, no_pool);
    argument_check("pool_extend", call_extend, world_copy(tested, POOL_ALLOCATE, 0));
    argument_check("pool_extend memory", call_extend_memory, no_pool);
    argument_check("object_create", call_object, world_copy(tested, POOL_EXTEND, 0));
}

/* Frames have one use at a time: a pool excludes the others, and they exclude a pool. */
static void pool_create_excludes_other_uses(void) {
    cap_t memory = world_memory(6), pool = world_slot(), other = world_slot();
    volatile uint64_t *page = world_map(memory, 1);
    struct result result = sys_pool_create(memory, 0, 4, pool); /* mapped */
    CHECK_STATUS(result, E_BUSY);
    CHECK_EQUAL(result.value, 1);
    uaddr_t second = world_addresses(1);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, 0, 1, second, MEMORY_READ), OK);
    CHECK_EQUAL(sys_pool_create(memory, 0, 4, pool).value, 2); /* how many hold it */
    CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, second, 1), 1);
    CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, (uaddr_t)page, 1), 1);
    CHECK_STATUS(sys_pool_create(memory, 0, 4, pool), OK);
    CHECK_STATUS(sys_pool_create(memory, 3, 2, other), E_BUSY); /* the last belongs to a pool */
    CHECK_STATUS(sys_pool_extend(pool, memory, 3, 2), E_BUSY);
    for (uint64_t i = 0; i < 4; i++) {
        CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, i, 1, second, MEMORY_READ), E_BUSY);
        CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, i, 2, second, MEMORY_READ), E_BUSY);
    }
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing});
    struct thread_config config = {.message_memory = memory, .message_offset_pages = 3};
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_MESSAGE_PAGE), E_BUSY);
    config.message_offset_pages = 4;
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_MESSAGE_PAGE), OK);
    CHECK_STATUS(sys_pool_create(memory, 4, 2, other), E_BUSY); /* a message page */
    CHECK_STATUS(sys_pool_extend(pool, memory, 4, 1), E_BUSY);
    CHECK_STATUS(sys_pool_create(memory, 5, 1, other), OK);
}

/* Frames come back from a pool cleared, whatever was in it. */
static void cap_delete_of_a_pool_clears_its_frames(void) {
    enum { PAGES = 40 };
    cap_t memory = world_memory(PAGES), pool = world_slot();
    volatile uint64_t *pages = world_map(memory, PAGES);
    for (uint64_t i = 0; i < PAGES * 512; i++)
        pages[i] = 0x5ec2e7;
    CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, (uaddr_t)pages, PAGES), PAGES);
    CHECK_STATUS(sys_pool_create(memory, 0, PAGES, pool), OK);
    for (uint64_t type = 0; type < 12; type++)
        CHECK_STATUS(sys_object_create(pool, type % 2 == 0 ? OBJECT_SPACE : OBJECT_THREAD, 0, world_slot()), OK);
    cap_t space = world_slot(), table = world_slot();
    CHECK_STATUS(sys_object_create(pool, OBJECT_SPACE, 0, space), OK);
    CHECK_STATUS(sys_space_map(space, world_memory(1), 0, 1, 1ULL << 40, MEMORY_READ), OK);
    CHECK_STATUS(sys_object_create(pool, OBJECT_TABLE, 64, table), OK);
    CHECK_STATUS(sys_cap_copy(table, 5, table, RIGHTS_ALL, 0), OK);
    uint64_t handed_out = used(pool) / PAGE_BYTES;
    CHECK(handed_out >= 17);
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, 0, PAGES, (uaddr_t)pages, MEMORY_READ), OK);
    uint64_t dirty = 0;
    for (uint64_t page = 0; page < PAGES; page++) {
        uint64_t zero = 0, old = 0;
        for (uint64_t i = 0; i < 512; i++) {
            zero += pages[page * 512 + i] == 0;
            old += pages[page * 512 + i] == 0x5ec2e7;
        }
        dirty += zero != 512 && old != 512; /* all cleared, or never used */
    }
    CHECK_EQUAL(dirty, 0);
}

/* ---- exhaustion ---- */

/* Make objects until the pool is empty. Returns their number. Every failure must be E_MEMORY and change nothing. */
static uint64_t exhaust(cap_t pool, enum object_type type, uint64_t argument, cap_t first_slot) {
    uint64_t count = 0, status = OK;
    while (status == OK) {
        uint64_t before = used(pool);
        status = sys_object_create(pool, type, argument, first_slot + count).status;
        if (status == OK)
            count++;
        else
            CHECK_EQUAL(used(pool), before);
    }
    CHECK_STATUS(status, E_MEMORY);
    CHECK_STATUS(sys_object_create(pool, type, argument, first_slot + count), E_MEMORY);
    return count;
}

static void object_create_until_the_pool_is_empty(void) {
    enum { PAGES = 16 };
    const struct {
        enum object_type type;
        uint64_t argument, at_least;
    } rows[] = {
        {OBJECT_SPACE, 0, 14},   {OBJECT_THREAD, 0, 15},    {OBJECT_TABLE, 8, 100},        {OBJECT_TABLE, 128, 14},
        {OBJECT_TABLE, 1024, 1}, {OBJECT_ENDPOINT, 0, 200}, {OBJECT_NOTIFICATION, 0, 200},
    };
    /* one pool for all types: freed pieces must merge again */
    cap_t pool = world_pool(PAGES), slots = world_slots(700);
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t count = exhaust(pool, rows[i].type, rows[i].argument, slots);
        if (!CHECK(count >= rows[i].at_least))
            test_note("%lu objects of type %u", count, rows[i].type);
        for (uint64_t k = 0; k < count; k++) /* every other one first */
            CHECK_STATUS(sys_cap_delete(0, slots + (2 * k < count ? 2 * k : 2 * (count - 1 - k) + 1)), OK);
        CHECK_EQUAL(used(pool), 0);
        CHECK_EQUAL(exhaust(pool, rows[i].type, rows[i].argument, slots), count); /* as many objects as before */
        for (uint64_t k = count; k-- > 0;)
            CHECK_STATUS(sys_cap_delete(0, slots + k), OK);
        CHECK_EQUAL(used(pool), 0);
    }
}

static void object_create_mixed_until_the_pool_is_empty(void) {
    enum { ROUNDS = 40, SLOTS = 300 };
    static const enum object_type types[] = {OBJECT_SPACE, OBJECT_THREAD, OBJECT_TABLE, OBJECT_ENDPOINT,
                                             OBJECT_NOTIFICATION};
    cap_t pool = world_pool(24), slots = world_slots(SLOTS);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < SLOTS; i++) {
            enum object_type type = types[random_below(5)];
            uint64_t status =
                sys_object_create(pool, type, type == OBJECT_TABLE ? 8ULL << random_below(5) : 0, slots + i).status;
            CHECK(status == OK || status == E_MEMORY || status == E_EXISTS);
        }
        for (uint32_t i = 0; i < SLOTS; i++) {
            if (random_below(3) != 0)
                CHECK_STATUS(sys_cap_delete(0, slots + i), OK);
        }
    }
    for (uint32_t i = 0; i < SLOTS; i++)
        CHECK_STATUS(sys_cap_delete(0, slots + i), OK);
    CHECK_EQUAL(used(pool), 0);
}

/* Fill the pool with each type in turn, in each of the 120 orders, and delete all in the same order. */
static void object_create_of_each_type_in_every_order(void) {
    enum { TYPES = 5, ORDERS = 120, PAGES = 8, SLOTS = 200 };
    static const struct {
        enum object_type type;
        uint64_t argument;
    } types[TYPES] = {
        {OBJECT_SPACE, 0}, {OBJECT_THREAD, 0}, {OBJECT_TABLE, 64}, {OBJECT_ENDPOINT, 0}, {OBJECT_NOTIFICATION, 0}};
    cap_t pool = world_pool(PAGES), slots = world_slots(SLOTS);
    uint64_t made = 0;
    for (uint32_t order = 0; order < ORDERS; order++) {
        uint32_t left[TYPES] = {0, 1, 2, 3, 4}, code = order;
        cap_t next = slots;
        for (uint32_t count = TYPES; count > 0;
             count--) { /* the factorial number system: which of those left is next */
            uint32_t chosen = code % count, type = left[chosen];
            code /= count;
            left[chosen] = left[count - 1];
            cap_t first = next;
            /* room for a page of the next type, so that it meets the leftovers of the types before */
            if (count < TYPES)
                CHECK_STATUS(sys_cap_delete(0, slots), OK);
            next += exhaust(pool, types[type].type, types[type].argument, next);
            CHECK(next > first || count < TYPES);
        }
        made += next - slots;
        for (cap_t slot = slots; slot < next; slot++)
            CHECK_STATUS(sys_cap_delete(0, slot), OK);
        CHECK_VALUE(sys_system_info(INFO_POOL_USED, pool), 0);
    }
    test_note("%u orders, %lu objects", (unsigned int)ORDERS, made);
}

/* A client exhausts only its own pool: another pool still has room for exactly as many objects as before. */
static void object_create_in_one_pool_takes_nothing_from_another(void) {
    static const enum object_type types[] = {OBJECT_SPACE, OBJECT_THREAD, OBJECT_ENDPOINT, OBJECT_NOTIFICATION};
    cap_t greedy = world_pool(6), other = world_pool(6), mine = world_slots(200), yours = world_slots(200);
    for (uint32_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        uint64_t alone = exhaust(other, types[i], 0, yours);
        for (uint64_t k = 0; k < alone; k++)
            CHECK_STATUS(sys_cap_delete(0, yours + k), OK);
        uint64_t taken = exhaust(greedy, types[i], 0, mine);
        CHECK_VALUE(sys_system_info(INFO_POOL_USED, other), 0);
        CHECK_EQUAL(exhaust(other, types[i], 0, yours), alone);
        for (uint64_t k = 0; k < alone; k++)
            CHECK_STATUS(sys_cap_delete(0, yours + k), OK);
        for (uint64_t k = 0; k < taken; k++)
            CHECK_STATUS(sys_cap_delete(0, mine + k), OK);
    }
}

static void object_create_refuses_types_and_arguments(void) {
    cap_t slot = world_slot();
    const uint64_t types[] = {OBJECT_NONE, OBJECT_MEMORY, OBJECT_POOL,    OBJECT_IRQ, OBJECT_PORTS, OBJECT_REPLY,
                              11,          255,           1ULL << 32 | 4, UINT64_MAX};
    for (uint32_t i = 0; i < sizeof types / sizeof types[0]; i++)
        CHECK_STATUS(sys_object_create(world.pool, types[i], 0, slot), E_ARG);
    const uint64_t plain[] = {OBJECT_SPACE, OBJECT_THREAD, OBJECT_ENDPOINT, OBJECT_NOTIFICATION};
    for (uint32_t i = 0; i < 4; i++)
        CHECK_STATUS(sys_object_create(world.pool, plain[i], 1, slot), E_ARG);
    const uint64_t slot_counts[] = {0, 1, 4, 9, 100, 32768, 1ULL << 32, 1ULL << 63, UINT64_MAX};
    for (uint32_t i = 0; i < sizeof slot_counts / sizeof slot_counts[0]; i++)
        CHECK_STATUS(sys_object_create(world.pool, OBJECT_TABLE, slot_counts[i], slot), E_ARG);
    CHECK_STATUS(sys_object_create(world.pool, OBJECT_ENDPOINT, 0, INIT_CAP_POOL), E_EXISTS);
    CHECK_STATUS(sys_object_create(world.pool, OBJECT_ENDPOINT, 0, 0), E_CAP);
    CHECK_STATUS(sys_object_create(world.pool, OBJECT_ENDPOINT, 0, INIT_TABLE_SLOTS), E_CAP);
}

static void pool_extend_makes_room(void) {
    cap_t pool = world_pool(3), slots = world_slots(32);
    uint64_t count = exhaust(pool, OBJECT_THREAD, 0, slots);
    for (uint64_t i = 0; i < 5; i++) /* although the pool has no memory left */
        CHECK_STATUS(sys_pool_extend(pool, world.region, world_frames(4), 4), OK);
    CHECK_EQUAL(size(pool), 23 * PAGE_BYTES);
    CHECK_EQUAL(exhaust(pool, OBJECT_THREAD, 0, slots + count), 20);
    CHECK_STATUS(sys_cap_delete(0, pool), OK); /* with all that is in it */
    CHECK_STATUS(sys_thread_resume(slots + count), E_CAP);
}

static void pool_extend_has_a_limit(void) {
    cap_t pool = world_pool(4);
    for (uint64_t i = 1; i < POOL_CHUNKS_MAX; i++)
        CHECK_STATUS(sys_pool_extend(pool, world.region, world_frames(1), 1), OK);
    CHECK_STATUS(sys_pool_extend(pool, world.region, world_frames(1), 1), E_LIMIT);
    CHECK_EQUAL(size(pool), (3 + POOL_CHUNKS_MAX) * PAGE_BYTES);
    cap_t slots = world_slots(64);
    CHECK(exhaust(pool, OBJECT_SPACE, 0, slots) > 10); /* from many chunks */
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
}

/* ---- the end of a pool with everything in it alive ---- */

/* Deleting a pool with threads in every state returns only when all of it is gone. */
static void cap_delete_of_a_pool_with_everything_alive(void) {
    enum { SPINNERS, CALLER, SERVED, WAITER, SIGNALLED, TIMED, FAULTED, STOPPED, WORKERS };
    static struct worker workers[WORKERS];
    struct message message;
    uint64_t badge;
    cap_t pool = world_pool(256), outside = world_create(OBJECT_ENDPOINT, 0);
    cap_t scratch = world.pool;
    world.pool = pool; /* objects made from here on lie in the doomed pool */
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), silent = world_create(OBJECT_ENDPOINT, 0);
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), table = world_create(OBJECT_TABLE, 32);
    struct worker_plan plan = {.own_space = true, .own_table = true};
    plan.code = role_spin;
    worker_start(&workers[SPINNERS], plan);
    role_start_call(&workers[SERVED], plan, outside, 0);
    CHECK_STATUS(ep_wait(outside, world_soon(), &message, &badge), OK);
    CHECK_STATUS(sys_cap_move(table, 9, 0), OK);
    role_start_call(&workers[CALLER], plan, endpoint, 0);
    role_start_wait(&workers[WAITER], plan, role_wait, silent);
    role_start_wait(&workers[SIGNALLED], plan, role_signal_wait, notification);
    role_start_call_until(&workers[TIMED], plan, endpoint, world_now() + 3600000000000);
    plan.fault_endpoint = endpoint;
    plan.code = role_nothing; /* its end is a fault that no handler takes */
    worker_start(&workers[FAULTED], plan);
    worker_make(&workers[STOPPED], plan);
    worker_let_run(20000000);
    CHECK_EQUAL(worker_read(workers[FAULTED].thread).run_state, THREAD_IN_FAULT);
    CHECK_EQUAL(worker_read(workers[TIMED].thread).run_state, THREAD_IN_CALL);
    CHECK_STATUS(sys_signal_timer(notification, 1, world_now() + 3600000000000), OK);
    CHECK_STATUS(sys_cap_copy(table, 1, table, RIGHTS_ALL, 0), OK);
    world.pool = scratch;
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
    CHECK_STATUS(ep_wait(outside, 0, &message, &badge), E_TIMEOUT);
    CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), E_CAP);
    for (uint32_t i = 0; i < WORKERS; i++)
        CHECK_STATUS(sys_thread_read(workers[i].thread, 0), E_CAP);
}

/* The thread that deletes its own pool does not come back, and others go on. caps[0] = pool. */
static void delete_own_pool(struct worker_view *view) {
    view->out[0] = 1;
    (void)sys_cap_delete(0, view->caps[0]);
    view->out[0] = 2;
}

static void cap_delete_of_the_own_pool(void) {
    struct worker worker;
    cap_t pool = world_pool(32);
    worker_make(&worker, (struct worker_plan){.code = delete_own_pool, .pool = pool});
    worker.view->caps[0] = pool;
    uint64_t before = kernel_frames();
    worker_resume(&worker);
    worker_let_run(20000000);
    CHECK_EQUAL(worker.view->out[0], 1);
    CHECK_STATUS(sys_thread_read(worker.thread, 0), E_CAP);
    CHECK_EQUAL(kernel_frames(), before - 32);
}

/* A thread whose space was in the pool, too, does not come back either: the CPU clears the rest in no program's
 * space. */
static void cap_delete_of_the_own_pool_and_space(void) {
    enum { PAGES = 64, SPACES = 16 };
    struct worker worker;
    cap_t pool = world_pool(PAGES), scratch = world.pool, spaces = world_slots(SPACES);
    world.pool = pool;
    worker_make(&worker, (struct worker_plan){.code = delete_own_pool, .own_space = true, .own_table = true});
    world.pool = scratch;
    for (uint64_t i = 0; i < SPACES; i++)
        CHECK_STATUS(sys_object_create(pool, OBJECT_SPACE, 0, spaces + i), OK);
    CHECK_STATUS(sys_cap_move(worker.table, 1, pool), OK); /* the only capability to it */
    worker.view->caps[0] = 1;
    uint64_t before = kernel_frames();
    worker_resume(&worker);
    worker_let_run(20000000);
    CHECK_EQUAL(worker.view->out[0], 1);
    CHECK_STATUS(sys_thread_read(worker.thread, 0), E_CAP);
    CHECK_EQUAL(kernel_frames(), before - PAGES);
}

#define FLAG_DIRECTION 0x400ULL

/*
 * An idle CPU finishes the end of a pool whose deleter was stopped half way. Here it begins right after a fault of a
 * thread whose direction flag counts downwards; the kernel must still clear upwards.
 */
static void cap_delete_of_a_pool_goes_on_behind_a_fault(void) {
    enum { PAGES = 400 };
    struct worker deleter, faulting;
    struct fault_message fault;
    cap_t memory = world_memory(PAGES), pool = world_slot(), slots = world_slots(PAGES);
    CHECK_STATUS(sys_pool_create(memory, 0, PAGES, pool), OK);
    CHECK(exhaust(pool, OBJECT_SPACE, 0, slots) > PAGES / 2);
    worker_make(&deleter, (struct worker_plan){.code = delete_own_pool});
    deleter.view->caps[0] = pool;
    worker_make(&faulting, (struct worker_plan){.code = role_nothing});
    struct thread_registers registers = worker_entry_state(&faulting, role_nothing);
    registers.rip = 0x5000000000; /* nothing is there */
    registers.rflags = FLAG_DIRECTION;
    CHECK_STATUS(worker_write(faulting.thread, &registers), OK);
    worker_resume(&deleter);
    worker_let_run(50000);
    CHECK_STATUS(sys_thread_suspend(deleter.thread, 0), OK);
    uint64_t before = kernel_frames();
    worker_resume(&faulting);
    worker_let_run(20000000);
    CHECK(kernel_frames() < before); /* some work was left, and it was done */
    CHECK_STATUS(sys_thread_resume(deleter.thread), OK);
    if (worker_fault(&faulting, &fault)) {
        CHECK_EQUAL(fault.address, registers.rip);
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
    worker_join(&deleter);
    const volatile uint64_t *pages = world_map(memory, PAGES);
    uint64_t dirty = 0;
    for (uint64_t i = 0; i < PAGES * 512; i++)
        dirty += pages[i] != 0;
    CHECK_EQUAL(dirty, 0);
}

SUITE(CASE(pool_create_takes_frames), CASE(pool_create_refuses_ranges), CASE(pool_calls_refuse_wrong_capabilities),
      CASE(pool_extend_refuses_ranges), CASE(pool_create_excludes_other_uses),
      CASE(cap_delete_of_a_pool_clears_its_frames), CASE(object_create_until_the_pool_is_empty),
      CASE(object_create_mixed_until_the_pool_is_empty), CASE(object_create_of_each_type_in_every_order),
      CASE(object_create_in_one_pool_takes_nothing_from_another), CASE(object_create_refuses_types_and_arguments),
      CASE(pool_extend_makes_room), CASE(pool_extend_has_a_limit), CASE(cap_delete_of_a_pool_with_everything_alive),
      CASE(cap_delete_of_the_own_pool), CASE(cap_delete_of_the_own_pool_and_space),
      CASE(cap_delete_of_a_pool_goes_on_behind_a_fault));
