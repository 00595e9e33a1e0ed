/*
 * Does the kernel read ACPI tables right, as real firmware and virtual machines write them?
 */
#include "kernel/arch/x86_64/acpi.h"

#include <string.h>

#include "test/host/kernel/acpi_memory.h"
#include "test/host/suite.h"

#define ROOT 0x1000U
#define MADT 0x3000U
#define FADT 0x5000U
#define DSDT 0x7000U
#define FADT_BODY (244U - 36U)

static struct acpi_facts facts;
static uint8_t madt[1024];
static uint32_t madt_bytes;

static void add(const void *entry, uint32_t length) {
    memcpy(madt + madt_bytes, entry, length);
    madt_bytes += length;
}

static void begin(void) {
    static const uint8_t head[] = {0, 0, 0xe0, 0xfe, 1, 0, 0, 0};
    acpi_memory_clear();
    madt_bytes = 0;
    add(head, sizeof head);
}

static void add_cpu(uint8_t id, uint8_t flags) { add((uint8_t[]){0, 8, 0, id, flags, 0, 0, 0}, 8); }
static void add_x2_cpu(uint32_t id, uint8_t flags) {
    uint8_t entry[16] = {9, 16, 0, 0, 0, 0, 0, 0, flags};
    memcpy(entry + 4, &id, sizeof id);
    add(entry, sizeof entry);
}

/* Read the tables that were put, with this root. */
static void read_with(bool wide, const uint64_t *entries, uint32_t count) {
    acpi_put_root(ROOT, wide, entries, count);
    acpi_read(ACPI_RSDP, &facts);
}

static void read_madt(void) {
    acpi_put_table(MADT, "APIC", madt, madt_bytes);
    read_with(true, (uint64_t[]){MADT}, 1);
}

static void put_fadt(uint64_t dsdt, uint64_t x_dsdt, uint32_t flags) {
    uint8_t body[FADT_BODY] = {0};
    uint32_t control = 0x604, timer = 0x608;
    memcpy(body + 40 - 36, &dsdt, 4);
    memcpy(body + 64 - 36, &control, 4);
    memcpy(body + 76 - 36, &timer, 4);
    memcpy(body + 112 - 36, &flags, 4);
    memcpy(body + 140 - 36, &x_dsdt, 8);
    acpi_put_table(FADT, "FACP", body, sizeof body);
}

static const uint8_t s5[] = {8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0, 0, 0, 0, 0, 0};
static void put_dsdt(uint64_t phys) { acpi_put_table(phys, "DSDT", s5, sizeof s5); }

static bool is_usual_pc(void) {
    return facts.local_apic_phys == 0xfee00000 && facts.io_apic_count == 1 && facts.io_apics[0].phys == 0xfec00000 &&
           facts.io_apics[0].first_input == 0 && facts.line_input[0] == 2 && facts.line_input[16] == 16 &&
           facts.line_is_level[16] && !facts.line_is_level[5] && facts.cpu_count == 1 && facts.power_port == 0;
}

static void no_tables_are_a_usual_pc(void) {
    acpi_memory_clear();
    acpi_read(0, &facts);
    CHECK(is_usual_pc());
    CHECK(acpi_log[0] == 0);
    acpi_read(ACPI_RSDP, &facts); /* out of reach */
    CHECK(is_usual_pc());
    CHECK(strstr(acpi_log, "root table") != NULL);
}

/* Change one byte of a piece: the tables must be rejected. */
static void break_byte(uint64_t phys, uint32_t at) {
    begin();
    add_cpu(0, 1);
    add_cpu(1, 1);
    acpi_put_table(MADT, "APIC", madt, madt_bytes);
    acpi_put_root(ROOT, true, (uint64_t[]){MADT}, 1);
    acpi_bytes(phys)[at] ^= 1;
    acpi_read(ACPI_RSDP, &facts);
    CHECK(is_usual_pc());
    CHECK(strstr(acpi_log, "root table") != NULL);
}

