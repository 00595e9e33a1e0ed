#include "boot/image.h"

#include "boot/bytes.h"
#include "boot/phys.h"
#include "kernel/abi/rights.h"
#include "libsys/format/ustar.h"

static const char *const advice_build = "pack the boot volume again";
static const char *const advice_link = "link it again";

static uint64_t page_floor(uint64_t address) { return address & ~(uint64_t)(BOOT_PAGE_BYTES - 1); }

static uint64_t page_ceiling(uint64_t address) { return page_floor(address + BOOT_PAGE_BYTES - 1); }

static uint64_t segment_page_count(const struct elf_segment *segment) {
    return (page_ceiling(segment->virt + segment->memory_bytes) - page_floor(segment->virt)) / BOOT_PAGE_BYTES;
}

/* Find `path` in the boot volume. */
static bool volume_find(struct loader *loader, const char *path, const uint8_t **ret_bytes, uint64_t *ret_count) {
    const uint8_t *volume = phys_pointer(loader->info.volume_phys);
    static struct ustar_entry entry; /* too large for the stack */
    uint64_t offset = 0;
    enum ustar_error error = ustar_find(volume, loader->info.volume_bytes, path, &entry, &offset);
    if (error == USTAR_END)
        return loader_fail(loader, path, "not found in the boot volume", NULL, advice_build);
    if (error != USTAR_OK) {
        struct text detail;
        text_clear(&detail);
        text_add(&detail, ustar_error_text(error));
        text_add(&detail, ", at byte ");
        text_add_decimal(&detail, offset);
        if (entry.path[0] != 0) {
            text_add(&detail, ", ");
            text_add_printable(&detail, entry.path);
        }
        return loader_fail(loader, "boot.tar", "damaged", detail.bytes, advice_build);
    }
    *ret_bytes = volume + entry.data_offset;
    *ret_count = entry.data_bytes;
    return true;
}

/*
 * Check what the loader demands of a sound program: it must not need a dynamic linker, and its segments must be
 * mappable.
 */
static bool plan_check(struct loader *loader, const char *path) {
    const struct elf_plan *plan = &loader->plan;
    if (plan->type != ELF_TYPE_FIXED)
        return loader_fail(loader, path, "position-independent", NULL, "link it at a fixed address (-no-pie)");
    if (plan->interpreter_bytes != 0)
        return loader_fail(loader, path, "asks for an interpreter", NULL, "link it with -static");
    if (plan->shares_page)
        return loader_fail(loader, path, "two segments share a page", NULL, "link it with -z separate-code");
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        if (plan->segments[i].rights == 0)
            return loader_fail(loader, path, "a segment has no access rights", NULL, advice_link);
    }
    return true;
}

/* Find a program in the boot volume and check it. Leaves its plan in loader->plan. */
static bool image_open(struct loader *loader, const char *path, struct elf_limits limits, const uint8_t **ret_bytes) {
    uint64_t byte_count = 0;
    if (!volume_find(loader, path, ret_bytes, &byte_count))
        return false;
    struct elf_result result = elf_plan_image(*ret_bytes, byte_count, limits, &loader->plan);
    if (result.error != ELF_OK) {
        char message[ELF_MESSAGE_MAX];
        elf_format_result(result, message, sizeof message);
        return loader_fail(loader, path, message, NULL, advice_build);
    }
    return plan_check(loader, path);
}

bool image_load_kernel(struct loader *loader) {
    const struct elf_limits limits = {.lowest = IMAGE_KERNEL_LOWEST, .end = IMAGE_KERNEL_END};
    const struct elf_plan *plan = &loader->plan;
    const uint8_t *bytes = NULL;
    if (!image_open(loader, IMAGE_KERNEL_PATH, limits, &bytes))
        return false;
    uint64_t lowest = page_floor(plan->lowest);
    uint64_t page_count = (page_ceiling(plan->end) - lowest) / BOOT_PAGE_BYTES;
    struct memory_request request = {.page_count = page_count, .align = BOOT_KERNEL_ALIGN};
    uint64_t phys = 0;
    if (!loader_claim_memory(loader, request, BOOT_RANGE_KERNEL, IMAGE_KERNEL_PATH, &phys))
        return false;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segments[i];
        memcpy(phys_pointer(phys + (segment->virt - lowest)), bytes + segment->file_offset, segment->file_bytes);
    }
    loader->info.kernel_phys = phys;
    loader->info.kernel_page_count = page_count;
    loader->entry.kernel_entry = plan->entry;
    return true;
}

bool image_map_kernel(const struct loader *loader, struct page_tables *tables) {
    const struct elf_plan *plan = &loader->plan;
    uint64_t lowest = page_floor(plan->lowest);
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segments[i];
        uint64_t virt = page_floor(segment->virt);
        struct page_run run = {
            .virt = virt,
            .phys = loader->info.kernel_phys + (virt - lowest),
            .bytes = segment_page_count(segment) * BOOT_PAGE_BYTES,
            .page_bytes = PAGE_BYTES_4K,
        };
        if (segment->rights & MEMORY_WRITE)
            run.flags |= PAGE_TABLE_WRITE;
        if (!(segment->rights & MEMORY_EXECUTE))
            run.flags |= PAGE_TABLE_NO_EXECUTE;
        if (!page_tables_map(tables, run))
            return false;
    }
    return true;
}

static uint64_t plan_page_count(const struct elf_plan *plan) {
    uint64_t page_count = 0;
    for (uint32_t i = 0; i < plan->segment_count; i++)
        page_count += segment_page_count(&plan->segments[i]);
    return page_count;
}

bool image_load_init(struct loader *loader) {
    const struct elf_limits limits = {.lowest = IMAGE_INIT_LOWEST, .end = IMAGE_INIT_END};
    const struct elf_plan *plan = &loader->plan;
    const uint8_t *bytes = NULL;
    if (!image_open(loader, IMAGE_INIT_PATH, limits, &bytes))
        return false;
    if (plan->segment_count > BOOT_SEGMENTS_MAX)
        return loader_fail(loader, IMAGE_INIT_PATH, "more than 8 loadable segments", NULL, advice_link);
    struct memory_request request = {.page_count = plan_page_count(plan), .align = BOOT_PAGE_BYTES};
    uint64_t phys = 0;
    if (!loader_claim_memory(loader, request, BOOT_RANGE_INIT, IMAGE_INIT_PATH, &phys))
        return false;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segments[i];
        uint64_t virt = page_floor(segment->virt);
        memcpy(phys_pointer(phys + (segment->virt - virt)), bytes + segment->file_offset, segment->file_bytes);
        loader->info.init_segments[i] = (struct boot_segment){
            .virt = virt,
            .phys = phys,
            .page_count = segment_page_count(segment),
            .rights = segment->rights,
        };
        phys += segment_page_count(segment) * BOOT_PAGE_BYTES;
    }
    loader->info.init_entry = plan->entry;
    loader->info.init_segment_count = plan->segment_count;
    return true;
}
