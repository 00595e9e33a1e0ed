/*
 * port_read, port_write, irq_bind, irq_ack: do users control devices exactly as far as their capabilities go? The
 * device here is the real-time clock: ports 0x70 and 0x71, interrupt line 8.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/arguments.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

/* Source: Motorola MC146818A data sheet. */
#define RTC_INDEX 0x70U
#define RTC_DATA 0x71U
#define RTC_LINE 8U
#define RTC_A 0x0aU
#define RTC_B 0x0bU
#define RTC_C 0x0cU
#define RTC_A_64_HZ 0x2aU /* the usual oscillator, 64 interrupts a second */
#define RTC_B_PERIODIC 0x40U
#define RTC_SCRATCH 0x50U /* memory that nobody uses */

#define PERIOD_NS (1000000000ULL / 64)

static uint64_t rtc_read(uint64_t index) {
    CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, RTC_INDEX, 1, index), OK);
    struct result result = sys_port_read(INIT_CAP_PORTS, RTC_DATA, 1);
    CHECK_STATUS(result, OK);
    return result.value;
}

static void rtc_write(uint64_t index, uint64_t value) {
    CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, RTC_INDEX, 1, index), OK);
    CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, RTC_DATA, 1, value), OK);
}

static void port_write_reaches_the_device(void) {
    for (uint64_t value = 0; value < 256; value += 51) {
        rtc_write(RTC_SCRATCH, value);
        CHECK_EQUAL(rtc_read(RTC_SCRATCH), value);
        rtc_write(RTC_SCRATCH, 0xffffff00 | value); /* only the low byte counts */
        CHECK_EQUAL(rtc_read(RTC_SCRATCH), value);
    }
}

/* PCI configuration space is accessed in 32 bits; the host bridge is device 0. */
static void port_read_in_all_widths(void) {
    CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, 0xcf8, 4, 0x80000000), OK);
    CHECK_VALUE(sys_port_read(INIT_CAP_PORTS, 0xcf8, 4), 0x80000000);
    uint64_t whole = sys_port_read(INIT_CAP_PORTS, 0xcfc, 4).value;
    CHECK_EQUAL(whole & 0xffff, 0x8086); /* the vendor */
    CHECK_VALUE(sys_port_read(INIT_CAP_PORTS, 0xcfc, 2), whole & 0xffff);
    CHECK_VALUE(sys_port_read(INIT_CAP_PORTS, 0xcfe, 2), whole >> 16);
    CHECK_VALUE(sys_port_read(INIT_CAP_PORTS, 0xcfc, 1), whole & 0xff);
    CHECK_VALUE(sys_port_read(INIT_CAP_PORTS, 0xcff, 1), whole >> 24);
}

/* Two ports in one write: the index is the low byte, the value the high one. */
static void port_write_of_16_bits_reaches_both_ports(void) {
    for (uint64_t value = 0; value < 256; value += 51) {
        CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, RTC_INDEX, 2, 0xffff0000 | value << 8 | RTC_SCRATCH), OK);
        CHECK_EQUAL(rtc_read(RTC_SCRATCH), value);
    }
}

