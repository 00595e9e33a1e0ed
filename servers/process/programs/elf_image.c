#include "servers/process/programs/elf_image.h"

#include "libsys/text/format.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"

static void say(char *reason, const char *text) { (void)format_into(reason, PROTOCOL_REASON_MAX, "%s", text); }

/* ---- the window ---- */

static void unmap_window(const struct server_context *context, uint64_t pages) {
    for (uint64_t done = 0; done < pages; done += MAP_PAGES_MAX) {
        uint64_t left = pages - done;
        (void)sys_space_unmap(context->caps.space, context->window + done * PAGE_BYTES,
                              left < MAP_PAGES_MAX ? left : MAP_PAGES_MAX); /* holes are no error */
    }
}

static uint32_t map_window(const struct server_context *context, const struct vm_file *file, uint64_t pages) {
    for (uint64_t done = 0; done < pages; done += MAP_PAGES_MAX) {
        uint64_t count = pages - done < MAP_PAGES_MAX ? pages - done : MAP_PAGES_MAX;
        struct result result = sys_space_map(context->caps.space, file->memory, file->offset_bytes / PAGE_BYTES + done,
                                             count, context->window + done * PAGE_BYTES, MEMORY_READ);
        if (result.status != OK)
            return (uint32_t)result.status;
    }
    return OK;
}

static uint64_t segment_pages(const struct elf_plan *plan) {
    uint64_t pages = 0;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *segment = &plan->segments[i];
        pages += (page_up(segment->virt + segment->memory_bytes) - page_down(segment->virt)) / PAGE_BYTES;
    }
    return pages;
}

/* Choose where a movable image goes. It fits: the plan's limits leave room from `lowest` on. */
static uaddr_t choose_base(struct server_context *context, const struct elf_plan *plan, uaddr_t lowest) {
    uint64_t room = LAYOUT_IMAGE_END - lowest - plan->end;
    uint64_t spread = room < LAYOUT_IMAGE_SPREAD ? room : LAYOUT_IMAGE_SPREAD;
    if (context->fixed_addresses)
        return lowest;
    return lowest + random_next(&context->random) % (spread / plan->align + 1) * plan->align;
}

/* Read plan and interpreter from the file in the window. On errors the image has neither. */
static uint32_t read_plan(struct server_context *context, struct elf_image *image, uaddr_t lowest, char *reason) {
    const char *bytes = (const char *)context->window;
    struct elf_limits limits = {LAYOUT_IMAGE_LOWEST, LAYOUT_IMAGE_END - lowest};
    struct elf_result parsed = elf_plan_image(bytes, image->file->size_bytes, limits, &image->plan);
    if (parsed.error != ELF_OK) {
        (void)elf_format_result(parsed, reason, PROTOCOL_REASON_MAX);
        return P_IMAGE;
    }
    if (image->plan.executable_stack) {
        say(reason, "it wants an executable stack");
        return P_IMAGE;
    }
    if (image->plan.interpreter_bytes > sizeof image->interpreter) {
        say(reason, "the path of its interpreter is too long");
        return P_IMAGE;
    }
    if (image->plan.type == ELF_TYPE_RELOCATABLE && image->plan.align > LAYOUT_IMAGE_BASE) {
        say(reason, "a segment is aligned to more than 4 GiB");
        return P_IMAGE;
    }
    if (segment_pages(&image->plan) > CONTEXT_PAGES_MAX) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "its segments take more than %u pages", CONTEXT_PAGES_MAX);
        return P_LIMIT;
    }
    memcpy(image->interpreter, bytes + image->plan.interpreter_offset, image->plan.interpreter_bytes);
    image->base = image->plan.type == ELF_TYPE_RELOCATABLE ? choose_base(context, &image->plan, lowest) : 0;
    image->mark = image_mark_of(&image->plan, image->base, bytes);
    return OK;
}

void elf_image_none(struct elf_image *image) {
    image->file = NULL;
    image->mark = (struct image_mark){0};
    image->base = 0;
    image->interpreter[0] = '\0'; /* the plan means nothing without a file */
}

uint32_t elf_image_open(struct server_context *context, uint32_t owner, const char *path, uaddr_t lowest,
                        struct elf_image *image, char *reason) {
    elf_image_none(image);
    uint32_t status = open_file(context, owner, path, strlen(path), &image->file, reason);
    if (status != OK)
        return status;
    uint64_t pages = (image->file->size_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    if (image->file->offset_bytes % PAGE_BYTES != 0) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "%s does not begin at a page", path);
        return P_IMAGE;
    }
    if (pages == 0 || pages > CONTEXT_WINDOW_PAGES_MAX) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "%s is empty or too large", path);
        return P_IMAGE;
    }
    status = map_window(context, image->file, pages);
    if (status == OK)
        status = read_plan(context, image, lowest, reason);
    unmap_window(context, pages);
    return status;
}

bool elf_image_is_native(const struct elf_image *image, char *reason) {
    if (image->plan.interface == 0)
        say(reason, "built for another system: it has no ELF note `Baton`");
    else if (image->plan.interface != ELF_INTERFACE)
        (void)format_into(reason, PROTOCOL_REASON_MAX, "built for another version of Baton: %u, and this is %u",
                          image->plan.interface, ELF_INTERFACE);
    return image->plan.interface == ELF_INTERFACE;
}

