/*
 * Device memory: how far does it reach, and what does the kernel keep to itself? Which frames can be mapped
 * does not depend on the devices there. One case has a device: a card, whose 1 MiB of memory is put where
 * firmware puts large ones.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define LOCAL_APIC_PHYS 0xfee00000ULL
#define IO_APIC_PHYS 0xfec00000ULL
#define HPET_PHYS 0xfed00000ULL
#define GIB_PAGES (1ULL << 18)
#define FAR_PHYS 0x380000000000ULL

static uint64_t map_pages(cap_t memory, uint64_t offset_pages, uint64_t page_count) {
    uaddr_t at = world_addresses(page_count);
    uint64_t status =
        sys_space_map(INIT_CAP_SPACE, memory, offset_pages, page_count, at, MEMORY_READ | MAP_UNCACHED).status;
    if (status == OK)
        CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, at, page_count), page_count);
    return status;
}

static uint64_t map_device(uint64_t phys, uint64_t page_count) {
    return map_pages(INIT_CAP_DEVICES, phys / PAGE_BYTES, page_count);
}

/* A write there interrupts any CPU in any way: it can restart it, stop it, or raise an interrupt that
 * looks like an exception. */
static void space_map_refuses_interrupt_controllers(void) {
    const struct {
        uint64_t phys, page_count, status;
    } rows[] = {
        {LOCAL_APIC_PHYS, 1, E_BUSY},
        {IO_APIC_PHYS, 1, E_BUSY},
        {LOCAL_APIC_PHYS + PAGE_BYTES, 1, E_BUSY}, /* where devices send their interrupts: up to 0xfeefffff */
        {0xfeeff000, 1, E_BUSY},
        {0xfee80000, 16, E_BUSY},
        {0xfedff000, 2, E_BUSY}, /* only the last of them, only the first, all, and more than all */
        {0xfeeff000, 2, E_BUSY},
        {0xfee00000, 256, E_BUSY},
        {0xfedf0000, 288, E_BUSY},
        {0xfebff000, 2, E_BUSY},
        {0xfedff000, 1, OK},
        {0xfef00000, 1, OK},
        {0xfebff000, 1, OK},
        {HPET_PHYS, 1, OK},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!CHECK_EQUAL(map_device(rows[i].phys, rows[i].page_count), rows[i].status))
            test_note("%lu pages at 0x%lx", rows[i].page_count, rows[i].phys);
    }
}

/* The window is also closed to parts of the Memory. */
static void space_map_refuses_parts_with_interrupt_controllers(void) {
    cap_t part = world_slot();
    CHECK_STATUS(sys_memory_derive(INIT_CAP_DEVICES, LOCAL_APIC_PHYS / PAGE_BYTES, 1, part, RIGHTS_ALL), OK);
    CHECK_EQUAL(map_pages(part, 0, 1), E_BUSY);
}

/* CPUID says how many bits a physical address has. */
static uint64_t cpu_frames(void) {
    uint32_t a = 0x80000008, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return 1ULL << ((a & 0xff) - 12);
}

/* An entry with more address bits than the CPU has would fault at the first access, for no visible reason. */
static void space_map_ends_where_the_cpu_does(void) {
    uint64_t frames = cpu_frames();
    CHECK(frames > FAR_PHYS / PAGE_BYTES); /* the suite's machine reaches that far */
    CHECK_EQUAL(map_pages(INIT_CAP_DEVICES, frames - 1, 1), OK);
    CHECK_EQUAL(map_pages(INIT_CAP_DEVICES, frames, 1), E_ARG);
    CHECK_EQUAL(map_pages(INIT_CAP_DEVICES, frames - 1, 2), E_ARG);
    CHECK_EQUAL(map_pages(INIT_CAP_DEVICES, 1ULL << 40, 1), E_ARG);
    CHECK_EQUAL(map_pages(INIT_CAP_DEVICES, UINT64_MAX, 1), E_ARG);
    cap_t last = world_slot();
    CHECK_STATUS(sys_memory_derive(INIT_CAP_DEVICES, frames - 1, 2, last, RIGHTS_ALL), E_ARG);
    CHECK_STATUS(sys_memory_derive(INIT_CAP_DEVICES, frames - 1, 1, last, RIGHTS_ALL), OK);
    CHECK_EQUAL(map_pages(last, 0, 1), OK);
    CHECK_EQUAL(map_pages(last, 1, 1), E_ARG);
}

