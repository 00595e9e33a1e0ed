/*
 * Strings on their way into a new program: kept in frames of their own until spawn or exec asks for them, so that a
 * process that stages much and never spawns costs memory, not a seat that others need.
 */
#pragma once

#include "servers/process/memory/context.h"

#define STAGED_PAGES_MAX (PROCESS_STAGE_MAX / PAGE_BYTES)

struct staged_strings {
    uint32_t length_bytes;
    uint32_t page_count;
    struct memory_run pages[STAGED_PAGES_MAX]; /* one page each */
};

/*
 * Append bytes at offset_bytes, which is what was staged so far, or 0 to start anew.
 * Errors: P_ARGUMENT; P_TOO_BIG; P_NO_MEMORY; the kernel's. What was staged before stays.
 */
MUST_USE uint32_t staged_strings_append(struct server_context *context, struct staged_strings *staged,
                                        uint64_t offset_bytes, const void *bytes, uint64_t length_bytes);

/*
 * Move everything to the work area's strings and forget it; *ret_length_bytes is its length. Errors: the kernel's;
 * it is forgotten all the same.
 */
MUST_USE uint32_t staged_strings_collect(struct server_context *context, struct staged_strings *staged,
                                         uint64_t *ret_length_bytes);

void staged_strings_forget(struct server_context *context, struct staged_strings *staged);
