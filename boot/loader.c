#include "boot/loader.h"

#include "boot/bytes.h"
#include "boot/image.h"
#include "boot/page_table.h"
#include "boot/phys.h"

#define STACK_PAGES 4U
#define RANGES_PAGES ((sizeof(struct boot_range) * BOOT_RANGES_MAX + BOOT_PAGE_BYTES - 1) / BOOT_PAGE_BYTES)
#define HEAP_BYTES_PER_PAGE 8U
#define HEAP_BYTES_FIXED (2ULL << 20)
#define FRAMES_END (1ULL << 44)      /* the kernel's frame numbers have 32 bits */
#define IDENTITY_ALWAYS (4ULL << 30) /* reaches firmware's tables and devices below 4 GiB, too */
#define RANGES_SPARE 64U             /* room for ranges that firmware adds until it is left */

/* Flat code and data segments for ring 0. The kernel finds these selectors at entry (see enter.c). */
static const uint64_t entry_gdt[] = {0, 0x00af9b000000ffffULL, 0x00cf93000000ffffULL};

/*
 * Data that the loader hands to the kernel, in one run of pages:
 *
 *   | boot_info, GDT | ranges (6 pages) | stack (4 pages) |
 */
#define HANDOVER_PAGES (1 + RANGES_PAGES + STACK_PAGES)
#define GDT_OFFSET 2048U
_Static_assert(sizeof(struct boot_info) <= GDT_OFFSET, "boot_info and the GDT share a page");

/*
 * The ledger has an entry for each frame below `ram_end`, RAM or not. A CPU without 1 GiB pages needs a table for each
 * GiB.
 */
static uint64_t heap_page_count(const struct memory_map *map, uint64_t ram_end) {
    uint64_t bytes = ram_end / BOOT_PAGE_BYTES * HEAP_BYTES_PER_PAGE + HEAP_BYTES_FIXED;
    return (bytes + BOOT_PAGE_BYTES - 1) / BOOT_PAGE_BYTES + ram_end / PAGE_BYTES_1G + map->count;
}

/*
 * Choose where RAM should end, so that as much as possible is left when the heap is taken off. RAM behind a large hole
 * can cost more than it gives: the ledger has entries for the hole as well (AMD leaves one below 1 TiB, in virtual
 * machines that can grow). RAM below 4 GiB is always used.
 */
static uint64_t choose_ram_end(const struct loader *loader) {
    const struct memory_map *map = &loader->input.map;
    uint64_t page_count = 0, most = 0, best = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->ranges[i];
        if (!memory_kind_is_ram(range->kind) || range->start >= FRAMES_END)
            continue;
        uint64_t end = range->end < FRAMES_END ? range->end : FRAMES_END;
        page_count += (end - range->start) / BOOT_PAGE_BYTES;
        struct memory_request heap = {.page_count = heap_page_count(map, end), .align = BOOT_PAGE_BYTES};
        heap.lowest = LOADER_CLAIM_LOWEST;
        heap.end = end < loader->input.claim_end ? end : loader->input.claim_end;
        uint64_t phys, left = page_count > heap.page_count ? page_count - heap.page_count : 0;
        if (end <= IDENTITY_ALWAYS || (left > most && memory_map_find(map, heap, &phys))) {
            best = end;
            most = left;
        }
    }
    return best;
}

static bool leave_out_ram(struct loader *loader) {
    loader->mapped_end = memory_map_ram_end(&loader->input.map);
    loader->ram_end = choose_ram_end(loader);
    return memory_map_leave_out(&loader->input.map, loader->ram_end) || loader_fail_map_full(loader);
}

