/*
 * Mapping, unmapping and protecting, compared with a flat array of pages. space_query reads the tables as the CPU
 * would. Ten bytes an operation. The pages lie on both sides of the border between two entries of the root, and the
 * frames at the same offset from 2 MiB, so that large pages are made, split and removed.
 */
#include "kernel/abi/rights.h"
#include "kernel/base/ledger.h"
#include "kernel/calls/check.h"
#include "kernel/ending/binding.h"
#include "kernel/memory/space.h"
#include "test/fuzz/fuzz.h"
#include "test/host/kernel/machine.h"

#define PAGES 2048U
#define FIRST ((1ULL << 39) - PAGES / 2 * PAGE_BYTES)
#define FRAMES 1536U
#define OFFSET 256U /* in the machine's memory: frame 1024, a multiple of 2 MiB */
#define RIGHTS (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)
#define ENTRY_PRESENT 1ULL
#define ENTRY_WRITE 2ULL
#define ENTRY_LARGE (1ULL << 7)
#define ENTRY_NO_EXECUTE (1ULL << 63)
#define OPERATIONS_MAX 64U

static struct {
    uint32_t frame;
    uint32_t rights;
} pages[PAGES]; /* frame 0 = nothing there */
static uint32_t holders[MACHINE_FRAMES];

static bool rights_are_valid(uint64_t rights) {
    return (rights & MEMORY_READ) != 0 && (rights & (MEMORY_WRITE | MEMORY_EXECUTE)) != (MEMORY_WRITE | MEMORY_EXECUTE);
}

static void map(uint32_t page, uint32_t count, uint32_t offset, uint32_t rights) {
    struct result result = machine_map(OFFSET + offset, count, FIRST + page * PAGE_BYTES, rights);
    uint32_t i = 0;
    while (i < count && pages[page + i].frame == 0)
        i++;
    if (!rights_are_valid(rights) || count == 0) {
        REQUIRE(result.status == E_ARG);
    } else if (i < count) {
        REQUIRE(result.status == E_EXISTS && result.value == FIRST + (page + i) * PAGE_BYTES);
    } else {
        REQUIRE(result.status == OK);
        for (i = 0; i < count; i++) {
            pages[page + i].frame = MACHINE_FIRST_FREE + OFFSET + offset + i;
            pages[page + i].rights = rights;
            holders[pages[page + i].frame]++;
        }
    }
}

static void unmap(uint32_t page, uint32_t count) {
    struct result result = machine_unmap(FIRST + page * PAGE_BYTES, count);
    uint64_t unmapped = 0;
    for (uint32_t i = page; i < page + count; i++) {
        if (pages[i].frame != 0) {
            holders[pages[i].frame]--;
            unmapped++;
        }
        pages[i].frame = 0;
    }
    REQUIRE(count == 0 ? result.status == E_ARG : result.status == OK && result.value == unmapped);
}

static void protect(uint32_t page, uint32_t count, uint32_t rights) {
    struct result result = machine_protect(FIRST + page * PAGE_BYTES, count, rights);
    uint32_t i = 0;
    while (i < count && pages[page + i].frame != 0)
        i++;
    if (!rights_are_valid(rights) || count == 0) {
        REQUIRE(result.status == E_ARG);
    } else if (i < count) {
        REQUIRE(result.status == E_EMPTY && result.value == FIRST + (page + i) * PAGE_BYTES);
    } else {
        REQUIRE(result.status == OK);
        for (i = page; i < page + count; i++)
            pages[i].rights = rights;
    }
}

static void check_page(uint32_t page) {
    struct space_walk walk;
    REQUIRE(sys_space_query(MACHINE_CAP_SPACE, FIRST + page * PAGE_BYTES).status == OK);
    __builtin_memcpy(&walk, machine.self->message->data, sizeof walk);
    uint64_t leaf = walk.entry[walk.levels - 1];
    bool large = walk.levels == 3 && (leaf & ENTRY_LARGE) != 0;
    bool mapped = (leaf & ENTRY_PRESENT) != 0 && (walk.levels == 4 || large);
    REQUIRE(mapped == (pages[page].frame != 0));
    if (!mapped)
        return;
    uint64_t frame = (leaf & 0x000ffffffffff000ULL) / PAGE_BYTES;
    frame = large ? (frame & ~511ULL) + page % 512 : frame;
    REQUIRE(frame == pages[page].frame);
    REQUIRE(((leaf & ENTRY_WRITE) != 0) == ((pages[page].rights & MEMORY_WRITE) != 0));
    REQUIRE(((leaf & ENTRY_NO_EXECUTE) == 0) == ((pages[page].rights & MEMORY_EXECUTE) != 0));
}

static void check_all(void) {
    uint64_t mapped = 1; /* the message page */
    for (uint32_t page = 0; page < PAGES; page++)
        check_page(page);
    for (uint32_t frame = MACHINE_FIRST_FREE; frame < MACHINE_FRAMES - 1; frame++) {
        REQUIRE(frame_count(frame) == holders[frame]);
        mapped += holders[frame] > 0;
    }
    REQUIRE(ledger.mapped_count == mapped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static uint64_t used_bytes;
    if (machine.self == NULL) {
        machine_start();
        thread_hold_message_frame(machine.self, MACHINE_FRAMES - 1);
        used_bytes = machine.pool->used_bytes;
    }
    struct fuzz_bytes input = {data, bytes};
    for (uint32_t i = 0; input.left > 0 && i < OPERATIONS_MAX; i++) {
        uint8_t what = fuzz_byte(&input), rights = fuzz_byte(&input) & RIGHTS;
        uint32_t page = fuzz_word(&input) % PAGES, count = fuzz_word(&input) % (MAP_PAGES_MAX + 1);
        uint32_t offset = fuzz_word(&input) % (FRAMES - MAP_PAGES_MAX);
        if ((what & 4) != 0) /* a whole large page */
            page &= ~511U, count = 512;
        if ((what & 8) != 0) /* frames that fit the pages */
            offset = page % 512;
        if (count > PAGES - page)
            count = PAGES - page;
        if (what % 4 < 2)
            map(page, count, offset, rights);
        else if (what % 4 == 2)
            unmap(page, count);
        else
            protect(page, count, rights);
        check_page(page);
        check_page(page + (count > 0 ? count - 1 : 0));
    }
    check_all();
    REQUIRE(check_invariants() == INVARIANT_NONE);
    for (uint32_t page = 0; page < PAGES; page += MAP_PAGES_MAX)
        unmap(page, MAP_PAGES_MAX);
    REQUIRE(machine.pool->used_bytes == used_bytes);
    return 0;
}
