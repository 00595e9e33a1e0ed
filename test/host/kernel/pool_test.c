/*
 * Do the accounts of pools and the ledger balance: when memory is taken and given back in any order, when pages are
 * mapped and unmapped, and when a pool dies with everything in it alive?
 */
#include "kernel/abi/message.h"
#include "kernel/abi/rights.h"
#include "kernel/arch.h"
#include "kernel/base/ledger.h"
#include "kernel/base/string.h"
#include "kernel/calls/check.h"
#include "kernel/machine/call.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/space.h"
#include "test/host/kernel/machine.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define PIECES 300U
#define SCRATCH MACHINE_CAP_FREE
#define READ_WRITE (MEMORY_READ | MEMORY_WRITE)

static void pool_pieces_do_not_overlap_and_come_back(void) {
    machine_start();
    static struct {
        uint64_t *memory;
        uint32_t bytes;
    } pieces[PIECES];
    uint64_t seed = 3, used = machine.pool->used_bytes, frames = machine.pool->free_frames;
    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t i = (uint32_t)(random_step(&seed) % PIECES);
        if (pieces[i].memory != NULL) {
            CHECK_EQUAL(pieces[i].memory[0], i);
            CHECK_EQUAL(pieces[i].memory[pieces[i].bytes / 8 - 1], i);
            pool_give(machine.pool, pieces[i].memory, pieces[i].bytes);
            pieces[i].memory = NULL;
            continue;
        }
        pieces[i].bytes = 16 + (uint32_t)(random_step(&seed) % 500) * 8;
        pieces[i].memory = pool_take(machine.pool, pieces[i].bytes);
        if (pieces[i].memory == NULL)
            continue;
        for (uint32_t word = 0; word < pieces[i].bytes / 8; word++) {
            if (!CHECK_EQUAL(pieces[i].memory[word], 0))
                return;
            pieces[i].memory[word] = i;
        }
    }
    for (uint32_t i = 0; i < PIECES; i++) {
        if (pieces[i].memory != NULL)
            pool_give(machine.pool, pieces[i].memory, pieces[i].bytes);
        pieces[i].memory = NULL;
    }
    CHECK_EQUAL(machine.pool->used_bytes, used);
    CHECK_EQUAL(machine.pool->free_frames, frames);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
}

static void pool_runs_are_split_and_joined(void) {
    machine_start();
    void *run = pool_take_run(machine.pool, 3, FRAME_OBJECT);
    pool_give_run(machine.pool, run, 3);
    uint64_t frames = machine.pool->free_frames, count = 0;
    static void *taken[MACHINE_FRAMES];
    while ((taken[count] = pool_take_run(machine.pool, 0, FRAME_OBJECT)) != NULL)
        count++;
    CHECK_EQUAL(count, frames);
    CHECK_EQUAL(machine.pool->free_frames, 0);
    for (uint64_t i = 0; i < count; i++) /* the odd ones first */
        pool_give_run(machine.pool, taken[(2 * i + 1) % (count | 1)], 0);
    CHECK_EQUAL(machine.pool->free_frames, frames);
    CHECK(pool_take_run(machine.pool, POOL_RUN_ORDERS - 1, FRAME_OBJECT) != NULL);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
}

/* Two frames that are buddies belong to different pools: they must not merge when both are free. */
static void pool_neighbours_do_not_join(void) {
    machine_start();
    uint64_t even = (MACHINE_FIRST_FREE + 101) & ~1ULL;
    struct pool *pools[2];
    void *runs[2][8];
    for (uint64_t i = 0; i < 2; i++) {
        CHECK_EQUAL(sys_pool_create(MACHINE_CAP_MEMORY, 10 * i, 4, SCRATCH + i).status, OK);
        CHECK_EQUAL(sys_pool_extend(SCRATCH + i, MACHINE_CAP_MEMORY, even - MACHINE_FIRST_FREE + i, 1).status, OK);
        pools[i] = cap_object(&machine.table->slots[SCRATCH + i]);
    }
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 2; i++) {
            uint64_t count = 0, owner = arch_physical(pools[i]) / PAGE_BYTES;
            while (count < 8 && (runs[i][count] = pool_take_run(pools[i], 0, FRAME_OBJECT)) != NULL)
                CHECK_EQUAL(ledger.frames[arch_physical(runs[i][count++]) / PAGE_BYTES].owner, owner);
            CHECK_EQUAL(count, 4);
        }
        CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
        for (uint32_t k = 0; k < 4; k++) {
            for (uint32_t i = 0; i < 2; i++)
                pool_give_run(pools[i], runs[i][k], 0);
        }
        CHECK_EQUAL(pools[0]->free_frames, 4);
        CHECK_EQUAL(pools[1]->free_frames, 4);
        CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    }
}

