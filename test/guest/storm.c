/*
 * Threads make random system calls, with capabilities for everything and for each other. Nothing they do may break the
 * kernel, and the end of their pool must free everything. The seed decides what they do.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/raw.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define WORKERS 4U
#define SLOTS 32U        /* of the shared table */
#define MEMORY_PAGES 48U /* for mapping, deriving and making pools */
#define SOMEWHERE 0x4000000000ULL
/* every so often rescue running threads, too: one may run without anything that it could use */
#define RESCUE_ROUNDS 8U
#define NEVER_MAX 10U  /* how many numbers may never succeed: seven can't, and a few may be unlucky */
#define WAIT_NS 30000U /* the deadline of waits that have one */
#define ROUND_NS 1000000ULL

#define OUT_CALLS 0
#define OUT_DONE 16 /* from here on: how often each system call was OK */

/* The shared table's contents, from slot 1 on. Slots from FIRST_FREE on are empty, or filled by the calls. */
enum stock {
    STOCK_THREADS = 1,
    STOCK_ENDPOINT = STOCK_THREADS + WORKERS,
    STOCK_NOTIFICATION,
    STOCK_TABLE,
    STOCK_SPACE,
    STOCK_MEMORY,
    STOCK_POOL,
    STOCK_BADGED,
    STOCK_PORTS,
    STOCK_OWN_TABLE,
    STOCK_CODE_SPACE, /* the workers' space: threads may run in it, but not change it */
    STOCK_END,
    FIRST_FREE = 16,
};
_Static_assert(STOCK_END <= FIRST_FREE, "stock and free slots are apart");
_Static_assert(FIRST_FREE < SLOTS, "there are free slots");

/*
 * A sensible argument for each place of each call: t thread, e endpoint, n notification, b table, s space, S space with
 * code, m memory, p pool, o ports, c any slot, f free slot, r rights, R rights to map, K offset and k number of pages,
 * a address, y object type, d deadline, z bits, x multiple of 8, P port, w width, i info topic, 0 zero.
 */
static const char shapes[SYSCALL_COUNT][7] = {
    [SYS_cap_copy] = "bfcr0",      [SYS_cap_move] = "bfc",        [SYS_cap_delete] = "bc",
    [SYS_cap_revoke] = "c",        [SYS_memory_derive] = "mKkfr", [SYS_memory_fill] = "mxxz",
    [SYS_memory_copy] = "mxmxx",   [SYS_pool_create] = "mKkf",    [SYS_pool_extend] = "pmKk",
    [SYS_object_create] = "py0f",  [SYS_space_map] = "smKkaR",    [SYS_space_unmap] = "sak",
    [SYS_space_protect] = "sakR",  [SYS_space_query] = "sa",      [SYS_space_audit] = "s",
    [SYS_thread_configure] = "tr", [SYS_thread_handover] = "tSk", [SYS_thread_resume] = "t",
    [SYS_thread_suspend] = "t",    [SYS_thread_read] = "t",       [SYS_thread_write] = "t",
    [SYS_ep_call] = "e",           [SYS_ep_wait] = "ed",          [SYS_ep_reply] = "0",
    [SYS_ep_reply_wait] = "e",     [SYS_signal_raise] = "nz",     [SYS_signal_wait] = "nd",
    [SYS_signal_poll] = "n",       [SYS_signal_timer] = "nzd",    [SYS_irq_bind] = "cnz",
    [SYS_irq_ack] = "c",           [SYS_port_read] = "oPw",       [SYS_port_write] = "oPwz",
    [SYS_clock_read] = "",         [SYS_log_write] = "x",         [SYS_system_info] = "ik",
    [SYS_system_control] = "oz",   [SYS_trace_control] = "omKkz", [SYS_cap_query] = "c",
    [SYS_endpoint_watch] = "enz",
};

static uint64_t sensible(char kind, uint64_t value) {
    switch (kind) {
    case 't':
        return STOCK_THREADS + value % WORKERS;
    case 'e':
        return value % 2 == 0 ? STOCK_ENDPOINT : STOCK_BADGED;
    case 'n':
        return STOCK_NOTIFICATION;
    case 'b':
        return value % 4 == 0 ? STOCK_TABLE : value % 4 == 1 ? STOCK_OWN_TABLE : 0;
    case 's':
        return STOCK_SPACE;
    case 'S':
        return STOCK_CODE_SPACE;
    case 'm':
        return STOCK_MEMORY;
    case 'p':
        return STOCK_POOL;
    case 'o':
        return STOCK_PORTS;
    case 'c':
        return value % SLOTS;
    case 'f':
        return FIRST_FREE + value % (SLOTS - FIRST_FREE);
    case 'r':
        return value % 128;
    case 'R':
        return (uint64_t[]){MEMORY_READ, READ_WRITE, READ_EXECUTE}[value % 3];
    case 'K':
        return value % MEMORY_PAGES;
    case 'k':
        return value % 6;
    case 'a':
        return SOMEWHERE + value % 4 * PAGE_BYTES + ((value >> 8) % 4 == 0 ? 1ULL << 30 : 0);
    case 'y':
        return OBJECT_SPACE + value % 5;
    case 'd':
        return world_now() + value % WAIT_NS;
    case 'z':
        return value % 16;
    case 'x':
        return value % 1024 * 8;
    case 'P':
        return 0x70 + value % 2;
    case 'w':
        return 1ULL << value % 2;
    case 'i':
        return value % 12;
    default:
        return 0;
    }
}

