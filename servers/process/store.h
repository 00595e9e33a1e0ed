/*
 * Pages of the process server's own, for what it must remember: they lie in its address space from STORE_AT on. Up to STORE_KEPT
 * that nobody has stay mapped, and are counted as free; when more are given back they are unmapped, so that a busy time leaves
 * nothing behind.
 */
#pragma once

#include <stdint.h>

#include "libsys/proto/protocol.h"
#include "servers/process/frames.h"

#define STORE_PAGES_MAX 16384U
#define STORE_KEPT 64U

struct store {
    struct frames *frames;
    cap_t space; /* this server's own */
    uaddr_t at;
    uint32_t spare_count;            /* mapped pages that nobody has ... */
    uint32_t spare_max;              /* ... and how many of them stay: STORE_KEPT */
    void *spare;                     /* a list through the first word of each */
    uint32_t lowest_free;            /* no page below this number is unmapped */
    uint32_t frame[STORE_PAGES_MAX]; /* by page: FRAMES_NONE = not mapped */
};

/* Errors: P_NO_MEMORY there is not enough for the pages that are kept. */
MUST_USE uint32_t store_init(struct store *store, struct frames *frames, cap_t space, uaddr_t at);

/* A page, of which the first `zero_bytes` are zero. NULL: there is no memory, or there are STORE_PAGES_MAX. */
void *store_take(struct store *store, uint64_t zero_bytes);
void store_give(struct store *store, void *page);
