/*
 * Interrupt lines: do calls through one line's capability leave all other lines alone, and is no interrupt lost? The
 * devices are the 8254 timer, whose line 0 is edge-triggered, and the HPET, which can hold a line up.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define MS 1000000ULL

static cap_t line_cap(uint64_t line) { return world_copy(INIT_CAP_IRQ, RIGHTS_ALL, RANGE(line, 1)); }

static void port_write(uint64_t port, uint64_t value) {
    CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, port, 1, value), OK);
}

/* How often the notification is raised within `ns`. */
static uint64_t raises_within(cap_t notification, uint64_t ns) {
    uint64_t count = 0;
    for (uint64_t end = world_now() + ns; sys_signal_wait(notification, end).status == OK;)
        count++;
    return count;
}

/* ---- the 8254 (Intel 8254 data sheet), line 0 ---- */

#define TIMER_LINE 0U
#define TIMER_100_HZ 11932U
#define TIMER_1000_HZ 1193U

static void timer_start(uint32_t divisor) {
    port_write(0x43, 0x34); /* counter 0, low byte and high byte, periodic */
    port_write(0x40, divisor & 0xff);
    port_write(0x40, divisor >> 8);
}

static void timer_stop(void) { port_write(0x43, 0x30); /* one-shot mode, which waits for a count */ }

/* Line 0 is wired to input 2 on this machine, so there is no line 2. No call about line 2 disturbs line 0. */
static void irq_bind_of_a_line_without_an_input(void) {
    cap_t timer = line_cap(TIMER_LINE), cascade = line_cap(2);
    cap_t mine = world_create(OBJECT_NOTIFICATION, 0), other = world_create(OBJECT_NOTIFICATION, 0);
    timer_start(TIMER_100_HZ);
    CHECK_STATUS(sys_irq_bind(timer, mine, 1), OK);
    CHECK(raises_within(mine, 100 * MS) >= 8);
    CHECK_STATUS(sys_irq_bind(cascade, other, 1), E_ARG);
    CHECK(raises_within(mine, 100 * MS) >= 8);
    CHECK_STATUS(sys_irq_ack(cascade), E_ARG);
    CHECK_STATUS(sys_irq_bind(cascade, 0, 0), E_ARG);
    CHECK(raises_within(mine, 100 * MS) >= 8);
    CHECK_STATUS(sys_signal_poll(other), E_EMPTY);
    CHECK_STATUS(sys_irq_bind(timer, 0, 0), OK);
    timer_stop();
}

/* Every existing line can be bound and unbound. This machine has the 24 inputs of one I/O APIC. */
static void irq_bind_of_each_line(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    uint64_t bound = 0, absent = 0;
    for (uint64_t line = 0; line < 24; line++) {
        cap_t cap = line_cap(line);
        uint64_t status = sys_irq_bind(cap, notification, 1).status;
        bound += status == OK;
        absent += status == E_ARG;
        if (status == OK)
            CHECK_STATUS(sys_irq_bind(cap, 0, 0), OK);
        CHECK_STATUS(sys_cap_delete(0, cap), OK);
    }
    CHECK_EQUAL(bound, 23);
    CHECK_EQUAL(absent, 1);
}

/* The fewest edges in 200 ms at 1,000 Hz. In the host's time, not in counted time, the emulator itself skips some. */
static uint64_t least_edges(void) { return world_command_number("edges", 195); }

/* A driver that binds again with other bits must not lose the interrupt that its device has raised meanwhile. */
static void irq_bind_again_loses_no_edge(void) {
    cap_t timer = line_cap(TIMER_LINE), notification = world_create(OBJECT_NOTIFICATION, 0);
    uint64_t seen = 0, binds = 0;
    timer_start(TIMER_1000_HZ);
    for (uint64_t end = world_now() + 200 * MS; world_now() < end; binds++) {
        CHECK_STATUS(sys_irq_bind(timer, notification, 1 + binds % 2), OK);
        seen += sys_signal_poll(notification).status == OK;
    }
    CHECK(seen >= least_edges());
    test_note("%lu edges in 200 ms at 1,000 Hz, while it was bound %lu times", seen, binds);
    CHECK_STATUS(sys_irq_bind(timer, 0, 0), OK);
    timer_stop();
}

/* Binding to another notification loses no edge, either: each goes to one of the two. */
static void irq_bind_elsewhere_loses_no_edge(void) {
    cap_t timer = line_cap(TIMER_LINE);
    cap_t notifications[] = {world_create(OBJECT_NOTIFICATION, 0), world_create(OBJECT_NOTIFICATION, 0)};
    uint64_t seen[2] = {0};
    timer_start(TIMER_1000_HZ);
    for (uint64_t end = world_now() + 200 * MS, i = 0; world_now() < end; i++) {
        CHECK_STATUS(sys_irq_bind(timer, notifications[i % 2], 1), OK);
        seen[0] += sys_signal_poll(notifications[0]).status == OK;
        seen[1] += sys_signal_poll(notifications[1]).status == OK;
    }
    CHECK(seen[0] > 10);
    CHECK(seen[1] > 10);
    CHECK(seen[0] + seen[1] >= least_edges());
    CHECK_STATUS(sys_irq_bind(timer, 0, 0), OK);
    timer_stop();
}

/* Revoking the capability takes away control of the line. The binding stays until another holder
 * of the line binds it anew. */
