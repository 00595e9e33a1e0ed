#include "libsys/maker/image.h"

#include "kernel/abi/rights.h"
#include "libsys/maker/layout.h"
#include "libsys/text/number.h"
#include "libsys/wire/protocol.h"

uint64_t image_table_pages(const struct elf_plan *plan, uaddr_t base) {
    static const uint32_t level_shifts[] = {21, 30, 39}; /* covered by one page table, directory, pointer table */
    uint64_t pages = 3;                                  /* for stack and message page */
    for (uint32_t level = 0; level < 3; level++) {
        uint64_t next = 0; /* the first area not counted yet; segments ascend */
        for (uint32_t i = 0; i < plan->segment_count; i++) {
            const struct elf_segment *segment = &plan->segments[i];
            uint64_t first = (base + segment->virt) >> level_shifts[level];
            uint64_t last = (base + segment->virt + segment->memory_bytes - 1) >> level_shifts[level];
            first = larger(first, next);
            if (last < first)
                continue;
            pages += last - first + 1;
            next = last + 1;
        }
    }
    return pages;
}

uint64_t image_pages(const struct elf_plan *plan) {
    uint64_t pages = 0;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segments[i];
        pages += (page_up(segment->virt + segment->memory_bytes) - page_down(segment->virt)) / PAGE_BYTES;
    }
    return pages;
}

/* Record a piece and map it. */
static uint32_t add_piece(struct image *image, uaddr_t at, const struct memory_run *run, uint32_t rights,
                          enum image_kind kind) {
    image->pieces[image->piece_count++] = (struct image_piece){
        .at = at,
        .page_count = (uint32_t)run->page_count,
        .rights = (uint16_t)rights,
        .kind = (uint16_t)kind,
        .memory = (uint32_t)run->memory,
        .offset_pages = (uint32_t)run->offset_pages,
    };
    for (uint64_t done = 0; done < run->page_count; done += MAP_PAGES_MAX) {
        uint64_t count = smaller(run->page_count - done, MAP_PAGES_MAX);
        struct result result =
            sys_space_map(image->space, run->memory, run->offset_pages + done, count, at + done * PAGE_BYTES, rights);
        if (result.status != OK)
            return (uint32_t)result.status;
    }
    return OK;
}

/* Content for the frames of a run: `length_bytes` of `from`, to lie at address `at`; zeroes around it. */
struct content {
    cap_t from;
    uint64_t offset_bytes; /* congruent to `at` modulo the page size */
    uint64_t length_bytes;
    uaddr_t at;
};

/* Fill the frame at `offset_pages` of `memory`, to be mapped at `page`. */
static uint32_t fill_page(cap_t memory, uint64_t offset_pages, uaddr_t page, const struct content *content) {
    uaddr_t start = larger(page, content->at);
    uaddr_t end = smaller(page + PAGE_BYTES, content->at + content->length_bytes);
    uint64_t frame_offset = offset_pages * PAGE_BYTES;
    if (start != page || end != page + PAGE_BYTES) {
        struct result result = sys_memory_fill(memory, frame_offset, PAGE_BYTES, 0);
        if (result.status != OK)
            return (uint32_t)result.status;
    }
    if (start >= end)
        return OK;
    return (uint32_t)sys_memory_copy(memory, frame_offset + (start - page), content->from,
                                     content->offset_bytes + (start - content->at), end - start)
        .status;
}

/* Map private frames at [at, end), filled with `content`. */
static uint32_t add_private(struct image *image, uaddr_t at, uaddr_t end, uint32_t rights, enum image_kind kind,
                            const struct content *content, struct image_source *source) {
    while (at < end) {
        struct memory_run run;
        if (image->piece_count == IMAGE_PIECES_MAX)
            return P_LIMIT;
        if (!source->take(source, (end - at) / PAGE_BYTES, &run))
            return P_NO_MEMORY;
        for (uint64_t i = 0; i < run.page_count; i++) {
            uint32_t status = fill_page(run.memory, run.offset_pages + i, at + i * PAGE_BYTES, content);
            if (status != OK) {
                source->give_back(source, &run);
                return status;
            }
        }
        uint32_t status = add_piece(image, at, &run, rights, kind);
        if (status != OK)
            return status;
        at += run.page_count * PAGE_BYTES;
    }
    return OK;
}

