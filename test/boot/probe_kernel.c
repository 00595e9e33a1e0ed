/*
 * A guest in the kernel's place: does everything that the boot contract (kernel/abi/boot.h) promises hold at entry?
 * Results go as TAP to port 0xe8. The run ends through the debug-exit port: 0x10 success, 0x11 failure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/cpu.h"
#include "boot/text.h"
#include "kernel/abi/boot.h"
#include "kernel/abi/rights.h"
#include "libsys/format/elf.h"
#include "libsys/format/ustar.h"
#include "test/boot/walk.h"

enum { TAP_PORT = 0xe8, EXIT_PORT = 0xf4, EXIT_GOOD = 0x10, EXIT_BAD = 0x11 };

#define STACK_BYTES_MIN 4096U
#define IDENTITY_ALWAYS (4ULL << 30)

/* From probe_kernel.ld. */
extern const char probe_text_start[], probe_text_end[], probe_rodata_start[], probe_rodata_end[], probe_data_start[],
    probe_data_end[];

static const uint64_t constant = 0x123456789abcdef0;
static uint64_t initialised = 0xfedcba9876543210;
static uint8_t zeroed[5 * BOOT_PAGE_BYTES];

static uint32_t case_count;
static uint32_t failed_count;
static struct elf_plan plan;

_Noreturn void probe_start(const struct boot_info *info);

static void tap_write(const char *text) {
    for (; *text != 0; text++)
        cpu_out8(TAP_PORT, (uint8_t)*text);
}

static void tap_result(bool good, const char *name) {
    struct text line;
    text_clear(&line);
    text_add(&line, good ? "ok " : "not ok ");
    text_add_decimal(&line, ++case_count);
    text_add(&line, " - ");
    text_add(&line, name);
    text_add(&line, "\n");
    tap_write(line.bytes);
    failed_count += good ? 0 : 1;
}

static void tap_note(const char *name, uint64_t value) {
    struct text line;
    text_clear(&line);
    text_add(&line, "# ");
    text_add(&line, name);
    text_add(&line, " ");
    text_add_hex(&line, value);
    text_add(&line, "\n");
    tap_write(line.bytes);
}

static const struct boot_range *ranges_of(const struct boot_info *info) {
    return (const struct boot_range *)info->ranges_phys;
}

/* Whether all of [phys, phys + bytes) lies in one range of this kind. */
static bool is_inside(const struct boot_info *info, uint64_t phys, uint64_t bytes, enum boot_range_kind kind) {
    for (uint64_t i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &ranges_of(info)[i];
        uint64_t end = range->phys + range->page_count * BOOT_PAGE_BYTES;
        if (range->kind == kind && phys >= range->phys && phys + bytes <= end)
            return true;
    }
    return false;
}

static struct walk walk_here(uint64_t virt) {
    uint64_t root_phys;
    __asm__ volatile("movq %%cr3, %0" : "=r"(root_phys));
    return walk_address(root_phys, virt);
}

static bool is_zero(const uint8_t *bytes, uint64_t count) {
    uint8_t any = 0;
    for (uint64_t i = 0; i < count; i++)
        any |= bytes[i];
    return any == 0;
}

static bool is_same(const uint8_t *left, const uint8_t *right, uint64_t count) {
    uint8_t difference = 0;
    for (uint64_t i = 0; i < count; i++)
        difference |= (uint8_t)(left[i] ^ right[i]);
    return difference == 0;
}

/* Has the boot information the layout of the contract's version 1, and does it lie in memory that it lists? */
static void check_info(const struct boot_info *info) {
    tap_result(info->magic == BOOT_MAGIC && info->version == BOOT_VERSION && info->size == sizeof *info,
               "boot_info: magic, version, size");
    tap_result(is_inside(info, (uint64_t)info, sizeof *info, BOOT_RANGE_LOADER) &&
                   is_inside(info, info->ranges_phys, info->range_count * sizeof(struct boot_range), BOOT_RANGE_LOADER),
               "boot_info: it and its ranges lie in loader memory");
}

