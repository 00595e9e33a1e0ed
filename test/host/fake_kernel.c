#include "test/host/fake_kernel.h"

#include <string.h>

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "libsys/program.h"

#define OBJECTS_MAX 2048U
#define TABLE_SLOTS 256U
#define MAPPINGS_MAX 256U
#define FILE_FRAME 0x100000U /* "frame numbers" of the file begin here */

struct mapping {
    uaddr_t at;
    uint64_t page_count;
    uint64_t frame;
    uint64_t rights;
};

struct object {
    enum object_type type;
    uint32_t pool; /* index of the pool it lives in; 0 = none */
    uint32_t references;
    uint64_t first_frame, frame_count;     /* pool, memory */
    uint64_t used_frames;                  /* pool: by what was made from it */
    struct mapping mappings[MAPPINGS_MAX]; /* space */
    uint32_t mapping_count;
    uint32_t table_pages;        /* space: lower tables it needs so far */
    uint32_t slots[TABLE_SLOTS]; /* table: object, 0 = empty */
    struct thread_config config; /* thread */
    struct thread_registers entry;
    uint32_t space; /* thread: where it runs; 0 = nowhere */
};

_Alignas(4096) uint8_t fake_ram[FAKE_FRAMES][PAGE_BYTES];
_Alignas(4096) uint8_t fake_file[FAKE_FILE_PAGES][PAGE_BYTES];

struct program program;
static struct message_page message_page;
static struct object objects[OBJECTS_MAX]; /* 0 is not used */
static uint32_t slots[FAKE_SLOTS];         /* object, 0 = empty */
static bool frame_in_pool[FAKE_FRAMES];
static uint32_t frame_maps[FAKE_FRAMES];
static uint32_t own_mappings;
static uint32_t calls_left; /* until one fails; 0 = none will */
static bool failed;

static struct result status(enum status value) { return (struct result){value, 0}; }

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
        if (objects[i].type == OBJECT_NONE) {
            memset(&objects[i], 0, sizeof objects[i]);
            objects[i].type = type;
            objects[i].pool = pool;
            return i;
        }
    }
    __builtin_trap(); /* the test makes more than it needs */
}

static struct object *find(cap_t slot, enum object_type type) {
    if (slot == 0 || slot >= FAKE_SLOTS || slots[slot] == 0 || objects[slots[slot]].type != type)
        return NULL;
    return &objects[slots[slot]];
}

static uint32_t index_of(const struct object *object) { return (uint32_t)(object - objects); }

static void place(uint32_t *slot, uint32_t object) {
    *slot = object;
    objects[object].references++;
}

static void destroy(uint32_t index);

static void clear(uint32_t *slot) {
    uint32_t object = *slot;
    *slot = 0;
    if (object != 0 && --objects[object].references == 0)
        destroy(object);
}

static void count_mapping(const struct mapping *mapping, bool more) {
    for (uint64_t i = 0; i < mapping->page_count && mapping->frame < FAKE_FRAMES; i++)
        frame_maps[mapping->frame + i] += more ? 1 : UINT32_MAX;
}

/* Everything that names the object goes with it. */
static void forget_everywhere(uint32_t index) {
    for (uint32_t i = 0; i < FAKE_SLOTS; i++)
        if (slots[i] == index)
            slots[i] = 0;
    for (uint32_t i = 1; i < OBJECTS_MAX; i++) {
        if (objects[i].space == index)
            objects[i].space = 0;
        for (uint32_t j = 0; j < TABLE_SLOTS; j++)
            if (objects[i].type == OBJECT_TABLE && objects[i].slots[j] == index)
                objects[i].slots[j] = 0;
    }
}

static void destroy(uint32_t index) {
    struct object *object = &objects[index];
    if (object->type == OBJECT_NONE)
        return;
    enum object_type type = object->type;
    object->type = OBJECT_NONE;
    forget_everywhere(index);
    for (uint32_t i = 0; type == OBJECT_SPACE && i < object->mapping_count; i++)
        count_mapping(&object->mappings[i], false);
    for (uint32_t i = 0; type == OBJECT_TABLE && i < TABLE_SLOTS; i++)
        clear(&object->slots[i]);
    if (type != OBJECT_POOL)
        return;
    for (uint32_t i = 1; i < OBJECTS_MAX; i++)
        if (objects[i].type != OBJECT_NONE && objects[i].pool == index)
            destroy(i);
    for (uint64_t i = 0; i < object->frame_count; i++)
        frame_in_pool[object->first_frame + i] = false;
}

