#include "test/host/fake_objects.h"

#include <sanitizer/asan_interface.h>
#include <string.h>

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "libsys/program/program.h"

_Alignas(4096) uint8_t fake_ram[FAKE_FRAMES][PAGE_BYTES];
_Alignas(4096) uint8_t fake_file[FAKE_FILE_PAGES][PAGE_BYTES];
_Alignas(4096) uint8_t fake_own[FAKE_OWN_PAGES][PAGE_BYTES];

struct program program;
static struct message_page message_page;
struct fake_object fake_objects[OBJECTS_MAX];
uint32_t fake_slots[FAKE_SLOTS];
static uint32_t frame_pool[FAKE_FRAMES]; /* the pool that has it; 0 = none */
static uint32_t frame_maps[FAKE_FRAMES];
static uint32_t calls_left; /* calls until one fails; 0 = none will */
static bool failed;

void fake_fail_at(uint32_t k) {
    calls_left = k;
    failed = false;
}

bool fake_failed(void) { return failed; }

bool fake_fails(void) {
    if (calls_left == 0 || --calls_left > 0)
        return false;
    failed = true;
    return true;
}

static uint32_t new_object(enum object_type type, uint32_t pool) {
    for (uint32_t i = 1; i < OBJECTS_MAX; i++) {
        if (fake_objects[i].type == OBJECT_NONE) {
            memset(&fake_objects[i], 0, sizeof fake_objects[i]);
            fake_objects[i].type = type;
            fake_objects[i].pool = pool;
            return i;
        }
    }
    __builtin_trap(); /* the test makes more than the fake has room for */
}

struct fake_object *fake_find(cap_t slot, enum object_type type) {
    if (slot == 0 || slot >= FAKE_SLOTS || fake_slots[slot] == 0 || fake_objects[fake_slots[slot]].type != type)
        return NULL;
    return &fake_objects[fake_slots[slot]];
}

static void place(uint32_t *slot, uint32_t object) {
    *slot = object;
    fake_objects[object].references++;
}

static void destroy(uint32_t index);

static void clear(uint32_t *slot) {
    uint32_t object = *slot;
    *slot = 0;
    if (object != 0 && --fake_objects[object].references == 0)
        destroy(object);
}

void fake_count_mapping(const struct mapping *mapping, bool more) {
    if (mapping->frame < FAKE_FRAMES)
        frame_maps[mapping->frame] += more ? 1 : UINT32_MAX;
}

/* Remove every capability and binding that names the object. */
static void forget_everywhere(uint32_t index) {
    for (uint32_t i = 0; i < FAKE_SLOTS; i++)
        if (fake_slots[i] == index)
            fake_slots[i] = 0;
    for (uint32_t i = 1; i < OBJECTS_MAX; i++) {
        if (fake_objects[i].space == index)
            fake_objects[i].space = 0;
        for (uint32_t j = 0; j < TABLE_SLOTS; j++)
            if (fake_objects[i].type == OBJECT_TABLE && fake_objects[i].slots[j] == index)
                fake_objects[i].slots[j] = 0;
    }
}

static void destroy(uint32_t index) {
    struct fake_object *object = &fake_objects[index];
    if (object->type == OBJECT_NONE)
        return;
    enum object_type type = object->type;
    object->type = OBJECT_NONE;
    forget_everywhere(index);
    for (uint32_t i = 0; type == OBJECT_SPACE && i < object->mapping_count; i++)
        fake_count_mapping(&object->mappings[i], false);
    for (uint32_t i = 0; type == OBJECT_TABLE && i < TABLE_SLOTS; i++)
        clear(&object->slots[i]);
    if (type != OBJECT_POOL)
        return;
    for (uint32_t i = 1; i < OBJECTS_MAX; i++)
        if (fake_objects[i].type != OBJECT_NONE && fake_objects[i].pool == index)
            destroy(i);
    for (uint64_t i = 0; i < FAKE_FRAMES; i++)
        if (frame_pool[i] == index)
            frame_pool[i] = 0;
}

bool fake_frame_is_pool(uint64_t frame) { return frame_pool[frame] != 0; }

void fake_reset(void) {
    memset(fake_objects, 0, sizeof fake_objects);
    memset(fake_slots, 0, sizeof fake_slots);
    memset(frame_pool, 0, sizeof frame_pool);
    memset(frame_maps, 0, sizeof frame_maps);
    memset(fake_ram, 0xa5, sizeof fake_ram);
    ASAN_POISON_MEMORY_REGION(fake_own, sizeof fake_own);
    fake_fail_at(0);
    static const enum object_type types[] = {
        [FAKE_CAP_RAM] = OBJECT_MEMORY,          [FAKE_CAP_ENDPOINT] = OBJECT_ENDPOINT,
        [FAKE_CAP_EVENTS] = OBJECT_NOTIFICATION, [FAKE_CAP_SPACE] = OBJECT_SPACE,
        [FAKE_CAP_POOL] = OBJECT_POOL,           [FAKE_CAP_FILES] = OBJECT_ENDPOINT,
        [FAKE_CAP_CONSOLE] = OBJECT_ENDPOINT,
    };
    for (uint32_t i = FAKE_CAP_RAM; i <= FAKE_CAP_CONSOLE; i++)
        place(&fake_slots[i], new_object(types[i], 0));
    fake_objects[fake_slots[FAKE_CAP_RAM]].frame_count = FAKE_FRAMES;
    memset(&program, 0, sizeof program);
    program.message = &message_page;
    slots_init(&program.slots, FAKE_CAP_FREE, FAKE_SLOTS);
}

