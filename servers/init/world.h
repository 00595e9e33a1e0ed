/*
 * What init has of the machine: memory that is not given away yet, the boot volume, named endpoints and notifications.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/system.h"
#include "libsys/maker/image.h"
#include "libsys/maker/random.h"

#define WORLD_OBJECTS_MAX 32U
#define WORLD_NAME_MAX 24U

#define WORLD_VOLUME_AT 0x200000000ULL /* where the boot volume is mapped */
#define WORLD_BUFFER_AT 0x180000000ULL /* where the buffer for new stacks is mapped */
#define WORLD_BUFFER_PAGES 4U
#define WORLD_LOG_AT 0x1c0000000ULL /* where the kernel's log is mapped */

/*
 * The machine's exit statuses if the manifest can't be carried out, and if a vital program has ended. Each goes with a
 * line on the log, by which `./baton run` tells it from a command's own status (tools/evidence/verdict.py).
 */
#define STATUS_CANNOT_START 74U
#define STATUS_VITAL_ENDED 75U

#define WORLD_FREE_RUNS_MAX 128U

/* Memory is handed out from the front of each region. What images took comes back to `free`, all else never does. */
struct world_region {
    cap_t memory;
    uint64_t page_count;
    uint64_t taken_pages;
};

/* An endpoint or notification that the manifest names. */
struct world_object {
    char name[WORLD_NAME_MAX];
    uint64_t type; /* enum object_type */
    cap_t cap;
};

struct world {
    struct image_source source; /* first, so that one pointer names both */
    const struct init_info *info;
    struct random random; /* from the entropy that the loader found */
    uint32_t region_count;
    struct world_region regions[BOOT_RANGES_MAX];
    uint32_t object_count;
    struct world_object objects[WORLD_OBJECTS_MAX];
    struct memory_run buffer; /* its frames, at WORLD_BUFFER_AT */
    uint32_t free_count;      /* frames for images, set aside or given back */
    struct memory_run free[WORLD_FREE_RUNS_MAX];
};

/* Find the memory; map the volume, the kernel's log and the buffer. False: it is not possible, and the log says why. */
bool world_init(struct world *world, const struct init_info *info);

/* Take `page_count` frames in a row. False: no region has as many. */
bool world_take(struct world *world, uint64_t page_count, struct memory_run *ret_run);

/*
 * Set frames aside, so that images have at least `page_count` when all others are given away. False: no region has as
 * many.
 */
bool world_keep(struct world *world, uint64_t page_count);

/* Give back the frames that an image had to itself. Its Space must be gone. */
void world_give_image(struct world *world, const struct image *image);

/* Make a capability for just these frames. Returns its slot; 0: no slot is free, or the kernel refuses. */
cap_t world_derive(const struct memory_run *run, uint64_t rights);

/* Make a pool of `page_count` pages. Returns its slot; 0: no memory, no slot, or the kernel refuses. */
cap_t world_make_pool(struct world *world, uint64_t page_count);

/*
 * The endpoint or notification of this name, made at the first request. An endpoint and a notification may share a
 * name. Returns its slot; 0: there is no memory or slot for it.
 */
cap_t world_object(struct world *world, const char *name, enum object_type type);

/* Switch the machine off with this exit status. Returns only if the kernel refuses: the error. */
uint32_t world_power_off(uint64_t status);

/* Find a file of the boot volume. False: there is none, or the archive is damaged; the log says which. */
bool world_find_file(const struct world *world, const char *path, struct image_file *ret_file,
                     const uint8_t **ret_bytes);
