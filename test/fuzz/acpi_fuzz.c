/*
 * ACPI tables of any contents behind a root with a right checksum. The input has for each table: its kind and where its
 * entry points, its length, its bytes. Whatever these say, the kernel must be able to act on the result.
 */
#include "kernel/arch/x86_64/acpi.h"

#include <string.h>

#include "test/fuzz/fuzz.h"
#include "test/host/kernel/acpi_memory.h"

#define TABLES_MAX 16U
#define TABLE_BYTES_MAX 2048U
#define ROOT 0x1000U
#define FIRST_TABLE 0x10000U
#define DSDT_AT 0x8000U

static void put_table(struct fuzz_bytes *input, uint64_t phys) {
    static const char *const names[] = {"APIC", "FACP", "HPET", "DSDT", "SSDT"};
    uint8_t body[TABLE_BYTES_MAX];
    uint8_t kind = fuzz_byte(input);
    uint32_t length = fuzz_word(input) % sizeof body;
    for (uint32_t i = 0; i < length; i++)
        body[i] = fuzz_byte(input);
    acpi_put_table(phys, names[kind % 5], body, length);
    uint8_t *bytes = acpi_bytes(phys);
    uint64_t dsdt = DSDT_AT;
    if (kind % 5 == 1 && (kind & 0x40) != 0 && length >= 148 - 36)
        memcpy(bytes + ((kind & 0x20) != 0 ? 140 : 40), &dsdt, 4);
    if ((kind & 0x80) != 0) /* a wrong length */
        bytes[4] = fuzz_byte(input);
}

static void judge(const struct acpi_facts *facts) {
    uint32_t places = facts->cpu_count < CPUS_MAX ? facts->cpu_count : CPUS_MAX;
    REQUIRE(facts->cpu_count >= 1 && facts->cpu_count <= 255);
    for (uint32_t i = 0; i < places; i++) {
        REQUIRE(facts->apic_ids[i] != 0xff);
        for (uint32_t other = 0; other < i; other++)
            REQUIRE(facts->apic_ids[i] != facts->apic_ids[other]);
    }
    REQUIRE(facts->local_apic_phys != 0 && facts->local_apic_phys % 4096 == 0 && facts->local_apic_phys >> 52 == 0);
    REQUIRE(facts->io_apic_count >= 1 && facts->io_apic_count <= IO_APICS_MAX);
    for (uint32_t line = 0; line < IRQ_LINES; line++)
        REQUIRE(facts->line_input[line] < IRQ_LINES);
    REQUIRE(facts->power_port == 0 || (facts->sleep_type & ~0x1c00U) == 1U << 13);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct fuzz_bytes input = {data, bytes};
    struct acpi_facts facts;
    uint64_t entries[TABLES_MAX];
    uint32_t count = 0;
    acpi_memory_clear();
    uint8_t form = fuzz_byte(&input);
    while (input.left > 0 && count < TABLES_MAX) {
        uint64_t phys = count == 0 && (form & 2) != 0 ? DSDT_AT : FIRST_TABLE + count * ACPI_BYTES_MAX;
        put_table(&input, phys);
        bool astray = (form & 4) != 0 && count % 4 == 3;
        entries[count++] = astray ? fuzz_byte(&input) * phys : phys;
    }
    acpi_put_root(ROOT, (form & 1) != 0, entries, count);
    if ((form & 8) != 0)
        acpi_bytes(ACPI_RSDP)[fuzz_byte(&input) % 36]++;
    acpi_read(ACPI_RSDP, &facts);
    judge(&facts);
    acpi_memory_clear();
    return 0;
}
