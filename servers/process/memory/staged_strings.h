/*
 * Strings on their way into a new program. They are kept in frames of their own until spawn or exec asks for them: so a
 * process that stages much and never spawns takes memory, but no place that others need.
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
 * Append bytes at offset_bytes, the length staged so far, or 0 to start anew.
 * Errors: P_ARGUMENT; P_TOO_BIG; P_NO_MEMORY; the kernel's. Strings staged before stay.
 */
MUST_USE uint32_t staged_strings_append(struct server_context *context, struct staged_strings *staged,
                                        uint64_t offset_bytes, const void *bytes, uint64_t length_bytes);

/* Copy all strings to the work area; *ret_length_bytes is their length. Errors: the kernel's. */
MUST_USE uint32_t staged_strings_collect(struct server_context *context, struct staged_strings *staged,
                                         uint64_t *ret_length_bytes);

/* Their frames may be taken again at once: it is the last thing in a change. */
void staged_strings_forget(struct server_context *context, struct staged_strings *staged);
