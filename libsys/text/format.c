#include "libsys/text/format.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "libsys/text/string.h"

/* One conversion: %[flags][width][.precision][length]letter */
struct conversion {
    bool left, zero, plus, blank, alternate; /* flags: - 0 + space # */
    int width;
    int precision;  /* -1: not given */
    unsigned bytes; /* of an integer: 4 without a length */
    char letter;
};

static void put_repeated(struct format_sink *sink, char character, size_t count) {
    for (size_t i = 0; i < count; i++)
        sink->put(sink, &character, 1);
}

/* Returns how many blanks pad `length` bytes. */
static size_t padding_of(const struct conversion *how, size_t length) {
    return (size_t)how->width > length ? (size_t)how->width - length : 0;
}

static void put_text(struct format_sink *sink, const struct conversion *how, const char *text, size_t length) {
    size_t padding = padding_of(how, length);
    if (!how->left)
        put_repeated(sink, ' ', padding);
    if (length > 0)
        sink->put(sink, text, length);
    if (how->left)
        put_repeated(sink, ' ', padding);
}

/*
 * prefix: a sign, "0x" or "". Zeros between it and the digits fill up to the precision or, without one, to the width.
 */
static void put_number(struct format_sink *sink, const struct conversion *how, uint64_t value, const char *prefix) {
    uint64_t base = how->letter == 'x' || how->letter == 'X' || how->letter == 'p' ? 16 : how->letter == 'o' ? 8 : 10;
    const char *digits = how->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[22]; /* 64 bits in octal */
    size_t start = sizeof text;
    for (; value != 0; value /= base)
        text[--start] = digits[value % base];
    size_t length = sizeof text - start;
    size_t least = how->precision < 0 ? 1 : (size_t)how->precision;
    if (how->letter == 'o' && how->alternate && least <= length)
        least = length + 1;
    size_t zeros = least > length ? least - length : 0;
    size_t padding = padding_of(how, strlen(prefix) + zeros + length);
    if (how->zero && !how->left && how->precision < 0) {
        zeros += padding;
        padding = 0;
    }

    if (!how->left)
        put_repeated(sink, ' ', padding);
    if (prefix[0] != '\0')
        sink->put(sink, prefix, strlen(prefix));
    put_repeated(sink, '0', zeros);
    if (length > 0)
        sink->put(sink, text + start, length);
    if (how->left)
        put_repeated(sink, ' ', padding);
}

static int parse_count(const char **at, va_list *arguments) {
    if (**at == '*') {
        (*at)++;
        return va_arg(*arguments, int);
    }
    int count = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        if (count < 10000)
            count = count * 10 + (**at - '0');
    }
    return count;
}

/* at: after the percent sign; moved past the flags. */
static void parse_flags(struct conversion *how, const char **at) {
    for (;; (*at)++) {
        switch (**at) {
        case '-':
            how->left = true;
            break;
        case '0':
            how->zero = true;
            break;
        case '+':
            how->plus = true;
            break;
        case ' ':
            how->blank = true;
            break;
        case '#':
            how->alternate = true;
            break;
        default:
            return;
        }
    }
}

/* at: after the percent sign; moved past the letter. */
static struct conversion parse_conversion(const char **at, va_list *arguments) {
    struct conversion how = {.precision = -1, .bytes = sizeof(int)};
    parse_flags(&how, at);
    how.width = parse_count(at, arguments);
    if (how.width < 0) {
        how.left = true;
        how.width = how.width == INT_MIN ? 0 : -how.width;
    }
    if (**at == '.') {
        (*at)++;
        how.precision = parse_count(at, arguments);
    }
    for (;; (*at)++) {
        if (**at == 'l' || **at == 'z' || **at == 'j' || **at == 't')
            how.bytes = sizeof(long);
        else if (**at == 'h')
            how.bytes /= 2;
        else
            break;
    }
    how.letter = **at;
    if (how.letter != '\0')
        (*at)++;
    return how;
}

