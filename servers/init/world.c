#include "servers/init/world.h"

#include "kernel/abi/log.h"
#include "kernel/abi/rights.h"
#include "libsys/format/ustar.h"
#include "libsys/program/program.h"
#include "libsys/proto/init.h"
#include "libsys/runtime/print.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"

#define FOUND_FILES 16U

/* Map a run into init's own space. */
static bool map_own(const struct memory_run *run, uaddr_t at, uint64_t rights) {
    for (uint64_t done = 0; done < run->page_count; done += MAP_PAGES_MAX) {
        uint64_t left = run->page_count - done;
        uint64_t count = left < MAP_PAGES_MAX ? left : MAP_PAGES_MAX;
        struct result result =
            sys_space_map(INIT_CAP_SPACE, run->memory, run->offset_pages + done, count, at + done * PAGE_BYTES, rights);
        if (result.status != OK) {
            log_print("init: can't map %lu pages at 0x%lx: %s", run->page_count, at, status_text(result.status));
            return false;
        }
    }
    return true;
}

/* Images come first from frames that are set aside: the smallest run that suffices, else the largest. */
static bool source_take(struct image_source *source, uint64_t wanted_pages, struct memory_run *ret_run) {
    struct world *world = (struct world *)(void *)source;
    struct memory_run *best = NULL;
    for (struct memory_run *run = world->free; run < world->free + world->free_count; run++) {
        bool suffices = run->page_count >= wanted_pages;
        if (best == NULL || (best->page_count >= wanted_pages ? suffices && run->page_count < best->page_count
                                                              : run->page_count > best->page_count))
            best = run;
    }
    if (best == NULL)
        return world_take(world, wanted_pages, ret_run);
    *ret_run = (struct memory_run){best->memory, best->offset_pages, smaller(best->page_count, wanted_pages)};
    best->offset_pages += ret_run->page_count;
    best->page_count -= ret_run->page_count;
    if (best->page_count == 0)
        *best = world->free[--world->free_count];
    return true;
}

/* Make a run longer by a free one that ends or begins there, which leaves the list. False: there is none. */
static bool absorb_free_run(struct world *world, struct memory_run *run) {
    for (struct memory_run *free = world->free; free < world->free + world->free_count; free++) {
        bool is_before = free->offset_pages + free->page_count == run->offset_pages;
        bool is_behind = run->offset_pages + run->page_count == free->offset_pages;
        if (free->memory != run->memory || (!is_before && !is_behind))
            continue;
        run->offset_pages = smaller(run->offset_pages, free->offset_pages);
        run->page_count += free->page_count;
        *free = world->free[--world->free_count];
        return true;
    }
    return false;
}

static void source_give_back(struct image_source *source, const struct memory_run *given) {
    struct world *world = (struct world *)(void *)source;
    struct memory_run run = *given;
    while (absorb_free_run(world, &run))
        ; /* on both sides: states need runs as long as they were */
    if (world->free_count < WORLD_FREE_RUNS_MAX)
        world->free[world->free_count++] = run;
    else
        log_print("init: %lu frames are lost: they lie too scattered", run.page_count);
}

void world_give_image(struct world *world, const struct image *image) {
    for (uint32_t i = 0; i < image->piece_count; i++) {
        const struct image_piece *piece = &image->pieces[i];
        if (piece->kind == IMAGE_PRIVATE || piece->kind == IMAGE_STACK)
            source_give_back(&world->source,
                             &(struct memory_run){piece->memory, piece->offset_pages, piece->page_count});
    }
}

/*
 * Start the random numbers. If the loader found no entropy, only the time since power-on is left: it can be guessed, so
 * the log says so.
 */
static void start_random(struct world *world) {
    uint64_t seed[BOOT_ENTROPY_WORDS], any = 0;
    memcpy(seed, world->info->entropy, sizeof seed);
    for (uint32_t i = 0; i < BOOT_ENTROPY_WORDS; i++)
        any |= seed[i];
    if (any == 0) {
        log_print("init: this machine has no source of random numbers: addresses of programs can be guessed");
        seed[0] = sys_clock_read().value;
    }
    _Static_assert(sizeof seed == RANDOM_SEED_BYTES, "all of it counts");
    random_start(&world->random, seed, sizeof seed);
}

bool world_init(struct world *world, const struct init_info *info) {
    world->source = (struct image_source){source_take, source_give_back};
    world->info = info;
    start_random(world);
    world->region_count = (uint32_t)info->region_count;
    for (uint32_t i = 0; i < world->region_count; i++)
        world->regions[i] =
            (struct world_region){.memory = INIT_CAP_REGIONS + i, .page_count = info->regions[i].page_count};
    struct memory_run volume = {INIT_CAP_VOLUME, 0, (info->volume_bytes + PAGE_BYTES - 1) / PAGE_BYTES};
    struct memory_run log = {INIT_CAP_LOG, 0, LOG_RING_PAGES};
    if (!map_own(&volume, WORLD_VOLUME_AT, MEMORY_READ) || !map_own(&log, WORLD_LOG_AT, MEMORY_READ))
        return false;
    if (!world_take(world, WORLD_BUFFER_PAGES, &world->buffer)) {
        log_print("init: there is no memory");
        return false;
    }
    return map_own(&world->buffer, WORLD_BUFFER_AT, MEMORY_READ | MEMORY_WRITE);
}

