/*
 * An intrusive leftist heap: the smallest key comes first; insertion and removal of any node take O(log n) steps at
 * worst; it needs no memory of its own. Queues whose cost must stay bounded against users are heaps: deadlines (key:
 * ns) and the threads that wait at an endpoint or notification (key: priority, then order of arrival).
 *
 * Leftist: for every node, the distance to the nearest missing child is at least as long on the left as on the right.
 * So a right spine has at most log2(n + 1) nodes, and merging walks right spines only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;
    struct heap_node *parent, *left, *right;
    uint32_t rank; /* 1 + rank of the right child; 0: in no heap */
};

struct heap {
    struct heap_node *root; /* NULL: empty */
};

static inline bool heap_is_empty(const struct heap *heap) { return heap->root == NULL; }
static inline bool heap_contains_node(const struct heap_node *node) { return node->rank != 0; }
static inline struct heap_node *heap_first(const struct heap *heap) { return heap->root; }

/* Put `node`, which is in no heap, into `heap`. */
void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);

/* Take `node`, which is in `heap`, out of it. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* Insertion into an empty heap, and removal of a heap's only node. A node in no heap has no links. */
static inline void heap_insert_alone(struct heap *heap, struct heap_node *node, uint64_t key) {
    node->key = key;
    node->rank = 1;
    heap->root = node;
}

static inline void heap_remove_alone(struct heap *heap, struct heap_node *node) {
    node->rank = 0;
    heap->root = NULL;
}

/*
 * Are all links, ranks and orders right? *ret_count: the number of nodes. Walks the whole heap: for calls/check.c and
 * tests.
 */
bool heap_is_well_formed(const struct heap *heap, uint64_t *ret_count);
