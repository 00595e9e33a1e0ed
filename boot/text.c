#include "boot/text.h"

void text_clear(struct text *text) {
    text->length = 0;
    text->bytes[0] = 0;
}

void text_add(struct text *text, const char *more) {
    while (*more != 0 && text->length + 1 < TEXT_MAX)
        text->bytes[text->length++] = *more++;
    text->bytes[text->length] = 0;
}

void text_add_printable(struct text *text, const char *more) {
    for (; *more != 0; more++)
        text_add(text, (const char[]){*more < 0x20 || *more == 0x7f ? '?' : *more, 0});
}

static void add_number(struct text *text, uint64_t value, uint32_t base) {
    char digits[21]; /* 2^64 - 1 has 20 decimal digits */
    uint32_t first = sizeof digits - 1;
    digits[first] = 0;
    do {
        digits[--first] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    text_add(text, &digits[first]);
}

void text_add_decimal(struct text *text, uint64_t value) { add_number(text, value, 10); }

void text_add_hex(struct text *text, uint64_t value) {
    text_add(text, "0x");
    add_number(text, value, 16);
}