static void irq_bind_outlives_its_capability(void) {
    cap_t lent = line_cap(TIMER_LINE), notification = world_create(OBJECT_NOTIFICATION, 0);
    cap_t given = world_copy(lent, RIGHTS_ALL, 0);
    timer_start(TIMER_100_HZ);
    CHECK_STATUS(sys_irq_bind(given, notification, 1), OK);
    CHECK_STATUS(sys_cap_revoke(lent), OK);
    CHECK_STATUS(sys_irq_bind(given, 0, 0), E_CAP);
    CHECK(raises_within(notification, 100 * MS) >= 8);
    CHECK_STATUS(sys_irq_bind(lent, 0, 0), OK);
    CHECK(raises_within(notification, 100 * MS) <= 1);
    timer_stop();
}

/* A holder of all ports can let an 8259 interrupt the CPU. Its vectors are not those of exceptions, and the kernel
 * names them on the log. Only where UEFI started the machine: other firmware leaves the CPU's input for them off. */
static void port_write_to_an_8259_raises_no_exception(void) {
    timer_start(TIMER_100_HZ);
    port_write(0x21, 0xfe);
    CHECK_EQUAL(raises_within(world.silence, 50 * MS), 0);
    port_write(0x21, 0xff);
    port_write(0x20, 0x20); /* end of interrupt, if one came */
    timer_stop();
}

/* ---- the HPET (IA-PC HPET Specification), which holds its line up until its status is cleared ---- */

#define HPET_PHYS 0xfed00000ULL
#define HPET_LINE 20U
#define HPET_ON 1U
#define TIMER_LEVEL (1U << 1)
#define TIMER_ENABLED (1U << 2)
#define TIMER_32_BITS (1U << 8)
#define STATUS_TIMER_0 1U

static volatile uint64_t *hpet; /* registers are 8 bytes each */
enum { HPET_ABILITIES = 0, HPET_CONTROL = 2, HPET_STATUS = 4, HPET_COUNTER = 30, HPET_TIMER = 32, HPET_COMPARE = 33 };

static void hpet_map(void) {
    uaddr_t at = world_addresses(1);
    CHECK_STATUS(
        sys_space_map(INIT_CAP_SPACE, INIT_CAP_DEVICES, HPET_PHYS / PAGE_BYTES, 1, at, READ_WRITE | MAP_UNCACHED), OK);
    hpet = (volatile uint64_t *)at;
}

static void hpet_clear(void) { hpet[HPET_STATUS] = STATUS_TIMER_0; }

/* Start it: in 1 ms it raises its line. */
static void hpet_start(void) {
    uint64_t ticks_per_ms = 1000000000000ULL / (hpet[HPET_ABILITIES] >> 32); /* the period is in fs */
    hpet[HPET_CONTROL] = HPET_ON;
    hpet[HPET_TIMER] = TIMER_LEVEL | TIMER_ENABLED | TIMER_32_BITS | HPET_LINE << 9;
    hpet[HPET_COMPARE] = (hpet[HPET_COUNTER] + ticks_per_ms) & 0xffffffff;
}

static void hpet_stop(void) {
    hpet[HPET_TIMER] = 0;
    hpet_clear();
    hpet[HPET_CONTROL] = 0;
}

/* While the device holds its line up, no interrupt comes from one interrupt to irq_ack. */
static void irq_ack_lets_a_held_line_fire_again(void) {
    cap_t line = line_cap(HPET_LINE), notification = world_create(OBJECT_NOTIFICATION, 0);
    hpet_map();
    CHECK_STATUS(sys_irq_bind(line, notification, 4), OK);
    hpet_start();
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_VALUE(sys_signal_wait(notification, world_soon()), 4);
        CHECK_EQUAL(raises_within(notification, 5 * MS), 0); /* the line is up all the time */
        CHECK_STATUS(sys_irq_ack(line), OK);
    }
    CHECK_VALUE(sys_signal_wait(notification, world_soon()), 4);
    hpet_clear();
    CHECK_STATUS(sys_irq_ack(line), OK);
    CHECK_EQUAL(raises_within(notification, 5 * MS), 0);
    hpet_stop();
    CHECK_STATUS(sys_irq_bind(line, 0, 0), OK);
}

/* A new binding finds the line in the device's state: if it is up it fires, even if the last
 * driver never acknowledged. */
static void irq_bind_of_a_held_line(void) {
    cap_t line = line_cap(HPET_LINE), first = world_create(OBJECT_NOTIFICATION, 0),
          second = world_create(OBJECT_NOTIFICATION, 0);
    hpet_map();
    CHECK_STATUS(sys_irq_bind(line, first, 1), OK);
    hpet_start();
    CHECK_VALUE(sys_signal_wait(first, world_soon()), 1);
    CHECK_STATUS(sys_irq_bind(line, second, 2), OK); /* replaces the first */
    CHECK_VALUE(sys_signal_wait(second, world_soon()), 2);
    CHECK_STATUS(sys_irq_bind(line, 0, 0), OK);
    CHECK_EQUAL(raises_within(second, 5 * MS), 0); /* unbound, the line is quiet */
    CHECK_STATUS(sys_irq_ack(line), E_STATE);
    CHECK_STATUS(sys_irq_bind(line, first, 1), OK);
    CHECK_VALUE(sys_signal_wait(first, world_soon()), 1);
    CHECK_STATUS(sys_signal_poll(second), E_EMPTY);
    hpet_stop();
    CHECK_STATUS(sys_irq_bind(line, 0, 0), OK);
}

SUITE(CASE(irq_bind_of_a_line_without_an_input), CASE(irq_bind_of_each_line), CASE(irq_bind_again_loses_no_edge),
      CASE(irq_bind_elsewhere_loses_no_edge), CASE(irq_bind_outlives_its_capability),
      CASE(irq_ack_lets_a_held_line_fire_again), CASE(irq_bind_of_a_held_line),
      CASE(port_write_to_an_8259_raises_no_exception));
