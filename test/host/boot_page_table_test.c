/*
 * Do the loader's page tables translate as asked, with the right access rights, and use no more pages than counted?
 */
#include "boot/page_table.h"

#include "test/boot/walk.h"
#include "test/host/arena.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define ROOT 0x100000ULL
#define KERNEL 0xffffffff80000000ULL

static struct page_tables tables;

static void begin(uint64_t page_count) {
    arena_reset();
    page_tables_begin(&tables, ROOT, page_count);
}

static void small_pages_have_their_rights(void) {
    begin(16);
    struct page_run text = {.virt = KERNEL, .phys = 0x200000, .bytes = 0x3000, .page_bytes = PAGE_BYTES_4K};
    struct page_run data = text;
    data.virt += 0x4000;
    data.phys += 0x4000;
    data.flags = PAGE_TABLE_WRITE | PAGE_TABLE_NO_EXECUTE;
    CHECK(page_tables_map(&tables, text) && page_tables_map(&tables, data));
    struct walk walk = walk_address(ROOT, KERNEL + 0x2fff);
    CHECK(walk.present && walk.executable && !walk.writable && !walk.user);
    CHECK_EQUAL(walk.phys, 0x202fff);
    CHECK_EQUAL(walk.page_bytes, PAGE_BYTES_4K);
    walk = walk_address(ROOT, KERNEL + 0x4000);
    CHECK(walk.present && !walk.executable && walk.writable && !walk.user);
    CHECK_EQUAL(walk.phys, 0x204000);
    CHECK(!walk_address(ROOT, KERNEL + 0x3000).present);
    CHECK(!walk_address(ROOT, KERNEL - 1).present);
    CHECK_EQUAL(tables.used_count, 4);
}

static void large_pages_translate(void) {
    begin(16);
    struct page_run two = {.virt = 0, .phys = 0, .bytes = PAGE_BYTES_1G, .page_bytes = PAGE_BYTES_2M};
    struct page_run one = {.virt = 5 * PAGE_BYTES_1G, .phys = 7 * PAGE_BYTES_1G, .bytes = 2 * PAGE_BYTES_1G};
    two.flags = PAGE_TABLE_WRITE;
    one.page_bytes = PAGE_BYTES_1G;
    one.flags = PAGE_TABLE_WRITE | PAGE_TABLE_NO_EXECUTE;
    CHECK(page_tables_map(&tables, two) && page_tables_map(&tables, one));
    struct walk walk = walk_address(ROOT, 0x3fffffff);
    CHECK(walk.present && walk.executable && walk.writable);
    CHECK_EQUAL(walk.phys, 0x3fffffff);
    CHECK_EQUAL(walk.page_bytes, PAGE_BYTES_2M);
    walk = walk_address(ROOT, 6 * PAGE_BYTES_1G + 12345);
    CHECK(walk.present && !walk.executable && walk.writable);
    CHECK_EQUAL(walk.phys, 8 * PAGE_BYTES_1G + 12345);
    CHECK_EQUAL(walk.page_bytes, PAGE_BYTES_1G);
    CHECK(!walk_address(ROOT, PAGE_BYTES_1G).present);
    CHECK_EQUAL(tables.used_count, 3);
}

static void lack_of_pages_is_noticed(void) {
    struct page_run run = {.virt = KERNEL, .phys = 0, .bytes = PAGE_BYTES_4K, .page_bytes = PAGE_BYTES_4K};
    for (uint64_t page_count = 1; page_count < 4; page_count++) {
        begin(page_count);
        CHECK(!page_tables_map(&tables, run));
        CHECK_EQUAL(tables.used_count, page_count);
    }
    begin(4);
    CHECK(page_tables_map(&tables, run));
}

static void second_mapping_is_noticed(void) {
    begin(16);
    struct page_run small = {.virt = 0x200000, .phys = 0, .bytes = PAGE_BYTES_4K, .page_bytes = PAGE_BYTES_4K};
    struct page_run large = {.virt = 0x400000, .phys = 0, .bytes = PAGE_BYTES_2M, .page_bytes = PAGE_BYTES_2M};
    CHECK(page_tables_map(&tables, small) && !page_tables_map(&tables, small));
    CHECK(page_tables_map(&tables, large) && !page_tables_map(&tables, large));
    small.virt = 0x401000;
    CHECK(!page_tables_map(&tables, small)); /* inside the large page */
    large.virt = 0x200000;
    CHECK(!page_tables_map(&tables, large)); /* where a table is */
}

static void counted_pages_are_enough(void) {
    uint64_t seed = 42;
    for (uint32_t round = 0; round < 300; round++) {
        uint64_t virt = random_step(&seed) % (1ULL << 46) & ~(PAGE_BYTES_4K - 1);
        uint64_t bytes = (1 + random_step(&seed) % 1500) * PAGE_BYTES_4K;
        uint64_t page_count = 1 + page_tables_count(virt, bytes);
        begin(page_count);
        struct page_run run = {.virt = virt, .phys = 0, .bytes = bytes, .page_bytes = PAGE_BYTES_4K};
        CHECK(page_tables_map(&tables, run));
        CHECK_EQUAL(tables.used_count, page_count); /* for a single run the bound is exact */
    }
}

SUITE(CASE(small_pages_have_their_rights), CASE(large_pages_translate), CASE(lack_of_pages_is_noticed),
      CASE(second_mapping_is_noticed), CASE(counted_pages_are_enough));
