#include "boot/acpi.h"

#include "boot/phys.h"

#define REACH (4ULL << 30)
#define TABLE_BYTES_MAX (1U << 20)
#define HEADER_BYTES 36U
#define RSDP_BYTES 36U
#define RSDP_BYTES_OLD 20U
#define SPACE_MEMORY 0U
#define SPACE_PORTS 1U
#define FADT_TIMER_IS_WIDE (1U << 8)
#define FADT_HARDWARE_REDUCED (1U << 20) /* the machine has no power management timer */

struct firmware_table {
    const uint8_t *bytes;
    uint32_t length; /* 0: there is none */
};

/* Returns a number at any alignment in a table; 0 if the table is too short. */
static uint64_t field(struct firmware_table table, uint32_t offset, uint32_t bytes) {
    uint64_t value = 0;
    for (uint32_t i = offset + bytes <= table.length ? bytes : 0; i > 0; i--)
        value = value << 8 | table.bytes[offset + i - 1];
    return value;
}

/* Returns `length` bytes at `phys` if they are in reach, begin with `name` and add up to zero. */
static struct firmware_table read_bytes(uint64_t phys, uint32_t length, const char *name) {
    struct firmware_table table = {0};
    if (phys == 0 || phys > REACH - length)
        return table;
    table = (struct firmware_table){.bytes = phys_pointer(phys), .length = length};
    for (uint32_t i = 0; name[i] != 0; i++) {
        if (table.bytes[i] != (uint8_t)name[i])
            return (struct firmware_table){0};
    }
    uint8_t sum = 0;
    for (uint32_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + table.bytes[i]);
    return sum == 0 ? table : (struct firmware_table){0};
}

static struct firmware_table read_table(uint64_t phys, const char *name) {
    if (phys == 0 || phys > REACH - HEADER_BYTES)
        return (struct firmware_table){0};
    uint64_t length = field((struct firmware_table){phys_pointer(phys), HEADER_BYTES}, 4, 4);
    bool fits = length >= HEADER_BYTES && length <= TABLE_BYTES_MAX;
    return fits ? read_bytes(phys, (uint32_t)length, name) : (struct firmware_table){0};
}

/* Returns the first table called `name` in the RSDT or XSDT `root`. */
static struct firmware_table find(struct firmware_table root, uint32_t entry_bytes, const char *name) {
    struct firmware_table table = {0};
    for (uint32_t at = HEADER_BYTES; at + entry_bytes <= root.length && table.length == 0; at += entry_bytes)
        table = read_table(field(root, at, entry_bytes), name);
    return table;
}

struct acpi_clocks acpi_find_clocks(uint64_t rsdp_phys) {
    uint32_t entry_bytes = 8;
    struct firmware_table rsdp = read_bytes(rsdp_phys, RSDP_BYTES, "RSD PTR ");
    struct firmware_table root =
        field(rsdp, 15, 1) >= 2 ? read_table(field(rsdp, 24, 8), "XSDT") : (struct firmware_table){0};
    if (root.length == 0) {
        entry_bytes = 4;
        root = read_table(field(read_bytes(rsdp_phys, RSDP_BYTES_OLD, "RSD PTR "), 16, 4), "RSDT");
    }
    struct firmware_table fadt = find(root, entry_bytes, "FACP"), hpet = find(root, entry_bytes, "HPET");
    uint64_t flags = field(fadt, 112, 4), port = field(fadt, 208, 1) == SPACE_PORTS ? field(fadt, 212, 8) : 0;
    if (port == 0)
        port = field(fadt, 76, 4);
    uint64_t hpet_phys = field(hpet, 40, 1) == SPACE_MEMORY ? field(hpet, 44, 8) : 0;
    return (struct acpi_clocks){
        .timer_port = port <= UINT16_MAX && (flags & FADT_HARDWARE_REDUCED) == 0 ? (uint16_t)port : 0,
        .timer_is_wide = (flags & FADT_TIMER_IS_WIDE) != 0,
        .hpet_phys = hpet_phys < REACH ? hpet_phys : 0,
    };
}
