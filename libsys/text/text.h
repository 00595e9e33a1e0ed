/*
 * Small text functions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Read `text` as a decimal number, or as a hexadecimal one after 0x. False: not all of it is such a number, or the
 * number does not fit 64 bits; *ret_value is untouched.
 */
bool text_to_number(const char *text, uint64_t *ret_value);

/*
 * Read the number at the start of `text`, for lists such as `slots=FIRST,LIMIT`. Returns the text after it, which
 * begins with neither digit nor letter. NULL: there is no number, or it does not fit 64 bits; *ret_value is untouched.
 */
const char *text_skip_number(const char *text, uint64_t *ret_value);

/* Replace each control byte by `?`: a name may have any bytes, and a terminal obeys some. Returns `text`. */
char *text_make_harmless(char *text);