static void damaged_root_is_not_believed(void) {
    break_byte(ACPI_RSDP, 0);
    break_byte(ACPI_RSDP, 12);
    break_byte(ACPI_RSDP, 33);
    break_byte(ROOT, 0);
    break_byte(ROOT, 5); /* the length */
    break_byte(ROOT, 37);
}

static void damaged_old_rsdp_is_not_believed(void) {
    begin();
    add_cpu(0, 1);
    add_cpu(1, 1);
    acpi_put_table(MADT, "APIC", madt, madt_bytes);
    acpi_put_root(ROOT, false, (uint64_t[]){MADT}, 1);
    acpi_bytes(ACPI_RSDP)[12] ^= 1;
    acpi_read(ACPI_RSDP, &facts);
    CHECK(is_usual_pc());
}

/* Some virtual machines fill in fields that an RSDP of revision 0 does not have, with a checksum that leaves them
 * out. */
static void rest_of_an_old_rsdp_is_not_looked_at(void) {
    begin();
    add_cpu(0, 1);
    add_cpu(1, 1);
    acpi_put_table(MADT, "APIC", madt, madt_bytes);
    acpi_put_root(ROOT, false, (uint64_t[]){MADT}, 1);
    memset(acpi_bytes(ACPI_RSDP) + 20, 0x5a, 16);
    acpi_read(ACPI_RSDP, &facts);
    CHECK_EQUAL(facts.cpu_count, 2);
    CHECK(acpi_log[0] == 0);
}

static void xsdt_out_of_reach_leaves_the_rsdt(void) {
    begin();
    add_cpu(0, 1);
    add_cpu(1, 1);
    acpi_put_table(MADT, "APIC", madt, madt_bytes);
    acpi_put_root(ROOT, false, (uint64_t[]){MADT}, 1);
    uint8_t *rsdp = acpi_bytes(ACPI_RSDP);
    uint64_t nowhere = 0x123456000;
    rsdp[15] = 2;
    memcpy(rsdp + 24, &nowhere, sizeof nowhere);
    acpi_add_up(ACPI_RSDP, 8, 20);
    acpi_add_up(ACPI_RSDP, 32, 36);
    acpi_read(ACPI_RSDP, &facts);
    CHECK_EQUAL(facts.cpu_count, 2);
}

static void entries_that_lead_nowhere_are_passed_over(void) {
    for (uint32_t wide = 0; wide < 2; wide++) {
        begin();
        add_cpu(0, 1);
        add_cpu(3, 1);
        acpi_put_table(MADT, "APIC", madt, madt_bytes);
        read_with(wide != 0, (uint64_t[]){0, MADT, 0}, 3);
        CHECK_EQUAL(facts.cpu_count, 2);
        CHECK(acpi_log[0] == 0);
        acpi_memory_clear();
        acpi_put_table(MADT, "APIC", madt, madt_bytes);
        read_with(wide != 0, (uint64_t[]){0xfffff000, MADT}, 2);
        CHECK_EQUAL(facts.cpu_count, 2);
        CHECK(strstr(acpi_log, "out of reach") != NULL);
    }
}

static void table_longer_than_what_is_there_is_passed_over(void) {
    begin();
    add_cpu(0, 1);
    add_cpu(1, 1);
    acpi_put_table(MADT, "APIC", madt, madt_bytes);
    acpi_bytes(MADT)[4]++;
    read_with(true, (uint64_t[]){MADT}, 1);
    CHECK(is_usual_pc());
    CHECK(strstr(acpi_log, "out of reach") != NULL);
    acpi_bytes(MADT)[4] = 35; /* shorter than its header */
    acpi_bytes(MADT)[5] = 0;
    acpi_log[0] = 0;
    acpi_read(ACPI_RSDP, &facts);
    CHECK(is_usual_pc());
    CHECK(strstr(acpi_log, "out of reach") != NULL);
}