/* Returns the end of the pages of a segment that can be the file's own: a page address, >= the segment's first page. */
static uaddr_t in_place_end(const struct elf_segment *segment, const struct image_file *file) {
    uaddr_t first = page_down(segment->virt);
    if ((segment->rights & MEMORY_WRITE) != 0 || segment->file_bytes == 0)
        return first;
    uaddr_t end = segment->virt + segment->file_bytes;
    /* A partial last page may show the file's next bytes, but nothing from beyond the file. */
    if (segment->file_bytes == segment->memory_bytes &&
        page_up(segment->file_offset + segment->file_bytes) <= file->size_bytes)
        return page_up(end);
    return larger(page_down(end), first);
}

static uint32_t load_segment(struct image *image, const struct elf_segment *segment, uaddr_t base,
                             const struct image_file *file, struct image_source *source) {
    uint32_t rights = segment->rights | MEMORY_READ;
    uaddr_t first = page_down(segment->virt);
    uaddr_t in_place = in_place_end(segment, file);
    if (in_place > first) {
        struct memory_run run = {
            .memory = file->memory,
            .offset_pages = (file->offset_bytes + page_down(segment->file_offset)) / PAGE_BYTES,
            .page_count = (in_place - first) / PAGE_BYTES,
        };
        if (image->piece_count == IMAGE_PIECES_MAX)
            return P_LIMIT;
        uint32_t status = add_piece(image, base + first, &run, rights, IMAGE_FILE);
        if (status != OK)
            return status;
    }
    struct content content = {
        .from = file->memory,
        .offset_bytes = file->offset_bytes + segment->file_offset,
        .length_bytes = segment->file_bytes,
        .at = base + segment->virt,
    };
    return add_private(image, base + in_place, base + page_up(segment->virt + segment->memory_bytes), rights,
                       IMAGE_PRIVATE, &content, source);
}

uint32_t image_load(struct image *image, const struct elf_plan *plan, uaddr_t base, const struct image_file *file,
                    struct image_source *source) {
    if (plan->shares_page)
        return P_IMAGE;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        uint32_t status = load_segment(image, &plan->segments[i], base, file, source);
        if (status != OK)
            return status;
    }
    return OK;
}

uint32_t image_add_stack(struct image *image, cap_t buffer, uint64_t content_offset_bytes, uint64_t content_bytes,
                         struct image_source *source) {
    struct content content = {buffer, content_offset_bytes, content_bytes, LAYOUT_STACK_TOP - content_bytes};
    uaddr_t bottom = page_down(content.at) - LAYOUT_STACK_PAGES * PAGE_BYTES;
    return add_private(image, bottom, LAYOUT_STACK_TOP, MEMORY_READ | MEMORY_WRITE, IMAGE_STACK, &content, source);
}

uaddr_t image_stack_lowest(const struct image *image) {
    uaddr_t lowest = 0;
    for (uint32_t i = 0; i < image->piece_count; i++) {
        const struct image_piece *piece = &image->pieces[i];
        if (piece->kind == IMAGE_STACK && (lowest == 0 || piece->at < lowest))
            lowest = piece->at;
    }
    return lowest;
}

uint32_t image_add_message(struct image *image, const struct memory_run *frame) {
    if (image->piece_count == IMAGE_PIECES_MAX)
        return P_LIMIT;
    return add_piece(image, LAYOUT_MESSAGE, frame, MEMORY_READ | MEMORY_WRITE, IMAGE_MESSAGE);
}
