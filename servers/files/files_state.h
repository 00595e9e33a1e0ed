/*
 * The form in which makes of the files server hand each other their state: docs/files-state.md. Each record is one of
 * these structures (libsys/program/export.h), in any order.
 */
#pragma once

#include "libsys/program/export.h"
#include "servers/files/ram_tree.h"

#define FILES_STATE_FORM KEEP_LAYOUT('f', 's', 't', 1U)

enum files_state_kind {
    FILES_STATE_SERIALS = 1,
    FILES_STATE_NODE = 2,
    FILES_STATE_PAGE = 3,
    FILES_STATE_STREAM = 4,
    FILES_STATE_COPY = 5,
};

/* Of streams (serve.h). */
struct files_state_serials {
    uint64_t first_serial, last_serial;
};

/* A file or directory below /tmp, the root of them (number 0), or a free node to whose files clients have numbers. */
struct files_state_node {
    uint32_t node;       /* less than RAM_NODES_MAX */
    uint32_t generation; /* with the node it makes the file's number */
    uint32_t kind;       /* enum files_kind; 0: free, and the rest is 0 */
    uint32_t owner;
    uint32_t directory; /* the node above */
    uint32_t zero;
    uint64_t size_bytes; /* of a file */
    uint64_t changed_ns;
    char name[RAM_NAME_MAX + 1]; /* zero-terminated; empty: the root, or a file that was removed and is open */
};

/* A page with bytes of a file. Parts of a file without a page are zeros, and so is what lies behind its end. */
struct files_state_page {
    uint32_t page; /* of the memory for /tmp, from 1 on */
    uint32_t file; /* its node */
    uint32_t part; /* bytes from part * 4096 on */
    uint32_t owner;
};

/* An open file. */
struct files_state_stream {
    uint64_t slot;      /* of the capability that the server keeps */
    uint64_t badge;     /* the index is in it */
    uint64_t in_memory; /* 1: below /tmp; 0: on the volume */
    uint64_t node;      /* there */
    uint64_t mode;      /* enum files_open_mode */
    uint64_t offset_bytes;
    uint64_t owner;
};

/* A copy of a file that runs or is mapped. Its pages belong to no file. */
struct files_state_copy {
    uint64_t slot;
    uint32_t page, page_count;
    uint32_t owner;
    uint32_t zero;
};

/* Add the records of a tree. It may be another program's. */
void ram_export(const struct ram_tree *tree, struct export *to);

/*
 * Make the tree of `from`. It was all zero, then ram_pages_init() told it about its pages, and ram_claim_run() about
 * those of no file. This touches free pages only. ram_init() starts the tree. Returns NULL, or why it can't: a
 * text of at most KEEP_NO_MAX - 1 bytes, valid until the next call.
 */
const char *ram_import(struct ram_tree *tree, const struct export *from);

/*
 * What each make does for these two. Pages: add a record for each page of a file. A node is put before its pages, and
 * once. False: the file has a page for this part already, or there is no free page for the index that it needs.
 */
void ram_export_pages(const struct ram_tree *tree, struct export *to);
void ram_put_node(struct ram_tree *tree, const struct files_state_node *from);
bool ram_put_page(struct ram_tree *tree, const struct files_state_page *from);

#define FILES_STATE_DAMAGED "what the other program has exported is damaged"

/* server_state.c: the whole server's. import: NULL, or why it can't, as ram_import(). */
void server_state_export(struct export *to);
const char *server_state_import(const struct export *from, void *memory, uint32_t page_count);
