/*
 * Memory capabilities, and the ledger's counts of holders of each frame.
 */
#include "kernel/memory/memory.h"

#include "kernel/abi/message.h"
#include "kernel/abi/rights.h"
#include "kernel/arch.h"
#include "kernel/base/ledger.h"
#include "kernel/base/string.h"
#include "kernel/calls/check.h"
#include "kernel/machine/call.h"
#include "kernel/memory/pool.h"
#include "test/host/kernel/machine.h"
#include "test/host/suite.h"

#define SCRATCH MACHINE_CAP_FREE
#define READ_WRITE (MEMORY_READ | MEMORY_WRITE)

/* Give the program a Memory that boot never makes, with all rights. */
static void give_memory(struct memory *memory, cap_t slot, uint64_t first_frame, uint64_t page_count) {
    object_init(&memory->object, OBJECT_MEMORY, NULL, 0);
    cap_set_first(&machine.table->slots[slot], &memory->object, RIGHTS_ALL,
                  memory_pack(memory, first_frame, page_count));
}

static void memory_beyond_the_ledger_is_refused(void) {
    static struct memory memory;
    machine_start();
    memory = (struct memory){0};
    give_memory(&memory, SCRATCH, MACHINE_FRAMES - 1, 2);
    CHECK_EQUAL(sys_memory_fill(SCRATCH, 0, PAGE_BYTES, 7).status, OK);
    CHECK_EQUAL(sys_memory_fill(SCRATCH, PAGE_BYTES, 8, 7).status, E_BUSY);
    CHECK_EQUAL(sys_memory_fill(SCRATCH, PAGE_BYTES - 8, 16, 7).status, E_BUSY);
    CHECK_EQUAL(sys_space_map(MACHINE_CAP_SPACE, SCRATCH, 0, 2, 0x400000, READ_WRITE).status, E_BUSY);
}

/* A frame whose count of holders is at its maximum takes no more, alone or in a run. */
static void memory_a_frame_has_a_last_holder(void) {
    machine_start();
    uint32_t *count = &ledger.frames[MACHINE_FIRST_FREE + 2].type_and_count;
    *count = FRAME_COUNT_MAX - 1;
    CHECK_EQUAL(machine_map(0, 4, 0x400000, MEMORY_READ).status, OK);
    CHECK_EQUAL(*count, FRAME_COUNT_MAX);
    CHECK_EQUAL(machine_map(0, 4, 0x600000, MEMORY_READ).status, E_LIMIT);
    CHECK_EQUAL(machine_map(2, 1, 0x600000, MEMORY_READ).status, E_LIMIT);
    CHECK_EQUAL(sys_memory_fill(MACHINE_CAP_MEMORY, 2 * PAGE_BYTES, 8, 0).status, E_LIMIT);
    CHECK_EQUAL(*count, FRAME_COUNT_MAX);
    CHECK_EQUAL(frame_type(MACHINE_FIRST_FREE + 2), FRAME_USER);
    CHECK_EQUAL(machine_map(3, 1, 0x600000, MEMORY_READ).status, OK);
    CHECK_EQUAL(machine_unmap(0x400000, 4).value, 4);
    CHECK_EQUAL(machine_map(2, 1, 0x400000, MEMORY_READ).status, OK);
}

/* The ledger itself refuses one holder too many, and then holds no frame of the run. */
static void ledger_a_hold_does_not_overflow(void) {
    machine_start();
    ledger.frames[MACHINE_FIRST_FREE + 2].type_and_count = FRAME_COUNT_MAX;
    CHECK(!frame_hold(MACHINE_FIRST_FREE + 2));
    CHECK(!frame_hold_run(MACHINE_FIRST_FREE, 4));
    CHECK_EQUAL(frame_count(MACHINE_FIRST_FREE), 0);
    CHECK_EQUAL(frame_count(MACHINE_FIRST_FREE + 2), FRAME_COUNT_MAX);
    CHECK(frame_hold_run(MACHINE_FIRST_FREE, 2));
    CHECK(frame_hold_run(MACHINE_FIRST_FREE, 2));
    CHECK_EQUAL(frame_count(MACHINE_FIRST_FREE + 1), 2);
}