void fake_install_file(cap_t slot) {
    uint32_t file = new_object(OBJECT_MEMORY, 0);
    fake_objects[file].first_frame = FILE_FRAME;
    fake_objects[file].frame_count = FAKE_FILE_PAGES;
    place(&fake_slots[slot], file);
}

uint64_t fake_pool_pages(cap_t pool) { return fake_find(pool, OBJECT_POOL)->pool_frames; }

void fake_sweep(void) {
    for (cap_t slot = FAKE_CAP_FREE; slot < FAKE_SLOTS; slot++)
        if (!slots_is_taken(&program.slots, slot))
            clear(&fake_slots[slot]);
}

void fake_install_reply(cap_t slot) { place(&fake_slots[slot], new_object(OBJECT_REPLY, 0)); }

struct fake_census fake_count(void) {
    const struct fake_object *own = &fake_objects[fake_slots[FAKE_CAP_SPACE]];
    struct fake_census census = {.own_mappings = own->mapping_count};
    for (uint32_t i = 0; i < FAKE_SLOTS; i++)
        census.caps += fake_slots[i] != 0 ? 1 : 0;
    for (uint32_t i = 1; i < OBJECTS_MAX; i++) {
        census.objects += fake_objects[i].type != OBJECT_NONE ? 1 : 0;
        for (uint32_t j = 0; j < TABLE_SLOTS; j++)
            census.other_caps += fake_objects[i].type == OBJECT_TABLE && fake_objects[i].slots[j] != 0 ? 1 : 0;
        for (uint32_t j = 0;
             fake_objects[i].type == OBJECT_SPACE && &fake_objects[i] != own && j < fake_objects[i].mapping_count; j++)
            census.mapped_frames += fake_objects[i].mappings[j].frame < FAKE_FRAMES ? 1 : 0;
    }
    for (uint32_t i = 0; i < FAKE_FRAMES; i++)
        census.pool_frames += frame_pool[i] != 0 ? 1 : 0;
    return census;
}

/* The slots that the program may use; they fail like a call, since a table can be full. */
cap_t slot_take(void) { return fake_fails() ? 0 : slots_take(&program.slots); }

void slot_free(cap_t slot) {
    if (slot < FAKE_SLOTS && fake_slots[slot] != 0)
        __builtin_trap(); /* the slot was given back with a capability in it */
    slots_free(&program.slots, slot);
}

/* A slot of a table (0 = the program's own); NULL: there is no such slot. */
uint32_t *fake_slot_of(cap_t table, cap_t slot) {
    if (table == 0)
        return slot > 0 && slot < FAKE_SLOTS ? &fake_slots[slot] : NULL;
    struct fake_object *object = fake_find(table, OBJECT_TABLE);
    return object != NULL && slot > 0 && slot < TABLE_SLOTS ? &object->slots[slot] : NULL;
}

struct result sys_cap_copy(cap_t table, cap_t slot, cap_t source, uint64_t rights, uint64_t badge) {
    (void)rights;
    (void)badge;
    uint32_t *from = fake_slot_of(source >> 32, (uint32_t)source);
    uint32_t *to = fake_slot_of(table, slot);
    if (fake_fails())
        return status(E_LIMIT);
    if (from == NULL || to == NULL || *from == 0)
        return status(E_CAP);
    if (*to != 0)
        return status(E_EXISTS);
    place(to, *from);
    return status(OK);
}

struct result sys_cap_move(cap_t table, cap_t slot, cap_t source) {
    uint32_t *from = fake_slot_of(0, source), *to = fake_slot_of(table, slot);
    if (from == NULL || to == NULL || *from == 0)
        return status(E_CAP);
    if (*to != 0)
        return status(E_EXISTS);
    *to = *from;
    *from = 0;
    return status(OK);
}

/* Capabilities in tables count as derived from those in the program's own slots. */
struct result sys_cap_query(cap_t slot) {
    const uint32_t *cap = fake_slot_of(0, slot);
    if (cap == NULL || *cap == 0)
        return status(E_CAP);
    uint64_t derived = 0;
    for (uint32_t i = 1; i < OBJECTS_MAX; i++)
        for (uint32_t j = 0; fake_objects[i].type == OBJECT_TABLE && j < TABLE_SLOTS; j++)
            derived = fake_objects[i].slots[j] == *cap ? QUERY_DERIVED : derived;
    return (struct result){OK, fake_objects[*cap].type | derived};
}

uint64_t fake_seen_changes;

