#include "kernel/arch/x86_64/boot_memory.h"

#include "kernel/arch/x86_64/acpi.h"
#include "kernel/arch/x86_64/contract/page_one.h"
#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/arch/x86_64/layout.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/base/boot_only.h"
#include "kernel/entry/leave.h"

#define DEVICE_PAGES_MAX (1 + IO_APICS_MAX)
#define KERNEL_LEAF (PTE_PRESENT | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY)

uintptr_t direct_map; /* 0 while the boot loader's identity map is in use */

static uint64_t heap_next, heap_end;
static uint64_t device_pages[DEVICE_PAGES_MAX];
static uint32_t device_count;
static struct boot_range boot_only; /* arch_boot_only() */

/* The last-level entry of an address in the kernel half, whose table exists. */
static uint64_t *entry_of(uint64_t address) { return &page_table_find(sealed_root, address)[pte_index(address, 1)]; }

/*
 * Kernel memory that is writable anywhere is executable nowhere, so each page loses its old mapping first. The other
 * CPUs flush theirs before they run a user's code (smp.c). Does not return, since its caller is gone.
 */
_Noreturn void arch_boot_end(void) {
    for (uint64_t i = 0; i < boot_only.page_count; i++) {
        uint64_t phys = boot_only.phys + i * PAGE_BYTES;
        *entry_of((uint64_t)(uintptr_t)kernel_image_start + i * PAGE_BYTES) = 0;
        invalidate_all();
        *entry_of(DIRECT_MAP_BASE + phys) = phys | KERNEL_LEAF | PTE_NO_EXECUTE | PTE_WRITE;
    }
    sched_start(arch_this_cpu());
}

BOOT_ONLY_FROM_HERE

