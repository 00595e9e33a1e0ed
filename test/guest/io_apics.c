/*
 * Lines of a second I/O APIC, which QEMU's microvm has: its inputs have the global numbers from 24 on. The devices are
 * virtio's; the one here fills memory with random bytes and then raises its line until the driver acknowledges that.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define MS 1000000ULL
#define LINES 48U
#define IO_APICS_PHYS 0xfec00000ULL /* the second lies 64 KiB above */

/* Source: Virtual I/O Device (VIRTIO) Specification, Virtio Over MMIO, Legacy interface; microvm
 * has 24 of them in a row. */
#define DEVICES_PHYS 0xfeb00000ULL
#define DEVICE_WORDS 128U
#define DEVICES 24U
#define FIRST_LINE 24U
#define MAGIC 0x74726976U
#define ID_RANDOM 4U
#define STATUS_FOUND 3U
#define STATUS_READY 7U
#define QUEUE_ENTRIES 2U
#define DESCRIPTOR_WRITE 2ULL
enum { /* words */
       REGISTER_MAGIC = 0,
       REGISTER_ID = 2,
       REGISTER_FEATURES = 8,
       REGISTER_PAGE_BYTES = 10,
       REGISTER_QUEUE = 12,
       REGISTER_QUEUE_ENTRIES = 14,
       REGISTER_QUEUE_ALIGN = 15,
       REGISTER_QUEUE_PAGE = 16,
       REGISTER_NOTIFY = 20,
       REGISTER_INTERRUPTS = 24,
       REGISTER_ACK = 25,
       REGISTER_STATUS = 28,
};

/* A queue of two entries in the first of two pages; the second page has the device's list of used entries. */
struct queue {
    struct {
        uint64_t phys;
        uint32_t length_bytes;
        uint16_t flags, next;
    } descriptors[QUEUE_ENTRIES];
    uint16_t flags, count, entries[QUEUE_ENTRIES];
    uint8_t random[64];
};

static volatile uint32_t *device;
static volatile struct queue *queue;
static uint32_t line;

static uint64_t region_phys(void) {
    const struct init_info *info = (const void *)program_auxiliary(AT_BATON_INIT);
    return info->regions[world.region - INIT_CAP_REGIONS].phys;
}

/* Find the device that makes random bytes, and give it a queue to put them in. */
static bool device_start(void) {
    uaddr_t at = world_addresses(5);
    uint64_t first = DEVICES_PHYS / PAGE_BYTES, frames = world_frames(2);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_DEVICES, first, 3, at, READ_WRITE | MAP_UNCACHED), OK);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, world.region, frames, 2, at + 3 * PAGE_BYTES, READ_WRITE), OK);
    CHECK_STATUS(sys_memory_fill(world.region, frames * PAGE_BYTES, PAGE_BYTES, 0), OK);
    CHECK_STATUS(sys_memory_fill(world.region, (frames + 1) * PAGE_BYTES, PAGE_BYTES, 0), OK);
    if (test_has_failed())
        return false;
    device = (volatile uint32_t *)at;
    line = FIRST_LINE;
    while (line < FIRST_LINE + DEVICES && (device[REGISTER_MAGIC] != MAGIC || device[REGISTER_ID] != ID_RANDOM)) {
        device += DEVICE_WORDS;
        line++;
    }
    if (!CHECK(line < FIRST_LINE + DEVICES))
        return false;
    uint64_t phys = region_phys() + frames * PAGE_BYTES;
    queue = (volatile struct queue *)(at + 3 * PAGE_BYTES);
    queue->descriptors[0].phys = phys + offsetof(struct queue, random);
    queue->descriptors[0].length_bytes = sizeof queue->random;
    queue->descriptors[0].flags = DESCRIPTOR_WRITE;
    device[REGISTER_STATUS] = 0;
    device[REGISTER_STATUS] = STATUS_FOUND;
    device[REGISTER_FEATURES] = 0;
    device[REGISTER_PAGE_BYTES] = PAGE_BYTES;
    device[REGISTER_QUEUE] = 0;
    device[REGISTER_QUEUE_ENTRIES] = QUEUE_ENTRIES;
    device[REGISTER_QUEUE_ALIGN] = PAGE_BYTES;
    device[REGISTER_QUEUE_PAGE] = (uint32_t)(phys / PAGE_BYTES);
    device[REGISTER_STATUS] = STATUS_READY;
    return true;
}

static void device_ask(void) {
    queue->count++;
    device[REGISTER_NOTIFY] = 0;
}

static void device_clear(void) { device[REGISTER_ACK] = device[REGISTER_INTERRUPTS]; }

static void irq_bind_of_the_second_io_apic(void) {
    if (!device_start())
        return;
    cap_t cap = world_copy(INIT_CAP_IRQ, RIGHTS_ALL, RANGE(line, 1)),
          notification = world_create(OBJECT_NOTIFICATION, 0);
    test_note("the device is at line %u", line);
    CHECK_STATUS(sys_irq_bind(cap, notification, 8), OK);
    for (uint32_t i = 0; i < 3; i++) {
        device_ask();
        CHECK_VALUE(sys_signal_wait(notification, world_soon()), 8);
        CHECK_STATUS(sys_signal_wait(notification, world_now() + 2 * MS), E_TIMEOUT); /* held until irq_ack */
        CHECK_EQUAL(device[REGISTER_INTERRUPTS], 1);
        device_clear();
        CHECK_STATUS(sys_irq_ack(cap), OK);
    }
    CHECK_STATUS(sys_irq_bind(cap, 0, 0), OK);
    device_ask();
    CHECK_STATUS(sys_signal_wait(notification, world_now() + 2 * MS), E_TIMEOUT);
    device_clear();
    device[REGISTER_STATUS] = 0;
}

/* Bind every input of both, except the one that line 0 has. Init's capability ends with the last one. */
static void irq_bind_of_each_line_of_two(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    uint64_t bound = 0;
    for (uint64_t number = 0; number < LINES; number++) {
        cap_t cap = world_copy(INIT_CAP_IRQ, RIGHTS_ALL, RANGE(number, 1));
        uint64_t status = sys_irq_bind(cap, notification, 1).status;
        CHECK_EQUAL(status, number == 2 ? E_ARG : OK);
        bound += status == OK;
        if (status == OK)
            CHECK_STATUS(sys_irq_bind(cap, 0, 0), OK);
        CHECK_STATUS(sys_cap_delete(0, cap), OK);
    }
    CHECK_EQUAL(bound, LINES - 1);
    CHECK_STATUS(sys_cap_copy(0, world_slot(), INIT_CAP_IRQ, RIGHTS_ALL, RANGE(LINES, 1)), E_ARG);
}

static void space_map_refuses_both_io_apics(void) {
    uaddr_t at = world_addresses(1);
    for (uint64_t i = 0; i < 32; i++) {
        uint64_t frame = IO_APICS_PHYS / PAGE_BYTES + i;
        uint64_t status = sys_space_map(INIT_CAP_SPACE, INIT_CAP_DEVICES, frame, 1, at, MEMORY_READ).status;
        CHECK_EQUAL(status, i % 16 == 0 ? E_BUSY : OK);
        if (status == OK)
            CHECK_STATUS(sys_space_unmap(INIT_CAP_SPACE, at, 1), OK);
    }
}

SUITE(CASE(irq_bind_of_the_second_io_apic), CASE(irq_bind_of_each_line_of_two), CASE(space_map_refuses_both_io_apics));
