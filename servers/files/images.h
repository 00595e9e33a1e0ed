/*
 * Copies of the files in memory, to be mapped or run (ADR 20).
 */
#pragma once

#include "libsys/wire/server.h"
#include "servers/files/ram_tree.h"

/* The copies' source: the tree, its memory, and where that is mapped in this server's space. */
struct copy_source {
    struct ram_tree *tree;
    cap_t memory, space;
    uint64_t at;
};

void images_init(void);

/*
 * Make a Memory with a copy of a file; the server does not keep it mapped. *ret_cap lies in a slot for the reply. Copy
 * and pages are charged to the tree's present owner. Errors: P_LIMIT, P_NO_SPACE, P_KERNEL; call->reason says why.
 */
MUST_USE uint32_t images_make(struct server_call *call, const struct copy_source *source, uint32_t node,
                              cap_t *ret_cap);

/* Free the pages of all copies that are no longer mapped and whose capabilities are all gone. */
void images_take_back(const struct copy_source *source);