static void cpus_are_counted_once(void) {
    begin();
    for (uint8_t i = 0; i < 4; i++)
        add_cpu(i == 3 ? 1 : i, 1);
    add_cpu(9, 0);    /* not enabled */
    add_cpu(10, 2);   /* can be enabled later, when plugged in */
    add_cpu(0xff, 1); /* all */
    add_x2_cpu(2, 1);
    add_x2_cpu(7, 1);
    add_x2_cpu(8, 0);
    add_x2_cpu(255, 1);
    add_x2_cpu(70000, 1);
    add_x2_cpu(0xffffffff, 1);
    read_madt();
    CHECK_EQUAL(facts.cpu_count, 4);
    CHECK(memcmp(facts.apic_ids, (uint8_t[]){0, 1, 2, 7}, 4) == 0);
    CHECK(strstr(acpi_log, "name a CPU again") != NULL);
    CHECK(strstr(acpi_log, "above 254") != NULL);
}

static void more_cpus_than_places_are_counted(void) {
    begin();
    for (uint8_t i = 0; i < 2 * CPUS_MAX; i++)
        add_cpu((uint8_t)(254 - i), 1);
    add_cpu(254, 1);
    read_madt();
    CHECK_EQUAL(facts.cpu_count, 2 * CPUS_MAX);
    CHECK_EQUAL(facts.apic_ids[CPUS_MAX - 1], 254 - (CPUS_MAX - 1));
}

static void odd_entries_end_or_pass(void) {
    begin();
    add((uint8_t[]){0, 4, 0, 5}, 4); /* too short for its flags */
    add((uint8_t[]){5, 8, 0, 0, 0, 0, 0, 1}, 8);
    add((uint8_t[]){1, 8, 0, 0, 0, 0, 0xc1, 0xfe}, 8);
    add((uint8_t[]){2, 8, 0, 5, 9, 0, 0, 0}, 8);
    add((uint8_t[]){0x80, 3, 0}, 3); /* a vendor's type */
    add_cpu(3, 1);
    add((uint8_t[]){0, 0}, 2); /* length 0: no entry after it can be found */
    add_cpu(4, 1);
    read_madt();
    CHECK_EQUAL(facts.cpu_count, 1);
    CHECK_EQUAL(facts.apic_ids[0], 3);
    CHECK_EQUAL(facts.local_apic_phys, 0xfee00000);
    CHECK_EQUAL(facts.io_apics[0].phys, 0xfec00000);
    CHECK_EQUAL(facts.line_input[5], 5);
    begin();
    add_cpu(3, 1);
    add((uint8_t[]){0, 9, 0, 6, 1, 0, 0, 0}, 8); /* longer than the rest of the table */
    read_madt();
    CHECK_EQUAL(facts.cpu_count, 1);
}

static void local_apic_is_where_it_is_said_to_be(void) {
    begin();
    add((uint8_t[]){5, 12, 0, 0, 0, 0xf0, 0xff, 0xff, 0xf, 0, 0, 0}, 12);
    read_madt();
    CHECK_EQUAL(facts.local_apic_phys, 0xffffff000);
    begin();
    add((uint8_t[]){5, 12, 0, 0, 1, 0xf0, 0xff, 0xff, 0, 0, 0, 0}, 12); /* not a page's */
    read_madt();
    CHECK_EQUAL(facts.local_apic_phys, 0xfee00000);
}

static void io_apics_and_lines(void) {
    begin();
    add((uint8_t[]){1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0}, 12);
    for (uint8_t i = 0; i < IO_APICS_MAX; i++)
        add((uint8_t[]){1, 12, 1, 0, 0, 0x10, 0xc0, 0xfe, (uint8_t)(24 + i), 0, 0, 0}, 12);
    add((uint8_t[]){2, 10, 0, 9, 20, 0, 0, 0, 0xf, 0}, 10);
    add((uint8_t[]){2, 10, 0, 16, 3, 0, 0, 0, 0xf, 0}, 10); /* no ISA line */
    read_madt();
    CHECK_EQUAL(facts.io_apic_count, IO_APICS_MAX);
    CHECK_EQUAL(facts.io_apics[0].phys, 0xfec00000);
    CHECK_EQUAL(facts.io_apics[1].phys, 0xfec01000);
    CHECK_EQUAL(facts.io_apics[1].first_input, 24);
    CHECK_EQUAL(facts.line_input[9], 20);
    CHECK(facts.line_is_level[9] && facts.line_is_low[9]);
    CHECK_EQUAL(facts.line_input[16], 16);
}

