/*
 * Memory, pools, spaces, objects: docs/abi/memory_*.md, pool_*.md, object_create.md, space_*.md.
 */
#include "kernel/memory/space.h" /* for the sizes of objects in pieces, which no page promises */
#include "kernel/run/table.h"
#include "test/host/kernel/model/model.h"

#define MAP_RIGHTS (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)
#define ENDPOINT_BYTES 128U
#define NOTIFICATION_BYTES 256U

static uint64_t first_of(uint32_t place) { return model.caps[place].data & 0xffffffff; }
static uint64_t count_of(uint32_t place) { return model.caps[place].data >> 32; }
static bool within(uint64_t offset, uint64_t count, uint64_t limit) {
    return offset <= limit && count <= limit - offset;
}

uint64_t model_memory_derive(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t place, to;
    uint64_t status = model_find(self, a[0], OBJECT_MEMORY, 0, &place);
    if (status == OK)
        status = model_find_empty(self, a[3], &to);
    if (status == OK && (a[2] == 0 || !within(a[1], a[2], count_of(place))))
        status = E_ARG;
    if (status == OK)
        model_derive(to, place, a[4], RANGE(first_of(place) + a[1], a[2]));
    return status;
}

/* Find a range of bytes in a Memory, as a physical address. */
static uint64_t find_bytes(uint32_t self, uint64_t slot, uint64_t rights, uint64_t offset, uint64_t length,
                           uint64_t *ret_physical) {
    uint32_t place;
    uint64_t status = model_find(self, slot, OBJECT_MEMORY, rights, &place);
    if (status != OK)
        return status;
    if (length == 0 || length > BYTES_MAX || !within(offset, length, count_of(place) * PAGE_BYTES))
        return E_ARG;
    *ret_physical = first_of(place) * PAGE_BYTES + offset;
    uint64_t end = *ret_physical + length;
    for (uint64_t frame = *ret_physical / PAGE_BYTES; frame * PAGE_BYTES < end; frame++) {
        if (model_frame_holders(frame) == MODEL_NONE)
            return E_BUSY;
    }
    return OK;
}

/* The modelled word at a physical address, a multiple of 8; NULL: not modelled. */
static uint64_t *word_at(uint64_t physical) {
    uint64_t frame = physical / PAGE_BYTES - model.first_frame, word = physical % PAGE_BYTES / 8;
    return word < MODEL_WORDS ? &model.frames[frame].words[word] : 0;
}

uint64_t model_memory_fill(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint64_t physical;
    if (a[1] % 8 != 0 || a[2] % 8 != 0)
        return E_ARG;
    uint64_t status = find_bytes(self, a[0], MEMORY_WRITE, a[1], a[2], &physical);
    for (uint64_t at = 0; status == OK && at < a[2]; at += 8) {
        uint64_t *word = word_at(physical + at);
        if (word != 0)
            *word = a[3];
    }
    return status;
}

/* The driver copies whole words only, and between places at the same offset of a frame. */
uint64_t model_memory_copy(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint64_t to, from;
    uint64_t status = find_bytes(self, a[0], MEMORY_WRITE, a[1], a[4], &to);
    if (status == OK)
        status = find_bytes(self, a[2], MEMORY_READ, a[3], a[4], &from);
    if (status == OK && to < from + a[4] && from < to + a[4])
        status = E_ARG;
    for (uint64_t at = 0; status == OK && at < a[4]; at += 8) {
        uint64_t *word = word_at(to + at);
        if (word != 0)
            *word = *word_at(from + at);
    }
    return status;
}

uint64_t model_frame_holders(uint64_t frame) {
    uint64_t i = frame - model.first_frame;
    if (i >= MODEL_FRAMES)
        return 0;
    return model.frames[i].pool != 0 ? MODEL_NONE : model.frames[i].count;
}