/* All kinds of objects in a pool that then dies. */
static void pool_a_dying_pool_takes_all_with_it(void) {
    machine_start();
    uint64_t caps = cap_count, kernel_frames = ledger.kernel_count, mapped = ledger.mapped_count;
    CHECK_EQUAL(sys_pool_create(MACHINE_CAP_MEMORY, 0, 64, SCRATCH).status, OK);
    CHECK_EQUAL(sys_pool_extend(SCRATCH, MACHINE_CAP_MEMORY, 100, 20).status, OK);
    static const enum object_type types[] = {OBJECT_SPACE, OBJECT_THREAD, OBJECT_ENDPOINT, OBJECT_NOTIFICATION};
    for (uint32_t i = 0; i < 4; i++)
        CHECK_EQUAL(sys_object_create(SCRATCH, types[i], 0, SCRATCH + 1 + i).status, OK);
    CHECK_EQUAL(sys_object_create(SCRATCH, OBJECT_TABLE, 256, SCRATCH + 5).status, OK);
    for (uint64_t slot = 1; slot < 256; slot++)
        CHECK_EQUAL(sys_cap_copy(SCRATCH + 5, slot, SCRATCH + 1 + slot % 4, RIGHTS_ALL, 0).status, OK);
    for (uint64_t i = 0; i < 16; i++)
        CHECK_EQUAL(sys_space_map(SCRATCH + 1, MACHINE_CAP_MEMORY, 200, 8, 0x400000 + (i << 30), READ_WRITE).status,
                    OK);
    CHECK_EQUAL(sys_signal_timer(SCRATCH + 4, 1, 1000).status, OK);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    CHECK_EQUAL(machine_delete(SCRATCH).status, OK);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    CHECK_EQUAL(cap_count, caps);
    CHECK_EQUAL(ledger.kernel_count, kernel_frames);
    CHECK_EQUAL(ledger.mapped_count, mapped);
    CHECK_EQUAL(machine.cpu.deadline_bitmap, 0);
    for (uint64_t frame = MACHINE_FIRST_FREE; frame < MACHINE_FIRST_FREE + 64; frame++) {
        const uint64_t *words = arch_pointer(frame * PAGE_BYTES);
        bool clear = true; /* cleared, or never used: then still with the machine's fill pattern */
        for (uint32_t i = 0; i < 512; i++)
            clear = clear && (words[i] == 0 || words[i] == 0xa5a5a5a5a5a5a5a5ULL);
        if (!CHECK(clear))
            return;
    }
}

static void ledger_frames_are_one_thing_at_a_time(void) {
    machine_start();
    CHECK_EQUAL(machine_map(5, 1, 0x400000, READ_WRITE).status, OK);
    CHECK_EQUAL(machine_map(5, 1, 0x600000, READ_WRITE).status, OK);
    struct result busy = sys_pool_create(MACHINE_CAP_MEMORY, 4, 4, SCRATCH);
    CHECK_EQUAL(busy.status, E_BUSY);
    CHECK_EQUAL(busy.value, 2);
    CHECK_EQUAL(machine_unmap(0x400000, 512).value, 1);
    CHECK_EQUAL(machine_unmap(0x600000, 1).value, 1);
    CHECK_EQUAL(sys_pool_create(MACHINE_CAP_MEMORY, 4, 4, SCRATCH).status, OK);
    CHECK_EQUAL(machine_map(5, 1, 0x400000, READ_WRITE).status, E_BUSY);
    CHECK_EQUAL(sys_pool_create(MACHINE_CAP_MEMORY, 7, 1, SCRATCH + 1).status, E_BUSY);
    CHECK_EQUAL(sys_memory_fill(MACHINE_CAP_MEMORY, 5 * PAGE_BYTES, 8, 1).status, E_BUSY);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
}