/* A random word of a random kind. */
static uint64_t random_word(uint64_t *random) {
    uint64_t value = random_step(random);
    switch (random_step(random) % 4) {
    case 0:
        return value % SLOTS;
    case 1:
        return sensible('a', value);
    case 2:
        return 1ULL << value % 64;
    default:
        return value;
    }
}

/* Fill in what the call reads from the message page: an entry state of a worker, a configuration, runs
 * to map, or random bytes. */
static void fill_page(struct worker_view *view, uint64_t number, uint64_t *random) {
    struct message_page *page = view->message;
    uint64_t *data = (void *)page->data, value = random_step(random);
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++) {
        page->send_caps[i] = sensible('c', random_step(random));
        page->receive_caps[i] = sensible('f', random_step(random));
    }
    page->deadline_ns = sensible('d', value);
    if (value % 4 == 0) {
        for (uint32_t i = 0; i < 20; i++)
            data[i] = random_word(random);
    } else if (number == SYS_thread_configure) {
        struct thread_config config = {STOCK_OWN_TABLE,
                                       value % 8 != 0 ? STOCK_ENDPOINT : 0,
                                       STOCK_MEMORY,
                                       sensible('K', value),
                                       value % 3 != 0 ? STOCK_NOTIFICATION : 0,
                                       PRIORITY_WORKER - value % 2,
                                       0,
                                       value % 16 == 1};
        memcpy(data, &config, sizeof config);
    } else {
        uint64_t size = sizeof(struct thread_registers);
        memcpy(data, view->kept + (value >> 8) % WORKERS * size, size);
    }
}

/* Make calls for ever. in[0] = seed; kept: an entry state for each worker. */
static void make_calls(struct worker_view *view) {
    uint64_t random = view->in[0] ^ (view->out[OUT_CALLS] + 1) * 0x9e3779b97f4a7c15ULL;
    for (;;) {
        uint64_t number = 1 + random_step(&random) % (SYSCALL_COUNT - 1), words[6];
        if (number == SYS_log_write)
            continue; /* this call would only fill the log */
        fill_page(view, number, &random);
        for (uint32_t i = 0; i < 6; i++) {
            uint64_t value = random_step(&random);
            words[i] = value % 16 == 0 ? random_word(&random) : sensible(shapes[number][i], value >> 8);
        }
        if (number == SYS_ep_call || number == SYS_ep_reply || number == SYS_ep_reply_wait)
            words[1] = MESSAGE_INFO(random_step(&random) % 4, random_step(&random) % 65, random_step(&random) % 3) |
                       (number == SYS_ep_call && words[2] % 8 != 0 ? MESSAGE_DEADLINE : 0);
        if (number == SYS_ep_wait || number == SYS_signal_wait)
            words[1] = sensible('d', words[1]); /* a deadline that ends */
        struct raw_registers r = {.rax = number,
                                  .rdi = words[0],
                                  .rsi = words[1],
                                  .rdx = words[2],
                                  .r10 = words[3],
                                  .r8 = words[4],
                                  .r9 = words[5],
                                  .rflags = 2};
        view->out[OUT_CALLS]++;
        raw_syscall(&r);
        view->out[OUT_DONE + number] += r.rax == OK;
    }
}

static struct storm {
    struct worker workers[WORKERS];
    cap_t table, faults;
    cap_t stock[16]; /* capabilities that are put into the table again and again */
    uint32_t stock_count;
} storm;

static void add_stock(cap_t cap) { storm.stock[storm.stock_count++] = cap; }

static void restock(void) {
    for (uint32_t i = 0; i < storm.stock_count; i++) {
        uint64_t status = sys_cap_copy(storm.table, 1 + i, storm.stock[i], RIGHTS_ALL, 0).status;
        CHECK(status == OK || status == E_EXISTS);
    }
    CHECK_STATUS(sys_cap_delete(storm.table, 1 + random_below(SLOTS - 1)), OK);
    uint64_t revoked = random_below(8 * storm.stock_count);
    if (revoked < storm.stock_count &&
        revoked != STOCK_ENDPOINT - 1) /* the endpoint is revoked as the parent of another one */
        CHECK_STATUS(sys_cap_revoke(storm.stock[revoked]), OK);
}

