/*
 * Is the derivation list, a list with depths, equivalent to a tree? A tree is kept beside it. After each random derive,
 * move, delete and revoke both must agree on which capabilities exist, on their ancestors, and on whether one of them
 * has lost its last descendant, which is reported to the endpoint's watcher.
 */
#include "kernel/abi/rights.h"
#include "kernel/calls/check.h"
#include "kernel/ending/binding.h"
#include "test/host/kernel/machine.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define SLOTS 200U
#define NO_PARENT 0U

/* The tree: parent[i] is the slot, plus one, that slot i was derived from. */
static uint32_t parent[SLOTS];
static bool exists[SLOTS];
static bool had[SLOTS]; /* whether it had descendants at the last check */

#define NOTIFICATION (MACHINE_CAP_FREE + SLOTS) /* slot */

static cap_t index_of(uint32_t slot) { return MACHINE_CAP_FREE + slot; }

static void model_delete(uint32_t slot) {
    exists[slot] = false;
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (exists[i] && parent[i] == slot + 1)
            parent[i] = parent[slot]; /* orphans become children of their grandparent */
    }
}

static bool model_descends(uint32_t slot, uint32_t from) {
    for (uint32_t at = parent[slot]; at != NO_PARENT; at = parent[at - 1]) {
        if (at == from + 1)
            return true;
    }
    return false;
}

static void model_move(uint32_t to, uint32_t from) {
    exists[to] = true;
    parent[to] = parent[from];
    exists[from] = false;
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (exists[i] && parent[i] == from + 1)
            parent[i] = to + 1;
    }
}

/* Remove the slots that the kernel has emptied by itself, nearest to the root first. */
static void model_forget_the_removed(void) {
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (exists[i] && cap_is_empty(&machine.table->slots[index_of(i)]))
            model_delete(i);
    }
}

static bool agrees(void) {
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (cap_is_empty(&machine.table->slots[index_of(i)]) == exists[i])
            return false;
    }
    return check_invariants() == INVARIANT_NONE;
}

/* Compare the list's answer to what a revoke would delete with the tree's. */
static bool same_descendants(uint32_t slot) {
    const struct cap_slot *root = &machine.table->slots[index_of(slot)];
    struct object *object = cap_object(root);
    while (!cap_settle(object, 16)) {
    }
    bool derived = (sys_cap_query(index_of(slot)).value & QUERY_DERIVED) != 0;
    uint32_t in_list = 0, in_tree = 0;
    for (const struct cap_slot *at = cap_next(root); at != NULL && cap_depth(at) > cap_depth(root); at = cap_next(at)) {
        uint32_t descendant = (uint32_t)(at - machine.table->slots) - MACHINE_CAP_FREE;
        if (!model_descends(descendant, slot))
            return false;
        in_list++;
    }
    for (uint32_t i = 0; i < SLOTS; i++)
        in_tree += exists[i] && model_descends(i, slot);
    return in_list == in_tree && derived == (in_tree > 0);
}

/* Check the bits raised since the last check: they are raised if an existing capability has lost its last
 * descendant. */
static void check_told(void) {
    bool lost = false, some_went = false;
    for (uint32_t i = 0; i < SLOTS; i++) {
        bool has = false;
        for (uint32_t k = 0; k < SLOTS; k++)
            has = has || (exists[k] && parent[k] == i + 1);
        lost = lost || (had[i] && exists[i] && !has);
        /* after an unfinished revoke its descendants may have gone first, and it after them */
        some_went = some_went || (had[i] && !exists[i]);
        had[i] = exists[i] && has;
    }
    bool told = sys_signal_poll(NOTIFICATION).status == OK;
    CHECK(told || !lost);
    CHECK(!told || lost || some_went);
}

/* A slot that is full (or empty) nine times out of ten. */
static uint32_t pick(uint64_t *seed, bool full) {
    uint32_t slot = (uint32_t)(random_step(seed) % SLOTS);
    if (random_step(seed) % 10 != 0) {
        for (uint32_t i = 0; i < SLOTS && exists[slot] != full; i++)
            slot = (slot + 1) % SLOTS;
    }
    return slot;
}