/* Map and unmap at random: all page tables are freed again. */
static void space_tables_come_and_go(void) {
    machine_start();
    uint64_t seed = 5, frames = machine.pool->free_frames;
    for (uint32_t step = 0; step < 3000; step++) {
        uaddr_t at = USER_LOWEST + (random_step(&seed) % 4 << 39) + (random_step(&seed) % 3 << 30) +
                     (random_step(&seed) % 1000) * PAGE_BYTES;
        uint64_t count = 1 + random_step(&seed) % 300;
        if (random_step(&seed) % 4 == 0)
            (void)machine_map(512 - MACHINE_FIRST_FREE % 512, 512, at & ~0x1fffffULL, READ_WRITE);
        else if (random_step(&seed) % 3 != 0)
            (void)machine_map(10, count, at, READ_WRITE);
        else
            CHECK_EQUAL(machine_unmap(at, count).status, OK);
        if (step % 64 == 0 && !CHECK_EQUAL(check_invariants(), INVARIANT_NONE))
            return;
    }
    for (uint64_t region = 0; region < 16; region++) {
        uaddr_t at = USER_LOWEST + (region % 4 << 39) + (region / 4 << 30);
        for (uint32_t i = 0; i < 4; i++)
            CHECK_EQUAL(machine_unmap(at + i * 512 * PAGE_BYTES, 512).status, OK);
    }
    CHECK_EQUAL(machine.pool->free_frames, frames);
    CHECK_EQUAL(ledger.mapped_count, 0);
}

/* Where alignment allows, 512 pages become one large page, which is split when a part changes. */
static void space_large_pages_come_by_themselves(void) {
    machine_start();
    uint64_t frames = machine.pool->free_frames, offset = 512 - MACHINE_FIRST_FREE % 512;
    uint64_t root = machine_root();
    uaddr_t at = 0x40000000;
    CHECK_EQUAL(machine_map(offset, 512, at, READ_WRITE).status, OK);
    CHECK(arch_large_find(root, at) != NULL);
    CHECK_EQUAL(machine.pool->free_frames, frames - 2);
    CHECK_EQUAL(ledger.mapped_count, 512);
    CHECK_EQUAL(machine_map(0, 1, at + 0x5000, READ_WRITE).status, E_EXISTS);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    CHECK_EQUAL(machine_protect(at, 512, MEMORY_READ).status, OK);
    CHECK(arch_large_find(root, at) != NULL);
    CHECK_EQUAL(machine_protect(at + 0x1000, 1, READ_WRITE).status, OK);
    CHECK(arch_large_find(root, at) == NULL);
    CHECK_EQUAL(machine.pool->free_frames, frames - 3);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    CHECK_EQUAL(machine_unmap(at, 512).value, 512);
    CHECK_EQUAL(machine.pool->free_frames, frames);

    CHECK_EQUAL(machine_map(offset, 512, at, READ_WRITE).status, OK);
    CHECK_EQUAL(machine_map(offset + 512, 512, at + 0x200000, READ_WRITE).status, OK);
    pool_refuse_at = 1;
    CHECK_EQUAL(machine_unmap(at + 0x100000, 512).status, E_MEMORY);
    CHECK_EQUAL(ledger.mapped_count, 1024);
    CHECK_EQUAL(machine_unmap(at + 0x100000, 512).value, 512);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    CHECK_EQUAL(ledger.mapped_count, 512);
    CHECK_EQUAL(machine_map(offset + 1, 512, at + 0x600000, READ_WRITE).status, OK); /* not aligned: small pages */
    CHECK(arch_large_find(root, at + 0x600000) == NULL);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
}

