#include "test/lib/port.h"

#include "test/lib/test.h"

#define TAP_PORT 0xe8U
#define LINE_BYTES 400U

static cap_t tap;
static char line[LINE_BYTES]; /* sent as a whole, since several programs may print at the same time */
static size_t line_bytes;     /* so far */

void test_print_to(cap_t ports) { tap = ports; }

static void put_bytes(struct format_sink *sink, const char *text, size_t length_bytes) {
    (void)sink;
    for (size_t i = 0; i < length_bytes; i++) {
        line[line_bytes++] = text[i];
        if (text[i] != '\n' && line_bytes < LINE_BYTES)
            continue;
        for (size_t k = 0; k < line_bytes; k++)
            (void)sys_port_write(tap, TAP_PORT, 1, (uint8_t)line[k]);
        line_bytes = 0;
    }
}

void test_put(const char *format, va_list arguments) {
    struct format_sink sink = {put_bytes};
    format_arguments(&sink, format, arguments);
}