void fake_reset(void) {
    memset(objects, 0, sizeof objects);
    memset(slots, 0, sizeof slots);
    memset(frame_in_pool, 0, sizeof frame_in_pool);
    memset(frame_maps, 0, sizeof frame_maps);
    memset(fake_ram, 0xa5, sizeof fake_ram);
    own_mappings = 0;
    fake_fail_at(0);
    static const enum object_type types[] = {
        [FAKE_CAP_RAM] = OBJECT_MEMORY,          [FAKE_CAP_ENDPOINT] = OBJECT_ENDPOINT,
        [FAKE_CAP_EVENTS] = OBJECT_NOTIFICATION, [FAKE_CAP_SPACE] = OBJECT_SPACE,
        [FAKE_CAP_POOL] = OBJECT_POOL,           [FAKE_CAP_FILES] = OBJECT_ENDPOINT,
        [FAKE_CAP_CONSOLE] = OBJECT_ENDPOINT,
    };
    for (uint32_t i = FAKE_CAP_RAM; i <= FAKE_CAP_CONSOLE; i++)
        place(&slots[i], new_object(types[i], 0));
    objects[slots[FAKE_CAP_RAM]].frame_count = FAKE_FRAMES;
    memset(&program, 0, sizeof program);
    program.message = &message_page;
    slots_init(&program.slots, FAKE_CAP_FREE, FAKE_SLOTS);
}

void fake_install_file(cap_t slot) {
    uint32_t file = new_object(OBJECT_MEMORY, 0);
    objects[file].first_frame = FILE_FRAME;
    objects[file].frame_count = FAKE_FILE_PAGES;
    place(&slots[slot], file);
}

struct fake_census fake_count(void) {
    struct fake_census census = {.own_mappings = own_mappings};
    for (uint32_t i = 0; i < FAKE_SLOTS; i++)
        census.caps += slots[i] != 0 ? 1 : 0;
    for (uint32_t i = 1; i < OBJECTS_MAX; i++) {
        census.objects += objects[i].type != OBJECT_NONE ? 1 : 0;
        for (uint32_t j = 0; j < TABLE_SLOTS; j++)
            census.other_caps += objects[i].type == OBJECT_TABLE && objects[i].slots[j] != 0 ? 1 : 0;
    }
    for (uint32_t i = 0; i < FAKE_FRAMES; i++) {
        census.mapped_frames += frame_maps[i];
        census.pool_frames += frame_in_pool[i] ? 1 : 0;
    }
    return census;
}

/* The slots that the program may use; they fail like a call, since a table can be full. */
cap_t slot_take(void) { return fake_fails() ? 0 : slots_take(&program.slots); }

void slot_free(cap_t slot) {
    if (slot < FAKE_SLOTS && slots[slot] != 0)
        __builtin_trap(); /* given back with a capability in it */
    slots_free(&program.slots, slot);
}

/* A slot of a table (0 = the program's own); NULL: there is no such slot. */
static uint32_t *slot_of(cap_t table, cap_t slot) {
    if (table == 0)
        return slot > 0 && slot < FAKE_SLOTS ? &slots[slot] : NULL;
    struct object *object = find(table, OBJECT_TABLE);
    return object != NULL && slot > 0 && slot < TABLE_SLOTS ? &object->slots[slot] : NULL;
}

struct result sys_cap_copy(cap_t table, cap_t slot, cap_t source, uint64_t rights, uint64_t badge) {
    (void)rights;
    (void)badge;
    uint32_t *from = slot_of(0, source);
    uint32_t *to = slot_of(table, slot);
    if (fake_fails())
        return status(E_LIMIT);
    if (from == NULL || to == NULL || *from == 0)
        return status(E_CAP);
    if (*to != 0)
        return status(E_EXISTS);
    place(to, *from);
    return status(OK);
}

struct result sys_cap_delete(cap_t table, cap_t slot) {
    uint32_t *victim = slot_of(table, slot);
    if (victim != NULL)
        clear(victim);
    return status(victim == NULL && slot != 0 ? E_CAP : OK);
}

/* Bytes of a Memory; NULL: out of range, or kernel memory. */
static uint8_t *bytes_of(cap_t memory, uint64_t offset, uint64_t length) {
    struct object *object = find(memory, OBJECT_MEMORY);
    if (object == NULL || length == 0 || length > BYTES_MAX || offset + length > object->frame_count * PAGE_BYTES)
        return NULL;
    if (object->first_frame == FILE_FRAME)
        return &fake_file[0][0] + offset;
    for (uint64_t frame = offset / PAGE_BYTES; frame <= (offset + length - 1) / PAGE_BYTES; frame++)
        if (frame_in_pool[frame])
            return NULL;
    return &fake_ram[0][0] + offset;
}

