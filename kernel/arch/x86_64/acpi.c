#include "kernel/arch/x86_64/acpi.h"

#include "kernel/base/boot_only.h"
#include "kernel/base/string.h"
#include "kernel/machine/log.h"

BOOT_ONLY_FROM_HERE

#define TABLE_BYTES_MAX (1U << 20) /* bytes beyond are not read */
#define HEADER_BYTES 36U
#define RSDP_BYTES_OLD 20U
#define RSDP_BYTES 36U

#define LOCAL_APIC_PHYS 0xfee00000ULL
#define IO_APIC_PHYS 0xfec00000ULL
#define APIC_ID_MAX 254U /* 255 addresses all CPUs; x2APICs have larger ids */

#define SLEEP_ENABLE (1U << 13)
#define FADT_HARDWARE_REDUCED (1U << 20)
#define PHYS_END (1ULL << 52)
#define SPACE_IO 1U

/* Readable bytes of a table, or of an entry of one. `length` 0: there is none. */
struct acpi_table {
    const uint8_t *bytes;
    uint32_t length;
};

enum { MADT, FADT, TABLES };

/* A number in a table, at any alignment. 0: the table is too short for it. */
static uint64_t field(struct acpi_table table, uint32_t offset, uint32_t bytes) {
    uint64_t value = 0;
    for (uint32_t i = offset + bytes <= table.length ? bytes : 0; i > 0; i--)
        value = value << 8 | table.bytes[offset + i - 1];
    return value;
}

static bool is_named(struct acpi_table table, const char *name) {
    return table.length > 0 && text_compare((const char *)table.bytes, name, text_length(name)) == 0;
}

static bool adds_up(struct acpi_table table) {
    uint8_t sum = 0;
    for (uint32_t i = 0; i < table.length; i++)
        sum = (uint8_t)(sum + table.bytes[i]);
    return sum == 0;
}

static struct acpi_table read_bytes(uint64_t phys, uint32_t length) {
    struct acpi_table table = {.bytes = phys == 0 ? NULL : acpi_reach(phys, length)};
    table.length = table.bytes == NULL ? 0 : length;
    return table;
}

static struct acpi_table read_table(uint64_t phys) {
    uint64_t length = field(read_bytes(phys, HEADER_BYTES), 4, 4);
    if (length < HEADER_BYTES)
        return (struct acpi_table){0};
    return read_bytes(phys, length < TABLE_BYTES_MAX ? (uint32_t)length : TABLE_BYTES_MAX);
}

/* Read the RSDT or XSDT. It leads to all other tables, so its checksum must be right. */
static struct acpi_table read_root(uint64_t phys, const char *name) {
    struct acpi_table root = read_table(phys);
    return is_named(root, name) && adds_up(root) ? root : (struct acpi_table){0};
}

static struct acpi_table find_root(uint64_t rsdp_phys) {
    struct acpi_table rsdp = read_bytes(rsdp_phys, RSDP_BYTES_OLD), root = {0};
    if (!is_named(rsdp, "RSD PTR ") || !adds_up(rsdp))
        return root;
    struct acpi_table all = read_bytes(rsdp_phys, RSDP_BYTES);
    if (field(rsdp, 15, 1) >= 2 && adds_up(all))
        root = read_root(field(all, 24, 8), "XSDT");
    return root.length > 0 ? root : read_root(field(rsdp, 16, 4), "RSDT");
}

/* If two tables have one name, the first is taken. */
static void find_tables(uint64_t rsdp_phys, struct acpi_table found[static TABLES]) {
    static const char *const names[TABLES] = {[MADT] = "APIC", [FADT] = "FACP"};
    struct acpi_table root = find_root(rsdp_phys);
    uint32_t entry_bytes = is_named(root, "XSDT") ? 8 : 4;
    uint64_t lost = 0;
    if (root.length == 0)
        log_line(LOG_WARN, "boot", "ACPI: the root table is damaged or out of reach; a usual PC is assumed");
    for (uint32_t at = HEADER_BYTES; at + entry_bytes <= root.length; at += entry_bytes) {
        uint64_t phys = field(root, at, entry_bytes);
        struct acpi_table table = read_table(phys);
        lost += phys != 0 && table.length == 0;
        for (uint32_t i = 0; i < TABLES; i++) {
            if (found[i].length == 0 && is_named(table, names[i]))
                found[i] = table;
        }
    }
    if (lost > 0)
        log_line(LOG_WARN, "boot", "ACPI: tables passed over, damaged or out of reach: %u", lost);
}

static void set_defaults(struct acpi_facts *facts) {
    *facts = (struct acpi_facts){.local_apic_phys = LOCAL_APIC_PHYS, .io_apic_count = 1, .cpu_count = 1};
    facts->io_apics[0].phys = IO_APIC_PHYS;
    for (uint32_t line = 0; line < IRQ_LINES; line++) {
        facts->line_input[line] = line;
        facts->line_is_level[line] = facts->line_is_low[line] = line >= 16; /* PCI */
    }
    facts->line_input[0] = 2;
}

/* An ISA line that is wired to another input or in another way. Flags: MADT, MPS INTI Flags. */
static void read_override(struct acpi_table entry, struct acpi_facts *facts) {
    uint64_t line = field(entry, 3, 1), input = field(entry, 4, 4), flags = field(entry, 8, 2);
    if (entry.length < 10 || line >= 16 || input >= IRQ_LINES)
        return;
    facts->line_input[line] = (uint32_t)input;
    facts->line_is_low[line] = (flags & 3) == 3;
    facts->line_is_level[line] = (flags >> 2 & 3) == 3;
}