static void port_read_refuses_ports_outside_the_range(void) {
    cap_t ports = world_copy(INIT_CAP_PORTS, RIGHTS_ALL, RANGE(RTC_INDEX, 4));
    const struct {
        uint64_t port, width, status;
    } rows[] = {
        {RTC_INDEX, 1, OK},
        {RTC_INDEX + 3, 1, OK},
        {RTC_INDEX, 4, OK},
        {RTC_INDEX - 1, 1, E_ARG},
        {RTC_INDEX + 4, 1, E_ARG},
        {RTC_INDEX + 3, 2, E_ARG},
        {RTC_INDEX + 1, 4, E_ARG},
        {RTC_INDEX - 1, 2, E_ARG},
        {RTC_INDEX, 0, E_ARG},
        {RTC_INDEX, 3, E_ARG},
        {RTC_INDEX, 8, E_ARG},
        {RTC_INDEX, UINT64_MAX, E_ARG},
        {RTC_INDEX + 65536, 1, E_ARG},
        {UINT64_MAX, 1, E_ARG},
        {1ULL << 32 | RTC_INDEX, 1, E_ARG},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_STATUS(sys_port_read(ports, rows[i].port, rows[i].width), rows[i].status);
        if (rows[i].status != OK)
            CHECK_STATUS(sys_port_write(ports, rows[i].port, rows[i].width, 0), rows[i].status);
    }
    CHECK_STATUS(sys_port_read(INIT_CAP_PORTS, 0xffff, 2), E_ARG);
    CHECK_STATUS(sys_port_read(INIT_CAP_PORTS, 0xffff, 1), OK);
}

/*
 * Each of the 65,536 ports, with a capability for it alone: it can be read, and its neighbours can be neither read nor
 * written. (The port itself is not written, as one of them switches the machine off.)
 */
static void port_read_of_each_port_needs_its_capability(void) {
    enum { PORTS = 65536 };
    uint64_t read = 0, refused = 0;
    test_limit_ms(60000);
    cap_t slot = world_slot(), rtc = world_copy(INIT_CAP_PORTS, RIGHTS_ALL, RANGE(RTC_INDEX, 2));
    for (uint64_t port = 0; port < PORTS; port++) {
        CHECK_STATUS(sys_cap_copy(0, slot, INIT_CAP_PORTS, RIGHTS_ALL, RANGE(port, 1)), OK);
        read += sys_port_read(slot, port, 1).status == OK;
        refused += sys_port_read(slot, (port + 1) % PORTS, 1).status == E_ARG;
        refused += sys_port_write(slot, (port + PORTS - 1) % PORTS, 1, 0).status == E_ARG;
        if (port != RTC_INDEX && port != RTC_DATA)
            refused += sys_port_write(rtc, port, 1, 0).status == E_ARG;
        CHECK_STATUS(sys_cap_delete(0, slot), OK);
    }
    CHECK_EQUAL(read, PORTS);
    CHECK_EQUAL(refused, 3 * PORTS - 2);
    test_note("%lu ports read by their own capability, %lu accesses by others refused", read, refused);
}

static cap_t bound;
static uint64_t call_read(cap_t cap) { return sys_port_read(cap, RTC_DATA, 1).status; }
static uint64_t call_write(cap_t cap) { return sys_port_write(cap, RTC_INDEX, 1, 0).status; }
static uint64_t call_bind(cap_t cap) { return sys_irq_bind(cap, bound, 1).status; }
static uint64_t call_bind_notification(cap_t cap) {
    return sys_irq_bind(world_copy(INIT_CAP_IRQ, RIGHTS_ALL, RANGE(RTC_LINE, 1)), cap, 1).status;
}
static uint64_t call_ack(cap_t cap) { return sys_irq_ack(cap).status; }
static uint64_t call_control(cap_t cap) { return sys_system_control(cap, 77, 0).status; }

static void device_calls_refuse_wrong_capabilities(void) {
    cap_t line = world_copy(INIT_CAP_IRQ, 0, RANGE(RTC_LINE, 1));
    bound = world_create(OBJECT_NOTIFICATION, 0);
    argument_check("port_read", call_read, world_copy(INIT_CAP_PORTS, PORTS_WRITE, 0));
    argument_check("port_write", call_write, world_copy(INIT_CAP_PORTS, PORTS_READ, 0));
    argument_check("irq_bind", call_bind, line);
    argument_check("irq_bind notification", call_bind_notification, world_copy(bound, NOTIFICATION_WAIT, 0));
    argument_check("irq_ack", call_ack, line);
    argument_check("system_control", call_control, world_copy(INIT_CAP_PORTS, PORTS_READ, 0));
}

