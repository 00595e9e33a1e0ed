/*
 * Fills a new Space from an ELF plan: decides which page comes from where, and makes the kernel calls. init uses it for
 * servers, process_mini for processes.
 *
 * Each mapping is recorded as a piece before it is made. So nothing needs to be undone here on failure: the owner of
 * the Space destroys it and frees the frames of the pieces.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "libsys/format/elf.h"

/* Contiguous frames of one Memory capability. */
struct memory_run {
    cap_t memory;
    uint64_t offset_pages;
    uint64_t page_count;
};

enum image_kind {
    IMAGE_FILE = 1,    /* the file's own pages */
    IMAGE_PRIVATE = 2, /* frames that belong to this image */
    IMAGE_STACK = 3,   /* frames of the stack, which belong to this image, too */
    IMAGE_MESSAGE = 4, /* the thread's message page: belongs to the thread */
};

struct image_piece {
    uaddr_t at;
    uint32_t page_count;
    uint16_t rights; /* enum memory_right */
    uint16_t kind;   /* enum image_kind */
    uint32_t memory; /* with offset_pages: its frames, by a capability of this program */
    uint32_t offset_pages;
};

/*
 * An image that a program was made from, for reports: the range of its segments, and the base that was added to its
 * addresses.
 */
struct image_mark {
    uaddr_t start, end, base;
    uint8_t build_id[ELF_BUILD_ID_MAX];
    uint32_t build_id_bytes; /* 0: it has none */
};

/* bytes: content of the file that the plan was made from. */
static inline struct image_mark image_mark_of(const struct elf_plan *plan, uaddr_t base, const void *bytes) {
    struct image_mark mark = {base + plan->lowest, base + plan->end, base, {0}, (uint32_t)plan->build_id_bytes};
    __builtin_memcpy(mark.build_id, (const uint8_t *)bytes + plan->build_id_offset, plan->build_id_bytes);
    return mark;
}

#define IMAGE_PIECES_MAX 72U /* 16 segments of a file part and a private part each, plus 40 for scattered memory */

/* The state of the builder. Its owner sets it up and keeps it as the record of all mappings. */
struct image {
    cap_t space;
    struct image_mark mark;
    uint32_t piece_count;
    struct image_piece pieces[IMAGE_PIECES_MAX];
};

/* Supplier of an image's private frames. */
struct image_source {
    /* Take up to `wanted_pages` contiguous frames, at least one. False: there is none. */
    bool (*take)(struct image_source *source, uint64_t wanted_pages, struct memory_run *ret_run);
    /* Take back the run that `take` gave last; no piece records it. */
    void (*give_back)(struct image_source *source, const struct memory_run *run);
};

/* The file that an image comes from: Memory with rights to read and execute. */
struct image_file {
    cap_t memory;
    uint64_t offset_bytes; /* offset of the file's first byte, multiple of PAGE_BYTES */
    uint64_t size_bytes;
};

/* Returns the most page tables that the segments, a stack and a message page take, without the top level. */
uint64_t image_table_pages(const struct elf_plan *plan, uaddr_t base);

/* Returns how many pages the segments take, at most UINT64_MAX / PAGE_BYTES. */
uint64_t image_pages(const struct elf_plan *plan);

/*
 * Map the segments, with `base` added to their addresses. Read-only pages that lie wholly in the file are mapped in
 * place. Others are copied, with zeroes where the file has no bytes for them.
 * Errors: P_NO_MEMORY; P_LIMIT more pieces than IMAGE_PIECES_MAX; P_IMAGE two segments share a page; otherwise the
 * kernel's.
 */
MUST_USE uint32_t image_load(struct image *image, const struct elf_plan *plan, uaddr_t base,
                             const struct image_file *file, struct image_source *source);

/*
 * Map a stack that ends at LAYOUT_STACK_TOP: LAYOUT_STACK_PAGES and the pages of its initial content. The content ends
 * there, too. It is content_bytes of `buffer` from content_offset_bytes on; content_offset_bytes + content_bytes is a
 * multiple of PAGE_BYTES.
 * Errors: as for image_load.
 */
MUST_USE uint32_t image_add_stack(struct image *image, cap_t buffer, uint64_t content_offset_bytes,
                                  uint64_t content_bytes, struct image_source *source);

/* Returns the lowest address of the stack; 0: there is none yet. */
uaddr_t image_stack_lowest(const struct image *image);

/* Map the thread's message page. Errors: P_LIMIT; otherwise the kernel's. */
MUST_USE uint32_t image_add_message(struct image *image, const struct memory_run *frame);
