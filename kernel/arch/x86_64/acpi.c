#include "kernel/arch/x86_64/acpi.h"

#include "kernel/string.h"

#define TABLE_BYTES_MAX (1U << 20)
#define SLEEP_ENABLE (1U << 13)

/* Fields are read by offset and in bytes: the tables come from firmware and are aligned to nothing. */
static uint64_t field(const uint8_t *table, uint32_t offset, uint32_t bytes) {
    uint64_t value = 0;
    for (uint32_t i = bytes; i > 0; i--)
        value = value << 8 | table[offset + i - 1];
    return value;
}

static uint32_t table_length(const uint8_t *table) {
    uint32_t length = (uint32_t)field(table, 4, 4);
    return length < TABLE_BYTES_MAX ? length : TABLE_BYTES_MAX;
}

/* The table with this four-letter name in the RSDT or XSDT; NULL: none. */
static const uint8_t *find_table(uint64_t rsdp_phys, const char *name) {
    const uint8_t *rsdp = arch_boot_pointer(rsdp_phys);
    bool wide = rsdp[15] >= 2 && field(rsdp, 24, 8) != 0;
    uint32_t entry_bytes = wide ? 8 : 4;
    const uint8_t *root = arch_boot_pointer(wide ? field(rsdp, 24, 8) : field(rsdp, 16, 4));
    for (uint32_t at = 36; at + entry_bytes <= table_length(root); at += entry_bytes) {
        const uint8_t *table = arch_boot_pointer(field(root, at, entry_bytes));
        if (text_compare((const char *)table, name, 4) == 0)
            return table;
    }
    return NULL;
}

static void set_defaults(struct acpi_facts *facts) {
    *facts = (struct acpi_facts){.local_apic_phys = 0xfee00000, .io_apic_phys = 0xfec00000, .cpu_count = 1};
    for (uint32_t line = 0; line < IRQ_LINES; line++) {
        facts->line_input[line] = line;
        facts->line_is_level[line] = facts->line_is_low[line] = line >= 16; /* PCI */
    }
    facts->line_input[0] = 2;
}

/* An ISA line that is wired elsewhere or otherwise. Flags: MADT, MPS INTI Flags. */
static void read_override(const uint8_t *entry, struct acpi_facts *facts) {
    uint32_t line = entry[3], input = (uint32_t)field(entry, 4, 4), flags = (uint32_t)field(entry, 8, 2);
    if (line >= 16 || input >= IRQ_LINES)
        return;
    facts->line_input[line] = input;
    facts->line_is_low[line] = (flags & 3) == 3;
    facts->line_is_level[line] = (flags >> 2 & 3) == 3;
}

static void read_madt(const uint8_t *madt, struct acpi_facts *facts) {
    uint32_t count = 0;
    bool io_apic_seen = false;
    facts->local_apic_phys = field(madt, 36, 4);
    for (uint32_t at = 44; at + 2 <= table_length(madt) && madt[at + 1] >= 2; at += madt[at + 1]) {
        const uint8_t *entry = madt + at;
        switch (entry[0]) {
        case 0: /* local APIC; not enabled: there is no CPU, or one that must not be used */
            if ((field(entry, 4, 4) & 1) == 0)
                break;
            if (count < CPUS_MAX)
                facts->apic_ids[count] = entry[3];
            count++;
            break;
        case 1: /* I/O APIC: the first is the one with the ISA lines */
            if (!io_apic_seen)
                facts->io_apic_phys = field(entry, 4, 4);
            io_apic_seen = true;
            break;
        case 2:
            read_override(entry, facts);
            break;
        case 5:
            facts->local_apic_phys = field(entry, 4, 8);
            break;
        default:
            break;
        }
    }
    facts->cpu_count = count == 0 ? 1 : count;
}

/* In the DSDT, `_S5_` names a package whose first number goes to PM1a: 08 "_S5_" 12 length count (0a) number ... */
static void read_fadt(const uint8_t *fadt, struct acpi_facts *facts) {
    const uint8_t *dsdt = arch_boot_pointer(field(fadt, 40, 4));
    facts->power_port = (uint16_t)field(fadt, 64, 4);
    uint32_t end = table_length(dsdt);
    uint32_t step;
    for (uint32_t at = 36; at + 12 < end; at += step) {
        uint8_t last =
            dsdt[at + 3]; /* of the name, if it begins here; a letter of no part of it rules out four places */
        step = last == '_' || last == 'S' || last == '5' ? 1 : 4;
        bool named = last == '_' && dsdt[at] == '_' && dsdt[at + 1] == 'S' && dsdt[at + 2] == '5';
        if (!named || dsdt[at + 4] != 0x12)
            continue;
        uint32_t number = at + 5 + (dsdt[at + 5] >> 6) + 2; /* the length has 1..4 bytes; then the element count */
        uint32_t type = dsdt[number] == 0x0a ? dsdt[number + 1] : dsdt[number];
        facts->sleep_type = (uint16_t)((type & 7) << 10 | SLEEP_ENABLE);
        return;
    }
    facts->power_port = 0;
}

void acpi_read(uint64_t rsdp_phys, struct acpi_facts *ret_facts) {
    set_defaults(ret_facts);
    if (rsdp_phys == 0)
        return;
    const uint8_t *madt = find_table(rsdp_phys, "APIC"), *fadt = find_table(rsdp_phys, "FACP");
    if (madt != NULL)
        read_madt(madt, ret_facts);
    if (fadt != NULL)
        read_fadt(fadt, ret_facts);
}