static void check_ranges(const struct boot_info *info) {
    bool sound = info->range_count >= 1 && info->range_count <= BOOT_RANGES_MAX;
    bool merged = true;
    uint64_t end = 0;
    uint64_t ram_pages = 0;
    for (uint64_t i = 0; sound && i < info->range_count; i++) {
        const struct boot_range *range = &ranges_of(info)[i];
        sound = range->phys % BOOT_PAGE_BYTES == 0 && range->page_count > 0 && range->phys >= end &&
                range->kind >= BOOT_RANGE_RAM && range->kind <= BOOT_RANGE_LEFT_OUT;
        merged = merged && !(i > 0 && range->phys == end && range->kind == range[-1].kind);
        end = range->phys + range->page_count * BOOT_PAGE_BYTES;
        ram_pages += range->kind == BOOT_RANGE_RAM ? range->page_count : 0;
    }
    tap_result(sound, "ranges: sorted, page-aligned, free of overlaps, of known kinds");
    tap_result(merged, "ranges: neighbours of one kind are one range");
    tap_note("ranges", info->range_count);
    tap_note("free bytes", ram_pages * BOOT_PAGE_BYTES);
}

static bool has_rights(const char *start, const char *end, uint64_t phys, bool writable, bool executable) {
    for (const char *page = start; page < end; page += BOOT_PAGE_BYTES) {
        struct walk walk = walk_here((uint64_t)page);
        bool good = walk.present && !walk.user && walk.writable == writable && walk.executable == executable &&
                    walk.page_bytes == BOOT_PAGE_BYTES && walk.phys == phys + (uint64_t)(page - probe_text_start);
        if (!good)
            return false;
    }
    return true;
}

static void check_kernel(const struct boot_info *info) {
    uint64_t phys = info->kernel_phys;
    uint64_t bytes = (uint64_t)(probe_data_end - probe_text_start);
    tap_result(phys % BOOT_KERNEL_ALIGN == 0 && info->kernel_page_count * BOOT_PAGE_BYTES == bytes &&
                   is_inside(info, phys, bytes, BOOT_RANGE_KERNEL),
               "kernel: aligned, whole and in kernel memory");
    tap_result(has_rights(probe_text_start, probe_text_end, phys, false, true), "kernel: text is read and execute");
    tap_result(has_rights(probe_rodata_start, probe_rodata_end, phys, false, false), "kernel: constants are read only");
    tap_result(has_rights(probe_data_start, probe_data_end, phys, true, false), "kernel: data is read and write");
    tap_result(!walk_here((uint64_t)probe_text_end).present && !walk_here((uint64_t)probe_data_end).present &&
                   !walk_here((uint64_t)probe_text_start - 1).present,
               "kernel: nothing is mapped between and around its segments");
    tap_result(*(volatile const uint64_t *)&constant == 0x123456789abcdef0 &&
                   *(volatile uint64_t *)&initialised == 0xfedcba9876543210 && is_zero(zeroed, sizeof zeroed),
               "kernel: constants and data have their values, bss is zero");
}

static void check_heap(const struct boot_info *info) {
    uint64_t ram_end = 0;
    for (uint64_t i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &ranges_of(info)[i];
        if (range->kind <= BOOT_RANGE_VOLUME)
            ram_end = range->phys + range->page_count * BOOT_PAGE_BYTES;
    }
    uint64_t bytes = info->heap_page_count * BOOT_PAGE_BYTES;
    tap_note("end of RAM", ram_end);
    tap_result(info->heap_phys % BOOT_PAGE_BYTES == 0 && is_inside(info, info->heap_phys, bytes, BOOT_RANGE_HEAP) &&
                   bytes >= ram_end / BOOT_PAGE_BYTES * 8 + (2U << 20),
               "heap: aligned, in heap memory, large enough");
    tap_result(is_zero((const uint8_t *)info->heap_phys, bytes), "heap: zero");
}

