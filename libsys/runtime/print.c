#include "libsys/runtime/print.h"

#include <stdint.h>

#include "libsys/program/program.h"
#include "libsys/runtime/stream.h"
#include "libsys/text/string.h"
#include "libsys/wire/message.h"
#include "libsys/wire/status_text.h"

static void log_bytes(const char *text, size_t length_bytes) {
    if (length_bytes > LOG_BYTES_MAX)
        length_bytes = LOG_BYTES_MAX;
    memcpy(program_message()->data, text, length_bytes);
    if (sys_log_write(length_bytes).value != 0) /* there is nobody to tell that the log does not work */
        (void)sys_log_write(0);                 /* wait for a slow port to send the rest */
}

void log_print(const char *format, ...) {
    char line[LOG_BYTES_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_into_list(line, sizeof line, format, arguments);
    va_end(arguments);
    log_bytes(line, length < LOG_BYTES_MAX ? length : LOG_BYTES_MAX);
}

/* Collects text until a message is full. */
struct print_sink {
    struct format_sink sink; /* first, so that one pointer names both */
    cap_t stream;            /* 0: the log */
    size_t length_bytes;
    uint8_t bytes[STREAM_BYTES_MAX];
};

static uint32_t refused; /* for print_refused() */

/* A program must not go on as if its output had arrived. Output that a console refuses is lost, as documented. */
static void give_up(const struct print_sink *to, uint32_t status) {
    if (to->stream == program_cap("console"))
        return;
    refused = status;
    if (stream_is_replaced(STREAM_OUT) || stream_is_replaced(STREAM_ERRORS))
        return;
    if (status != P_BROKEN && to->stream != stream_out())
        return; /* there is no other place to report it */
    if (status != P_BROKEN)
        print_error("%s: stdout: %s\n", program.argument_count > 0 ? program.arguments[0] : "?", status_text(status));
    program_exit(status == P_BROKEN ? STREAM_EXIT_BROKEN : STREAM_EXIT_REFUSED);
}

uint32_t print_refused(void) {
    uint32_t status = refused;
    refused = OK;
    return status;
}

/* Send the first `length` bytes and move the rest to the front. */
static void send(struct print_sink *to, size_t length) {
    uint32_t status = OK;
    if (length == 0)
        return;
    if (to->stream == 0)
        log_bytes((const char *)to->bytes, length);
    else
        status = stream_write_all(to->stream, to->bytes, length, NULL);
    to->length_bytes -= length;
    memmove(to->bytes, to->bytes + length, to->length_bytes);
    if (status != OK)
        give_up(to, status);
}

static void print_flush(struct print_sink *to) { send(to, to->length_bytes); }

/* Keep lines whole: cut a full buffer after its last line end, if there is one. */
static void make_room(struct print_sink *to) {
    size_t length = to->length_bytes;
    while (length > 0 && to->bytes[length - 1] != '\n')
        length--;
    send(to, length > 0 ? length : to->length_bytes);
}

static void print_put(struct format_sink *sink, const char *text, size_t length_bytes) {
    struct print_sink *to = (struct print_sink *)(void *)sink;
    size_t room = to->stream != 0 ? STREAM_BYTES_MAX : LOG_BYTES_MAX;
    while (length_bytes > 0) {
        if (to->length_bytes == room)
            make_room(to);
        size_t part = room - to->length_bytes;
        if (part > length_bytes)
            part = length_bytes;
        memcpy(to->bytes + to->length_bytes, text, part);
        to->length_bytes += part;
        text += part;
        length_bytes -= part;
    }
}

FORMAT_LIKE(2, 0) static void print_to(cap_t stream, const char *format, va_list arguments) {
    struct print_sink to;
    to.sink.put = print_put;
    to.stream = stream;
    to.length_bytes = 0;
    format_arguments(&to.sink, format, arguments);
    print_flush(&to);
}

void print_list(const char *format, va_list arguments) { print_to(stream_out(), format, arguments); }

void print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_to(stream_out(), format, arguments);
    va_end(arguments);
}

void print_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_to(stream_errors(), format, arguments);
    va_end(arguments);
}

void print_bytes(const void *bytes, size_t length_bytes) {
    struct print_sink to;
    to.sink.put = print_put;
    to.stream = stream_out();
    to.length_bytes = 0;
    print_put(&to.sink, bytes, length_bytes);
    print_flush(&to);
}
