/*
 * The statuses of the kernel and of servers, in words.
 */
#pragma once

#include <stdint.h>

/*
 * Returns the meaning of a status of the kernel (kernel/abi/status.def) or of a server (libsys/wire/status.def), in
 * words.
 */
const char *status_text(uint64_t status);

/* Returns the name of a status: "E_PEER". */
const char *status_name(uint64_t status);