/* Compares what lies in memory with the file in the boot volume, byte for byte. */
static bool segment_is_loaded(const struct boot_info *info, const uint8_t *file, uint32_t number) {
    const struct elf_segment *wanted = &plan.segments[number];
    const struct boot_segment *found = &info->init_segments[number];
    uint64_t before = wanted->virt % BOOT_PAGE_BYTES;
    uint64_t bytes = found->page_count * BOOT_PAGE_BYTES;
    const uint8_t *memory = (const uint8_t *)found->phys;
    return found->virt == wanted->virt - before && found->rights == wanted->rights &&
           found->phys % BOOT_PAGE_BYTES == 0 && bytes >= before + wanted->memory_bytes &&
           bytes < before + wanted->memory_bytes + BOOT_PAGE_BYTES &&
           is_inside(info, found->phys, bytes, BOOT_RANGE_INIT) && is_zero(memory, before) &&
           is_same(memory + before, file + wanted->file_offset, wanted->file_bytes) &&
           is_zero(memory + before + wanted->file_bytes, bytes - before - wanted->file_bytes);
}

static void check_init(const struct boot_info *info) {
    const uint8_t *volume = (const uint8_t *)info->volume_phys;
    const struct elf_limits limits = {.lowest = 2U << 20, .end = 0x7ffffffff000};
    struct ustar_entry entry;
    bool good = ustar_find(volume, info->volume_bytes, "boot/init.elf", &entry, NULL) == USTAR_OK;
    good = good && elf_plan_image(volume + entry.data_offset, entry.data_bytes, limits, &plan).error == ELF_OK;
    tap_result(good && info->init_entry == plan.entry && info->init_segment_count == plan.segment_count,
               "init: entry and number of segments");
    for (uint32_t i = 0; good && i < plan.segment_count; i++)
        good = segment_is_loaded(info, volume + entry.data_offset, i);
    tap_result(good, "init: segments are the file's bytes, then zeroes, in init memory");
}

static void check_volume(const struct boot_info *info) {
    struct ustar_cursor cursor = {.archive = (const void *)info->volume_phys, .archive_bytes = info->volume_bytes};
    struct ustar_entry entry;
    enum ustar_error error = ustar_next(&cursor, &entry);
    while (error == USTAR_OK)
        error = ustar_next(&cursor, &entry);
    tap_result(info->volume_phys % BOOT_PAGE_BYTES == 0 &&
                   is_inside(info, info->volume_phys, info->volume_bytes, BOOT_RANGE_VOLUME),
               "volume: aligned, in volume memory");
    tap_result(error == USTAR_END, "volume: readable to its end mark");
}

static bool is_identity(uint64_t start, uint64_t end) {
    uint64_t virt = start;
    while (virt < end) {
        struct walk walk = walk_here(virt);
        if (!walk.present || walk.phys != virt || !walk.writable || walk.user)
            return false;
        virt = (virt & ~(walk.page_bytes - 1)) + walk.page_bytes;
    }
    return true;
}

static void check_identity(const struct boot_info *info) {
    tap_result(is_identity(0, IDENTITY_ALWAYS), "identity map: the first 4 GiB");
    bool good = true;
    for (uint64_t i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &ranges_of(info)[i];
        if (range->kind <= BOOT_RANGE_VOLUME)
            good = good && is_identity(range->phys, range->phys + range->page_count * BOOT_PAGE_BYTES);
    }
    tap_result(good, "identity map: all RAM");
}

