/*
 * Text from a format and arguments: a small printf.
 *
 * Conversions: %d %i %u %x %X %o %c %s %p %%, with all of C's flags, widths, precisions and lengths for them. The
 * compiler rejects formats that C does not know and arguments that do not match (-Werror=format). It accepts floating
 * point, %n and wide characters (%lc, %ls), which are missing here. From such a conversion on, the rest of the format
 * is copied as it is: without knowing the argument's size, the arguments after it can't be found.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#define FORMAT_LIKE(format_index, first_index) __attribute__((format(printf, format_index, first_index)))

/* Destination of the characters. `put` is called with runs of 1..n bytes. */
struct format_sink {
    void (*put)(struct format_sink *sink, const char *text, size_t length_bytes);
};

FORMAT_LIKE(2, 0) void format_arguments(struct format_sink *sink, const char *format, va_list arguments);

/*
 * Write to `buffer`, zero-terminated if size_bytes > 0. Returns the length of the whole text without the zero, even if
 * it was cut.
 */
FORMAT_LIKE(3, 4) size_t format_into(char *buffer, size_t size_bytes, const char *format, ...);
FORMAT_LIKE(3, 0) size_t format_into_list(char *buffer, size_t size_bytes, const char *format, va_list arguments);
