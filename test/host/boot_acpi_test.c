/*
 * Does the loader find the clocks that firmware's tables name, and ignore damaged tables?
 */
#include <string.h>

#include "boot/acpi.h"
#include "boot/phys.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define ROOT_AT 0x1000U
#define FADT_AT 0x2000U
#define HPET_AT 0x3000U
#define RSDP_AT 0x4000U
#define MEMORY_BYTES 0x8000U
#define HEADER_BYTES 36U
#define FADT_BYTES 244U
#define HPET_BYTES 56U

#define TABLE_BYTES_MAX (1U << 20)

static uint8_t memory[MEMORY_BYTES + TABLE_BYTES_MAX];
static uint8_t elsewhere[TABLE_BYTES_MAX]; /* all other addresses below 4 GiB */

void *phys_pointer(uint64_t phys) {
    CHECK(phys < 4ULL << 30);
    return phys < MEMORY_BYTES ? memory + phys : elsewhere;
}

static void put(uint32_t at, uint64_t value, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++)
        memory[at + i] = (uint8_t)(value >> 8 * i);
}

static void add_up(uint32_t at, uint32_t bytes, uint32_t sum_at) {
    uint8_t sum = 0;
    memory[at + sum_at] = 0;
    for (uint32_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + memory[at + i]);
    memory[at + sum_at] = (uint8_t)-sum;
}

static void put_table(uint32_t at, const char *name, uint32_t bytes) {
    memcpy(memory + at, name, 4);
    put(at + 4, bytes, 4);
    add_up(at, bytes, 9);
}

/* A root with three entries: nothing, the FADT, the HPET's table. `wide`: an XSDT, else an RSDT. */
static void put_all(bool wide) {
    uint32_t entry = wide ? 8 : 4;
    memset(memory, 0, MEMORY_BYTES);
    put(FADT_AT + 76, 0x608, 4);
    put(FADT_AT + 112, 1U << 8, 4);
    put_table(FADT_AT, "FACP", FADT_BYTES);
    put(HPET_AT + 44, 0xfed00000, 8);
    put_table(HPET_AT, "HPET", HPET_BYTES);
    put(ROOT_AT + HEADER_BYTES + entry, FADT_AT, entry);
    put(ROOT_AT + HEADER_BYTES + 2 * entry, HPET_AT, entry);
    put_table(ROOT_AT, wide ? "XSDT" : "RSDT", HEADER_BYTES + 3 * entry);
    memcpy(memory + RSDP_AT, "RSD PTR ", 8);
    memory[RSDP_AT + 15] = wide ? 2 : 0;
    put(RSDP_AT + (wide ? 24 : 16), ROOT_AT, entry);
    add_up(RSDP_AT, 20, 8);
    add_up(RSDP_AT, 36, 32);
}

static void found(uint64_t rsdp_phys, uint64_t port, bool wide, uint64_t hpet_phys) {
    struct acpi_clocks clocks = acpi_find_clocks(rsdp_phys);
    CHECK_EQUAL(clocks.timer_port, port);
    CHECK_EQUAL(clocks.timer_is_wide, wide);
    CHECK_EQUAL(clocks.hpet_phys, hpet_phys);
}

static void clocks_are_found_by_both_roots(void) {
    put_all(false);
    found(RSDP_AT, 0x608, true, 0xfed00000);
    put_all(true);
    found(RSDP_AT, 0x608, true, 0xfed00000);
    found(0, 0, false, 0);
    found(1ULL << 40, 0, false, 0);
    found((4ULL << 30) - 1, 0, false, 0);
}

static void the_newer_field_comes_first(void) {
    put_all(true);
    put(FADT_AT + 208, 1, 1);
    put(FADT_AT + 212, 0x1808, 8);
    put(FADT_AT + 112, 0, 4);
    put_table(FADT_AT, "FACP", FADT_BYTES);
    found(RSDP_AT, 0x1808, false, 0xfed00000);
    put(FADT_AT + 208, 0, 1); /* its registers are in memory, where the loader does not look */
    put_table(FADT_AT, "FACP", FADT_BYTES);
    found(RSDP_AT, 0x608, false, 0xfed00000);
    put(FADT_AT + 112, 1U << 20, 4); /* hardware-reduced: there is none */
    put_table(FADT_AT, "FACP", FADT_BYTES);
    found(RSDP_AT, 0, false, 0xfed00000);
}

static void old_and_odd_tables(void) {
    put_all(true);
    put_table(FADT_AT, "FACP", 84); /* of ACPI 1, cut off before its flags */
    found(RSDP_AT, 0x608, false, 0xfed00000);
    put(FADT_AT + 76, 0x10608, 4); /* no port */
    put_table(FADT_AT, "FACP", 84);
    found(RSDP_AT, 0, false, 0xfed00000);
    put(HPET_AT + 44, 1ULL << 40, 8);
    put_table(HPET_AT, "HPET", HPET_BYTES);
    found(RSDP_AT, 0, false, 0);
}

static void damaged_tables_are_none(void) {
    static const uint32_t damaged[] = {RSDP_AT + 3, RSDP_AT + 25,  ROOT_AT,     ROOT_AT + 20,
                                       FADT_AT + 1, FADT_AT + 200, HPET_AT + 50};
    for (uint32_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        put_all(true);
        memory[damaged[i]] ^= 0x10;
        struct acpi_clocks clocks = acpi_find_clocks(RSDP_AT);
        CHECK(clocks.timer_port == 0 || clocks.hpet_phys == 0);
    }
    const uint64_t lengths[] = {0, 8, 35, 1 << 21, UINT32_MAX};
    for (uint32_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        put_all(true);
        put(FADT_AT + 4, lengths[i], 4);
        found(RSDP_AT, 0, false, 0xfed00000);
        put(ROOT_AT + 4, lengths[i], 4);
        found(RSDP_AT, 0, false, 0);
    }
}

/* Random bytes with right checksums, so that they are accepted: no access may go out of bounds. */
static void any_bytes(void) {
    uint64_t state = 1;
    for (uint32_t round = 0; round < 200000; round++) {
        put_all(round % 2 == 0);
        static const uint32_t tables[] = {ROOT_AT, FADT_AT, HPET_AT};
        static const char *const names[] = {"XSDT", "FACP", "HPET"};
        uint32_t which = (uint32_t)(random_step(&state) % 3), at = tables[which];
        uint32_t length = 36 + (uint32_t)(random_step(&state) % 600);
        for (uint32_t i = 0; i < 1 + random_step(&state) % 8; i++)
            memory[at + random_step(&state) % length] = (uint8_t)random_step(&state);
        put_table(at, which == 0 && round % 2 != 0 ? "RSDT" : names[which], length);
        (void)acpi_find_clocks(RSDP_AT);
    }
}

SUITE(CASE(clocks_are_found_by_both_roots), CASE(the_newer_field_comes_first), CASE(old_and_odd_tables),
      CASE(damaged_tables_are_none), CASE(any_bytes));