static bool prepare_volume(struct loader *loader) {
    struct loader_input *input = &loader->input;
    struct boot_info *info = &loader->info;
    info->volume_phys = input->volume_phys;
    info->volume_bytes = input->volume_bytes;
    uint64_t slack = input->volume_phys % BOOT_PAGE_BYTES;
    uint64_t page_count = (slack + input->volume_bytes + BOOT_PAGE_BYTES - 1) / BOOT_PAGE_BYTES;
    if (input->volume_bytes == 0)
        return loader_fail(loader, "boot.tar", "empty", NULL, "pack the boot volume again");
    if (slack != 0 || input->volume_phys + input->volume_bytes > loader->ram_end) {
        struct memory_request request = {.page_count = page_count, .align = BOOT_PAGE_BYTES};
        if (!loader_claim_memory(loader, request, BOOT_RANGE_VOLUME, "boot.tar", &info->volume_phys))
            return false;
        memcpy(phys_pointer(info->volume_phys), phys_pointer(input->volume_phys), input->volume_bytes);
        return true;
    }
    if (!memory_map_paint(&input->map, input->volume_phys, input->volume_bytes, BOOT_RANGE_VOLUME))
        return loader_fail_map_full(loader);
    loader->claims[loader->claim_count++] =
        (struct loader_claim){.phys = input->volume_phys, .page_count = page_count, .kind = BOOT_RANGE_VOLUME};
    return true;
}

static bool prepare_command(struct loader *loader) {
    uint32_t length = 0;
    for (const char *next = loader->input.command; *next != 0; next++) {
        if (length + 1 == BOOT_COMMAND_MAX)
            return loader_fail(loader, "command line", "longer than 511 bytes", NULL, "shorten it");
        /* Line ends and tabs of a file separate words as spaces do. */
        loader->info.command[length++] = *next == '\n' || *next == '\r' || *next == '\t' ? ' ' : *next;
    }
    while (length != 0 && loader->info.command[length - 1] == ' ')
        loader->info.command[--length] = 0;
    return true;
}

static bool prepare_heap(struct loader *loader) {
    struct memory_request request = {.align = BOOT_PAGE_BYTES};
    request.page_count = heap_page_count(&loader->input.map, loader->ram_end);
    loader->info.heap_page_count = request.page_count;
    return loader_claim_memory(loader, request, BOOT_RANGE_HEAP, "the kernel's heap", &loader->info.heap_phys);
}

/* Map [start, end) onto itself in 1 GiB pages where they fit and the CPU has them, otherwise in 2 MiB pages. */
static bool map_identity(struct page_tables *tables, uint64_t start, uint64_t end, bool has_giant_pages) {
    while (start < end) {
        bool is_giant = has_giant_pages && start % PAGE_BYTES_1G == 0 && end - start >= PAGE_BYTES_1G;
        uint64_t page_bytes = is_giant ? PAGE_BYTES_1G : PAGE_BYTES_2M;
        struct page_run run = {.virt = start, .phys = start, .bytes = page_bytes, .page_bytes = page_bytes};
        run.flags = PAGE_TABLE_WRITE;
        if (!page_tables_map(tables, run))
            return false;
        start += page_bytes;
    }
    return true;
}

/*
 * Map the first 4 GiB, then all RAM above. RAM that is left out is mapped, too, since the loader itself may lie there.
 * Below 4 GiB devices and memory lie close together, and a page that spans memory of several cache types is undefined
 * (Intel SDM vol. 3A, Memory Cache Control): use 2 MiB pages there.
 */
static bool map_all_ram(const struct memory_map *map, struct page_tables *tables, bool has_giant_pages) {
    uint64_t mapped_end = IDENTITY_ALWAYS;
    if (!map_identity(tables, 0, mapped_end, false))
        return false;
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->ranges[i];
        uint64_t start = range->start & ~(PAGE_BYTES_2M - 1);
        uint64_t end = (range->end + PAGE_BYTES_2M - 1) & ~(PAGE_BYTES_2M - 1);
        start = start < mapped_end ? mapped_end : start;
        bool is_ram = memory_kind_is_ram(range->kind) || range->kind == BOOT_RANGE_LEFT_OUT;
        if (is_ram && start < end) {
            if (!map_identity(tables, start, end, has_giant_pages))
                return false;
            mapped_end = end;
        }
    }
    return true;
}