void elf_image_close(struct server_context *context, struct elf_image *image) {
    vm_file_drop(&context->files, image->file);
    image->file = NULL;
}

/* ---- segments ---- */

/* Add whole pages of a segment that no other segment shares, as a region of this kind. */
static uint32_t add_region(struct server_context *context, const struct elf_image *image,
                           const struct elf_segment *segment, uaddr_t start, uaddr_t end, enum process_map_kind kind,
                           struct incarnation *incarnation) {
    if (start >= end)
        return OK;
    struct vm_region region = {
        .start = start,
        .end = end,
        .rights = (uint8_t)(segment->rights | MEMORY_READ),
        .kind = (uint8_t)kind,
        .file = segment->file_bytes > 0 ? image->file : NULL,
        .content_at = image->base + segment->virt,
        .content_bytes = segment->file_bytes,
        .file_offset = segment->file_offset,
    };
    return pager_add(context, incarnation, &region);
}

/*
 * Add whole pages of a segment that no other segment shares. The file's own pages are mapped. Private copies take their
 * place in a writable segment and, if zeroes follow the content, from the page on in which the content ends.
 */
static uint32_t add_pages(struct server_context *context, const struct elf_image *image,
                          const struct elf_segment *segment, uaddr_t start, uaddr_t end,
                          struct incarnation *incarnation) {
    uaddr_t split = end;
    if ((segment->rights & MEMORY_WRITE) != 0)
        split = start;
    else if (segment->memory_bytes > segment->file_bytes)
        split = page_down(image->base + segment->virt + segment->file_bytes);
    split = split < start ? start : split > end ? end : split;
    uint32_t status = add_region(context, image, segment, start, split, PROCESS_MAP_FILE, incarnation);
    if (status == OK)
        status = add_region(context, image, segment, split, end, PROCESS_MAP_PRIVATE, incarnation);
    return status;
}

/* Copy the part of a segment that lies in this page. */
static uint32_t copy_part(struct server_context *context, const struct elf_image *image,
                          const struct elf_segment *segment, uaddr_t page, struct incarnation *incarnation) {
    uaddr_t at = image->base + segment->virt, start = at > page ? at : page;
    uaddr_t end = at + segment->file_bytes < page + PAGE_BYTES ? at + segment->file_bytes : page + PAGE_BYTES;
    if (start >= end)
        return OK;
    uint64_t offset = image->file->offset_bytes + segment->file_offset + (start - at);
    return pager_write(context, incarnation, start, image->file->memory, offset, end - start);
}

/* Add a page that several segments share: it gets the content and the rights of all of them. */
static uint32_t add_shared_page(struct server_context *context, const struct elf_image *image, uaddr_t page,
                                struct incarnation *incarnation, char *reason) {
    struct vm_region region = {
        .start = page, .end = page + PAGE_BYTES, .rights = MEMORY_READ | MEMORY_WRITE, .kind = PROCESS_MAP_PRIVATE};
    uint32_t rights = MEMORY_READ, status = pager_add(context, incarnation, &region);
    for (uint32_t i = 0; status == OK && i < image->plan.segment_count; i++) {
        const struct elf_segment *segment = &image->plan.segments[i];
        uaddr_t at = image->base + segment->virt;
        if (at >= page + PAGE_BYTES || at + segment->memory_bytes <= page)
            continue;
        rights |= segment->rights;
        status = copy_part(context, image, segment, page, incarnation);
    }
    if ((rights & MEMORY_WRITE) != 0 && (rights & MEMORY_EXECUTE) != 0) {
        say(reason, "two segments share a page, and it would be writable and executable");
        return P_IMAGE;
    }
    bool as_it_is = status != OK || rights == region.rights;
    return as_it_is ? status : pager_protect(context, incarnation, page, page + PAGE_BYTES, rights);
}

uint32_t elf_image_map(struct server_context *context, const struct elf_image *image, struct incarnation *incarnation,
                       char *reason) {
    const struct elf_plan *plan = &image->plan;
    uaddr_t done = 0; /* pages up to here have been added */
    incarnation->images.marks[incarnation->images.count++] = image->mark;
    uint32_t status = OK;
    for (uint32_t i = 0; status == OK && i < plan->segment_count; i++) {
        uaddr_t at = image->base + plan->segments[i].virt, end = page_up(at + plan->segments[i].memory_bytes);
        bool shares = i + 1 < plan->segment_count && page_down(image->base + plan->segments[i + 1].virt) < end;
        uaddr_t own_end = shares ? end - PAGE_BYTES : end;
        uaddr_t start = page_down(at) > done ? page_down(at) : done;
        status = add_pages(context, image, &plan->segments[i], start, own_end, incarnation);
        if (status == OK && shares && own_end >= done)
            status = add_shared_page(context, image, own_end, incarnation, reason);
        done = end;
        if (end > incarnation->break_start)
            incarnation->break_start = incarnation->break_end = end;
    }
    return status; /* RELRO is left to the code that relocates; fixed addresses may need that, too (IRELATIVE) */
}
