#include "libsys/print.h"

#include <stdint.h>

#include "libsys/message.h"
#include "libsys/program.h"
#include "libsys/proto/console.h"
#include "libsys/string.h"

static void log_bytes(const char *text, size_t length_bytes) {
    if (length_bytes > LOG_BYTES_MAX)
        length_bytes = LOG_BYTES_MAX;
    memcpy(program.message->data, text, length_bytes);
    (void)sys_log_write(length_bytes); /* there is nobody to tell that the log does not work */
}

void log_print(const char *format, ...) {
    char line[LOG_BYTES_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_into_list(line, sizeof line, format, arguments);
    va_end(arguments);
    log_bytes(line, length < LOG_BYTES_MAX ? length : LOG_BYTES_MAX);
}

/* Collects runs of text until a message is full. */
struct print_sink {
    struct format_sink sink; /* first, so that one pointer names both */
    cap_t console;           /* 0 = the log */
    struct console_write_request request;
};

static void print_flush(struct print_sink *to) {
    if (to->request.length_bytes == 0)
        return;
    struct console_write_reply reply;
    if (to->console != 0)
        (void)console_write(to->console, &to->request, &reply, NULL); /* as documented: lost */
    else
        log_bytes((const char *)to->request.bytes, to->request.length_bytes);
    to->request.length_bytes = 0;
}

static void print_put(struct format_sink *sink, const char *text, size_t length_bytes) {
    struct print_sink *to = (struct print_sink *)(void *)sink;
    size_t room = to->console != 0 ? CONSOLE_BYTES_MAX : LOG_BYTES_MAX;
    while (length_bytes > 0) {
        size_t part = room - to->request.length_bytes;
        if (part > length_bytes)
            part = length_bytes;
        memcpy(to->request.bytes + to->request.length_bytes, text, part);
        to->request.length_bytes += part;
        text += part;
        length_bytes -= part;
        if (to->request.length_bytes == room)
            print_flush(to);
    }
}

void print_list(const char *format, va_list arguments) {
    struct print_sink to;
    to.sink.put = print_put;
    to.console = program_cap("console");
    to.request.length_bytes = 0;
    format_arguments(&to.sink, format, arguments);
    print_flush(&to);
}

void print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_list(format, arguments);
    va_end(arguments);
}

void print_bytes(const void *bytes, size_t length_bytes) {
    struct print_sink to;
    to.sink.put = print_put;
    to.console = program_cap("console");
    to.request.length_bytes = 0;
    print_put(&to.sink, bytes, length_bytes);
    print_flush(&to);
}
