#include "test/bench/row.h"

#include "libsys/text/format.h"

#define TAP_PORT 0xe8U

static cap_t tap_ports;

void bench_put(const char *text) {
    for (; *text != 0; text++)
        (void)sys_port_write(tap_ports, TAP_PORT, 1, (uint8_t)*text);
}

void bench_output(cap_t ports) { tap_ports = ports; }

void bench_row(const char *id, uint64_t operations, uint64_t ticks) {
    COUNTER_MARK_HERE(COUNTER_MARK_ROW);
    char line[200];
    format_into(line, sizeof line, "# bench id=%s ops=%lu ticks=%lu\n", id, operations, ticks);
    bench_put(line);
}
