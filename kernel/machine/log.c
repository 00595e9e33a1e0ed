#include "kernel/machine/log.h"

#include <stdarg.h>
#include <stdbool.h>

#include "kernel/arch.h"
#include "kernel/base/string.h"

enum log_level log_limit = LOG_INFO;

struct log_ring *log_ring;

static uint64_t sent; /* position of the serial port in the ring */

static void put(const char *text, uint64_t length) {
    struct log_ring *ring = log_ring;
    arch_log_write(text, length);
    for (uint64_t done = 0; ring == NULL && done < length;)
        done += arch_log_send(text + done, length - done);
    for (uint64_t i = 0, written = ring == NULL ? 0 : ring->written; ring != NULL && i < length; i++) {
        ring->bytes[written % LOG_RING_BYTES] = text[i];
        /* A concurrent reader sees how many bytes are valid. */
        __atomic_store_n(&ring->written, ++written, __ATOMIC_RELEASE);
    }
}

bool log_send(void) {
    if (log_ring == NULL)
        return true;
    if (log_ring->written - sent > LOG_RING_BYTES)
        sent = log_ring->written - LOG_RING_BYTES; /* the rest is overwritten */
    uint64_t at = sent % LOG_RING_BYTES, count = log_ring->written - sent;
    sent += arch_log_send(&log_ring->bytes[at], count < LOG_RING_BYTES - at ? count : LOG_RING_BYTES - at);
    return sent == log_ring->written;
}

/* The kernel's own lines wait for the port, since the machine may be off the next moment. */
static void send_all(void) {
    while (!log_send())
        ;
}

static void put_number(uint64_t value, uint32_t base, uint32_t width) {
    char digits[20];
    uint32_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0 || sizeof digits - at < width);
    put(digits + at, sizeof digits - at);
}

static void put_format(const char *format, va_list arguments) {
    for (const char *at = format; *at != 0; at++) {
        const char *plain = at;
        while (*at != 0 && *at != '%')
            at++;
        put(plain, (uint64_t)(at - plain));
        if (*at == 0)
            return;
        at++;
        switch (*at) {
        case 's': {
            const char *text = va_arg(arguments, const char *);
            put(text, text_length(text));
            break;
        }
        case 'u':
        case 'x':
        case 'p':
            put_number(va_arg(arguments, uint64_t), *at == 'u' ? 10 : 16, *at == 'p' ? 16 : 1);
            break;
        default:
            panic("unknown format in a log line");
        }
    }
}

static void put_stamp(enum log_level level) {
    static const char *const names[] = {"ERROR", "WARN", "INFO"};
    uint64_t micros = arch_clock_ns() / 1000;
    put_number(micros / 1000000, 10, 1);
    put(".", 1);
    put_number(micros % 1000000, 10, 6);
    put(" ", 1);
    put(names[level], text_length(names[level]));
    put(" ", 1);
}

void log_line(enum log_level level, const char *module, const char *format, ...) {
    if (level > log_limit)
        return;
    va_list arguments;
    put_stamp(level);
    put(module, text_length(module));
    put(": ", 2);
    va_start(arguments, format);
    put_format(format, arguments);
    va_end(arguments);
    put("\n", 1);
    send_all();
}

void log_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_format(format, arguments);
    va_end(arguments);
    send_all();
}

void log_user_text(const char *text, uint64_t length_bytes, uint64_t lost_bytes) {
    char line[LOG_BYTES_MAX];
    for (uint64_t i = 0; i < length_bytes; i++) {
        char byte = ((const volatile char *)text)[i];
        line[i] = byte >= ' ' && byte <= '~' ? byte : ' ';
    }
    put_stamp(LOG_INFO);
    put("user: ", 6);
    if (lost_bytes > 0) {
        put("(", 1);
        put_number(lost_bytes, 10, 1);
        put(" bytes lost) ", 13);
    }
    put(line, length_bytes);
    put("\n", 1);
}
