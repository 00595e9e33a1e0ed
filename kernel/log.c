#include "kernel/log.h"

#include <stdarg.h>
#include <stdbool.h>

#include "kernel/abi/syscall.h"
#include "kernel/arch.h"
#include "kernel/assert.h"
#include "kernel/string.h"

enum log_level log_limit = LOG_INFO;

static void put_number(uint64_t value, uint32_t base, uint32_t width) {
    char digits[20];
    uint32_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0 || sizeof(digits) - at < width);
    arch_log_write(digits + at, sizeof(digits) - at);
}

static void put_format(const char *format, va_list arguments) {
    for (const char *at = format; *at != 0; at++) {
        if (*at != '%') {
            arch_log_write(at, 1);
            continue;
        }
        at++;
        switch (*at) {
        case 's': {
            const char *text = va_arg(arguments, const char *);
            arch_log_write(text, text_length(text));
            break;
        }
        case 'u':
            put_number(va_arg(arguments, uint64_t), 10, 1);
            break;
        case 'x':
            put_number(va_arg(arguments, uint64_t), 16, 1);
            break;
        case 'p':
            put_number(va_arg(arguments, uint64_t), 16, 16);
            break;
        default:
            panic("unknown format in a log line");
        }
    }
}

static void put_stamp(enum log_level level) {
    static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG", "TRACE"};
    uint64_t micros = arch_clock_ns() / 1000;
    put_number(micros / 1000000, 10, 1);
    arch_log_write(".", 1);
    put_number(micros % 1000000, 10, 6);
    arch_log_write(" ", 1);
    arch_log_write(names[level], text_length(names[level]));
    arch_log_write(" ", 1);
}

void log_line(enum log_level level, const char *module, const char *format, ...) {
    if (level > log_limit)
        return;
    va_list arguments;
    put_stamp(level);
    arch_log_write(module, text_length(module));
    arch_log_write(": ", 2);
    va_start(arguments, format);
    put_format(format, arguments);
    va_end(arguments);
    arch_log_write("\n", 1);
}

void log_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_format(format, arguments);
    va_end(arguments);
}

void log_user_text(const char *text, uint64_t length_bytes) {
    char line[LOG_BYTES_MAX];
    if (LOG_INFO > log_limit)
        return;
    for (uint64_t i = 0; i < length_bytes; i++) {
        bool printable = text[i] >= ' ' && text[i] <= '~';
        line[i] = printable ? text[i] : ' ';
    }
    put_stamp(LOG_INFO);
    arch_log_write("user: ", 6);
    arch_log_write(line, length_bytes);
    arch_log_write("\n", 1);
}