static uint64_t find_pool_frames(uint32_t self, uint64_t memory, uint64_t offset, uint64_t count, uint64_t *ret_first,
                                 uint64_t *ret_value) {
    uint32_t place;
    uint64_t status = model_find(self, memory, OBJECT_MEMORY, MEMORY_POOL, &place);
    if (status != OK)
        return status;
    if (count == 0 || count > MAP_PAGES_MAX || !within(offset, count, count_of(place)))
        return E_ARG;
    *ret_first = first_of(place) + offset;
    for (uint64_t frame = *ret_first; frame < *ret_first + count; frame++) {
        uint64_t holders = model_frame_holders(frame);
        if (holders != 0) {
            *ret_value = holders == MODEL_NONE ? 0 : holders;
            return E_BUSY;
        }
    }
    return OK;
}

static void give_frames(uint32_t pool, uint64_t first, uint64_t count) {
    for (uint64_t i = first - model.first_frame; i < first - model.first_frame + count; i++)
        model.frames[i].pool = pool;
    model.objects[pool].pool.frame_count += count;
}

uint64_t model_pool_create(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t to;
    uint64_t first, status = model_find_empty(self, a[3], &to);
    if (status == OK)
        status = find_pool_frames(self, a[0], a[1], a[2], &first, ret_value);
    if (status != OK)
        return status;
    model.created = model_add_object(OBJECT_POOL, 0);
    give_frames(model.created, first, a[2]);
    model.objects[model.created].pool.part_count = 1;
    model_set_first(to, model.created, RIGHTS_ALL, 0);
    return OK;
}

/* The kernel says that `pool` lacks frames. It may, unless `frames` single ones must be free. */
static bool lacks(uint32_t pool, uint64_t frames, bool contiguous) {
    if (model.memory_failed && !contiguous && model_pool_free_at_least(pool) >= frames)
        model.objection = "no memory, but the pool has some";
    return model.memory_failed;
}

uint64_t model_pool_extend(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t place;
    uint64_t first, status = model_find(self, a[0], OBJECT_POOL, POOL_EXTEND, &place);
    if (status == OK)
        status = find_pool_frames(self, a[1], a[2], a[3], &first, ret_value);
    if (status == OK && model.objects[model.caps[place].object].pool.part_count == POOL_CHUNKS_MAX)
        status = E_LIMIT;
    if (status != OK)
        return status;
    give_frames(model.caps[place].object, first, a[3]);
    model.objects[model.caps[place].object].pool.part_count++;
    return OK;
}

uint64_t model_object_create(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t place, to;
    uint64_t status = model_find(self, a[0], OBJECT_POOL, POOL_ALLOCATE, &place);
    bool is_table = a[1] == OBJECT_TABLE;
    bool is_other =
        a[1] == OBJECT_SPACE || a[1] == OBJECT_THREAD || a[1] == OBJECT_ENDPOINT || a[1] == OBJECT_NOTIFICATION;
    bool is_size = a[2] >= TABLE_SLOTS_MIN && a[2] <= TABLE_SLOTS_MAX && (a[2] & (a[2] - 1)) == 0;
    if (status == OK && !(is_table && is_size) && !(is_other && a[2] == 0))
        status = E_ARG;
    if (status == OK)
        status = model_find_empty(self, a[3], &to);
    if (status == OK && lacks(model.caps[place].object, a[1] == OBJECT_SPACE || is_table ? 2 : 1, a[2] > 128))
        status = E_MEMORY;
    if (status != OK)
        return status;
    model.created = model_add_object((enum object_type)a[1], model.caps[place].object);
    if (is_table)
        model.objects[model.created].table.slot_count = a[2];
    model_set_first(to, model.created, RIGHTS_ALL, 0);
    return OK;
}

static struct model_page *page_at(struct model_object *space, uint64_t page) {
    for (uint32_t i = 0; i < space->space.page_count; i++) {
        if (space->space.pages[i].page == page)
            return &space->space.pages[i];
    }
    return 0;
}

static bool run_is_valid(uint64_t at, uint64_t count) {
    return at % PAGE_BYTES == 0 && count > 0 && count <= MAP_PAGES_MAX && at >= USER_LOWEST && at < USER_LIMIT &&
           count * PAGE_BYTES <= USER_LIMIT - at;
}