/* Device memory is not RAM: no pool is made of it, it is not counted, and it has no entries in the ledger. */
static void memory_of_devices_is_not_counted(void) {
    static struct memory devices;
    machine_start();
    devices = (struct memory){.is_device = true};
    give_memory(&devices, SCRATCH, 4 * MACHINE_FRAMES, 600);
    uint64_t offset = 1;
    CHECK_EQUAL(sys_pool_create(SCRATCH, 0, 1, SCRATCH + 1).status, E_TYPE);
    CHECK_EQUAL(sys_pool_extend(MACHINE_CAP_POOL, SCRATCH, 0, 1).status, E_TYPE);
    CHECK_EQUAL(sys_space_map(MACHINE_CAP_SPACE, SCRATCH, offset, 2, 0x400000, READ_WRITE | MAP_UNCACHED).status, OK);
    CHECK_EQUAL(machine_map(0, 1, 0x402000, READ_WRITE).status, OK);
    CHECK_EQUAL(ledger.mapped_count, 1);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    CHECK_EQUAL(machine_unmap(0x401000, 2).value, 2);
    CHECK_EQUAL(machine_unmap(0x400000, 1).value, 1);
    CHECK_EQUAL(ledger.mapped_count, 0);
    struct result result = sys_space_map(MACHINE_CAP_SPACE, SCRATCH, 0, 512, 0x600000, READ_WRITE);
    while (result.status == CALL_RESTART)
        result = sys_space_map(MACHINE_CAP_SPACE, SCRATCH, 0, 512, 0x600000, READ_WRITE);
    CHECK_EQUAL(result.status, OK);
    CHECK(arch_large_find(machine_root(), 0x600000) != NULL);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
    CHECK_EQUAL(machine_unmap(0x600000, 512).value, 512);
    CHECK_EQUAL(ledger.mapped_count, 0);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
}

/* A capability to device memory returns the range that was packed into it, and refuses a range that it can't hold.
 * RAM's frames have 32 bits. */
static void memory_a_range_is_what_was_packed(void) {
    static struct memory memory;
    static const struct {
        uint64_t first, count;
        bool fits;
    } rows[] = {
        {0, 1, true},
        {(1ULL << 40) - 1, 1, true},
        {(1ULL << 40) - 3, (1ULL << 23) - 1, true},
        {0x380000000, 1ULL << 23, true},
        {0x380000000, (1ULL << 23) + 1, false},
        {1, (1ULL << 23) + (1ULL << 18), true},
        {0, 1ULL << 40, true},
        {0, (1ULL << 40) - (1ULL << 18), true},
        {0, (1ULL << 40) - 1, false},
    };
    machine_start();
    memory = (struct memory){.is_device = true};
    object_init(&memory.object, OBJECT_MEMORY, NULL, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t data = memory_pack(&memory, rows[i].first, rows[i].count);
        CHECK_EQUAL(data != 0, rows[i].fits);
        if (data == 0)
            continue;
        struct cap_slot slot = {.head = cap_pack(&memory) | OBJECT_MEMORY, .data = data};
        CHECK_EQUAL(memory_first(&slot), rows[i].first);
        CHECK_EQUAL(memory_count(&slot), rows[i].count);
    }
    memory.is_device = false;
    CHECK_EQUAL(memory_pack(&memory, UINT32_MAX - 7, 7), RANGE(UINT32_MAX - 7, 7));
    CHECK_EQUAL(memory_pack(&memory, UINT32_MAX - 7, 8), 0);
    CHECK_EQUAL(memory_pack(&memory, 1ULL << 32, 1), 0);
    CHECK_EQUAL(memory_pack(&memory, 1, UINT32_MAX), 0);
}

/* The machine's own registers are refused, although they are not RAM. */
static void memory_of_devices_without_the_machines_own(void) {
    static struct memory devices;
    machine_start();
    devices = (struct memory){.is_device = true};
    give_memory(&devices, SCRATCH, arch_frame_limit() - 4, 4);
    CHECK_EQUAL(sys_space_map(MACHINE_CAP_SPACE, SCRATCH, 0, 2, 0x400000, READ_WRITE | MAP_UNCACHED).status, OK);
    CHECK_EQUAL(sys_space_map(MACHINE_CAP_SPACE, SCRATCH, 2, 1, 0x600000, READ_WRITE | MAP_UNCACHED).status, E_BUSY);
    CHECK_EQUAL(sys_space_map(MACHINE_CAP_SPACE, SCRATCH, 1, 2, 0x600000, READ_WRITE | MAP_UNCACHED).status, E_BUSY);
    CHECK_EQUAL(check_invariants(), INVARIANT_NONE);
}

SUITE(CASE(memory_a_range_is_what_was_packed), CASE(memory_of_devices_without_the_machines_own),
      CASE(memory_beyond_the_ledger_is_refused), CASE(memory_a_frame_has_a_last_holder),
      CASE(ledger_a_hold_does_not_overflow), CASE(memory_of_devices_is_not_counted));