static void step(uint64_t *seed) {
    uint32_t a = pick(seed, true), b = pick(seed, false);
    bool fits = a != b && exists[a] && !exists[b];
    switch (random_step(seed) % 32 == 0 ? 7 : random_step(seed) % 7) {
    case 0:
    case 1:
    case 2:
    case 3:
        CHECK_EQUAL(machine_copy(index_of(b), index_of(a)).status, fits ? OK : !exists[a] ? E_CAP : E_EXISTS);
        if (fits) {
            exists[b] = true;
            parent[b] = a + 1;
        }
        break;
    case 4:
        CHECK_EQUAL(sys_cap_move(0, index_of(b), index_of(a)).status, fits ? OK : !exists[a] ? E_CAP : E_EXISTS);
        if (fits) {
            model_move(b, a);
            had[b] = had[a];
            had[a] = false;
        }
        break;
    case 5:
    case 6:
        if (a == 0) /* the root of the tree stays */
            break;
        CHECK_EQUAL(machine_delete(index_of(a)).status, OK);
        if (exists[a])
            model_delete(a);
        break;
    default:
        if (!exists[a] || a == 0)
            break;
        if (random_step(seed) % 2 == 0) { /* a revoke abandoned half-way leaves a well-formed list */
            struct cap_slot *root = &machine.table->slots[index_of(a)];
            while (!cap_settle(cap_object(root), STEPS_MAX)) {
            }
            cap_revoke_some(root, (uint32_t)(random_step(seed) % 4));
            model_forget_the_removed();
            break;
        }
        CHECK_EQUAL(machine_revoke(index_of(a)).status, OK);
        for (uint32_t i = 0; i < SLOTS; i++) {
            if (exists[i] && model_descends(i, a))
                exists[i] = false;
        }
        break;
    }
}

static void start(void) {
    machine_start();
    for (uint32_t i = 0; i < SLOTS; i++) {
        exists[i] = false;
        had[i] = false;
        parent[i] = NO_PARENT;
    }
    CHECK_EQUAL(sys_object_create(MACHINE_CAP_POOL, OBJECT_ENDPOINT, 0, index_of(0)).status, OK);
    exists[0] = true;
    CHECK_EQUAL(sys_object_create(MACHINE_CAP_POOL, OBJECT_NOTIFICATION, 0, NOTIFICATION).status, OK);
    CHECK_EQUAL(sys_endpoint_watch(index_of(0), NOTIFICATION, 1).status, OK);
}

static void cap_list_says_what_a_tree_says(void) {
    start();
    uint64_t seed = 42;
    for (uint32_t i = 0; i < 20000; i++) {
        step(&seed);
        check_told();
        uint32_t probe = (uint32_t)(random_step(&seed) % SLOTS);
        if (exists[probe] && !CHECK(same_descendants(probe)))
            return;
        if (i % 16 == 0 && !CHECK(agrees()))
            return;
    }
}

/* When B goes, between A and C, its child C must become A's, not the child of B's sibling X. */
static void cap_orphans_go_to_the_grandparent(void) {
    start();
    CHECK_EQUAL(sys_cap_copy(0, index_of(1), index_of(0), RIGHTS_ALL, 0).status, OK); /* B from A */
    CHECK_EQUAL(sys_cap_copy(0, index_of(2), index_of(1), RIGHTS_ALL, 0).status, OK); /* C from B */
    CHECK_EQUAL(sys_cap_copy(0, index_of(3), index_of(0), RIGHTS_ALL, 0).status, OK); /* X from A */
    CHECK_EQUAL(machine_delete(index_of(1)).status, OK);
    CHECK_EQUAL(machine_revoke(index_of(3)).status, OK);
    CHECK(!cap_is_empty(&machine.table->slots[index_of(2)])); /* C is not a child of X */
    CHECK_EQUAL(machine_revoke(index_of(0)).status, OK);
    CHECK(cap_is_empty(&machine.table->slots[index_of(2)])); /* C was a child of A */
}

static void cap_depth_has_a_limit(void) {
    start();
    struct cap_slot *slots = machine.table->slots;
    CHECK_EQUAL(sys_cap_copy(0, index_of(1), index_of(0), RIGHTS_ALL, 0).status, OK);
    slots[index_of(1)].next |= CAP_DEPTH_MAX;
    CHECK_EQUAL(sys_cap_copy(0, index_of(2), index_of(1), RIGHTS_ALL, 0).status, E_LIMIT);
}

static void cap_last_capability_ends_the_object(void) {
    start();
    uint64_t used = machine.pool->used_bytes;
    CHECK_EQUAL(sys_object_create(MACHINE_CAP_POOL, OBJECT_NOTIFICATION, 0, index_of(1)).status, OK);
    CHECK_EQUAL(sys_cap_copy(0, index_of(2), index_of(1), RIGHTS_ALL, 0).status, OK);
    CHECK_EQUAL(machine_delete(index_of(1)).status, OK);
    CHECK(machine.pool->used_bytes > used);
    CHECK_EQUAL(machine_delete(index_of(2)).status, OK);
    CHECK_EQUAL(machine.pool->used_bytes, used);
}

SUITE(CASE(cap_list_says_what_a_tree_says), CASE(cap_orphans_go_to_the_grandparent), CASE(cap_depth_has_a_limit),
      CASE(cap_last_capability_ends_the_object));
