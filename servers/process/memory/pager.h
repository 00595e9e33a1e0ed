/*
 * Between what a process should see (vm.h) and what its Space maps: faults, copy-on-write, fork, changes of regions. Every
 * function may be given any address. What fails for want of memory leaves all as it was, or with pages missing that the
 * next fault brings.
 */
#pragma once

#include "libsys/elf.h"
#include "servers/process/memory/context.h"
#include "servers/process/memory/object_pool.h"
#include "servers/process/memory/vm.h"

/* What a program was made of, for reports. */
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
    uint64_t lowered;   /* so far below LAYOUT_STACK_TOP and LAYOUT_MESSAGE are stack and message page */
    struct image_marks images;
    uaddr_t places;      /* mappings that may go anywhere go above this */
    uaddr_t break_start; /* heap: [break_start, break_end), from the end of the image */
    uaddr_t break_end;
};

/*
 * A program that touches zeroed page after page gets twice as many at each fault, up to PAGER_AHEAD, and so at most as many again as
 * it has touched; while fewer than PAGER_PLENTY frames are free above the floor, just the one.
 */
#define PAGER_AHEAD VM_GROUP_PAGES
#define PAGER_PLENTY 256U

/* Pool, space and an empty vm. Errors: P_NO_MEMORY; P_LIMIT; the kernel's. incarnation_destroy clears up. */
MUST_USE uint32_t incarnation_create(struct server_context *context, struct incarnation *incarnation);
void incarnation_destroy(struct server_context *context, struct incarnation *incarnation);

/*
 * Add a region and map at once what the file has in place for it. Its file gets one more holder.
 * Errors: P_LIMIT regions; P_NO_MEMORY; the kernel's. E_EXISTS: something is there.
 */
MUST_USE uint32_t pager_add(struct server_context *context, struct incarnation *incarnation,
                            const struct vm_region *region);

/* Map a frame that belongs to somebody else (a thread's message page) in a region of its own. */
MUST_USE uint32_t pager_add_message(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                                    uint32_t frame);

/*
 * Have the page at `at` there for this access (one enum memory_right). Errors: P_ADDRESS nothing may be accessed so there;
 * P_NO_MEMORY; the kernel's.
 */
MUST_USE uint32_t pager_bring(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                              uint32_t access);

/* Take out what lies in a range of whole pages; holes are no error. Errors: P_LIMIT regions, where it
 * leaves both ends of one; P_NO_MEMORY, there or where a large page has to be cut. Nothing has changed then. */
MUST_USE uint32_t pager_remove(struct server_context *context, struct incarnation *incarnation, uaddr_t start,
                               uaddr_t end);

/* Other rights for a range that regions cover. Errors: P_ADDRESS it has holes; P_LIMIT; the kernel's. */
MUST_USE uint32_t pager_protect(struct server_context *context, struct incarnation *incarnation, uaddr_t start,
                                uaddr_t end, uint32_t rights);

/*
 * Fill `to`, which is new, with what `from` has: no page is copied, both may only read what both hold. The message page is
 * left out. Errors: P_NO_MEMORY; P_LIMIT; the kernel's; `to` is to be destroyed then.
 */
MUST_USE uint32_t pager_fork(struct server_context *context, struct incarnation *from, struct incarnation *to);

/* Copy bytes into the process's memory, from `offset_bytes` of this server's Memory `source`. Errors: as for pager_bring. */
MUST_USE uint32_t pager_write(struct server_context *context, struct incarnation *incarnation, uaddr_t at, cap_t source,
                              uint64_t offset_bytes, uint64_t length_bytes);
/* ... and out of it. */
MUST_USE uint32_t pager_read(struct server_context *context, struct incarnation *incarnation, uaddr_t at, cap_t target,
                             uint64_t offset_bytes, uint64_t length_bytes);

/* Frames of pool and memory, and pages of the page allocator. What is shared counts for every holder. */
uint64_t incarnation_page_count(const struct incarnation *incarnation);

/* Of its frames, what other holders answer for: each of those that share a frame for the same part of it. */
uint64_t incarnation_others_part(const struct server_context *context, struct incarnation *incarnation);
