/*
 * Copies of files in memory, for who maps or runs them: see ADR 20.
 */
#pragma once

#include "libsys/server.h"
#include "servers/files/ram_tree.h"

/* What the copies are made from: the tree's memory, and where it is mapped in this server's own space. */
struct copy_source {
    struct ram_tree *tree;
    cap_t memory, space;
    uint64_t at;
};

void images_init(void);

/*
 * A Memory with the content of a file, of which the server keeps no mapping; *ret_cap lies in a slot for the reply.
 * Copy and pages are charged to whom the tree works for. Errors: P_LIMIT, P_NO_SPACE, P_KERNEL; call->reason says why.
 */
MUST_USE uint32_t images_make(struct server_call *call, const struct copy_source *source, uint32_t node,
                              cap_t *ret_cap);

/* Give the pages of those back that nobody holds or maps any more. */
void images_take_back(const struct copy_source *source);
