#include "libsys/format.h"

#include <stdbool.h>
#include <stdint.h>

#include "libsys/string.h"

/* One conversion as written: %[flags][width][.precision][length]letter */
struct conversion {
    bool left;
    bool zero;
    int width;
    int precision; /* -1 = not given */
    int longs;     /* 0 = int, 1 and 2 = 64 bits */
    char letter;
};

static void put_repeated(struct format_sink *sink, char character, int count) {
    for (int i = 0; i < count; i++)
        sink->put(sink, &character, 1);
}

static void put_text(struct format_sink *sink, const struct conversion *how, const char *text, size_t length) {
    int padding = how->width > 0 && (size_t)how->width > length ? how->width - (int)length : 0;
    if (!how->left)
        put_repeated(sink, ' ', padding);
    if (length > 0)
        sink->put(sink, text, length);
    if (how->left)
        put_repeated(sink, ' ', padding);
}

/* prefix: "-", "0x" or "". Zero padding goes between it and the digits. */
static void put_number(struct format_sink *sink, const struct conversion *how, uint64_t value, const char *prefix) {
    uint64_t base = how->letter == 'x' || how->letter == 'X' || how->letter == 'p' ? 16 : 10;
    const char *digits = how->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[20];
    size_t start = sizeof text;
    do {
        text[--start] = digits[value % base];
        value /= base;
    } while (value != 0);
    size_t length = sizeof text - start;

    size_t all = length + strlen(prefix);
    int padding = how->width > 0 && (size_t)how->width > all ? how->width - (int)all : 0;
    if (!how->left && !how->zero)
        put_repeated(sink, ' ', padding);
    if (prefix[0] != '\0')
        sink->put(sink, prefix, strlen(prefix));
    if (!how->left && how->zero)
        put_repeated(sink, '0', padding);
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
    for (; **at >= '0' && **at <= '9'; (*at)++)
        if (count < 10000)
            count = count * 10 + (**at - '0');
    return count;
}

/* at: just behind the percent sign; left behind the letter. */
static struct conversion parse_conversion(const char **at, va_list *arguments) {
    struct conversion how = {.precision = -1};
    for (;; (*at)++) {
        if (**at == '-')
            how.left = true;
        else if (**at == '0')
            how.zero = true;
        else
            break;
    }
    how.width = parse_count(at, arguments);
    if (how.width < 0) {
        how.left = true;
        how.width = -how.width;
    }
    if (**at == '.') {
        (*at)++;
        how.precision = parse_count(at, arguments);
    }
    for (; **at == 'l' || **at == 'z'; (*at)++)
        how.longs++;
    how.letter = **at;
    if (how.letter != '\0')
        (*at)++;
    return how;
}

static void put_signed(struct format_sink *sink, const struct conversion *how, int64_t value) {
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    put_number(sink, how, magnitude, value < 0 ? "-" : "");
}

static void put_string(struct format_sink *sink, const struct conversion *how, const char *text) {
    if (text == NULL)
        text = "(null)";
    put_text(sink, how, text, how->precision >= 0 ? strnlen(text, (size_t)how->precision) : strlen(text));
}

/* Returns false for a letter it does not know. */
static bool put_conversion(struct format_sink *sink, const struct conversion *how, va_list *arguments) {
    switch (how->letter) {
    case 'd':
    case 'i':
        put_signed(sink, how, how->longs > 0 ? va_arg(*arguments, long) : va_arg(*arguments, int));
        return true;
    case 'u':
    case 'x':
    case 'X':
        put_number(sink, how, how->longs > 0 ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned int), "");
        return true;
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
    case '%':
        sink->put(sink, "%", 1);
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
        if (!put_conversion(sink, &how, &rest))
            sink->put(sink, sign, (size_t)(at - sign));
    }
    va_end(rest);
}

struct buffer_sink {
    struct format_sink sink; /* first, so that one pointer names both */
    char *buffer;
    size_t size_bytes;
    size_t length_bytes; /* of the whole text, cut or not */
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
