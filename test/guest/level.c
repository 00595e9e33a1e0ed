/*
 * A level-triggered line stays raised until its device is served. The device is QEMU's `edu`: a write to RAISE raises
 * its line, a write to LOWER lowers it. (QEMU documentation, "EDU device".)
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define EDU_ID 0x11e81234U
#define EDU_RAISE (0x60U / 4)
#define EDU_LOWER (0x64U / 4)

/* Configuration space of bus 0 (PCI Local Bus Specification, 6.1), and the address the device is
 * put at, where no RAM is. */
#define PCI_SLOTS 32U
#define PCI_COMMAND 0x04U
#define PCI_COMMAND_MEMORY 2U
#define PCI_BAR_0 0x10U
#define EDU_PHYS 0xf0000000ULL

/* The inputs that PCI devices are wired to. */
#define FIRST_LINE 16U
#define LINES 8U

/* For this long no interrupt may come. It is more than 10 ms, for which QEMU ignores a line that was never masked
 * during 10,000 interrupts in a row. */
#define QUIET_NS 20000000ULL

static uint64_t slot_of_edu;

static uint64_t config_read(uint64_t slot, uint64_t offset) {
    CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, 0xcf8, 4, 1ULL << 31 | slot << 11 | offset), OK);
    return sys_port_read(INIT_CAP_PORTS, 0xcfc, 4).value;
}

static void config_write(uint64_t offset, uint64_t value) {
    CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, 0xcf8, 4, 1ULL << 31 | slot_of_edu << 11 | offset), OK);
    CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, 0xcfc, 4, value), OK);
}

/* The device's registers; NULL if the machine has no such device, and the case fails. */
static volatile uint32_t *find_edu(void) {
    for (slot_of_edu = 0; slot_of_edu < PCI_SLOTS && config_read(slot_of_edu, 0) != EDU_ID;)
        slot_of_edu++;
    if (!CHECK(slot_of_edu < PCI_SLOTS))
        return NULL;
    config_write(PCI_BAR_0, EDU_PHYS);
    config_write(PCI_COMMAND, PCI_COMMAND_MEMORY);
    uaddr_t at = world_addresses(1);
    CHECK_STATUS(
        sys_space_map(INIT_CAP_SPACE, INIT_CAP_DEVICES, EDU_PHYS / PAGE_BYTES, 1, at, READ_WRITE | MAP_UNCACHED), OK);
    return (volatile uint32_t *)at;
}

static cap_t line_cap(uint64_t i) { return world_copy(INIT_CAP_IRQ, RIGHTS_ALL, RANGE(FIRST_LINE + i, 1)); }

/* Find the device's line by trying: each line raises its own bit. */
static uint64_t find_line(volatile uint32_t *edu) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), lines[LINES];
    for (uint64_t i = 0; i < LINES; i++) {
        lines[i] = line_cap(i);
        CHECK_STATUS(sys_irq_bind(lines[i], notification, 1ULL << i), OK);
    }
    edu[EDU_RAISE] = 1;
    uint64_t fired = sys_signal_wait(notification, world_soon()).value;
    edu[EDU_LOWER] = 1;
    for (uint64_t i = 0; i < LINES; i++)
        CHECK_STATUS(sys_irq_bind(lines[i], 0, 0), OK);
    CHECK(fired != 0 && (fired & (fired - 1)) == 0);
    return fired == 0 ? 0 : (uint64_t)__builtin_ctzll(fired);
}

/* The line stays raised, as nobody serves the device: one interrupt comes, and other threads run. */
static void irq_ack_lets_a_level_come_again(void) {
    volatile uint32_t *edu = find_edu();
    if (edu == NULL)
        return;
    cap_t line = line_cap(find_line(edu)), notification = world_create(OBJECT_NOTIFICATION, 0);
    CHECK_STATUS(sys_irq_bind(line, notification, 1), OK);
    for (uint32_t round = 0; round < 5; round++) {
        edu[EDU_RAISE] = 1;
        CHECK_VALUE(sys_signal_wait(notification, world_soon()), 1);
        CHECK_STATUS(sys_signal_wait(notification, world_now() + QUIET_NS), E_TIMEOUT); /* masked until irq_ack */
        CHECK_STATUS(sys_irq_ack(line), OK);
        CHECK_VALUE(sys_signal_wait(notification, world_soon()), 1); /* as the line is still raised */
        edu[EDU_LOWER] = 1;
        CHECK_STATUS(sys_irq_ack(line), OK);
        if (!CHECK_STATUS(sys_signal_wait(notification, world_now() + QUIET_NS), E_TIMEOUT))
            break;
    }
    CHECK_STATUS(sys_irq_bind(line, 0, 0), OK);
}

/* A driver ends, and its device still raises the line: this must not cost others the CPU. */
static void irq_bind_ends_with_a_raised_level(void) {
    volatile uint32_t *edu = find_edu();
    if (edu == NULL)
        return;
    cap_t line = line_cap(find_line(edu)), notification = world_create(OBJECT_NOTIFICATION, 0);
    CHECK_STATUS(sys_irq_bind(line, notification, 1), OK);
    edu[EDU_RAISE] = 1;
    CHECK_VALUE(sys_signal_wait(notification, world_soon()), 1);
    CHECK_STATUS(sys_cap_revoke(notification), OK);
    CHECK_STATUS(sys_irq_ack(line), E_STATE);
    CHECK_STATUS(sys_signal_wait(world.silence, world_now() + QUIET_NS), E_TIMEOUT);
    cap_t next = world_create(OBJECT_NOTIFICATION, 0);
    CHECK_STATUS(sys_irq_bind(line, next, 2), OK);
    CHECK_VALUE(sys_signal_wait(next, world_soon()), 2); /* the next driver gets the interrupt */
    edu[EDU_LOWER] = 1;
    CHECK_STATUS(sys_irq_bind(line, 0, 0), OK);
}

SUITE(CASE(irq_ack_lets_a_level_come_again), CASE(irq_bind_ends_with_a_raised_level));
