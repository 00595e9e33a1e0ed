/*
 * The state of the tree that flat_tree.c makes of two tables. Only flat_tree.c looks into it.
 *
 *     order:  (root, "a") (root, "b") (root, "sub") (a, "x")     all names, sorted by directory and name
 *                  |           |            |          |
 *     nodes:    node 1       node 4       node 2     node 3
 *
 *     pages:  page 1: (node 3, 0)   page 2: -   page 3: (node 4, 7)     which part of which file each page has
 *     heads:  (file, part) --hash--> page --> page                      the way back
 *
 * So a file takes no page but those with its bytes, and a directory that is renamed is one node that changes.
 */
#pragma once

#include <stdint.h>

#define RAM_STATE struct flat_state
#define RAM_LAYOUT KEEP_LAYOUT('f', 'l', 'a', 1U)
#define RAM_INDEX_PAGES 0U
#define RAM_FILE_BYTES_MAX ((uint64_t)1 << 40)
#define FLAT_HEADS 4096U

struct flat_node {
    char name[RAM_NAME_MAX + 1]; /* zero-terminated; empty: the root, or a file that was removed and is held */
    uint32_t kind;               /* enum files_kind; 0 = the node is free */
    uint32_t generation;         /* how many files in this node were removed: part of a file's number */
    uint32_t owner;
    uint32_t directory;
    uint64_t size_bytes;
    uint64_t changed_ns;
};

/* Names a part of a file, if `file` is a file and `part` lies before its end. Otherwise it names nothing. */
struct flat_page {
    uint32_t part; /* bytes from part * 4096 on */
    uint16_t file; /* 0 = none */
    uint16_t next; /* page of the same hash, or outdated; 0 = none */
};

struct flat_state {
    struct flat_node nodes[RAM_NODES_MAX]; /* [0] is the root */
    struct flat_page pages[RAM_PAGES_MAX]; /* page n at n - 1 */

    /* ram_init() computes the rest, and the pages' `next`. */
    uint32_t name_count;
    uint16_t order[RAM_NODES_MAX]; /* the nodes with names */
    uint16_t heads[FLAT_HEADS];
    uint16_t outdated; /* pages that the last change has freed, and that say yet whose they were */
    uint32_t holders[RAM_NODES_MAX];
};
