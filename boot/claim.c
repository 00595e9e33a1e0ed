#include "boot/claim.h"

#include "boot/bytes.h"
#include "boot/phys.h"

bool loader_fail(struct loader *loader, const char *name, const char *what, const char *detail, const char *advice) {
    struct text *text = &loader->failure;
    text_clear(text);
    text_add(text, name);
    text_add(text, ": ");
    text_add(text, what);
    if (detail != NULL) {
        text_add(text, ": ");
        text_add(text, detail);
    }
    if (advice != NULL) {
        text_add(text, "; ");
        text_add(text, advice);
    }
    return false;
}

static bool fail_memory(struct loader *loader, const char *what, uint64_t page_count) {
    struct text *text = &loader->failure;
    text_clear(text);
    text_add(text, "not enough memory for ");
    text_add(text, what);
    text_add(text, ": it takes ");
    text_add_decimal(text, page_count * (BOOT_PAGE_BYTES / 1024));
    text_add(text, " KiB in one piece; give the machine more");
    return false;
}

bool loader_fail_map_full(struct loader *loader) {
    struct text text;
    text_clear(&text);
    text_add(&text, "firmware reports more ranges than ");
    text_add_decimal(&text, BOOT_RANGES_MAX);
    return loader_fail(loader, "memory map", text.bytes, NULL, "turn off devices in firmware set-up");
}

bool loader_claim_memory(struct loader *loader, struct memory_request request, enum boot_range_kind kind,
                         const char *what, uint64_t *ret_phys) {
    struct memory_map *map = &loader->input.map;
    request.lowest = LOADER_CLAIM_LOWEST;
    request.end = loader->input.claim_end;
    uint64_t bytes = request.page_count * BOOT_PAGE_BYTES;
    uint64_t phys = 0;
    bool is_claimed = false;
    while (!is_claimed) {
        if (loader->claim_count == LOADER_CLAIMS_MAX || !memory_map_find(map, request, &phys))
            return fail_memory(loader, what, request.page_count);
        is_claimed = loader->input.claim_pages(phys, request.page_count);
        /* Refused memory is not free any more either: the next round looks elsewhere. */
        if (!memory_map_paint(map, phys, bytes, is_claimed ? kind : BOOT_RANGE_LOADER))
            return loader_fail_map_full(loader);
    }
    loader->claims[loader->claim_count++] =
        (struct loader_claim){.phys = phys, .page_count = request.page_count, .kind = kind};
    memset(phys_pointer(phys), 0, bytes);
    *ret_phys = phys;
    return true;
}
