/*
 * A tree of files and directories that can be written, in pages of memory that its owner provides. This is the
 * interface of all makes of such a tree; the build chooses one (RAM_TREE_STATE). ram_pages.c is the same in all.
 *
 * Nodes lie in the tree, pages in the provided memory. Each is charged to the owner that the tree worked for when it
 * was taken (quota.h): a page to the program that wrote it, a node to the program that made it. A file that is removed
 * while it is held (open) lives on without path and number, until its last holder lets go.
 *
 * An operation that fails changes nothing. One that needs several pages and gets only some fills these, and says how
 * much it wrote. Nothing here makes a system call.
 *
 * The tree and its pages can outlive the program (libsys/program/keep.h): each operation is one change, whole or
 * undone. Only the bytes of a file that a write has overwritten are not put back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsys/proto/files.h"
#include "libsys/wire/quota.h"

#define RAM_NODES_MAX 512U /* files and directories, the root among them */
#define RAM_NAME_MAX 63U   /* bytes of one name */
#define RAM_PAGE_BYTES 4096U
#define RAM_PAGES_MAX 16384U
#define RAM_FILE_NUMBER (1ULL << 63) /* in every number that names a file of such a tree */

/* A file's number has its node and how many files in this node were removed before. It is the same in all makes. */
#define RAM_NODE_BITS 16U
#define RAM_NUMBER(generation, node) (RAM_FILE_NUMBER | (uint64_t)(generation) << RAM_NODE_BITS | (node))
#define RAM_NUMBER_GENERATION(number) ((uint32_t)(((number) & ~RAM_FILE_NUMBER) >> RAM_NODE_BITS))
#define RAM_NUMBER_NODE(number) ((number) & ((1U << RAM_NODE_BITS) - 1))
_Static_assert(RAM_NODES_MAX <= 1U << RAM_NODE_BITS, "a number has room for each node");

/*
 * The header of the make that the build chooses. It defines RAM_STATE (the structure with its nodes), RAM_LAYOUT (the
 * name of its form, see KEEP_LAYOUT), RAM_FILE_BYTES_MAX (a multiple of 4096), and RAM_INDEX_PAGES (what a file takes
 * beside the pages with its bytes, if it has any).
 */
#ifndef RAM_TREE_STATE
#define RAM_TREE_STATE "servers/files/ram_lists.h"
#endif
#include RAM_TREE_STATE

struct ram_tree {
    uint64_t now_ns; /* the time of changes, kept by the server, ... */
    uint32_t owner;  /* ... and the owner to whom pages and nodes are charged */

    /* With the pages themselves and the nodes in `own` this is all that there is to know. */
    uint32_t written;                    /* bytes behind the end of no other file were touched */
    uint32_t page_owners[RAM_PAGES_MAX]; /* of page n at n - 1 */

    /* ram_init() computes the rest from it. */
    uint8_t *memory;
    uint32_t page_count;
    struct quota pages, node_places;
    uint64_t used[RAM_PAGES_MAX / 64]; /* a bit for each page; page n, from 1 on, begins at memory + (n - 1) * 4096 */
    uint32_t lowest_free;              /* no page with a lower number is free */
    struct quota_owner owners_of_pages[RAM_PAGES_MAX], owners_of_nodes[RAM_NODES_MAX];

    RAM_STATE own;
};

/* What there is to know of a node, apart from its content. */
struct ram_stat {
    const char *name; /* of at most RAM_NAME_MAX bytes; empty: the root, or a file that was removed and is held */
    uint32_t kind;    /* enum files_kind; 0 = the node is free */
    uint32_t owner, parent;
    uint64_t size_bytes, changed_ns;
};

/* A clean path below the root (servers/files/path.h); "" is the root. directory: it must name a directory. */
struct ram_path {
    const char *text;
    bool directory;
};

/*
 * Start with a tree that is all zero, and so empty, or with one of a program before this one, with its pages. Then
 * ram_claim_run() and ram_hold() what else it had. memory: page_count * 4096 bytes, aligned to 4096; at most
 * RAM_PAGES_MAX pages. Cost: O(nodes, and pages of files).
 */
