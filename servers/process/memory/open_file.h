/*
 * Files whose pages are to be mapped or copied, as the files server gives them.
 */
#pragma once

#include "servers/process/memory/context.h"

/*
 * A file, with one holder. owner: pid of the process that is charged for a copy. `reason` (PROTOCOL_REASON_MAX bytes)
 * may say why not. Errors: those of files_map; P_LIMIT.
 */
MUST_USE uint32_t open_file(struct server_context *context, uint32_t owner, const char *path, uint64_t length_bytes,
                            struct vm_file **ret_file, char *reason);
