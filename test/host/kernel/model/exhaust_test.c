/*
 * Does a call that finds no memory change nothing? Each call that takes kernel memory is repeated with an empty pool,
 * then with one frame left, two, ... until it succeeds. Calls that take memory more than once are also repeated with
 * the kth taking refused, for each k.
 */
#include "kernel/abi/rights.h"
#include "kernel/arch.h"
#include "kernel/base/ledger.h"
#include "kernel/calls/check.h"
#include "kernel/ending/binding.h"
#include "test/host/kernel/machine.h"
#include "test/host/suite.h"

#define POOL MACHINE_CAP_FREE
#define SPACE (MACHINE_CAP_FREE + 1)
#define TARGET (MACHINE_CAP_FREE + 2)
#define POOL_PAGES 96U
#define FRAMES_MAX 16U /* more than any call takes */
#define READ_WRITE (MEMORY_READ | MEMORY_WRITE)

/* The linker sends the kernel's calls of pool_take and pool_take_run here (-Wl,--wrap). */
void *__wrap_pool_take(struct pool *pool, uint32_t bytes);
void *__real_pool_take(struct pool *pool, uint32_t bytes);
void *__wrap_pool_take_run(struct pool *pool, uint32_t order, enum frame_type type);
void *__real_pool_take_run(struct pool *pool, uint32_t order, enum frame_type type);

static uint32_t refuse_at; /* the taking that fails, counted from now; 0 = none */

static bool is_refused(void) { return refuse_at > 0 && --refuse_at == 0; }

void *__wrap_pool_take(struct pool *pool, uint32_t bytes) {
    return is_refused() ? NULL : __real_pool_take(pool, bytes);
}

void *__wrap_pool_take_run(struct pool *pool, uint32_t order, enum frame_type type) {
    return is_refused() ? NULL : __real_pool_take_run(pool, order, type);
}

static struct result make(enum object_type type, uint64_t argument) {
    return sys_object_create(POOL, type, argument, TARGET);
}

static struct result map(uint64_t page_count, uaddr_t at) {
    return sys_space_map(SPACE, MACHINE_CAP_MEMORY, 200, page_count, at, READ_WRITE);
}

static struct result make_space(void) { return make(OBJECT_SPACE, 0); }
static struct result make_thread(void) { return make(OBJECT_THREAD, 0); }
static struct result make_small_table(void) { return make(OBJECT_TABLE, 8); }
static struct result make_table(void) { return make(OBJECT_TABLE, 128); }
static struct result make_large_table(void) { return make(OBJECT_TABLE, 512); }
static struct result make_endpoint(void) { return make(OBJECT_ENDPOINT, 0); }
static struct result make_notification(void) { return make(OBJECT_NOTIFICATION, 0); }
static struct result map_page(void) { return map(1, 0x400000); }
static struct result map_over_a_table_edge(void) { return map(8, 0x3fffc000); }
static struct result map_over_the_widest_edge(void) { return map(8, 0x7fffffc000); }

static const struct {
    const char *name;
    struct result (*make)(void);
} calls[] = {
    {"space", make_space},
    {"thread", make_thread},
    {"small table", make_small_table},
    {"table", make_table},
    {"large table", make_large_table},
    {"endpoint", make_endpoint},
    {"notification", make_notification},
    {"map a page", map_page},
    {"map over a table's edge", map_over_a_table_edge},
    {"map over the widest edge", map_over_the_widest_edge},
};
#define CALLS (sizeof calls / sizeof calls[0])

/* Figures that a failed call must not change. */
struct figures {
    uint64_t used_bytes, free_frames, pool_frames, caps, mapped, kernel;
};

static struct pool *pool(void) { return cap_object(&machine.table->slots[POOL]); }

static struct figures figures_now(void) {
    return (struct figures){pool()->used_bytes, pool()->free_frames, pool()->frame_count,
                            cap_count,          ledger.mapped_count, ledger.kernel_count};
}

static bool unchanged(const struct figures *before) {
    struct figures now = figures_now();
    return CHECK(__builtin_memcmp(&now, before, sizeof now) == 0) &&
           CHECK(cap_is_empty(&machine.table->slots[TARGET])) && CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
}

static void start(void) {
    refuse_at = 0;
    machine_start();
    thread_hold_message_frame(machine.self, MACHINE_FRAMES - 1);
    CHECK_EQUAL(sys_pool_create(MACHINE_CAP_MEMORY, 0, POOL_PAGES, POOL).status, OK);
    CHECK_EQUAL(sys_object_create(POOL, OBJECT_SPACE, 0, SPACE).status, OK);
}

/* Take all memory, and give back `frames` frames. */
static void leave_frames(uint32_t frames) {
    static void *runs[POOL_PAGES];
    uint32_t count = 0;
    for (uint32_t bytes = POOL_PIECE_MIN; bytes <= POOL_PIECE_MIN << (POOL_SLAB_CLASSES - 1); bytes *= 2) {
        while (pool()->slabs[__builtin_ctz(bytes / POOL_PIECE_MIN)] != NULL)
            (void)pool_take(pool(), bytes);
    }
    while ((runs[count] = pool_take_run(pool(), 0, FRAME_OBJECT)) != NULL)
        count++;
    while (frames-- > 0)
        pool_give_run(pool(), runs[--count], 0);
}

static void exhaust_an_empty_pool_changes_nothing(void) {
    for (uint32_t i = 0; i < CALLS; i++) {
        uint32_t frames = 0;
        for (; frames <= FRAMES_MAX; frames++) {
            start();
            leave_frames(frames);
            struct figures before = figures_now();
            struct result result = calls[i].make();
            if (result.status == OK)
                break;
            if (!CHECK_EQUAL(result.status, E_MEMORY) || !unchanged(&before)) {
                printf("# %s with %u frames\n", calls[i].name, frames);
                return;
            }
        }
        printf("# %s takes %u frames at most\n", calls[i].name, frames);
        CHECK(frames > 0 && frames <= FRAMES_MAX);
        CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    }
}

/* Mapping has no k: it takes page tables only once they are known to be available. */
static void exhaust_a_refused_taking_changes_nothing(void) {
    for (uint32_t i = 0; i < CALLS && calls[i].make != map_page; i++) {
        uint32_t k = 1;
        for (; k <= FRAMES_MAX; k++) {
            start();
            struct figures before = figures_now();
            refuse_at = k;
            struct result result = calls[i].make();
            bool was_refused = refuse_at == 0;
            refuse_at = 0;
            if (!was_refused && CHECK_EQUAL(result.status, OK))
                break;
            if (!CHECK_EQUAL(result.status, E_MEMORY) || !unchanged(&before)) {
                printf("# %s, refused at %u\n", calls[i].name, k);
                return;
            }
        }
        CHECK(k > 1 && k <= FRAMES_MAX);
    }
}

SUITE(CASE(exhaust_an_empty_pool_changes_nothing), CASE(exhaust_a_refused_taking_changes_nothing));