/* system_control needs a capability for every port. */
static void system_control_needs_all_ports(void) {
    cap_t most = world_copy(INIT_CAP_PORTS, RIGHTS_ALL, RANGE(0, 65535));
    cap_t others = world_copy(INIT_CAP_PORTS, RIGHTS_ALL, RANGE(1, 65535));
    for (uint64_t operation = 0; operation < CONTROL_CHECK + 2; operation++) {
        CHECK_STATUS(sys_system_control(most, operation, 0), E_RIGHTS);
        CHECK_STATUS(sys_system_control(others, operation, 0), E_RIGHTS);
    }
    CHECK_STATUS(sys_system_control(INIT_CAP_PORTS, CONTROL_POWER_OFF, 256), E_ARG);
    CHECK_STATUS(sys_system_control(INIT_CAP_PORTS, CONTROL_POWER_OFF, UINT64_MAX), E_ARG);
    CHECK_STATUS(sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK + 1, 0), E_ARG);
    CHECK_STATUS(sys_system_control(INIT_CAP_PORTS, CONTROL_TEST, CONTROL_TEST_COUNT),
                 test_checks_built() ? E_ARG : E_CALL);
}

/* ---- interrupts ---- */

static cap_t rtc_line(void) { return world_copy(INIT_CAP_IRQ, RIGHTS_ALL, RANGE(RTC_LINE, 1)); }

static void rtc_start(void) {
    rtc_write(RTC_A, RTC_A_64_HZ);
    (void)rtc_read(RTC_C); /* reading it lets the next interrupt come: the first, here */
    rtc_write(RTC_B, rtc_read(RTC_B) | RTC_B_PERIODIC);
}

static void rtc_stop(void) {
    rtc_write(RTC_B, rtc_read(RTC_B) & ~(uint64_t)RTC_B_PERIODIC);
    (void)rtc_read(RTC_C);
}

static void irq_bind_raises_the_bits(void) {
    cap_t line = rtc_line(), notification = world_create(OBJECT_NOTIFICATION, 0);
    CHECK_STATUS(sys_irq_bind(line, notification, 0x900), OK);
    rtc_start();
    uint64_t start_ns = world_now();
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_VALUE(sys_signal_wait(notification, world_soon()), 0x900);
        CHECK(rtc_read(RTC_C) & RTC_B_PERIODIC); /* the interrupt came from this device */
        CHECK_STATUS(sys_irq_ack(line), OK);
    }
    CHECK(world_now() - start_ns > 3 * PERIOD_NS);
    rtc_stop();
    CHECK_STATUS(sys_irq_bind(line, 0, 0), OK);
}

static void irq_ack_needs_a_bound_line(void) {
    cap_t line = rtc_line(), notification = world_create(OBJECT_NOTIFICATION, 0);
    CHECK_STATUS(sys_irq_ack(line), E_STATE);
    CHECK_STATUS(sys_irq_bind(line, notification, 1), OK);
    CHECK_STATUS(sys_irq_ack(line), OK); /* without an interrupt this does nothing */
    rtc_start();
    CHECK_VALUE(sys_signal_wait(notification, world_soon()), 1);
    rtc_stop();
    CHECK_STATUS(sys_irq_ack(line), OK);
    (void)sys_signal_poll(notification); /* one may have come meanwhile */
    CHECK_STATUS(sys_signal_wait(notification, world_now() + 4 * PERIOD_NS), E_TIMEOUT);
    CHECK_STATUS(sys_irq_bind(line, 0, 0), OK);
    CHECK_STATUS(sys_irq_ack(line), E_STATE);
}

