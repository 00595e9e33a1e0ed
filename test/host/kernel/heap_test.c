/*
 * Does the leftist heap keep its order and its bounds under any insertions and removals?
 */
#include "kernel/base/heap.h"

#include "test/host/suite.h"
#include "test/lib/random.h"

#define NODES 512U

static struct heap heap;
static struct heap_node nodes[NODES];

static uint32_t depth_of_right_spine(void) {
    uint32_t depth = 0;
    for (const struct heap_node *node = heap.root; node != NULL; node = node->right)
        depth++;
    return depth;
}

static void heap_comes_out_in_order(void) {
    uint64_t seed = 1, count = 0;
    for (uint32_t i = 0; i < NODES; i++)
        heap_insert(&heap, &nodes[i], random_step(&seed) % 1000);
    CHECK(heap_is_well_formed(&heap, &count));
    CHECK_EQUAL(count, NODES);
    CHECK(depth_of_right_spine() <= 10);
    uint64_t last = 0;
    while (!heap_is_empty(&heap)) {
        struct heap_node *first = heap_first(&heap);
        CHECK(first->key >= last);
        last = first->key;
        heap_remove(&heap, first);
        CHECK(!heap_contains_node(first));
    }
}

static void heap_survives_random_removals(void) {
    uint64_t seed = 7;
    uint64_t in_heap = 0;
    for (uint32_t step = 0; step < 20000; step++) {
        struct heap_node *node = &nodes[random_step(&seed) % NODES];
        if (heap_contains_node(node)) {
            heap_remove(&heap, node);
            in_heap--;
        } else {
            heap_insert(&heap, node, random_step(&seed));
            in_heap++;
        }
        uint64_t count = 0;
        if (step % 97 == 0 && (!CHECK(heap_is_well_formed(&heap, &count)) || !CHECK_EQUAL(count, in_heap)))
            return;
    }
}

static void heap_notices_a_broken_order(void) {
    heap = (struct heap){0};
    struct heap_node a = {0}, b = {0};
    uint64_t count;
    heap_insert(&heap, &a, 1);
    heap_insert(&heap, &b, 2);
    CHECK(heap_is_well_formed(&heap, &count));
    a.key = 3;
    CHECK(!heap_is_well_formed(&heap, &count));
    a.key = 1;
    CHECK(heap_is_well_formed(&heap, &count));
    a.parent = &b;
    CHECK(!heap_is_well_formed(&heap, &count));
}

SUITE(CASE(heap_comes_out_in_order), CASE(heap_survives_random_removals), CASE(heap_notices_a_broken_order));
