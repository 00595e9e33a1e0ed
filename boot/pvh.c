/*
 * The PVH front end, for tests: QEMU's -kernel starts it in a few hundredths of a second, without firmware. Source:
 * Xen, "x86/HVM direct boot ABI", struct hvm_start_info.
 */
#include "boot/clock.h"
#include "boot/cpu.h"
#include "boot/enter.h"
#include "boot/entropy.h"
#include "boot/loader.h"
#include "boot/phys.h"
#include "boot/serial.h"

#define START_MAGIC 0x336ec578U
#define REACH (4ULL << 30) /* what pvh_entry.S maps */

enum { LOG_PORT = 0xe9, EXIT_PORT = 0xf4, EXIT_FAILED = 0x11 };

/* Types of firmware's memory map (ACPI specification, Address Range Types). */
enum { MEMORY_RAM = 1 };

struct start_info {
    uint32_t magic;
    uint32_t version; /* 1 and later have the memory map */
    uint32_t flags;
    uint32_t module_count;
    uint64_t modules_phys;
    uint64_t command_phys;
    uint64_t rsdp_phys;
    uint64_t memory_phys;
    uint32_t memory_count;
    uint32_t reserved;
};
_Static_assert(sizeof(struct start_info) == 56, "hvm_start_info");

struct start_module {
    uint64_t phys;
    uint64_t bytes;
    uint64_t command_phys;
    uint64_t reserved;
};
_Static_assert(sizeof(struct start_module) == 32, "hvm_modlist_entry");

struct start_memory {
    uint64_t phys;
    uint64_t bytes;
    uint32_t type;
    uint32_t reserved;
};
_Static_assert(sizeof(struct start_memory) == 24, "hvm_memmap_table_entry");

/* From the linker script: the loader's first byte, and the address after its last. */
extern const char pvh_image_start[];
extern const char pvh_image_end[];

_Noreturn void pvh_main(uint64_t start_phys);

static struct loader loader;
static struct memory_map final_map;

static void log_write(const char *text) {
    serial_write(text);
    for (; *text != 0; text++)
        cpu_out8(LOG_PORT, (uint8_t)*text);
}

_Noreturn static void give_up(const char *message) {
    log_write("baton: ");
    log_write(message);
    log_write("\n");
    cpu_out32(EXIT_PORT, EXIT_FAILED);
    cpu_halt_forever();
}

/* There is no firmware that could give memory to somebody else. */
static bool claim_pages(uint64_t phys, uint64_t page_count) {
    (void)phys;
    (void)page_count;
    return true;
}

static void read_memory_map(const struct start_info *start, struct memory_map *map) {
    const struct start_memory *memory = phys_pointer(start->memory_phys);
    if (start->version < 1 || start->memory_count == 0)
        give_up("start information: it has no memory map; use QEMU 4.0 or later");
    bool fits = true;
    for (uint32_t i = 0; i < start->memory_count; i++) {
        enum boot_range_kind kind = memory[i].type == MEMORY_RAM ? BOOT_RANGE_RAM : BOOT_RANGE_FIRMWARE;
        fits = fits && memory_map_paint(map, memory[i].phys, memory[i].bytes, kind);
    }
    uint64_t image_phys = (uintptr_t)pvh_image_start;
    uint64_t image_bytes = (uintptr_t)pvh_image_end - image_phys;
    fits = fits && memory_map_paint(map, image_phys, image_bytes, BOOT_RANGE_LOADER);
    if (!fits)
        give_up("memory map: firmware reports more ranges than the loader can hold");
}

static void read_start_info(const struct start_info *start) {
    struct loader_input *input = &loader.input;
    if (start->magic != START_MAGIC)
        give_up("start information: wrong magic number; start this file with QEMU's -kernel");
    if (start->module_count == 0)
        give_up("boot.tar: not given; start QEMU with -initrd boot.tar");
    const struct start_module *module = phys_pointer(start->modules_phys);
    input->volume_phys = module->phys;
    input->volume_bytes = module->bytes;
    input->command = start->command_phys == 0 ? "" : phys_pointer(start->command_phys);
    input->rsdp_phys = start->rsdp_phys;
    read_memory_map(start, &input->map);
}

void pvh_main(uint64_t start_phys) {
    struct loader_input *input = &loader.input;
    input->loader_tsc = cpu_read_tsc();
    serial_begin();
    const char *problem = enter_check_cpu();
    if (problem != 0)
        give_up(problem);
    read_start_info(phys_pointer(start_phys));
    final_map = input->map;
    input->claim_end = REACH;
    input->claim_pages = claim_pages;
    input->has_giant_pages = enter_has_giant_pages();
    (void)entropy_from_cpu(input->entropy); /* if there is no source, all words stay 0 to say so */

    if (!clock_measure(input->rsdp_phys, &input->rates, &input->notes))
        give_up(input->notes.bytes);
    if (!loader_prepare(&loader) || !loader_finish(&loader, &final_map))
        give_up(loader.failure.bytes);
    enter_kernel(&loader.entry);
}