bool world_take(struct world *world, uint64_t page_count, struct memory_run *ret_run) {
    for (uint32_t i = 0; i < world->region_count; i++) {
        struct world_region *region = &world->regions[i];
        if (region->page_count - region->taken_pages < page_count)
            continue;
        *ret_run = (struct memory_run){region->memory, region->taken_pages, page_count};
        region->taken_pages += page_count;
        return true;
    }
    return false;
}

bool world_keep(struct world *world, uint64_t page_count) {
    uint64_t kept = 0;
    struct memory_run run;
    for (uint32_t i = 0; i < world->free_count; i++)
        kept += world->free[i].page_count;
    if (kept >= page_count)
        return true;
    if (!world_take(world, page_count - kept, &run))
        return false;
    source_give_back(&world->source, &run);
    return true;
}

cap_t world_derive(const struct memory_run *run, uint64_t rights) {
    cap_t slot = slot_take();
    if (slot == 0)
        return 0;
    if (sys_memory_derive(run->memory, run->offset_pages, run->page_count, slot, rights).status == OK)
        return slot;
    slot_free(slot);
    return 0;
}

/* Extend a pool by the rest of its run; one call takes MAP_PAGES_MAX at most. */
static bool extend_pool(cap_t pool, const struct memory_run *run, uint64_t done) {
    while (done < run->page_count) {
        uint64_t left = run->page_count - done;
        uint64_t count = left < MAP_PAGES_MAX ? left : MAP_PAGES_MAX;
        if (sys_pool_extend(pool, run->memory, run->offset_pages + done, count).status != OK)
            return false;
        done += count;
    }
    return true;
}

cap_t world_make_pool(struct world *world, uint64_t page_count) {
    struct memory_run run;
    if (!world_take(world, page_count, &run))
        return 0;
    cap_t slot = slot_take();
    if (slot == 0)
        return 0;
    uint64_t first_count = page_count < MAP_PAGES_MAX ? page_count : MAP_PAGES_MAX;
    if (sys_pool_create(run.memory, run.offset_pages, first_count, slot).status == OK) {
        if (extend_pool(slot, &run, first_count))
            return slot;
        (void)sys_cap_delete(0, slot); /* can't fail: the slot is init's own */
    }
    slot_free(slot);
    return 0;
}

cap_t world_object(struct world *world, const char *name, enum object_type type) {
    for (uint32_t i = 0; i < world->object_count; i++)
        if (world->objects[i].type == type && strcmp(world->objects[i].name, name) == 0)
            return world->objects[i].cap;
    if (world->object_count == WORLD_OBJECTS_MAX)
        return 0;
    cap_t slot = slot_take();
    if (slot == 0)
        return 0;
    if (sys_object_create(INIT_CAP_POOL, type, 0, slot).status != OK) {
        slot_free(slot);
        return 0;
    }
    struct world_object *object = &world->objects[world->object_count++];
    *object = (struct world_object){.type = type, .cap = slot};
    memcpy(object->name, name, strnlen(name, WORLD_NAME_MAX - 1));
    return slot;
}

uint32_t world_power_off(uint64_t status) {
    return (uint32_t)sys_system_control(INIT_CAP_PORTS, CONTROL_POWER_OFF, status).status;
}

/*
 * Where files of the volume were found. It does not change, so they are there still: a restart need not walk over the
 * whole volume, which took half of its time.
 */
static struct found_file {
    char path[INIT_PATH_MAX];
    struct image_file file;
} found_files[FOUND_FILES];
static uint32_t found_count; /* ever */

static void keep_found(const char *path, const struct image_file *file) {
    struct found_file *place = &found_files[found_count % FOUND_FILES];
    size_t length = strlen(path);
    if (length >= sizeof place->path)
        return;
    memcpy(place->path, path, length + 1);
    place->file = *file;
    found_count++;
}

static const struct image_file *find_again(const char *path) {
    for (uint32_t i = 0; i < FOUND_FILES && i < found_count; i++)
        if (strcmp(found_files[i].path, path) == 0)
            return &found_files[i].file;
    return NULL;
}

static bool find_in_volume(const struct world *world, const char *path, struct image_file *ret_file) {
    struct ustar_entry entry = {0};
    uint64_t offset;
    enum ustar_error error =
        ustar_find((const void *)WORLD_VOLUME_AT, world->info->volume_bytes, path, &entry, &offset);
    if (error == USTAR_END)
        log_print("init: there is no %s on the boot volume", path);
    else if (error != USTAR_OK)
        log_print("init: the volume is damaged: %s, at byte %lu%s%s", ustar_error_text(error), offset,
                  entry.path[0] != '\0' ? ": " : "", entry.path);
    if (error != USTAR_OK)
        return false;
    *ret_file = (struct image_file){INIT_CAP_VOLUME, entry.data_offset, entry.data_bytes};
    keep_found(path, ret_file);
    return true;
}

bool world_find_file(const struct world *world, const char *path, struct image_file *ret_file,
                     const uint8_t **ret_bytes) {
    const struct image_file *known = find_again(path);
    if (known != NULL)
        *ret_file = *known;
    else if (!find_in_volume(world, path, ret_file))
        return false;
    *ret_bytes = (const uint8_t *)WORLD_VOLUME_AT + ret_file->offset_bytes;
    return true;
}
