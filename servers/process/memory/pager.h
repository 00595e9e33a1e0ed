/*
 * The pager keeps the Space of a process in step with its vm (vm.h): faults, copy-on-write, fork, changes of regions.
 * Every function may be given any address. A function that fails for want of memory leaves all as it was, or leaves
 * pages out that the next fault brings.
 */
#pragma once

#include "libsys/format/elf.h"
#include "servers/process/memory/context.h"
#include "servers/process/memory/object_pool.h"
#include "servers/process/memory/vm.h"

/* The images that a program was made of, for reports. */
struct image_marks {
    struct image_mark marks[2]; /* the interpreter, the program */
    uint32_t count;
};

/* A program as it runs in a process. */
struct incarnation {
    struct object_pool pool;
    cap_t space;
    struct vm *vm;
    uint64_t pages_max; /* of all mappings */
    uint64_t lowered;   /* bytes by which stack and message page lie below LAYOUT_STACK_TOP and LAYOUT_MESSAGE */
    struct image_marks images;
    uaddr_t places;      /* mappings that may go anywhere go above this */
    uaddr_t break_start; /* heap: [break_start, break_end), from the end of the image */
    uaddr_t break_end;
};

/*
 * A program that touches one new zeroed page after another gets twice as many at each fault, up to PAGER_AHEAD. So it
 * gets at most as many pages unasked as it has touched. While fewer than PAGER_PLENTY frames are free above the floor,
 * it gets one.
 */
#define PAGER_AHEAD VM_GROUP_PAGES
#define PAGER_PLENTY 256U

/*
 * Make pool, space and an empty vm. Errors: P_NO_MEMORY; P_LIMIT; the kernel's. On errors, too, incarnation_destroy
 * clears up.
 */
MUST_USE uint32_t incarnation_create(struct server_context *context, struct incarnation *incarnation);
void incarnation_destroy(struct server_context *context, struct incarnation *incarnation);

/*
 * Add a region, and map at once those of the file's own pages that can be used in place. The file gets one more holder.
 * Errors: E_EXISTS something is there; P_LIMIT too many regions; P_NO_MEMORY; the kernel's.
 */
MUST_USE uint32_t pager_add(struct server_context *context, struct incarnation *incarnation,
                            const struct vm_region *region);

/* Map a frame that the vm does not own (a thread's message page), in a region of its own. */
MUST_USE uint32_t pager_add_message(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                                    uint32_t frame);

/* Map it again where it is not mapped any more. Errors: E_EXISTS it is; the kernel's. */
MUST_USE uint32_t pager_map_message(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                                    uint32_t frame);

/*
 * Bring the page at `at`, so that this access (one enum memory_right) succeeds.
 * Errors: P_ADDRESS no such access is allowed there; P_NO_MEMORY; the kernel's.
 */
MUST_USE uint32_t pager_bring(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                              uint32_t access);

/*
 * Remove all regions from a range of whole pages; holes are no error.
 * Errors: P_LIMIT one region would become two, and there are too many; P_NO_MEMORY for that, or for cutting a large
 *         page. Nothing has changed then.
 */
MUST_USE uint32_t pager_remove(struct server_context *context, struct incarnation *incarnation, uaddr_t start,
                               uaddr_t end);

/* Give a range other rights; regions must cover all of it. Errors: P_ADDRESS it has holes; P_LIMIT; the kernel's. */
MUST_USE uint32_t pager_protect(struct server_context *context, struct incarnation *incarnation, uaddr_t start,
                                uaddr_t end, uint32_t rights);

/*
 * Give `to`, which is new, all memory of `from` except message pages. No page is copied: both may only read the frames
 * that they share (copy-on-write).
 * Errors: P_NO_MEMORY; P_LIMIT; the kernel's; the caller then destroys `to`.
 */
MUST_USE uint32_t pager_fork(struct server_context *context, struct incarnation *from, struct incarnation *to);

/*
 * Copy bytes into the process's memory, from `offset_bytes` of this server's Memory `source`. Errors: as for
 * pager_bring.
 */
MUST_USE uint32_t pager_write(struct server_context *context, struct incarnation *incarnation, uaddr_t at, cap_t source,
                              uint64_t offset_bytes, uint64_t length_bytes);
/*
 * Copy bytes out of the process's memory, to `offset_bytes` of this server's Memory `target`. Errors: as for
 * pager_bring.
 */
MUST_USE uint32_t pager_read(struct server_context *context, struct incarnation *incarnation, uaddr_t at, cap_t target,
                             uint64_t offset_bytes, uint64_t length_bytes);

/* Frames of pool and memory, and pages of the page allocator. A shared frame counts in full for every holder. */
uint64_t incarnation_page_count(const struct incarnation *incarnation);