/* Count a change of a table that a running thread uses. */
static void note_seen(cap_t table) {
    for (uint32_t i = 1; i < OBJECTS_MAX; i++) {
        const struct fake_object *thread = &fake_objects[i];
        bool runs = thread->type == OBJECT_THREAD && thread->space != 0 && !thread->suspended;
        fake_seen_changes += runs && table != 0 && thread->config.table == table ? 1 : 0;
    }
}

struct result sys_cap_delete(cap_t table, cap_t slot) {
    uint32_t *victim = fake_slot_of(table, slot);
    note_seen(table);
    if (victim != NULL)
        clear(victim);
    return status(victim == NULL && slot != 0 ? E_CAP : OK);
}

/* Bytes of a Memory; NULL: out of range, or kernel memory. */
uint8_t *fake_bytes(cap_t memory, uint64_t offset, uint64_t length) {
    struct fake_object *object = fake_find(memory, OBJECT_MEMORY);
    if (object == NULL || length == 0 || length > BYTES_MAX || offset + length > object->frame_count * PAGE_BYTES)
        return NULL;
    if (object->first_frame == FILE_FRAME)
        return &fake_file[0][0] + offset;
    for (uint64_t frame = offset / PAGE_BYTES; frame <= (offset + length - 1) / PAGE_BYTES; frame++)
        if (frame_pool[frame] != 0)
            return NULL;
    return &fake_ram[0][0] + offset;
}

struct result sys_memory_fill(cap_t memory, uint64_t offset, uint64_t length, uint64_t pattern) {
    uint8_t *to = fake_bytes(memory, offset, length);
    if (fake_fails())
        return status(E_CAP);
    if (to == NULL || offset % 8 != 0 || length % 8 != 0)
        return status(E_ARG);
    for (uint64_t i = 0; i < length; i += 8)
        memcpy(to + i, &pattern, 8);
    return status(OK);
}

struct result sys_memory_copy(cap_t to, uint64_t to_offset, cap_t from, uint64_t from_offset, uint64_t length) {
    uint8_t *target = fake_bytes(to, to_offset, length);
    const uint8_t *source = fake_bytes(from, from_offset, length);
    if (fake_fails())
        return status(E_CAP);
    if (target == NULL || source == NULL || (target < source + length && source < target + length))
        return status(E_ARG);
    memcpy(target, source, length);
    return status(OK);
}

/* May these frames become a pool's? */
static struct result check_pool_frames(cap_t memory, uint64_t offset_pages, uint64_t page_count) {
    struct fake_object *object = fake_find(memory, OBJECT_MEMORY);
    if (object == NULL || page_count == 0 || page_count > MAP_PAGES_MAX || object->first_frame == FILE_FRAME ||
        offset_pages + page_count > object->frame_count)
        return status(E_ARG);
    for (uint64_t i = 0; i < page_count; i++)
        if (frame_pool[offset_pages + i] != 0 || frame_maps[offset_pages + i] != 0)
            return status(E_BUSY);
    return status(OK);
}

static void add_pool_frames(uint32_t pool, uint64_t offset_pages, uint64_t page_count) {
    fake_objects[pool].pool_frames += page_count;
    for (uint64_t i = 0; i < page_count; i++)
        frame_pool[offset_pages + i] = pool;
}

struct result sys_pool_create(cap_t memory, uint64_t offset_pages, uint64_t page_count, cap_t slot) {
    if (fake_fails())
        return status(E_BUSY);
    struct result checked = check_pool_frames(memory, offset_pages, page_count);
    if (checked.status != OK)
        return checked;
    if (fake_slots[slot] != 0)
        return status(E_EXISTS);
    uint32_t pool = new_object(OBJECT_POOL, 0);
    fake_objects[pool].used_frames = 1;
    add_pool_frames(pool, offset_pages, page_count);
    place(&fake_slots[slot], pool);
    return status(OK);
}

struct result sys_pool_extend(cap_t pool, cap_t memory, uint64_t offset_pages, uint64_t page_count) {
    struct fake_object *object = fake_find(pool, OBJECT_POOL);
    if (fake_fails())
        return status(E_LIMIT);
    if (object == NULL)
        return status(E_CAP);
    struct result checked = check_pool_frames(memory, offset_pages, page_count);
    if (checked.status == OK)
        add_pool_frames(fake_index(object), offset_pages, page_count);
    return checked;
}

struct result sys_object_create(cap_t pool, uint64_t type, uint64_t argument, cap_t slot) {
    static const uint8_t frames[] = {[OBJECT_SPACE] = 2, [OBJECT_THREAD] = 1, [OBJECT_TABLE] = 2};
    struct fake_object *from = fake_find(pool, OBJECT_POOL);
    if (fake_fails())
        return status(E_LIMIT); /* not E_MEMORY, which has a remedy that the tests of growing pools cover */
    if (from == NULL || type < OBJECT_SPACE || type > OBJECT_TABLE || argument > TABLE_SLOTS)
        return status(E_ARG);
    if (fake_slots[slot] != 0)
        return status(E_EXISTS);
    if (from->used_frames + frames[type] > from->pool_frames)
        return status(E_MEMORY);
    from->used_frames += frames[type];
    place(&fake_slots[slot], new_object((enum object_type)type, fake_index(from)));
    return status(OK);
}
