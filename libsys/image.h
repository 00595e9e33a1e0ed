/*
 * Filling a new Space from an ELF plan: which page comes from where, and the kernel calls that bring it there. Used by
 * init for servers, and by process_mini for processes.
 *
 * Whatever is mapped is noted as a piece before it is mapped, so that on failure the owner of the Space destroys it
 * and gives back the frames of the pieces: nothing needs to be undone here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "libsys/elf.h"

/* Neighbouring frames of one Memory capability. */
struct frame_run {
    cap_t memory;
    uint64_t offset_pages;
    uint64_t page_count;
};

enum image_kind {
    IMAGE_FILE = 1,    /* the file's own pages */
    IMAGE_PRIVATE = 2, /* frames of this image's own */
    IMAGE_STACK = 3,   /* likewise */
    IMAGE_MESSAGE = 4, /* the thread's message page: belongs to the thread */
};

struct image_piece {
    uaddr_t at;
    uint32_t page_count;
    uint16_t rights; /* enum memory_right */
    uint16_t kind;   /* enum image_kind */
    uint32_t memory; /* with offset_pages: its frames; a capability of ours */
    uint32_t offset_pages;
};

/* An image that a program was made of, for reports: its segments' places, and what its own addresses were moved by. */
struct image_mark {
    uaddr_t start, end, base;
    uint8_t build_id[ELF_BUILD_ID_MAX];
    uint32_t build_id_bytes; /* 0 = it has none */
};

/* bytes: the file's, that the plan was made from. */
static inline struct image_mark image_mark_of(const struct elf_plan *plan, uaddr_t base, const void *bytes) {
    struct image_mark mark = {base + plan->lowest, base + plan->end, base, {0}, (uint32_t)plan->build_id_bytes};
    __builtin_memcpy(mark.build_id, (const uint8_t *)bytes + plan->build_id_offset, plan->build_id_bytes);
    return mark;
}

#define IMAGE_PIECES_MAX 72U /* 16 segments of a file part and a private part each, and 40 more for scattered memory */

/* What the builder works on. The owner sets it up, and keeps it as the record of what is mapped. */
struct image {
    cap_t space;
    struct image_mark mark;
    uint32_t piece_count;
    struct image_piece pieces[IMAGE_PIECES_MAX];
};

/* Where an image's private frames come from. */
struct image_source {
    /* Up to `wanted_pages` frames in a row, at least one. False: there is none. */
    bool (*take)(struct image_source *source, uint64_t wanted_pages, struct frame_run *ret_run);
    /* Take back what `take` gave last and no piece tells of. */
    void (*give_back)(struct image_source *source, const struct frame_run *run);
};

/* The file an image comes from: Memory that may be read and executed. */
struct image_file {
    cap_t memory;
    uint64_t offset_bytes; /* of the file's first byte, multiple of PAGE_BYTES */
    uint64_t size_bytes;
};

/* Page tables that the plan's segments, a stack and a message page need at most, the top level not counted. */
uint64_t image_table_pages(const struct elf_plan *plan, uaddr_t base);

/* Pages that the segments take; UINT64_MAX / PAGE_BYTES at most. */
uint64_t image_pages(const struct elf_plan *plan);

/*
 * Map the segments, moved by `base`. Pages that are read-only and lie wholly in the file are mapped in place; others
 * are copied, and zero-filled where the file has nothing for them.
 * Errors: P_NO_MEMORY; P_LIMIT more pieces than IMAGE_PIECES_MAX; P_IMAGE two segments share a page; what the kernel
 *         answers otherwise.
 */
MUST_USE uint32_t image_load(struct image *image, const struct elf_plan *plan, uaddr_t base,
                             const struct image_file *file, struct image_source *source);

/*
 * Map a stack of LAYOUT_STACK_PAGES and what `content` takes, up to LAYOUT_STACK_TOP; `content` are the bytes that
 * end there: content_bytes of `buffer` from content_offset_bytes on. content_offset_bytes + content_bytes is a multiple
 * of PAGE_BYTES. Errors: as for image_load.
 */
MUST_USE uint32_t image_add_stack(struct image *image, cap_t buffer, uint64_t content_offset_bytes,
                                  uint64_t content_bytes, struct image_source *source);

/* The lowest address of its stack; 0 = it has none yet. */
uaddr_t image_stack_lowest(const struct image *image);

/* Map the thread's message page. Errors: P_LIMIT; what the kernel answers. */
MUST_USE uint32_t image_add_message(struct image *image, const struct frame_run *frame);