void *arch_boot_take(uint64_t bytes) {
    uint64_t start = heap_next;
    heap_next += (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    if (heap_next > heap_end)
        panic("the boot loader's heap is too small");
    return arch_pointer(start);
}

const void *arch_boot_pointer(uint64_t physical) { return arch_pointer(physical); }

uint64_t arch_frame_limit(void) {
    bool told = read_cpuid(0x80000000, 0).a >= 0x80000008;
    uint32_t bits = told ? read_cpuid(0x80000008, 0).a & 0xff : 36;
    return 1ULL << ((bits < 52 ? bits : 52) - 12);
}

void *boot_memory_device(uint64_t phys) {
    if (device_count == DEVICE_PAGES_MAX)
        panic("too many devices for the kernel");
    device_pages[device_count] = phys & ~(PAGE_BYTES - 1);
    return (void *)(DEVICE_WINDOW_BASE + (uint64_t)device_count++ * PAGE_BYTES + phys % PAGE_BYTES);
}

/* The entry of `level` for `address`. Makes missing tables on the way. */
static uint64_t *entry_for(uint64_t address, uint32_t level) {
    uint64_t *table = arch_pointer(sealed_root);
    for (uint32_t at = 4; at > level; at--) {
        uint64_t *entry = &table[pte_index(address, at)];
        if (*entry == 0)
            *entry = arch_physical(arch_boot_take(PAGE_BYTES)) | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED;
        table = arch_pointer(*entry & PTE_ADDRESS);
    }
    return &table[pte_index(address, level)];
}

/*
 * Map a run with the largest pages that its alignment and the CPU allow. A larger one may be possible from the next
 * table on.
 */
static void map(uint64_t address, uint64_t phys, uint64_t bytes, uint64_t bits, uint32_t level_max) {
    while (bytes > 0) {
        uint32_t level = level_max;
        uint64_t size = PAGE_BYTES << (9 * (level - 1));
        while (level > 1 && ((address | phys) % size != 0 || bytes < size)) {
            level--;
            size >>= 9;
        }
        uint64_t *entry = entry_for(address, level), entry_bits = bits | KERNEL_LEAF | (level > 1 ? PTE_LARGE : 0);
        uint64_t count = bytes / size, room = ENTRIES - pte_index(address, level);
        count = count < room ? count : room;
        for (uint64_t i = 0; i < count; i++)
            entry[i] = (phys + i * size) | entry_bits;
        address += count * size;
        phys += count * size;
        bytes -= count * size;
    }
}

static void map_image(const struct boot_info *boot) {
    uint64_t start = (uint64_t)(uintptr_t)kernel_image_start, text_end = (uint64_t)(uintptr_t)kernel_text_end;
    boot_only = (struct boot_range){.phys = boot->kernel_phys,
                                    .page_count = (uint64_t)(kernel_text_start - kernel_image_start) / PAGE_BYTES,
                                    .kind = BOOT_RANGE_LOADER};
    uint64_t rodata_end = (uint64_t)(uintptr_t)kernel_rodata_end, end = (uint64_t)(uintptr_t)kernel_image_end;
    map(start, boot->kernel_phys, text_end - start, 0, 1);
    map(text_end, boot->kernel_phys + (text_end - start), rodata_end - text_end, PTE_NO_EXECUTE, 1);
    map(rodata_end, boot->kernel_phys + (rodata_end - start), end - rodata_end, PTE_NO_EXECUTE | PTE_WRITE, 1);
}

static bool is_direct(const struct boot_range *range) {
    return range->kind != BOOT_RANGE_KERNEL && range->kind < BOOT_RANGE_FIRMWARE;
}

/*
 * Map RAM of every kind except the kernel's image, whose text has only one mapping, which is not writable. Neighbouring
 * ranges are mapped as one, so that few small pages are needed.
 */
static void map_direct(const struct boot_info *boot, const struct boot_range *ranges) {
    bool has_1g_pages = (read_cpuid(0x80000001, 0).d >> 26 & 1) != 0;
    uint64_t start = 0, end = 0;
    for (uint64_t i = 0; i <= boot->range_count; i++) {
        bool more = i < boot->range_count;
        if (more && is_direct(&ranges[i]) && ranges[i].phys == end) {
            end += ranges[i].page_count * PAGE_BYTES;
            continue;
        }
        if (more && !is_direct(&ranges[i]))
            continue;
        map(DIRECT_MAP_BASE + start, start, end - start, PTE_NO_EXECUTE | PTE_WRITE, has_1g_pages ? 3 : 2);
        start = more ? ranges[i].phys : 0;
        end = more ? start + ranges[i].page_count * PAGE_BYTES : 0;
    }
}

/* Map the stacks of one CPU, each above a page that stays unmapped. */
static void map_stacks(uint32_t index) {
    uint64_t bits = PTE_NO_EXECUTE | PTE_WRITE;
    uint64_t bottom = stack_top(index) - STACK_PAGES * PAGE_BYTES;
    map(bottom, arch_physical(arch_boot_take(STACK_PAGES * PAGE_BYTES)), STACK_PAGES * PAGE_BYTES, bits, 1);
    for (uint32_t ist = 1; ist <= IST_STACKS; ist++)
        map(ist_top(index, ist) - PAGE_BYTES, arch_physical(arch_boot_take(PAGE_BYTES)), PAGE_BYTES, bits, 1);
}

void boot_memory_init(const struct boot_info *boot, const struct boot_range *ranges, uint32_t cpu_count) {
    heap_next = boot->heap_phys;
    heap_end = boot->heap_phys + boot->heap_page_count * PAGE_BYTES;
    sealed_root = arch_physical(arch_boot_take(PAGE_BYTES));
    uint64_t *root = arch_pointer(sealed_root);
    for (uint32_t i = ROOT_KERNEL_ENTRY; i < ENTRIES; i++)
        root[i] = arch_physical(arch_boot_take(PAGE_BYTES)) | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED;
    map_image(boot);
    map_direct(boot, ranges);
    for (uint32_t i = 0; i < cpu_count; i++)
        map_stacks(i);
    for (uint32_t i = 0; i < device_count; i++)
        map(DEVICE_WINDOW_BASE + (uint64_t)i * PAGE_BYTES, device_pages[i], PAGE_BYTES,
            PTE_NO_EXECUTE | PTE_WRITE | PTE_UNCACHED, 1);
    write_cr3(sealed_root);
    direct_map = DIRECT_MAP_BASE;
}

/* Makes the tables that arch_boot_end needs, so that it takes no memory. */
struct boot_range arch_boot_only(void) {
    for (uint64_t i = 0; i < boot_only.page_count; i++)
        (void)entry_for(DIRECT_MAP_BASE + boot_only.phys + i * PAGE_BYTES, 1);
    return boot_only;
}
