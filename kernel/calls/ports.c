/*
 * Ports: authority over a range of I/O ports. The CPU lets no user program touch a port; each access is a system call.
 */
#include "kernel/calls/ports.h"

#include "kernel/machine/call.h"
#include "kernel/run/table.h"

#define ALL_PORTS 65536U

enum status ports_check_all(const struct thread *self, cap_t ports) {
    struct cap_slot *slot;
    enum status status = table_find(self, ports, OBJECT_PORTS, PORTS_WRITE, &slot);
    if (status != OK)
        return status;
    return range_first(slot->data) != 0 || range_count(slot->data) != ALL_PORTS ? E_RIGHTS : OK;
}

static enum status find_port(const struct thread *self, cap_t ports, uint32_t right, uint64_t port,
                             uint64_t width_bytes) {
    struct cap_slot *slot;
    enum status status = table_find(self, ports, OBJECT_PORTS, right, &slot);
    if (status != OK)
        return status;
    if (width_bytes != 1 && width_bytes != 2 && width_bytes != 4)
        return E_ARG;
    uint64_t first = range_first(slot->data), end = first + range_count(slot->data);
    return port < first || port >= end || width_bytes > end - port ? E_ARG : OK;
}

struct result sys_port_read(cap_t ports, uint64_t port, uint64_t width_bytes) {
    enum status status = find_port(caller(), ports, PORTS_READ, port, width_bytes);
    return status != OK ? result(status) : result_value(arch_port_read((uint16_t)port, (uint32_t)width_bytes));
}

struct result sys_port_write(cap_t ports, uint64_t port, uint64_t width_bytes, uint64_t value) {
    enum status status = find_port(caller(), ports, PORTS_WRITE, port, width_bytes);
    if (status != OK)
        return result(status);
    arch_port_write((uint16_t)port, (uint32_t)width_bytes, value);
    return result(OK);
}