static uint64_t absent_flushes;
static void note_flush(uint64_t root, uaddr_t at, uint64_t page_count) {
    bool whole = at == 0x40000000 && page_count == 512;
    absent_flushes += whole && arch_large_find(root, at) == NULL && arch_table_find(root, at) == NULL;
}

/* No CPU may have a small and a large translation of an address at once: in between the page is absent, and the
 * old translation is flushed. */
static void space_a_split_page_is_absent_in_between(void) {
    machine_start();
    machine.flushed = note_flush;
    absent_flushes = 0;
    uint64_t offset = 512 - MACHINE_FIRST_FREE % 512;
    uaddr_t at = 0x40000000;
    CHECK_EQUAL(machine_map(offset, 512, at, READ_WRITE).status, OK);
    CHECK_EQUAL(absent_flushes, 0);
    CHECK_EQUAL(machine_protect(at + 7 * PAGE_BYTES, 1, MEMORY_READ).status, OK);
    CHECK_EQUAL(absent_flushes, 1);
    CHECK_EQUAL(machine_unmap(at + 7 * PAGE_BYTES, 1).value, 1); /* it is split already */
    CHECK_EQUAL(absent_flushes, 1);
    CHECK_EQUAL(machine_unmap(at, 512).value, 511);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    machine.flushed = NULL;
}

/* A split takes a stay of its own, and so does clearing memory for its table. */
static void space_a_split_restarts_the_call(void) {
    machine_start();
    uint64_t offset = 512 - MACHINE_FIRST_FREE % 512;
    uaddr_t at = 0x40000000;
    CHECK_EQUAL(machine_map(offset, 512, at, READ_WRITE).status, OK);
    while (machine.pool->open->cleared > machine.pool->open->used) /* use up the memory cleared beforehand */
        CHECK(pool_take_run(machine.pool, 0, FRAME_OBJECT) != NULL);
    CHECK_EQUAL(sys_space_unmap(MACHINE_CAP_SPACE, at + PAGE_BYTES, 1).status, CALL_RESTART);
    CHECK(arch_large_find(machine_root(), at) != NULL);
    CHECK(machine.pool->open->cleared > machine.pool->open->used);
    CHECK_EQUAL(sys_space_unmap(MACHINE_CAP_SPACE, at + PAGE_BYTES, 1).status, CALL_RESTART);
    CHECK(arch_large_find(machine_root(), at) == NULL);
    CHECK_EQUAL(ledger.mapped_count, 512);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    CHECK_EQUAL(sys_space_unmap(MACHINE_CAP_SPACE, at + PAGE_BYTES, 1).value, 1);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
}

/* Objects of a dying pool may be reached until they die, too, but no new memory comes from it. */
static void pool_a_dying_pool_gives_nothing(void) {
    machine_start();
    CHECK_EQUAL(machine_map(0, 1, 0x400000, READ_WRITE).status, OK);
    machine.pool->object.dying = true;
    uint64_t used = machine.pool->used_bytes;
    CHECK(pool_take(machine.pool, 64) == NULL);
    CHECK(pool_take(machine.pool, 2048) == NULL);
    CHECK(pool_take_run(machine.pool, 0, FRAME_OBJECT) == NULL);
    CHECK(!pool_has_frames(machine.pool, 1));
    CHECK_EQUAL(machine_map(1, 1, 1ULL << 40, READ_WRITE).status, E_MEMORY);
    CHECK_EQUAL(machine_map(1, 1, 0x401000, READ_WRITE).status, OK); /* a table exists already */
    CHECK_EQUAL(machine.pool->used_bytes, used);
}

/* Make a pool of SMALL_PAGES frames from this one on; returns where it begins. */
#define SMALL_PAGES 6U
static struct pool *make_small(uint64_t offset) {
    CHECK_EQUAL(sys_pool_create(MACHINE_CAP_MEMORY, offset, SMALL_PAGES, SCRATCH).status, OK);
    return cap_object(&machine.table->slots[SCRATCH]);
}

