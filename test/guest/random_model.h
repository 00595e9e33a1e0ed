/*
 * The model with which random.c compares the kernel: capabilities as a tree, pools, frames and mappings, as described
 * in docs/objects.md. It is plain arrays, searched linearly, and makes no system call.
 *
 *   caps[]      who holds what: table, slot, object, rights, data, and the capability it was derived from
 *   objects[]   what lives, from which pool; a table's slots and a space's pages are in caps[] and pages[]
 *   frames[]    what each frame is: free, or in which pool; how many pages map it; what was written there
 *
 * Each function models one system call: it returns the outcome that the call must have and, if that
 * is OK, updates the model.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/rights.h"
#include "kernel/abi/status.h"
#include "kernel/abi/syscall.h"

#define MODEL_CAPS 128U
#define MODEL_OBJECTS 64U
#define MODEL_OWN_SLOTS 64U
#define MODEL_TABLE_SLOTS 16U
#define MODEL_FRAMES 320U
#define MODEL_PAGES 24U /* addresses in use in each space, around the edge of a page table */
#define MODEL_PAGES_AT (0x6000200000ULL - MODEL_PAGES / 2 * PAGE_BYTES)
#define MODEL_POOL_PAGES_MIN 40U

#define MODEL_NONE (-1)

struct random_cap {
    bool used;
    int object;
    int parent; /* in caps[]; MODEL_NONE: no ancestor is left */
    int table;  /* in objects[]; MODEL_NONE: the program's own */
    uint64_t slot;
    uint32_t rights;
    uint64_t data; /* badge; for Memory its first frame and frame count, as RANGE() */
};

struct random_page {
    bool mapped;
    uint32_t frame, rights, limit;
};

struct random_object {
    bool alive, for_ever;
    enum object_type type;
    int pool;      /* in objects[]; MODEL_NONE: boot's, or a pool */
    uint64_t bits; /* Notification */
    uint32_t pool_pages;
    struct random_page pages[MODEL_PAGES]; /* Space */
};

struct random_frame {
    int pool; /* MODEL_NONE: a user's */
    uint32_t mappings;
    bool is_known; /* whether the model knows its contents */
    uint64_t pattern;
};

struct random_model {
    cap_t own_base; /* the first of the program's own slots that the model covers */
    struct random_cap caps[MODEL_CAPS];
    struct random_object objects[MODEL_OBJECTS];
    struct random_frame frames[MODEL_FRAMES];
    bool short_of_memory; /* the kernel answered E_MEMORY to the next call: agree if that is possible */
};

/* Own slot 0 holds a Memory of all frames, which are clear. */
void model_init(struct random_model *model, cap_t own_base);
/* Can another capability and another object be made? If not, the generator must not try. */
bool model_has_room(const struct random_model *model);

struct result model_cap_copy(struct random_model *model, cap_t table, cap_t slot, cap_t source, uint64_t rights,
                             uint64_t badge);
struct result model_cap_move(struct random_model *model, cap_t table, cap_t slot, cap_t source);
struct result model_cap_delete(struct random_model *model, cap_t table, cap_t slot);
struct result model_cap_revoke(struct random_model *model, cap_t slot);
struct result model_cap_query(const struct random_model *model, cap_t slot);
struct result model_memory_derive(struct random_model *model, cap_t memory, uint64_t offset_pages, uint64_t page_count,
                                  cap_t slot, uint64_t rights);
struct result model_memory_fill(struct random_model *model, cap_t memory, uint64_t offset_bytes, uint64_t length_bytes,
                                uint64_t pattern);
struct result model_pool_create(struct random_model *model, cap_t memory, uint64_t offset_pages, uint64_t page_count,
                                cap_t slot);
struct result model_object_create(struct random_model *model, cap_t pool, uint64_t type, uint64_t argument, cap_t slot);
struct result model_space_map(struct random_model *model, cap_t space, cap_t memory, uint64_t offset_pages,
                              uint64_t page_count, uaddr_t at, uint64_t flags);
struct result model_space_unmap(struct random_model *model, cap_t space, uaddr_t at, uint64_t page_count);
struct result model_space_protect(struct random_model *model, cap_t space, uaddr_t at, uint64_t page_count,
                                  uint64_t rights);
struct result model_signal_raise(struct random_model *model, cap_t notification, uint64_t bits);
struct result model_signal_poll(struct random_model *model, cap_t notification);
struct result model_thread_resume(struct random_model *model, cap_t thread);

/* The page at `at`, seen through a Space capability; NULL: no page, or the capability can't query. */
const struct random_page *model_page(const struct random_model *model, cap_t space, uaddr_t at);
/* The frame that a Memory capability names at this page, if it is a user's; NULL: it is not. */
struct random_frame *model_frame(struct random_model *model, cap_t memory, uint64_t offset_pages, uint32_t rights);

/* The counts that the kernel must have. */
uint64_t model_cap_count(const struct random_model *model);
uint64_t model_mapped_frames(const struct random_model *model);
uint64_t model_pool_frames(const struct random_model *model);
