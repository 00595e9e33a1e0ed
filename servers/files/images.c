/*
 *     made: a run of pages is filled and leaves this server's space
 *       |
 *     given away: read and execute
 *       |
 *     no capability for it is left: can its frames become a pool? No: they are still mapped somewhere.
 *       |                                                         Yes: they are mapped nowhere.
 *     back in this server's space, and free
 *
 * A mapping outlives the capability it was made with, and the kernel raises no event when it goes. But frames that are
 * mapped can't become a pool: so the server tries to make one, and the status tells whether they are mapped.
 */
#include "servers/files/images.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/syscall.h"
#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"

_Static_assert(PAGE_BYTES == RAM_PAGE_BYTES, "the tree gives whole pages");

static struct quota quota;

static uint64_t address(const struct copy_source *source, const struct image_copy *image) {
    return source->at + (image->page - 1) * (uint64_t)PAGE_BYTES;
}

static void unmap(const struct copy_source *source, const struct image_copy *image) {
    for (uint64_t done = 0; done < image->page_count; done += MAP_PAGES_MAX) {
        uint64_t part = image->page_count - done < MAP_PAGES_MAX ? image->page_count - done : MAP_PAGES_MAX;
        (void)sys_space_unmap(source->space, address(source, image) + done * PAGE_BYTES,
                              part); /* no large pages are there */
    }
}

static bool map(const struct copy_source *source, const struct image_copy *image) {
    for (uint64_t done = 0; done < image->page_count; done += MAP_PAGES_MAX) {
        uint64_t part = image->page_count - done < MAP_PAGES_MAX ? image->page_count - done : MAP_PAGES_MAX;
        if (sys_space_map(source->space, source->memory, image->page - 1 + done, part,
                          address(source, image) + done * PAGE_BYTES, MEMORY_READ | MEMORY_WRITE)
                .status != OK) {
            unmap(source, image);
            return false;
        }
    }
    return true;
}

static bool is_mapped_somewhere(const struct copy_source *source, const struct image_copy *image) {
    bool mapped = false;
    cap_t slot = slot_take();
    *source->trial = slot;
    for (uint64_t done = 0; done < image->page_count && !mapped; done += MAP_PAGES_MAX) {
        uint64_t part = image->page_count - done < MAP_PAGES_MAX ? image->page_count - done : MAP_PAGES_MAX;
        mapped = slot == 0 || sys_pool_create(source->memory, image->page - 1 + done, part, slot).status != OK;
        if (!mapped)
            (void)sys_cap_delete(0, slot);
    }
    *source->trial = 0; /* before the slot can be another's */
    if (slot != 0)
        slot_free(slot);
    return mapped;
}

void images_end_trial(const struct copy_source *source) {
    if (*source->trial != 0)
        (void)sys_cap_delete(0, *source->trial); /* can't fail: at worst it is empty */
    *source->trial = 0;
}

void images_init(const struct copy_source *source) {
    static struct quota_owner owners[IMAGES_MAX];
    quota_init(&quota, owners, IMAGES_MAX);
    for (struct image_copy *image = source->images; image < source->images + IMAGES_MAX; image++) {
        if (image->kept == 0)
            continue;
        slot_claim(image->kept);
        quota_claim(&quota, image->owner);
        ram_claim_run(source->tree, image->page, image->page_count, image->owner);
        unmap(source, image);
    }
}

/*
 * To take a copy back is a change of its own, whatever request asks for it: the request may fill its pages again, and
 * then they are no copy any more, even if the request is undone.
 */
void images_take_back(const struct copy_source *source) {
    for (struct image_copy *image = source->images; image < source->images + IMAGES_MAX; image++) {
        if (image->kept == 0 || (sys_cap_query(image->kept).value & QUERY_DERIVED) != 0 ||
            is_mapped_somewhere(source, image) || !map(source, image))
            continue;
        cap_t kept = image->kept;
        JOURNAL_SET(image->kept, 0);
        journal_settle();
        slot_drop(&kept);
        ram_give_run(source->tree, image->page, image->page_count);
        quota_give(&quota, image->owner);
    }
}

/* Derive two capabilities to the run: one to keep, one to give away. With that the copy is there. */
static bool derive(const struct copy_source *source, struct image_copy *image, cap_t *ret_cap) {
    cap_t kept = slot_take(), given = slot_take();
    uint64_t status = E_LIMIT;
    if (kept != 0 && given != 0)
        status =
            sys_memory_derive(source->memory, image->page - 1, image->page_count, kept, MEMORY_READ | MEMORY_EXECUTE)
                .status;
    if (status == OK)
        status = sys_cap_copy(0, given, kept, RIGHTS_ALL, 0).status;
    if (status == OK) {
        JOURNAL_SET(image->kept, kept);
        *ret_cap = given;
        return true;
    }
    slot_drop(&kept);
    slot_free(given);
    return false;
}

static uint32_t refuse(struct server_call *call, uint32_t status, const char *why) {
    (void)format_into(call->reason, sizeof call->reason, "%s", why);
    return status;
}

uint32_t images_make(struct server_call *call, const struct copy_source *source, uint32_t node, cap_t *ret_cap) {
    struct image_copy *image = source->images;
    uint64_t size = ram_stat(source->tree, node).size_bytes;
    images_take_back(source);
    if (quota_left(&quota, source->tree->owner) == 0)
        return refuse(call, P_LIMIT,
                      "the program has as many files of /tmp mapped or running as are left for all others");
    while (image->kept != 0)
        image++;
    image->page_count = (uint32_t)pages_for(size);
    image->page = ram_take_run(source->tree, image->page_count);
    if (image->page == 0) {
        (void)format_into(call->reason, sizeof call->reason,
                          "no %u pages in a row are left to the program for a copy of the file", image->page_count);
        return P_NO_SPACE;
    }
    uint8_t *bytes = source->tree->memory + (image->page - 1) * (uint64_t)PAGE_BYTES;
    (void)ram_read(source->tree, node, 0, bytes, size);
    memset(bytes + size, 0, image->page_count * (uint64_t)PAGE_BYTES - size); /* may hold another file's bytes */
    image->owner = source->tree->owner;
    if (!derive(source, image, ret_cap)) {
        ram_give_run(source->tree, image->page, image->page_count);
        return refuse(call, P_LIMIT, "no slot is free for a copy of the file");
    }
    (void)quota_take(&quota, image->owner); /* there is one left */
    unmap(source, image);
    return OK;
}