struct result sys_memory_fill(cap_t memory, uint64_t offset, uint64_t length, uint64_t pattern) {
    uint8_t *to = bytes_of(memory, offset, length);
    if (fake_fails())
        return status(E_CAP);
    if (to == NULL || offset % 8 != 0 || length % 8 != 0)
        return status(E_ARG);
    for (uint64_t i = 0; i < length; i += 8)
        memcpy(to + i, &pattern, 8);
    return status(OK);
}

struct result sys_memory_copy(cap_t to, uint64_t to_offset, cap_t from, uint64_t from_offset, uint64_t length) {
    uint8_t *target = bytes_of(to, to_offset, length);
    const uint8_t *source = bytes_of(from, from_offset, length);
    if (fake_fails())
        return status(E_CAP);
    if (target == NULL || source == NULL || (target < source + length && source < target + length))
        return status(E_ARG);
    memcpy(target, source, length);
    return status(OK);
}

struct result sys_pool_create(cap_t memory, uint64_t offset_pages, uint64_t page_count, cap_t slot) {
    if (fake_fails())
        return status(E_BUSY);
    struct object *object = find(memory, OBJECT_MEMORY);
    if (object == NULL || page_count == 0 || offset_pages + page_count > object->frame_count)
        return status(E_ARG);
    for (uint64_t i = 0; i < page_count; i++)
        if (frame_in_pool[offset_pages + i] || frame_maps[offset_pages + i] != 0)
            return status(E_BUSY);
    if (slots[slot] != 0)
        return status(E_EXISTS);
    uint32_t pool = new_object(OBJECT_POOL, 0);
    objects[pool].first_frame = offset_pages;
    objects[pool].frame_count = page_count;
    objects[pool].used_frames = 1;
    for (uint64_t i = 0; i < page_count; i++)
        frame_in_pool[offset_pages + i] = true;
    place(&slots[slot], pool);
    return status(OK);
}

struct result sys_object_create(cap_t pool, uint64_t type, uint64_t argument, cap_t slot) {
    static const uint8_t frames[] = {[OBJECT_SPACE] = 2, [OBJECT_THREAD] = 1, [OBJECT_TABLE] = 2};
    struct object *from = find(pool, OBJECT_POOL);
    if (fake_fails())
        return status(E_MEMORY);
    if (from == NULL || type < OBJECT_SPACE || type > OBJECT_TABLE || argument > TABLE_SLOTS)
        return status(E_ARG);
    if (slots[slot] != 0)
        return status(E_EXISTS);
    if (from->used_frames + frames[type] > from->frame_count)
        return status(E_MEMORY);
    from->used_frames += frames[type];
    place(&slots[slot], new_object((enum object_type)type, index_of(from)));
    return status(OK);
}

static bool overlaps(const struct mapping *a, uaddr_t at, uint64_t page_count) {
    return a->at < at + page_count * PAGE_BYTES && at < a->at + a->page_count * PAGE_BYTES;
}

/* Lower tables that all mappings of a space need. */
static uint32_t tables_needed(const struct object *space) {
    static const uint32_t shifts[] = {21, 30, 39};
    uint64_t seen[3][64];
    uint32_t counts[3] = {0};
    for (uint32_t level = 0; level < 3; level++) {
        for (uint32_t i = 0; i < space->mapping_count; i++) {
            const struct mapping *mapping = &space->mappings[i];
            uint64_t last = (mapping->at + mapping->page_count * PAGE_BYTES - 1) >> shifts[level];
            for (uint64_t area = mapping->at >> shifts[level]; area <= last; area++) {
                uint32_t known = 0;
                while (known < counts[level] && seen[level][known] != area)
                    known++;
                if (known == counts[level])
                    seen[level][counts[level]++] = area;
            }
        }
    }
    return counts[0] + counts[1] + counts[2];
}

struct result sys_space_map(cap_t space, cap_t memory, uint64_t offset, uint64_t count, uaddr_t at, uint64_t flags) {
    struct object *from = find(memory, OBJECT_MEMORY);
    struct object *to = find(space, OBJECT_SPACE);
    if (fake_fails())
        return status(E_MEMORY);
    if (from == NULL || to == NULL || count == 0 || count > MAP_PAGES_MAX || offset + count > from->frame_count ||
        at % PAGE_BYTES != 0 || (flags & MEMORY_READ) == 0 ||
        (flags & (MEMORY_WRITE | MEMORY_EXECUTE)) == (MEMORY_WRITE | MEMORY_EXECUTE))
        return status(E_ARG);
    if (space == FAKE_CAP_SPACE) {
        own_mappings += (uint32_t)count;
        return status(OK);
    }
    struct mapping mapping = {at, count, from->first_frame + offset, flags};
    for (uint64_t i = 0; i < count && mapping.frame < FAKE_FRAMES; i++)
        if (frame_in_pool[mapping.frame + i])
            return status(E_BUSY);
    for (uint32_t i = 0; i < to->mapping_count; i++)
        if (overlaps(&to->mappings[i], at, count))
            return status(E_EXISTS);
    to->mappings[to->mapping_count++] = mapping;
    struct object *pool = &objects[to->pool];
    uint32_t tables = tables_needed(to);
    if (pool->used_frames + tables - to->table_pages > pool->frame_count) {
        to->mapping_count--;
        return status(E_MEMORY);
    }
    pool->used_frames += tables - to->table_pages;
    to->table_pages = tables;
    count_mapping(&mapping, true);
    return status(OK);
}