static void destroy_small(void) {
    struct result result = sys_cap_delete(0, SCRATCH);
    while (result.status == CALL_RESTART)
        result = sys_cap_delete(0, SCRATCH);
    CHECK_EQUAL(result.status, OK);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
}

static uint64_t cleared(const struct pool *pool) { return pool->chunks[0].cleared; }
static uint64_t *words_at(uint64_t offset) { return arch_pointer((MACHINE_FIRST_FREE + offset) * PAGE_BYTES); }

/* The next pool does not clear frames again that a pool left zero, unless a program could write them in between. */
static void pool_zero_frames_are_known(void) {
    machine_start();
    for (uint64_t word = 0; word < SMALL_PAGES * PAGE_BYTES / 8; word++)
        words_at(0)[word] = word | 1;
    struct pool *pool = make_small(0);
    CHECK_EQUAL(cleared(pool), 1); /* the header */
    CHECK(pool_take_run(pool, 1, FRAME_OBJECT) != NULL);
    pool_give_run(pool, arch_pointer((MACHINE_FIRST_FREE + 2) * PAGE_BYTES), 1);
    CHECK_EQUAL(cleared(pool), 4);
    destroy_small();
    CHECK_EQUAL(frame_type(MACHINE_FIRST_FREE + 3), FRAME_ZERO);
    CHECK_EQUAL(frame_type(MACHINE_FIRST_FREE + 4), FRAME_USER);
    CHECK(words_at(4)[0] != 0);

    CHECK_EQUAL(cleared(make_small(0)), 4);
    destroy_small();
    CHECK_EQUAL(sys_memory_fill(MACHINE_CAP_MEMORY, 2 * PAGE_BYTES, 8, 7).status, OK);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    pool = make_small(0);
    CHECK_EQUAL(cleared(pool), 2); /* the third was written; the fourth, though not written, is cleared again */
    CHECK(pool_take_run(pool, 1, FRAME_OBJECT) == words_at(2));
    CHECK_EQUAL(words_at(2)[0], 0);
    pool_give_run(pool, words_at(2), 1);
    destroy_small();

    CHECK_EQUAL(machine_map(0, SMALL_PAGES, 0x400000, READ_WRITE).status, OK);
    CHECK_EQUAL(frame_count(MACHINE_FIRST_FREE + 1), 1);
    words_at(1)[0] = 5;
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    CHECK_EQUAL(machine_unmap(0x400000, SMALL_PAGES).value, SMALL_PAGES);
    CHECK_EQUAL(cleared(make_small(0)), 1);
    destroy_small();

    CHECK_EQUAL(cleared(make_small(SMALL_PAGES)), 1); /* these belonged to no pool */
    CHECK_EQUAL(sys_pool_extend(SCRATCH, MACHINE_CAP_MEMORY, 0, SMALL_PAGES).status, OK);
    pool = cap_object(&machine.table->slots[SCRATCH]);
    CHECK_EQUAL(pool->chunks[1].cleared, 1);
    destroy_small();
    struct result result = sys_space_map(MACHINE_CAP_SPACE, MACHINE_CAP_MEMORY, 0, 32, 0x400000, READ_WRITE);
    CHECK_EQUAL(result.status, CALL_RESTART); /* only some of a long run are zero: it is checked twice, in two stays */
    result = sys_space_map(MACHINE_CAP_SPACE, MACHINE_CAP_MEMORY, 0, 32, 0x400000, READ_WRITE);
    CHECK_EQUAL(result.status, OK);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
}

SUITE(CASE(pool_pieces_do_not_overlap_and_come_back), CASE(pool_runs_are_split_and_joined),
      CASE(pool_neighbours_do_not_join), CASE(pool_a_dying_pool_takes_all_with_it),
      CASE(ledger_frames_are_one_thing_at_a_time), CASE(space_tables_come_and_go),
      CASE(space_large_pages_come_by_themselves), CASE(space_a_split_restarts_the_call),
      CASE(space_a_split_page_is_absent_in_between), CASE(pool_a_dying_pool_gives_nothing),
      CASE(pool_zero_frames_are_known));
