/*
 * The faults that the audit of a handover finds, in words.
 */
#pragma once

#include <stddef.h>

#include "kernel/abi/thread.h"

#define AUDIT_TEXT_MAX 160U /* a buffer of this size holds any such text */

/*
 * Write "kernel text is not mapped, at 0x7fff80201000, level 4, entry 0x0" into `buffer`, cut to fit and
 * zero-terminated. The part from ", at" on is there only if the audit walked page tables.
 */
void audit_format(const struct audit_failure *failure, char *buffer, size_t buffer_bytes);