static void irq_bind_replaces_what_was_bound(void) {
    cap_t line = rtc_line(), first = world_create(OBJECT_NOTIFICATION, 0),
          second = world_create(OBJECT_NOTIFICATION, 0);
    CHECK_STATUS(sys_irq_bind(line, first, 1), OK);
    CHECK_STATUS(sys_irq_bind(line, second, 2), OK);
    rtc_start();
    CHECK_VALUE(sys_signal_wait(second, world_soon()), 2);
    CHECK_STATUS(sys_signal_poll(first), E_EMPTY);
    (void)rtc_read(RTC_C);
    CHECK_STATUS(sys_irq_bind(line, 0, 0), OK); /* unbound: quiet */
    (void)sys_signal_poll(second);
    CHECK_STATUS(sys_signal_wait(second, world_now() + 4 * PERIOD_NS), E_TIMEOUT);
    rtc_stop();
}

/* The call takes longer while depths are to be corrected in the list of the old or new notification. */
static void irq_bind_while_depths_are_corrected(void) {
    cap_t line = rtc_line(), first = world_create(OBJECT_NOTIFICATION, 0),
          second = world_create(OBJECT_NOTIFICATION, 0);
    CHECK_STATUS(sys_irq_bind(line, world_orphans(first), 1), OK);
    (void)world_orphans(first);
    CHECK_STATUS(sys_irq_bind(line, world_orphans(second), 2), OK);
    rtc_start();
    CHECK_VALUE(sys_signal_wait(second, world_soon()), 2);
    CHECK_STATUS(sys_signal_poll(first), E_EMPTY);
    (void)rtc_read(RTC_C);
    (void)world_orphans(second);
    CHECK_STATUS(sys_irq_bind(line, 0, 0), OK);
    rtc_stop();
}

static void irq_bind_ends_with_the_notification(void) {
    cap_t line = rtc_line(), notification = world_create(OBJECT_NOTIFICATION, 0);
    CHECK_STATUS(sys_irq_bind(line, notification, 1), OK);
    rtc_start();
    CHECK_VALUE(sys_signal_wait(notification, world_soon()), 1);
    CHECK_STATUS(sys_cap_revoke(notification), OK); /* the line's own capability goes */
    CHECK_STATUS(sys_irq_ack(line), E_STATE);
    (void)rtc_read(RTC_C);
    (void)sys_signal_poll(notification);
    CHECK_STATUS(sys_signal_wait(notification, world_now() + 4 * PERIOD_NS), E_TIMEOUT);
    rtc_stop();
}

static void irq_bind_refuses_arguments(void) {
    cap_t line = rtc_line(), notification = world_create(OBJECT_NOTIFICATION, 0);
    cap_t badged = world_copy(notification, RIGHTS_ALL, 6);
    CHECK_STATUS(sys_irq_bind(INIT_CAP_IRQ, notification, 1), E_ARG); /* many lines */
    CHECK_STATUS(sys_irq_ack(INIT_CAP_IRQ), E_ARG);
    CHECK_STATUS(sys_irq_bind(world_copy(INIT_CAP_IRQ, RIGHTS_ALL, RANGE(4, 2)), notification, 1), E_ARG);
    CHECK_STATUS(sys_irq_bind(line, notification, 0), E_ARG);
    CHECK_STATUS(sys_irq_bind(line, badged, 9), E_RIGHTS); /* a badge is a mask, as in signal_raise */
    CHECK_STATUS(sys_irq_bind(line, badged, 4), OK);
    CHECK_STATUS(sys_irq_bind(line, 0, 0), OK);
}

SUITE(CASE(port_write_reaches_the_device), CASE(port_read_in_all_widths),
      CASE(port_write_of_16_bits_reaches_both_ports), CASE(port_read_refuses_ports_outside_the_range),
      CASE(port_read_of_each_port_needs_its_capability), CASE(device_calls_refuse_wrong_capabilities),
      CASE(system_control_needs_all_ports), CASE(irq_bind_raises_the_bits), CASE(irq_ack_needs_a_bound_line),
      CASE(irq_bind_replaces_what_was_bound), CASE(irq_bind_while_depths_are_corrected),
      CASE(irq_bind_ends_with_the_notification), CASE(irq_bind_refuses_arguments));