/* Counts CPUs and I/O APICs while the MADT is read. */
struct census {
    uint32_t cpu_count, io_apic_count;
    uint64_t seen[(APIC_ID_MAX + 64) / 64]; /* a bit for each APIC id */
    uint64_t again, beyond;                 /* ids passed over */
};

/*
 * An entry that is not enabled means no CPU, or one that must not be used. An id that comes again is the CPU of the
 * earlier entry; starting it again would stop it while it runs.
 */
static void count_cpu(struct acpi_facts *facts, struct census *census, uint64_t id, uint64_t flags) {
    if ((flags & 1) == 0)
        return;
    if (id > APIC_ID_MAX) {
        census->beyond++;
    } else if ((census->seen[id / 64] >> id % 64 & 1) != 0) {
        census->again++;
    } else {
        census->seen[id / 64] |= 1ULL << id % 64;
        if (census->cpu_count < CPUS_MAX)
            facts->apic_ids[census->cpu_count] = (uint8_t)id;
        census->cpu_count++;
    }
}

static void read_entry(struct acpi_table entry, struct acpi_facts *facts, struct census *census) {
    switch (entry.bytes[0]) {
    case 0: /* local APIC */
        count_cpu(facts, census, field(entry, 3, 1), field(entry, 4, 4));
        break;
    case 1: /* I/O APIC */
        if (entry.length < 12 || census->io_apic_count == IO_APICS_MAX)
            break;
        facts->io_apics[census->io_apic_count++] =
            (struct acpi_io_apic){.phys = field(entry, 4, 4), .first_input = (uint32_t)field(entry, 8, 4)};
        break;
    case 2:
        read_override(entry, facts);
        break;
    case 5: /* replaces the address in the MADT's head */
        if (entry.length >= 12)
            facts->local_apic_phys = field(entry, 4, 8);
        break;
    case 9: /* local x2APIC: wider ids; small ones mean the same CPUs */
        count_cpu(facts, census, field(entry, 4, 4), field(entry, 8, 4));
        break;
    }
}

static void read_madt(struct acpi_table madt, struct acpi_facts *facts) {
    struct census census = {0};
    facts->local_apic_phys = field(madt, 36, 4);
    for (uint32_t at = 44, length; at + 2 <= madt.length; at += length) {
        length = madt.bytes[at + 1];
        if (length < 2 || length > madt.length - at)
            break;
        read_entry((struct acpi_table){.bytes = madt.bytes + at, .length = length}, facts, &census);
    }
    if (facts->local_apic_phys == 0 || facts->local_apic_phys % PAGE_BYTES != 0 || facts->local_apic_phys >= PHYS_END)
        facts->local_apic_phys = LOCAL_APIC_PHYS;
    facts->io_apic_count = census.io_apic_count == 0 ? 1 : census.io_apic_count;
    facts->cpu_count = census.cpu_count == 0 ? 1 : census.cpu_count;
    if (census.again > 0)
        log_line(LOG_WARN, "boot", "ACPI: entries passed over that name a CPU again: %u", census.again);
    if (census.beyond > 0)
        log_line(LOG_WARN, "boot", "ACPI: CPUs out of reach, with APIC numbers above 254: %u", census.beyond);
}

/*
 * Find the sleep type: in the DSDT, `_S5_` names a package whose first number goes to PM1a: 08 "_S5_" 12 length count
 * (0a) number ... False: there is none.
 */
static bool find_sleep_type(struct acpi_table dsdt, uint16_t *ret_type) {
    for (uint32_t at = HEADER_BYTES, step; at + 12 < dsdt.length; at += step) {
        const uint8_t *name = dsdt.bytes + at;
        uint8_t last = name[3]; /* if the name begins here; a letter not in it rules out four places */
        step = last == '_' || last == 'S' || last == '5' ? 1 : 4;
        if (last != '_' || name[0] != '_' || name[1] != 'S' || name[2] != '5' || name[4] != 0x12)
            continue;
        const uint8_t *number = name + 5 + (name[5] >> 6) + 2; /* the length has 1..4 bytes; then the element count */
        uint32_t type = number[0] == 0x0a ? number[1] : number[0];
        *ret_type = (uint16_t)((type & 7) << 10 | SLEEP_ENABLE);
        return true;
    }
    return false;
}

/* The port of PM1a control, from the newer field or else from the older. 0: there is none. */
static uint16_t power_port(struct acpi_table fadt) {
    uint64_t port = field(fadt, 172, 1) == SPACE_IO ? field(fadt, 176, 8) : 0;
    port = port == 0 ? field(fadt, 64, 4) : port;
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static void read_fadt(struct acpi_table fadt, struct acpi_facts *facts) {
    if ((field(fadt, 112, 4) & FADT_HARDWARE_REDUCED) != 0) /* it has none of these registers */
        return;
    struct acpi_table dsdt = read_table(field(fadt, 140, 8));
    if (!is_named(dsdt, "DSDT"))
        dsdt = read_table(field(fadt, 40, 4));
    if (is_named(dsdt, "DSDT") && find_sleep_type(dsdt, &facts->sleep_type))
        facts->power_port = power_port(fadt);
}

void acpi_read(uint64_t rsdp_phys, struct acpi_facts *ret_facts) {
    struct acpi_table found[TABLES] = {0};
    set_defaults(ret_facts);
    if (rsdp_phys != 0)
        find_tables(rsdp_phys, found);
    read_madt(found[MADT], ret_facts);
    read_fadt(found[FADT], ret_facts);
}
