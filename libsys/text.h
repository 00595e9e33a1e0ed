/*
 * Small things done with text, and the texts of statuses.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * All of `text` is a decimal number, or a hexadecimal one after 0x. False: it is not, or the number does not fit 64 bits;
 * *ret_value is untouched then.
 */
bool text_to_number(const char *text, uint64_t *ret_value);

/*
 * The number that `text` begins with, for lists such as `slots=FIRST,LIMIT`. Returns what follows it, which is no digit and no
 * letter. NULL: no number, or one that does not fit 64 bits; *ret_value is untouched then.
 */
const char *text_skip_number(const char *text, uint64_t *ret_value);

/* Put `?` for each control byte: names may have any bytes, and a terminal obeys some. Returns `text`. */
char *text_make_harmless(char *text);

/* What a status of the kernel (kernel/abi/status.def) or of a server (libsys/proto/status.def) means, in words. */
const char *status_text(uint64_t status);

/* Its name: "E_PEER". */
const char *status_name(uint64_t status);