static void read_power(uint64_t dsdt, uint64_t x_dsdt, uint32_t flags) {
    acpi_memory_clear();
    put_dsdt(DSDT);
    put_fadt(dsdt, x_dsdt, flags);
    read_with(false, (uint64_t[]){FADT}, 1);
}

static void power_is_switched_off_by_either_dsdt(void) {
    read_power(DSDT, 0, 0);
    CHECK_EQUAL(facts.power_port, 0x604);
    CHECK_EQUAL(facts.sleep_type, 5 << 10 | 1 << 13);
    read_power(0, DSDT, 1 << 8);
    CHECK_EQUAL(facts.power_port, 0x604);
    read_power(DSDT, FADT, 0); /* this is no DSDT */
    CHECK_EQUAL(facts.power_port, 0x604);
    read_power(DSDT, 0x123456789000, 0);
    CHECK_EQUAL(facts.power_port, 0x604);
    read_power(0, 0, 0);
    CHECK_EQUAL(facts.power_port, 0);
    acpi_memory_clear();
    acpi_put_table(DSDT, "SSDT", s5, sizeof s5);
    put_fadt(DSDT, DSDT, 0);
    read_with(false, (uint64_t[]){FADT}, 1);
    CHECK_EQUAL(facts.power_port, 0);
    read_power(DSDT, 0, 1 << 20); /* hardware-reduced: none of these registers exists */
    CHECK_EQUAL(facts.power_port, 0);
}

static void newer_register_field_comes_first(void) {
    acpi_memory_clear();
    put_dsdt(DSDT);
    put_fadt(DSDT, 0, 0);
    uint8_t *fadt = acpi_bytes(FADT);
    memcpy(fadt + 172, (uint8_t[]){1, 16, 0, 2, 0x04, 0x40}, 6);
    read_with(false, (uint64_t[]){FADT}, 1);
    CHECK_EQUAL(facts.power_port, 0x4004);
    memcpy(fadt + 172, (uint8_t[]){1, 16, 0, 2, 0x04, 0x40, 1}, 7); /* port 0x14004 */
    acpi_read(ACPI_RSDP, &facts);
    CHECK_EQUAL(facts.power_port, 0);
}

static void old_fadt_ends_early(void) {
    acpi_memory_clear();
    put_dsdt(DSDT);
    put_fadt(DSDT, FADT, 0);
    acpi_bytes(FADT)[4] = 116; /* ACPI 1.0 */
    read_with(false, (uint64_t[]){FADT}, 1);
    CHECK_EQUAL(facts.power_port, 0x604);
}

static void dsdt_without_a_sleep_type(void) {
    static const uint8_t other[] = {8, '_', 'S', '5', '_', 0x13, '_', 'S', '5', '_', 0x12, 6};
    acpi_memory_clear();
    acpi_put_table(DSDT, "DSDT", other, sizeof other);
    put_fadt(DSDT, 0, 0);
    read_with(false, (uint64_t[]){FADT}, 1);
    CHECK_EQUAL(facts.power_port, 0);
}

SUITE(CASE(no_tables_are_a_usual_pc), CASE(damaged_root_is_not_believed), CASE(damaged_old_rsdp_is_not_believed),
      CASE(rest_of_an_old_rsdp_is_not_looked_at), CASE(xsdt_out_of_reach_leaves_the_rsdt),
      CASE(entries_that_lead_nowhere_are_passed_over), CASE(table_longer_than_what_is_there_is_passed_over),
      CASE(cpus_are_counted_once), CASE(more_cpus_than_places_are_counted), CASE(odd_entries_end_or_pass),
      CASE(local_apic_is_where_it_is_said_to_be), CASE(io_apics_and_lines), CASE(power_is_switched_off_by_either_dsdt),
      CASE(newer_register_field_comes_first), CASE(old_fadt_ends_early), CASE(dsdt_without_a_sleep_type));