static void put_signed(struct format_sink *sink, const struct conversion *how, va_list *arguments) {
    long value = how->bytes > sizeof(int) ? va_arg(*arguments, long) : va_arg(*arguments, int);
    if (how->bytes < sizeof(int))
        value = how->bytes == sizeof(short) ? (short)value : (signed char)value;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    put_number(sink, how, magnitude, value < 0 ? "-" : how->plus ? "+" : how->blank ? " " : "");
}

static void put_unsigned(struct format_sink *sink, const struct conversion *how, va_list *arguments) {
    uint64_t value = how->bytes > sizeof(int) ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned);
    if (how->bytes < sizeof(int))
        value = how->bytes == sizeof(short) ? (unsigned short)value : (unsigned char)value;
    bool prefixed = how->alternate && value != 0;
    put_number(sink, how, value, prefixed && how->letter == 'x' ? "0x" : prefixed && how->letter == 'X' ? "0X" : "");
}

static void put_string(struct format_sink *sink, const struct conversion *how, const char *text) {
    if (text == NULL)
        text = "(null)";
    put_text(sink, how, text, how->precision >= 0 ? strnlen(text, (size_t)how->precision) : strlen(text));
}

/* False: the conversion is unknown; no argument was taken. */
static bool put_conversion(struct format_sink *sink, const struct conversion *how, va_list *arguments) {
    switch (how->letter) {
    case 'd':
    case 'i':
        put_signed(sink, how, arguments);
        return true;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        put_unsigned(sink, how, arguments);
        return true;
    case '%':
        sink->put(sink, "%", 1);
        return true;
    default:
        break;
    }
    if (how->bytes != sizeof(int)) /* %lc, %ls */
        return false;
    switch (how->letter) {
    case 'p':
        put_number(sink, how, (uintptr_t)va_arg(*arguments, void *), "0x");
        return true;
    case 'c': {
        char character = (char)va_arg(*arguments, int);
        put_text(sink, how, &character, 1);
        return true;
    }
    case 's':
        put_string(sink, how, va_arg(*arguments, const char *));
        return true;
    default:
        return false;
    }
}

void format_arguments(struct format_sink *sink, const char *format, va_list arguments) {
    va_list rest;
    va_copy(rest, arguments);
    const char *at = format;
    while (*at != '\0') {
        const char *run = at;
        while (*at != '\0' && *at != '%')
            at++;
        if (at > run)
            sink->put(sink, run, (size_t)(at - run));
        if (*at == '\0')
            break;
        const char *sign = at++;
        struct conversion how = parse_conversion(&at, &rest);
        if (!put_conversion(sink, &how, &rest)) {
            sink->put(sink, sign, strlen(sign));
            break;
        }
    }
    va_end(rest);
}

struct buffer_sink {
    struct format_sink sink; /* first, so that one pointer names both */
    char *buffer;
    size_t size_bytes;
    size_t length_bytes; /* of the whole text, even if cut */
};

static void buffer_put(struct format_sink *sink, const char *text, size_t length_bytes) {
    struct buffer_sink *to = (struct buffer_sink *)(void *)sink;
    if (to->length_bytes < to->size_bytes) {
        size_t room = to->size_bytes - to->length_bytes;
        memcpy(to->buffer + to->length_bytes, text, length_bytes < room ? length_bytes : room);
    }
    to->length_bytes += length_bytes;
}

size_t format_into_list(char *buffer, size_t size_bytes, const char *format, va_list arguments) {
    struct buffer_sink to = {{buffer_put}, buffer, size_bytes, 0};
    format_arguments(&to.sink, format, arguments);
    if (size_bytes > 0)
        buffer[to.length_bytes < size_bytes ? to.length_bytes : size_bytes - 1] = '\0';
    return to.length_bytes;
}

size_t format_into(char *buffer, size_t size_bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_into_list(buffer, size_bytes, format, arguments);
    va_end(arguments);
    return length;
}
