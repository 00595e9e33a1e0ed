/*
 * NAME=SLOT, the string that tells spawn and exec of a capability (libsys/proto/process.h). Pure.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/syscall.h"

/*
 * Get the length of the name and the decimal number after `=`. A name has letters, digits, `_`, `-` and `.`, fewer than
 * PROCESS_NAME_MAX. It is not `process`, since each program has its own of that.
 * Errors: P_ARGUMENT the name; P_NO_CAPABILITY there is no number, or it is 0 or not below slot_limit.
 */
MUST_USE uint32_t capability_text_read(const char *text, cap_t slot_limit, uint32_t *ret_name_length, cap_t *ret_slot);
