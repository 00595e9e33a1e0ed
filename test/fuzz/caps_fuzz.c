/*
 * Derivations of capabilities, compared with a tree. Two bytes an operation: which one, and on which slots. Long
 * operations may also be abandoned half way, as when their thread dies.
 */
#include "kernel/abi/rights.h"
#include "kernel/calls/check.h"
#include "kernel/ending/binding.h"
#include "test/fuzz/fuzz.h"
#include "test/host/kernel/machine.h"

#define SLOTS 64U
#define OPERATIONS_MAX 400U

static uint32_t parent[SLOTS]; /* + 1; 0 = none */
static bool full[SLOTS];

static cap_t index_of(uint32_t slot) { return MACHINE_CAP_FREE + slot; }
static struct cap_slot *slot_of(uint32_t slot) { return &machine.table->slots[index_of(slot)]; }

static bool descends(uint32_t slot, uint32_t from) {
    for (uint32_t at = parent[slot]; at != 0; at = parent[at - 1]) {
        if (at == from + 1)
            return true;
    }
    return false;
}

static void forget(uint32_t slot) {
    full[slot] = false;
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (full[i] && parent[i] == slot + 1)
            parent[i] = parent[slot];
    }
}

static void rename_to(uint32_t to, uint32_t from) {
    full[to] = true;
    parent[to] = parent[from];
    full[from] = false;
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (full[i] && parent[i] == from + 1)
            parent[i] = to + 1;
    }
}

/* After a revoke of `root`, complete or not: only its descendants may be gone; if it is complete (`over`), all of
 * them. */
static void follow_revoke(uint32_t root, bool over) {
    for (uint32_t i = 0; i < SLOTS; i++) {
        bool gone = full[i] && cap_is_empty(slot_of(i)), was_below = full[i] && descends(i, root);
        REQUIRE(!gone || was_below);
        REQUIRE(gone || !was_below || !over);
    }
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (full[i] && cap_is_empty(slot_of(i)))
            forget(i);
    }
}

static void settle(uint32_t slot) {
    while (!cap_settle(cap_object(slot_of(slot)), 1)) {
    }
}

static void operate(uint8_t what, uint32_t a, uint32_t b) {
    bool fits = full[a] && !full[b] && a != b;
    uint64_t status = fits ? OK : full[a] ? E_EXISTS : E_CAP;
    switch (what % 8) {
    case 0:
    case 1:
    case 2:
    case 3:
        REQUIRE(machine_copy(index_of(b), index_of(a)).status == status);
        if (fits)
            full[b] = true, parent[b] = a + 1;
        break;
    case 4:
        REQUIRE(sys_cap_move(0, index_of(b), index_of(a)).status == status);
        if (fits)
            rename_to(b, a);
        break;
    case 5:
        if (parent[a] != 0 && full[a]) { /* the first capability stays, so that the object lives */
            REQUIRE(machine_delete(index_of(a)).status == OK);
            forget(a);
        }
        break;
    case 6:
        REQUIRE(machine_revoke(index_of(a)).status == (full[a] ? OK : E_CAP));
        if (full[a])
            follow_revoke(a, true);
        break;
    default:
        if (full[a]) {
            settle(a);
            follow_revoke(a, cap_revoke_some(slot_of(a), b % 8));
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    if (machine.self == NULL)
        machine_start();
    uint64_t caps = cap_count;
    REQUIRE(sys_object_create(MACHINE_CAP_POOL, OBJECT_ENDPOINT, 0, index_of(0)).status == OK);
    full[0] = true;
    struct fuzz_bytes input = {data, bytes};
    for (uint32_t i = 0; input.left > 0 && i < OPERATIONS_MAX; i++) {
        uint8_t what = fuzz_byte(&input);
        operate(what, fuzz_byte(&input) % SLOTS, (what >> 3) + (fuzz_byte(&input) & 32U));
    }
    REQUIRE(check_invariants() == INVARIANT_NONE);
    for (uint32_t i = 0; i < SLOTS; i++) {
        REQUIRE(cap_is_empty(slot_of(i)) == !full[i]);
        REQUIRE(machine_delete(index_of(i)).status == OK);
        full[i] = false;
        parent[i] = 0;
    }
    REQUIRE(cap_count == caps);
    return 0;
}