/* A part of up to 32 GiB can have any size, a larger one a multiple of 1 GiB. It reaches exactly as far as asked. */
static void memory_derive_of_large_parts(void) {
    const struct {
        uint64_t first, page_count, status;
    } rows[] = {
        {FAR_PHYS / PAGE_BYTES, 1, OK},
        {FAR_PHYS / PAGE_BYTES, 32 * GIB_PAGES - 1, OK},
        {FAR_PHYS / PAGE_BYTES, 32 * GIB_PAGES, OK},
        {FAR_PHYS / PAGE_BYTES, 32 * GIB_PAGES + 1, E_ARG},
        {FAR_PHYS / PAGE_BYTES + 1, 64 * GIB_PAGES, OK},
        {FAR_PHYS / PAGE_BYTES, 65 * GIB_PAGES, OK},
        {FAR_PHYS / PAGE_BYTES, 64 * GIB_PAGES + GIB_PAGES / 2, E_ARG},
        {0, cpu_frames(), OK},
        {0, cpu_frames() - 1, E_ARG},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cap_t part = world_slot(), end = world_slot();
        uint64_t count = rows[i].page_count;
        uint64_t status = sys_memory_derive(INIT_CAP_DEVICES, rows[i].first, count, part, RIGHTS_ALL).status;
        if (!CHECK_EQUAL(status, rows[i].status))
            test_note("%lu pages from frame 0x%lx", count, rows[i].first);
        if (status != OK)
            continue;
        CHECK_STATUS(sys_memory_derive(part, count - 1, 2, end, RIGHTS_ALL), E_ARG);
        CHECK_STATUS(sys_memory_derive(part, count, 1, end, RIGHTS_ALL), E_ARG);
        CHECK_STATUS(sys_memory_derive(part, count - 1, 1, end, RIGHTS_ALL), OK);
        CHECK_EQUAL(map_pages(end, 0, 1), OK);
        CHECK_EQUAL(map_pages(end, 1, 1), E_ARG);
    }
}

/* ---- a card with memory far up ---- */

/* Source: PCI Local Bus Specification, Configuration Space. */
#define CONFIG_ADDRESS 0xcf8U
#define CONFIG_DATA 0xcfcU
#define CONFIG_COMMAND 0x04U
#define CONFIG_BAR_2 0x18U /* and the next: its upper half */
#define COMMAND_MEMORY 2U
#define CARD_ID 0x11101af4U /* QEMU's shared memory between virtual machines */
#define CARD_PAGES 256U

static uint32_t config_read(uint32_t device, uint32_t offset) {
    CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, CONFIG_ADDRESS, 4, 0x80000000U | device << 11 | offset), OK);
    return (uint32_t)sys_port_read(INIT_CAP_PORTS, CONFIG_DATA, 4).value;
}

static void config_write(uint32_t device, uint32_t offset, uint32_t value) {
    CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, CONFIG_ADDRESS, 4, 0x80000000U | device << 11 | offset), OK);
    CHECK_STATUS(sys_port_write(INIT_CAP_PORTS, CONFIG_DATA, 4, value), OK);
}

static void space_map_reaches_a_card_far_up(void) {
    uint32_t card = 0;
    while (card < 32 && config_read(card, 0) != CARD_ID)
        card++;
    if (!CHECK(card < 32))
        return;
    config_write(card, CONFIG_COMMAND, 0);
    config_write(card, CONFIG_BAR_2, (uint32_t)FAR_PHYS);
    config_write(card, CONFIG_BAR_2 + 4, (uint32_t)(FAR_PHYS >> 32));
    config_write(card, CONFIG_COMMAND, COMMAND_MEMORY);
    cap_t memory = world_slot();
    CHECK_STATUS(sys_memory_derive(INIT_CAP_DEVICES, FAR_PHYS / PAGE_BYTES, CARD_PAGES, memory, RIGHTS_ALL), OK);
    uaddr_t first = world_addresses(2);
    for (uint64_t i = 0; i < 2; i++) /* its first page and its last */
        CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, i * (CARD_PAGES - 1), 1, first + i * PAGE_BYTES,
                                   READ_WRITE | MAP_UNCACHED),
                     OK);
    if (test_has_failed())
        return;
    volatile uint64_t *words = (volatile uint64_t *)first;
    words[0] = 0x1122334455667788;
    words[512] = 0x99aabbccddeeff00;
    CHECK_EQUAL(words[0], 0x1122334455667788);
    CHECK_EQUAL(words[512], 0x99aabbccddeeff00);
    config_write(card, CONFIG_COMMAND, 0);
    CHECK(words[0] != 0x1122334455667788); /* the card's own memory was read */
}

SUITE(CASE(space_map_refuses_interrupt_controllers), CASE(space_map_refuses_parts_with_interrupt_controllers),
      CASE(space_map_ends_where_the_cpu_does), CASE(memory_derive_of_large_parts),
      CASE(space_map_reaches_a_card_far_up));
