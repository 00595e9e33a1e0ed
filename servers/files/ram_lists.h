/*
 * The state of the tree that ram_lists.c makes of lists and index pages. Only ram_lists.c looks into it.
 *
 *     nodes:  root --> a --> b --> sub        the children of a directory are a list, sorted by name
 *                      |            '--> c
 *                      v
 *     pages:  index page: [ 3 | 0 | 7 | ... ]       entry n of the index names the page of the file's n-th 4096 bytes;
 *                           |       '--> page 7     0 is a hole, which reads as zeros
 *                           '--> page 3
 */
#pragma once

#include <stdint.h>

#define RAM_STATE struct ram_lists
#define RAM_LAYOUT KEEP_LAYOUT('f', 'i', 'l', 2U)
#define RAM_INDEX_PAGES 1U   /* that a file takes beside those with its bytes */
#define RAM_FILE_PAGES 1024U /* a page of entries */
#define RAM_FILE_BYTES_MAX (RAM_FILE_PAGES * (uint64_t)4096)

struct ram_node {
    char name[RAM_NAME_MAX + 1]; /* zero-terminated; empty: the root, or a file that was removed and is held */
    uint32_t kind;               /* enum files_kind; 0 = the node is free */
    uint32_t generation;         /* how many files in this node were removed: part of a file's number */
    uint32_t owner;
    uint32_t holders;
    uint32_t parent;
    uint32_t next;    /* the sibling after this one, by name; of a free node: the next free one; 0 = none */
    uint32_t content; /* directory: its first child. File: its index page. 0 = none */
    uint64_t size_bytes;
    uint64_t changed_ns;
};

/* ram_init() computes free_node, the free nodes' `next` and all nodes' `holders`. */
struct ram_lists {
    struct ram_node nodes[RAM_NODES_MAX]; /* [0] is the root */
    uint32_t free_node;
};