struct result sys_space_unmap(cap_t space, uaddr_t at, uint64_t page_count) {
    (void)at;
    if (space != FAKE_CAP_SPACE)
        return status(E_ARG);
    own_mappings -= own_mappings < page_count ? own_mappings : (uint32_t)page_count;
    return status(OK);
}

struct result sys_thread_configure(cap_t thread, uint64_t fields) {
    struct object *object = find(thread, OBJECT_THREAD);
    struct thread_config config;
    memcpy(&config, message_page.data, sizeof config);
    if (fake_fails())
        return status(E_RIGHTS);
    if (object == NULL || (fields & THREAD_TABLE) == 0 || find(config.table, OBJECT_TABLE) == NULL ||
        find(config.fault_endpoint, OBJECT_ENDPOINT) == NULL || find(config.message_memory, OBJECT_MEMORY) == NULL)
        return status(E_CAP);
    object->config = config;
    return status(OK);
}

/* The mapping at an address of a space; NULL: none. */
static const struct mapping *mapping_at(const struct object *space, uaddr_t at) {
    for (uint32_t i = 0; i < space->mapping_count; i++)
        if (overlaps(&space->mappings[i], at, 1) && at >= space->mappings[i].at)
            return &space->mappings[i];
    return NULL;
}

struct result sys_thread_handover(cap_t thread, cap_t space, uint64_t flags) {
    struct object *target = find(thread, OBJECT_THREAD);
    struct object *root = find(space, OBJECT_SPACE);
    struct thread_registers entry;
    memcpy(&entry, message_page.data, sizeof entry);
    if (fake_fails()) {
        struct audit_failure failure = {.check = AUDIT_STACK};
        memcpy(message_page.data, &failure, sizeof failure);
        return (struct result){E_AUDIT, AUDIT_STACK};
    }
    if (target == NULL || root == NULL)
        return status(E_CAP);
    const struct mapping *code = mapping_at(root, entry.rip & ~(PAGE_BYTES - 1));
    const struct mapping *stack = mapping_at(root, (entry.rsp - 8) & ~(PAGE_BYTES - 1));
    if (code == NULL || stack == NULL || (code->rights & MEMORY_EXECUTE) == 0 || (stack->rights & MEMORY_WRITE) == 0 ||
        target->config.table == 0)
        return status(E_AUDIT);
    if ((flags & HANDOVER_CHECK_ONLY) != 0)
        return status(OK);
    target->space = index_of(root);
    target->entry = entry;
    return status(OK);
}

bool fake_thread_runs(cap_t thread, struct thread_registers *ret_entry) {
    const struct object *object = find(thread, OBJECT_THREAD);
    if (object == NULL || object->space == 0)
        return false;
    *ret_entry = object->entry;
    return true;
}

bool fake_read(cap_t thread, uaddr_t at, void *to, uint64_t length_bytes) {
    const struct object *object = find(thread, OBJECT_THREAD);
    uint8_t *out = to;
    for (uint64_t i = 0; i < length_bytes; i++) {
        uaddr_t page = (at + i) & ~(PAGE_BYTES - 1);
        const struct mapping *mapping = object == NULL ? NULL : mapping_at(&objects[object->space], page);
        if (mapping == NULL)
            return false;
        uint64_t frame = mapping->frame + (page - mapping->at) / PAGE_BYTES;
        out[i] = frame >= FILE_FRAME ? fake_file[frame - FILE_FRAME][(at + i) % PAGE_BYTES]
                                     : fake_ram[frame][(at + i) % PAGE_BYTES];
    }
    return true;
}

bool fake_table_has(cap_t table, cap_t slot) {
    const uint32_t *found = slot_of(table, slot);
    return found != NULL && *found != 0;
}

struct thread_config fake_thread_config(cap_t thread) {
    const struct object *object = find(thread, OBJECT_THREAD);
    return object == NULL ? (struct thread_config){0} : object->config;
}
