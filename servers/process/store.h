/*
 * Pages of the process server's own, for what it must remember: they lie in its address space from STORE_AT on. Up to STORE_KEPT
 * stay mapped, and are counted as free when nobody has them. Of more than that all but a few are unmapped as they are given
 * back, so that a busy time leaves nothing behind, and one process more costs no mapping at any time.
 */
#pragma once

#include <stdint.h>

#include "libsys/proto/protocol.h"
#include "servers/process/frames.h"

#define STORE_PAGES_MAX 16384U
#define STORE_KEPT 64U
#define STORE_SPARE_MAX 12U /* nobody has them, and there are more than STORE_KEPT: what two processes need */

struct store {
    struct frames *frames;
    cap_t space; /* this server's own */
    uaddr_t at;
    uint32_t mapped_count;
    uint32_t spare_count;            /* of those nobody has */
    uint32_t kept, spare_max;        /* STORE_KEPT, STORE_SPARE_MAX */
    void *spare;                     /* a list through the first word of each */
    uint32_t lowest_free;            /* no page below this number is unmapped */
    uint32_t frame[STORE_PAGES_MAX]; /* by page: FRAMES_NONE = not mapped */
};

/* Errors: P_NO_MEMORY there is not enough for the pages that are kept. */
MUST_USE uint32_t store_init(struct store *store, struct frames *frames, cap_t space, uaddr_t at);

/* A page, of which the first `zero_bytes` are zero. NULL: there is no memory, or there are STORE_PAGES_MAX. */
void *store_take(struct store *store, uint64_t zero_bytes);
void store_give(struct store *store, void *page);