static void check_machine(const struct boot_info *info) {
    struct [[gnu::packed]] {
        uint16_t limit;
        uint64_t base;
    } gdt, idt;
    uint64_t cr0, cr3, cr4, flags, stack = (uint64_t)__builtin_frame_address(0);
    uint16_t code;
    __asm__ volatile("movq %%cr0, %0\n\tmovq %%cr3, %1\n\tmovq %%cr4, %2" : "=r"(cr0), "=r"(cr3), "=r"(cr4));
    __asm__ volatile("pushfq\n\tpopq %0\n\tmovw %%cs, %1" : "=r"(flags), "=r"(code));
    __asm__ volatile("sgdt %0\n\tsidt %1" : "=m"(gdt), "=m"(idt));
    tap_result(cr0 == 0x80010033 && cr4 == 0x20 && (cpu_read_msr(0xc0000080) & 1U << 11) && !(flags & 0x600),
               "CPU: CR0, CR4, NXE, interrupts off, direction up");
    tap_result(code == 8 && idt.limit == 0 && is_inside(info, gdt.base, gdt.limit + 1U, BOOT_RANGE_LOADER),
               "CPU: descriptor tables are the loader's");
    tap_result(is_inside(info, cr3, BOOT_PAGE_BYTES, BOOT_RANGE_LOADER) &&
                   is_inside(info, stack - STACK_BYTES_MIN, STACK_BYTES_MIN, BOOT_RANGE_LOADER),
               "CPU: page tables and stack lie in loader memory");
}

/* frame: of the entry function, whose prologue has pushed RBP below the return address. */
static void check_stack(const uint64_t *frame) {
    tap_result((uint64_t)frame % 16 == 0 && frame[0] == 0 && frame[1] == 0,
               "CPU: the stack is that of a called function without a caller");
}

static void check_acpi(const struct boot_info *info) {
    const uint8_t *rsdp = (const uint8_t *)info->rsdp_phys;
    uint8_t sum = 0;
    for (uint32_t i = 0; info->rsdp_phys != 0 && i < 20; i++)
        sum = (uint8_t)(sum + rsdp[i]);
    tap_result(info->rsdp_phys != 0 && is_same(rsdp, (const uint8_t *)"RSD PTR ", 8) && sum == 0,
               "ACPI: the root pointer is one");
    uint32_t rsdt = info->rsdp_phys == 0 ? 0 : *(const uint32_t *)(info->rsdp_phys + 16);
    tap_result(!is_inside(info, info->rsdp_phys, 20, BOOT_RANGE_RAM) && !is_inside(info, rsdt, 4, BOOT_RANGE_RAM),
               "ACPI: root pointer and tables do not lie in free memory");
}

static void check_rest(const struct boot_info *info) {
    tap_note("tsc_hz", info->tsc_hz);
    tap_note("apic_timer_hz", info->apic_timer_hz);
    tap_note("loader ticks", info->kernel_tsc - info->loader_tsc);
    tap_result(info->tsc_hz > 10000000 && info->apic_timer_hz > 1000000 && info->kernel_tsc > info->loader_tsc &&
                   cpu_read_tsc() > info->kernel_tsc,
               "clocks: believable");
    tap_result((info->entropy[0] | info->entropy[1] | info->entropy[2] | info->entropy[3]) != 0, "entropy: some");
    const struct boot_framebuffer *screen = &info->framebuffer;
    tap_note("screen width", screen->width);
    tap_result(screen->format == BOOT_PIXEL_NONE
                   ? screen->phys == 0 && screen->width == 0 && screen->height == 0 && screen->stride_bytes == 0
                   : screen->phys != 0 && screen->height != 0 && screen->stride_bytes >= screen->width * 4,
               "framebuffer: none or believable");
    tap_write("# command [");
    tap_write(info->command);
    tap_write("]\n");
}

void probe_start(const struct boot_info *info) {
    check_info(info);
    check_ranges(info);
    check_kernel(info);
    check_heap(info);
    check_init(info);
    check_volume(info);
    check_identity(info);
    check_machine(info);
    check_stack(__builtin_frame_address(0));
    check_acpi(info);
    check_rest(info);
    struct text plan_line;
    text_clear(&plan_line);
    text_add(&plan_line, "1..");
    text_add_decimal(&plan_line, case_count);
    text_add(&plan_line, "\n");
    tap_write(plan_line.bytes);
    cpu_out32(EXIT_PORT, failed_count == 0 ? EXIT_GOOD : EXIT_BAD);
    cpu_halt_forever();
}