/* Count the tables for the kernel image and the identity map, as if the CPU had no 1 GiB pages. */
static uint64_t table_page_count(const struct loader *loader) {
    const struct elf_plan *kernel = &loader->plan;
    uint64_t end = loader->mapped_end < IDENTITY_ALWAYS ? IDENTITY_ALWAYS : loader->mapped_end;
    uint64_t directories = (end + PAGE_BYTES_1G - 1) / PAGE_BYTES_1G;
    uint64_t pointers = directories / 512 + 1;
    return 1 + pointers + directories + page_tables_count(kernel->lowest, kernel->end - kernel->lowest);
}

/* loader->plan must be the kernel's. */
static bool prepare_tables(struct loader *loader) {
    struct memory_request request = {.page_count = table_page_count(loader), .align = BOOT_PAGE_BYTES};
    if (!loader_claim_memory(loader, request, BOOT_RANGE_LOADER, "page tables", &loader->entry.root_phys))
        return false;
    struct page_tables tables;
    page_tables_begin(&tables, loader->entry.root_phys, request.page_count);
    if (!image_map_kernel(loader, &tables) || !map_all_ram(&loader->input.map, &tables, loader->input.has_giant_pages))
        return loader_fail(loader, "page tables", "the loader counted them wrong", NULL, "please report this");
    return true;
}

static bool prepare_handover(struct loader *loader) {
    struct memory_request request = {.page_count = HANDOVER_PAGES, .align = BOOT_PAGE_BYTES};
    uint64_t phys = 0;
    if (!loader_claim_memory(loader, request, BOOT_RANGE_LOADER, "boot information", &phys))
        return false;
    if (loader->input.map.count > BOOT_RANGES_MAX - RANGES_SPARE)
        return loader_fail_map_full(loader);
    loader->entry.info_phys = phys;
    loader->entry.gdt_phys = phys + GDT_OFFSET;
    loader->entry.stack_phys = phys + HANDOVER_PAGES * BOOT_PAGE_BYTES;
    memcpy(phys_pointer(loader->entry.gdt_phys), entry_gdt, sizeof entry_gdt);

    const struct loader_input *input = &loader->input;
    struct boot_info *info = &loader->info;
    info->magic = BOOT_MAGIC;
    info->version = BOOT_VERSION;
    info->size = sizeof *info;
    info->ranges_phys = phys + BOOT_PAGE_BYTES;
    info->rsdp_phys = input->rsdp_phys;
    info->framebuffer = input->framebuffer;
    info->tsc_hz = input->rates.tsc_hz;
    info->apic_timer_hz = input->rates.apic_timer_hz;
    memcpy(info->notes, input->notes.bytes, sizeof info->notes - 1);
    info->loader_tsc = input->loader_tsc;
    memcpy(info->entropy, input->entropy, sizeof info->entropy);
    return true;
}

bool loader_prepare(struct loader *loader) {
    /* Load the first program before the kernel: prepare_tables() wants the kernel's plan in loader->plan. */
    return leave_out_ram(loader) && prepare_volume(loader) && prepare_command(loader) && image_load_init(loader) &&
           image_load_kernel(loader) && prepare_heap(loader) && prepare_tables(loader) && prepare_handover(loader);
}

bool loader_finish(struct loader *loader, struct memory_map *map) {
    for (uint32_t i = 0; i < loader->claim_count; i++) {
        const struct loader_claim *claim = &loader->claims[i];
        if (!memory_map_paint(map, claim->phys, claim->page_count * BOOT_PAGE_BYTES, claim->kind))
            return loader_fail_map_full(loader);
    }
    if (!memory_map_leave_out(map, loader->ram_end) || map->count > BOOT_RANGES_MAX)
        return loader_fail_map_full(loader);
    struct boot_range *ranges = phys_pointer(loader->info.ranges_phys);
    for (uint32_t i = 0; i < map->count; i++) {
        ranges[i] = (struct boot_range){
            .phys = map->ranges[i].start,
            .page_count = (map->ranges[i].end - map->ranges[i].start) / BOOT_PAGE_BYTES,
            .kind = map->ranges[i].kind,
        };
    }
    loader->info.range_count = map->count;
    memcpy(phys_pointer(loader->entry.info_phys), &loader->info, sizeof loader->info);
    return true;
}
