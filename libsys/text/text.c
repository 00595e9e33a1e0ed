#include "libsys/text/text.h"

#include <stddef.h>

/* Returns the value of a digit in bases up to 36; 99: neither digit nor letter. */
static uint64_t digit_value(char character) {
    if (character >= '0' && character <= '9')
        return (uint64_t)(character - '0');
    if (character >= 'a' && character <= 'z')
        return (uint64_t)(character - 'a') + 10;
    if (character >= 'A' && character <= 'Z')
        return (uint64_t)(character - 'A') + 10;
    return 99;
}

const char *text_skip_number(const char *text, uint64_t *ret_value) {
    uint64_t base = 10;
    if (text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
    }
    uint64_t value = 0;
    const char *at = text;
    for (; digit_value(*at) < 99; at++) {
        uint64_t digit = digit_value(*at);
        if (digit >= base || value > (UINT64_MAX - digit) / base)
            return NULL;
        value = value * base + digit;
    }
    if (at == text)
        return NULL;
    *ret_value = value;
    return at;
}

bool text_to_number(const char *text, uint64_t *ret_value) {
    uint64_t value;
    const char *end = text_skip_number(text, &value);
    if (end == NULL || *end != '\0')
        return false;
    *ret_value = value;
    return true;
}

char *text_make_harmless(char *text) {
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return text;
}
