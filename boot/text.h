/*
 * One line of text, built piece by piece and always zero-terminated. Text beyond TEXT_MAX is cut off.
 */
#pragma once

#include <stdint.h>

#define TEXT_MAX 512U /* holds the longest name in a volume and a message about it */

struct text {
    uint32_t length; /* < TEXT_MAX */
    char bytes[TEXT_MAX];
};

void text_clear(struct text *text);
void text_add(struct text *text, const char *more);
void text_add_printable(struct text *text, const char *more); /* with `?` for each byte that a terminal might obey */
void text_add_decimal(struct text *text, uint64_t value);
void text_add_hex(struct text *text, uint64_t value); /* with 0x before it */