static bool rights_are_valid(uint64_t rights) {
    return (rights & ~(uint64_t)MAP_RIGHTS) == 0 && (rights & MEMORY_READ) != 0 &&
           (rights & (MEMORY_WRITE | MEMORY_EXECUTE)) != (MEMORY_WRITE | MEMORY_EXECUTE);
}

/* Page tables of a space at one level: the number of different page >> shift. */
static uint64_t tables_at(const struct model_object *space, uint32_t shift) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < space->space.page_count; i++) {
        bool seen = false;
        for (uint32_t j = 0; j < i && !seen; j++)
            seen = space->space.pages[j].page >> shift == space->space.pages[i].page >> shift;
        count += !seen;
    }
    return count;
}

static uint64_t tables_of(const struct model_object *space) {
    return tables_at(space, 9) + tables_at(space, 18) + tables_at(space, 27);
}

static uint64_t check_map(uint32_t self, const uint64_t *a, uint32_t *ret_space, uint32_t *ret_memory) {
    uint64_t status = model_find(self, a[0], OBJECT_SPACE, SPACE_MAP, ret_space);
    if (status == OK && !rights_are_valid(a[5] & ~(uint64_t)(MAP_UNCACHED | MAP_WRITE_COMBINING)))
        status = E_ARG;
    if (status == OK)
        status = model_find(self, a[1], OBJECT_MEMORY, a[5] & MAP_RIGHTS, ret_memory);
    if (status == OK && (!within(a[2], a[3], count_of(*ret_memory)) || a[3] > MAP_PAGES_MAX))
        status = E_ARG;
    if (status == OK && (a[5] & (MAP_UNCACHED | MAP_WRITE_COMBINING)) != 0)
        status = E_ARG;
    for (uint64_t i = 0; status == OK && i < a[3]; i++) {
        if (model_frame_holders(first_of(*ret_memory) + a[2] + i) == MODEL_NONE)
            status = E_BUSY;
    }
    return status == OK && !run_is_valid(a[4], a[3]) ? E_ARG : status;
}

uint64_t model_space_map(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t place, memory;
    uint64_t status = check_map(self, a, &place, &memory);
    if (status != OK)
        return status;
    struct model_object *space = &model.objects[model.caps[place].object];
    for (uint64_t i = 0; i < a[3]; i++) {
        if (page_at(space, a[4] / PAGE_BYTES + i) != 0) {
            *ret_value = a[4] + i * PAGE_BYTES;
            return E_EXISTS;
        }
    }
    uint32_t before = space->space.page_count;
    uint64_t tables = tables_of(space), free = model_pool_free_at_least(space->payer);
    for (uint64_t i = 0; i < a[3] && before + i < MODEL_PAGES; i++) {
        uint64_t frame = first_of(memory) + a[2] + i - model.first_frame;
        space->space.pages[space->space.page_count++] =
            (struct model_page){.page = a[4] / PAGE_BYTES + i,
                                .frame = (uint32_t)frame,
                                .rights = (uint32_t)a[5] & MAP_RIGHTS,
                                .limit = model.caps[memory].rights & MAP_RIGHTS};
        model.frames[frame].count++;
    }
    if (!model.memory_failed)
        return OK;
    if (tables_of(space) - tables <= free)
        model.objection = "no memory, but the pool has enough for the tables";
    while (space->space.page_count > before)
        model.frames[space->space.pages[--space->space.page_count].frame].count--;
    return E_MEMORY;
}

uint64_t model_space_unmap(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t place;
    uint64_t status = model_find(self, a[0], OBJECT_SPACE, SPACE_MAP, &place);
    if (status == OK && !run_is_valid(a[1], a[2]))
        status = E_ARG;
    for (uint64_t i = 0; status == OK && i < a[2]; i++) {
        struct model_object *space = &model.objects[model.caps[place].object];
        struct model_page *page = page_at(space, a[1] / PAGE_BYTES + i);
        if (page == 0)
            continue;
        model.frames[page->frame].count--;
        *page = space->space.pages[--space->space.page_count];
        (*ret_value)++;
    }
    return status;
}