/* Whatever happened to it: let a worker run again, in its own space and with its own resources. */
static void rescue(struct worker *worker) {
    worker->view->message = worker->message; /* two threads on one stack may have written anywhere in their windows */
    struct thread_config config = {.table = storm.table,
                                   .fault_endpoint = storm.faults,
                                   .message_memory = worker->window,
                                   .message_offset_pages = WORKER_STACK_PAGES,
                                   .priority = PRIORITY_WORKER};
    struct thread_registers entry = worker_entry_state(worker, make_calls);
    CHECK_STATUS(worker_configure(worker->thread, &config,
                                  THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE | THREAD_PRIORITY |
                                      THREAD_FOREIGN | THREAD_NOTIFICATION),
                 OK);
    CHECK_STATUS(worker_handover(worker->thread, worker->space, &entry, HANDOVER_RESUME), OK);
}

static void drop_faults(void) {
    struct message message;
    uint64_t badge;
    while (ep_wait(storm.faults, 0, &message, &badge) == OK)
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
}

/* Start the workers in spaces of their own, or in a shared one; never in the main thread's, which they could damage. */
static void start(bool own_spaces) {
    cap_t shared = own_spaces ? 0 : worker_space();
    storm.stock_count = 0;
    storm.table = world_create(OBJECT_TABLE, SLOTS);
    storm.faults = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < WORKERS; i++) {
        worker_make(&storm.workers[i], (struct worker_plan){.code = make_calls,
                                                            .own_space = own_spaces,
                                                            .space = shared,
                                                            .table = storm.table,
                                                            .fault_endpoint = storm.faults});
        storm.workers[i].view->in[0] = random_next();
        add_stock(storm.workers[i].thread);
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        for (uint32_t k = 0; k < WORKERS; k++) {
            struct thread_registers entry = worker_entry_state(&storm.workers[k], make_calls);
            memcpy(storm.workers[i].view->kept + k * sizeof entry, &entry, sizeof entry);
        }
    }
    add_stock(world_create(OBJECT_ENDPOINT, 0));
    add_stock(world_create(OBJECT_NOTIFICATION, 0));
    add_stock(world_create(OBJECT_TABLE, 16));
    add_stock(world_create(OBJECT_SPACE, 0));
    add_stock(world_memory(MEMORY_PAGES));
    add_stock(world_pool(24));
    add_stock(world_copy(storm.stock[STOCK_ENDPOINT - 1], ENDPOINT_CALL | ENDPOINT_GRANT | ENDPOINT_WAIT, 7));
    add_stock(world_copy(INIT_CAP_PORTS, PORTS_READ, RANGE(0x70, 2)));
    add_stock(storm.table);
    add_stock(world_copy(storm.workers[0].space, SPACE_RUN | SPACE_QUERY, 0));
}

static void blow(bool own_spaces, uint32_t rounds) {
    test_limit_ms(200000);
    start(own_spaces);
    uint64_t calls = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        restock();
        for (uint32_t i = 0; i < WORKERS; i++) {
            if (round % RESCUE_ROUNDS == 0 || worker_read(storm.workers[i].thread).run_state != THREAD_READY)
                rescue(&storm.workers[i]);
        }
        worker_let_run(ROUND_NS);
        drop_faults();
        struct result invariants = sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0);
        if (invariants.status == E_STATE) {
            test_fail("round %u: invariant %lu is broken", round, invariants.value);
            return;
        }
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        CHECK_STATUS(sys_thread_suspend(storm.workers[i].thread, 0), OK);
    role_check_sleepers();
    for (uint32_t i = 0; i < WORKERS; i++)
        calls += storm.workers[i].view->out[OUT_CALLS];
    CHECK(calls > 20 * rounds);
    uint64_t never = 0; /* a storm in which everything fails would prove little */
    for (uint64_t number = 1; number < SYSCALL_COUNT; number++) {
        uint64_t done = 0;
        for (uint32_t i = 0; i < WORKERS; i++)
            done += storm.workers[i].view->out[OUT_DONE + number];
        never += done == 0;
    }
    CHECK(never <= NEVER_MAX);
    test_note("%lu calls in %u rounds; %lu of %u numbers never succeeded", calls, rounds, never, SYSCALL_COUNT - 1U);
}

static void every_system_call_at_random_in_one_space(void) { blow(false, 150); }
static void every_system_call_at_random_between_spaces(void) { blow(true, 150); }

SUITE(CASE(every_system_call_at_random_in_one_space), CASE(every_system_call_at_random_between_spaces));
