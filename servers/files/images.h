/*
 * Copies of the files in memory, to be mapped or run (ADR 20).
 */
#pragma once

#include "libsys/wire/server.h"
#include "servers/files/ram_tree.h"

#define IMAGES_MAX 64U

struct image_copy {
    cap_t kept; /* the capability given away is a copy of this; 0 = the entry is free */
    uint32_t page, page_count;
    uint32_t owner;
};

/* The copies' source: the tree, its memory, and where that is mapped in this server's space; and the copies. */
struct copy_source {
    struct ram_tree *tree;
    struct image_copy *images; /* IMAGES_MAX; outlives the program */
    cap_t memory, space;
    uint64_t at;
    cap_t *trial; /* outlives the program, see images_end_trial() */
};

/*
 * Before the memory is mapped: delete what a program before this one made to see whether a copy is mapped. It would
 * keep the copy's pages from being mapped here.
 */
void images_end_trial(const struct copy_source *source);

/*
 * Start with copies that are all zero, or with those of a program before this one: claims their slots and pages, and
 * unmaps them. All of the memory is mapped before, and the tree has started.
 */
void images_init(const struct copy_source *source);

/*
 * Make a Memory with a copy of a file; the server does not keep it mapped. *ret_cap lies in a slot for the reply. Copy
 * and pages are charged to the tree's present owner. Errors: P_LIMIT, P_NO_SPACE, P_KERNEL; call->reason says why.
 */
MUST_USE uint32_t images_make(struct server_call *call, const struct copy_source *source, uint32_t node,
                              cap_t *ret_cap);

/* Free the pages of all copies that are no longer mapped and whose capabilities are all gone. */
void images_take_back(const struct copy_source *source);