uint64_t model_space_protect(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t place;
    uint64_t status = model_find(self, a[0], OBJECT_SPACE, SPACE_MAP, &place);
    if (status != OK)
        return status;
    if (!run_is_valid(a[1], a[2]) || !rights_are_valid(a[3]))
        return E_ARG;
    struct model_object *space = &model.objects[model.caps[place].object];
    for (uint64_t i = 0; i < a[2]; i++) {
        const struct model_page *page = page_at(space, a[1] / PAGE_BYTES + i);
        if (page == 0 || (page->limit & a[3]) != a[3]) {
            *ret_value = a[1] + i * PAGE_BYTES;
            return page == 0 ? E_EMPTY : E_RIGHTS;
        }
    }
    for (uint64_t i = 0; i < a[2]; i++)
        page_at(space, a[1] / PAGE_BYTES + i)->rights = (uint32_t)a[3];
    return OK;
}

uint64_t model_space_query(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t place;
    uint64_t status = model_find(self, a[0], OBJECT_SPACE, SPACE_QUERY, &place);
    if (status == OK && model_thread(self)->message_frame == MODEL_NONE)
        status = E_STATE;
    if (status == OK && a[1] >= USER_LIMIT)
        status = E_ARG;
    if (status != OK)
        return status;
    const struct model_object *space = &model.objects[model.caps[place].object];
    for (uint32_t i = 0; i < space->space.page_count; i++) { /* how many levels of the walk exist */
        uint64_t differs = space->space.pages[i].page ^ a[1] / PAGE_BYTES;
        uint64_t levels = differs == 0 ? 4 : differs >> 9 == 0 ? 3 : differs >> 18 == 0 ? 2 : differs >> 27 == 0;
        *ret_value = levels > *ret_value ? levels : *ret_value;
    }
    return OK;
}

static uint64_t piece(uint64_t bytes) {
    uint64_t size = 64;
    while (size < bytes)
        size *= 2;
    return size; /* above 1024 bytes: whole pages, a power of two of them */
}

static uint64_t bytes_of(const struct model_object *object) {
    switch (object->type) {
    case OBJECT_SPACE:
        return PAGE_BYTES + piece(sizeof(struct space)) + tables_of(object) * PAGE_BYTES;
    case OBJECT_THREAD:
        return PAGE_BYTES;
    case OBJECT_TABLE: {
        uint64_t slots = piece(object->table.slot_count * 32);
        return (slots > 1024 && slots < PAGE_BYTES ? PAGE_BYTES : slots) + piece(sizeof(struct table));
    }
    case OBJECT_ENDPOINT:
        return ENDPOINT_BYTES;
    case OBJECT_NOTIFICATION:
        return NOTIFICATION_BYTES;
    case OBJECT_NONE:
    case OBJECT_MEMORY:
    case OBJECT_POOL:
    case OBJECT_IRQ:
    case OBJECT_PORTS:
    case OBJECT_REPLY:
        break;
    }
    return 0;
}

uint64_t model_pool_used(uint32_t pool) {
    uint64_t bytes = 0;
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        if (model.objects[id].type != OBJECT_NONE && model.objects[id].payer == pool)
            bytes += bytes_of(&model.objects[id]);
    }
    return bytes;
}

/* Each piece may lie in a frame of its own. */
uint64_t model_pool_free_at_least(uint32_t pool) {
    uint64_t frames = 1;
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        if (model.objects[id].type != OBJECT_NONE && model.objects[id].payer == pool)
            frames += bytes_of(&model.objects[id]) / PAGE_BYTES + 2;
    }
    uint64_t all = model.objects[pool].pool.frame_count;
    return frames > all ? 0 : all - frames;
}

uint64_t model_mapped_count(void) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < MODEL_FRAMES; i++)
        count += model.frames[i].count > 0;
    return count;
}