void ram_init(struct ram_tree *tree, void *memory, uint32_t page_count);

/*
 * Take pages in a row for another use, with their old content. Returns the first one's number; 0: there are not as many
 * in a row, or the owner may not take as many. ram_give_run gives them back. The tree keeps no list of such runs:
 * ram_claim_run tells it, after ram_init, which ones an owner has.
 */
MUST_USE uint32_t ram_take_run(struct ram_tree *tree, uint32_t page_count);
void ram_claim_run(struct ram_tree *tree, uint32_t page, uint32_t page_count, uint32_t owner);
void ram_give_run(struct ram_tree *tree, uint32_t page, uint32_t page_count);

/* Find the node of a path. Errors: P_NOT_FOUND; P_NOT_DIRECTORY a file is used as a directory. */
MUST_USE uint32_t ram_find(const struct ram_tree *tree, struct ram_path path, uint32_t *ret_node);

/* node: less than RAM_NODES_MAX. The name is valid until the tree changes. */
struct ram_stat ram_stat(const struct ram_tree *tree, uint32_t node);

/* The number by which clients name a file. Once the file is removed it names nothing. */
uint64_t ram_file_number(const struct ram_tree *tree, uint32_t node);

/* The node of the file with this number. False: it names none, or the file was removed. */
bool ram_file_node(const struct ram_tree *tree, uint64_t number, uint32_t *ret_node);

/* Hold a file, and let go of it again. */
void ram_hold(struct ram_tree *tree, uint32_t file);
void ram_release(struct ram_tree *tree, uint32_t file);

/*
 * Make an empty file or directory. Errors: P_EXISTS; P_NOT_FOUND its directory is not there; P_NOT_DIRECTORY; P_LIMIT
 * its name is longer than RAM_NAME_MAX; P_NO_SPACE all nodes that the owner may have are in use.
 */
MUST_USE uint32_t ram_create(struct ram_tree *tree, struct ram_path path, enum files_kind kind, uint32_t *ret_node);

/*
 * Write to a file. offset_bytes: FILES_APPEND = its end; beyond the end, the gap reads as zeros. *ret_written is less
 * than length_bytes where the owner may take no more pages, or where the file reaches RAM_FILE_BYTES_MAX; it is 0 only
 * if length_bytes is. Errors: P_NO_SPACE no page for the first byte; P_LIMIT that would lie beyond RAM_FILE_BYTES_MAX.
 */
MUST_USE uint32_t ram_write(struct ram_tree *tree, uint32_t file, uint64_t offset_bytes, const void *bytes,
                            uint64_t length_bytes, uint64_t *ret_written);

/* Read from a file. Returns the number of bytes read: less than most_bytes at the file's end. */
uint64_t ram_read(const struct ram_tree *tree, uint32_t file, uint64_t offset_bytes, void *bytes, uint64_t most_bytes);

/* Cut a file, or extend it by zeros, which take no pages. Errors: P_LIMIT beyond RAM_FILE_BYTES_MAX. */
MUST_USE uint32_t ram_truncate(struct ram_tree *tree, uint32_t file, uint64_t size_bytes);

/*
 * Remove a file or an empty directory. Errors: P_NOT_FOUND; P_NOT_FILE, P_NOT_DIRECTORY it is not of this kind;
 * P_NOT_EMPTY; P_READ_ONLY the root.
 */
MUST_USE uint32_t ram_remove(struct ram_tree *tree, struct ram_path path, enum files_kind kind);

/*
 * Give a file or directory another path; a file replaces another file there.
 * Errors: P_NOT_FOUND; P_NOT_DIRECTORY; P_READ_ONLY one path is the root; P_LIMIT the new name is too long; P_ARGUMENT
 *         a directory would lie below itself; P_EXISTS the new path is a directory, or anything if a directory is
 *         renamed.
 */
MUST_USE uint32_t ram_rename(struct ram_tree *tree, struct ram_path from, struct ram_path to);

/* Child number `index` of a directory, sorted by name. Errors: P_END it has no more. */
MUST_USE uint32_t ram_child(const struct ram_tree *tree, uint32_t directory, uint64_t index, uint32_t *ret_node);
