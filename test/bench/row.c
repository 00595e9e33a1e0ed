#include "test/bench/row.h"

#include "libsys/format.h"
#include "libsys/string.h"

#define TAP_PORT 0xe8U

#define SELECT "row="

static cap_t tap_ports;
static const char *selected; /* up to a space or the end; NULL: all */

void bench_select(const char *command) {
    for (const char *at = command; *at != 0; at++) {
        bool starts_word = at == command || at[-1] == ' ';
        if (starts_word && strncmp(at, SELECT, strlen(SELECT)) == 0)
            selected = at + strlen(SELECT);
    }
}

bool bench_wants(const char *id) {
    size_t length = strlen(id);
    return selected == NULL ||
           (strncmp(selected, id, length) == 0 && (selected[length] == 0 || selected[length] == ' '));
}

__attribute__((noinline)) void bench_row_begin(void) { __asm__ volatile("" : : : "memory"); }
__attribute__((noinline)) void bench_row_end(void) { __asm__ volatile("# end" : : : "memory"); }

void bench_put(const char *text) {
    for (; *text != 0; text++)
        (void)sys_port_write(tap_ports, TAP_PORT, 1, (uint8_t)*text);
}

void bench_output(cap_t ports) {
    tap_ports = ports;
    bench_put("1..1\n");
}

void bench_row(const char *id, uint64_t operations, uint64_t ticks, const char *events) {
    char line[200];
    format_into(line, sizeof(line), "# bench id=%s ops=%lu ticks=%lu %s\n", id, operations, ticks, events);
    bench_put(line);
}
