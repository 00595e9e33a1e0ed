/*
 * Open files whose pages are to be mapped or copied, by way of the files server.
 */
#pragma once

#include "servers/process/memory/context.h"

/*
 * Open a file, with one holder. owner: pid of the process that is charged for a copy. `reason` (PROTOCOL_REASON_MAX
 * bytes) may say why it failed. Errors: those of files_map; P_LIMIT.
 */
MUST_USE uint32_t open_file(struct server_context *context, uint32_t owner, const char *path, uint64_t length_bytes,
                            struct vm_file **ret_file, char *reason);
