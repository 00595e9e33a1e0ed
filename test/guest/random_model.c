#include "test/guest/random_model.h"

#include "libsys/text/string.h"

#define RIGHTS_MASK (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)

static struct result outcome(enum status status) { return (struct result){.status = status}; }
static struct result outcome_value(enum status status, uint64_t value) {
    return (struct result){.status = status, .value = value};
}

static uint64_t first_of(uint64_t range) { return range & 0xffffffff; }
static uint64_t count_of(uint64_t range) { return range >> 32; }

void model_init(struct random_model *model, cap_t own_base) {
    memset(model, 0, sizeof *model);
    model->own_base = own_base;
    for (uint32_t i = 0; i < MODEL_FRAMES; i++)
        model->frames[i] = (struct random_frame){.pool = MODEL_NONE, .is_known = true};
    model->objects[0] =
        (struct random_object){.alive = true, .for_ever = true, .type = OBJECT_MEMORY, .pool = MODEL_NONE};
    model->caps[0] = (struct random_cap){.used = true, .parent = MODEL_NONE, .table = MODEL_NONE, .slot = own_base};
    model->caps[0].rights = MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE | MEMORY_POOL;
    model->caps[0].data = RANGE(0, MODEL_FRAMES);
}

bool model_has_room(const struct random_model *model) {
    uint32_t caps = 0, objects = 0;
    for (uint32_t i = 0; i < MODEL_CAPS; i++)
        caps += !model->caps[i].used;
    for (uint32_t i = 0; i < MODEL_OBJECTS; i++)
        objects += !model->objects[i].alive;
    return caps > 0 && objects > 0;
}

/* ---- slots ---- */

static int find_at(const struct random_model *model, int table, uint64_t slot) {
    for (int i = 0; i < (int)MODEL_CAPS; i++) {
        if (model->caps[i].used && model->caps[i].table == table && model->caps[i].slot == slot)
            return i;
    }
    return MODEL_NONE;
}

static bool is_own(const struct random_model *model, uint64_t slot) {
    return slot >= model->own_base && slot < model->own_base + MODEL_OWN_SLOTS;
}

/* The capability in one of the program's own slots, for an object of this type with these rights. */
static enum status find(const struct random_model *model, cap_t slot, enum object_type type, uint32_t rights,
                        int *ret_cap) {
    int cap = is_own(model, slot) ? find_at(model, MODEL_NONE, slot) : MODEL_NONE;
    if (cap == MODEL_NONE)
        return E_CAP;
    if (model->objects[model->caps[cap].object].type != type)
        return E_TYPE;
    if ((model->caps[cap].rights & rights) != rights)
        return E_RIGHTS;
    *ret_cap = cap;
    return OK;
}

/* Look up the place that `table` and `slot` name, occupied or not; *ret_table is the table's number in the model. */
static enum status find_place(const struct random_model *model, cap_t table, cap_t slot, int *ret_table) {
    *ret_table = MODEL_NONE;
    if (table == 0)
        return is_own(model, slot) ? OK : E_CAP;
    int cap;
    enum status status = find(model, table, OBJECT_TABLE, TABLE_WRITE, &cap);
    if (status != OK)
        return status;
    *ret_table = model->caps[cap].object;
    return slot >= 1 && slot < MODEL_TABLE_SLOTS ? OK : E_CAP;
}

static enum status find_empty(const struct random_model *model, cap_t table, cap_t slot, int *ret_table) {
    enum status status = find_place(model, table, slot, ret_table);
    return status == OK && find_at(model, *ret_table, slot) != MODEL_NONE ? E_EXISTS : status;
}

static void add_cap(struct random_model *model, struct random_cap cap) {
    for (uint32_t i = 0; i < MODEL_CAPS; i++) {
        if (!model->caps[i].used) {
            cap.used = true;
            model->caps[i] = cap;
            return;
        }
    }
}

static int add_object(struct random_model *model, enum object_type type, int pool) {
    for (int i = 0; i < (int)MODEL_OBJECTS; i++) {
        if (!model->objects[i].alive) {
            model->objects[i] = (struct random_object){.alive = true, .type = type, .pool = pool};
            return i;
        }
    }
    return MODEL_NONE;
}

/* ---- ends ---- */

/* Remove a capability. Its children become its parent's. */
static void remove_cap(struct random_model *model, int cap) {
    for (uint32_t i = 0; i < MODEL_CAPS; i++) {
        if (model->caps[i].used && model->caps[i].parent == cap)
            model->caps[i].parent = model->caps[cap].parent;
    }
    model->caps[cap].used = false;
}

static bool has_cap(const struct random_model *model, int object) {
    for (uint32_t i = 0; i < MODEL_CAPS; i++) {
        if (model->caps[i].used && model->caps[i].object == object)
            return true;
    }
    return false;
}

static void unmap_page(struct random_model *model, struct random_page *page) {
    if (page->mapped)
        model->frames[page->frame].mappings--;
    page->mapped = false;
}

static void end_object(struct random_model *model, int object) {
    model->objects[object].alive = false;
    for (uint32_t i = 0; i < MODEL_PAGES; i++)
        unmap_page(model, &model->objects[object].pages[i]);
    for (uint32_t i = 0; i < MODEL_FRAMES; i++) {
        if (model->frames[i].pool == object) {
            model->frames[i].pool = MODEL_NONE;
            model->frames[i].is_known = false; /* the kernel clears it only if the pool has used it */
        }
    }
    for (int i = 0; i < (int)MODEL_CAPS; i++) {
        struct random_cap *cap = &model->caps[i];
        if (cap->used && (cap->object == object || cap->table == object))
            remove_cap(model, i);
    }
}

/* End each object without a capability or a pool; that may end others, so repeat until nothing changes. */
static void settle(struct random_model *model) {
    bool changed = true;
    while (changed) {
        changed = false;
        for (int i = 0; i < (int)MODEL_OBJECTS; i++) {
            const struct random_object *object = &model->objects[i];
            bool poolless = object->pool != MODEL_NONE && !model->objects[object->pool].alive;
            if (object->alive && !object->for_ever && (poolless || !has_cap(model, i))) {
                end_object(model, i);
                changed = true;
            }
        }
    }
}

/* ---- capabilities ---- */

struct result model_cap_copy(struct random_model *model, cap_t table, cap_t slot, cap_t source, uint64_t rights,
                             uint64_t badge) {
    int from = is_own(model, source) ? find_at(model, MODEL_NONE, source) : MODEL_NONE, to;
    if (from == MODEL_NONE)
        return outcome(E_CAP);
    struct random_cap copy = model->caps[from];
    enum object_type type = model->objects[copy.object].type;
    if (badge != 0 && type != OBJECT_ENDPOINT && type != OBJECT_NOTIFICATION)
        return outcome(E_ARG);
    if (badge != 0 && copy.data != 0)
        return outcome(E_RIGHTS);
    enum status status = find_empty(model, table, slot, &to);
    if (status != OK)
        return outcome(status);
    copy.parent = from;
    copy.table = to;
    copy.slot = slot;
    copy.rights &= (uint32_t)rights;
    if (badge != 0)
        copy.data = badge;
    add_cap(model, copy);
    return outcome(OK);
}

struct result model_cap_move(struct random_model *model, cap_t table, cap_t slot, cap_t source) {
    int from = is_own(model, source) ? find_at(model, MODEL_NONE, source) : MODEL_NONE, to;
    if (from == MODEL_NONE)
        return outcome(E_CAP);
    enum status status = find_empty(model, table, slot, &to);
    if (status != OK)
        return outcome(status);
    model->caps[from].table = to;
    model->caps[from].slot = slot;
    settle(model); /* a table may now hold its own last capability, which keeps it alive */
    return outcome(OK);
}

struct result model_cap_delete(struct random_model *model, cap_t table, cap_t slot) {
    int where;
    enum status status = find_place(model, table, slot, &where);
    if (status != OK)
        return outcome(status);
    int cap = find_at(model, where, slot);
    if (cap != MODEL_NONE)
        remove_cap(model, cap);
    settle(model);
    return outcome(OK);
}

static bool descends(const struct random_model *model, int cap, int root) {
    while (cap != MODEL_NONE && cap != root)
        cap = model->caps[cap].parent;
    return cap == root;
}

struct result model_cap_revoke(struct random_model *model, cap_t slot) {
    int root = is_own(model, slot) ? find_at(model, MODEL_NONE, slot) : MODEL_NONE;
    if (root == MODEL_NONE)
        return outcome(E_CAP);
    for (int i = 0; i < (int)MODEL_CAPS; i++) {
        if (model->caps[i].used && i != root && descends(model, i, root))
            remove_cap(model, i);
    }
    settle(model);
    return outcome(OK);
}

/* ---- memory and pools ---- */

static bool in_range(uint64_t offset, uint64_t count, uint64_t limit) {
    return offset <= limit && count <= limit - offset;
}

struct result model_memory_derive(struct random_model *model, cap_t memory, uint64_t offset_pages, uint64_t page_count,
                                  cap_t slot, uint64_t rights) {
    int from, to;
    enum status status = find(model, memory, OBJECT_MEMORY, 0, &from);
    if (status == OK)
        status = find_empty(model, 0, slot, &to);
    if (status == OK && (page_count == 0 || !in_range(offset_pages, page_count, count_of(model->caps[from].data))))
        status = E_ARG;
    if (status != OK)
        return outcome(status);
    struct random_cap derived = model->caps[from];
    derived.parent = from;
    derived.slot = slot;
    derived.rights &= (uint32_t)rights;
    derived.data = RANGE(first_of(derived.data) + offset_pages, page_count);
    add_cap(model, derived);
    return outcome(OK);
}

/* Only whole pages are filled; otherwise it is an error, or concerns a page that the model does not know. */
struct result model_memory_fill(struct random_model *model, cap_t memory, uint64_t offset_bytes, uint64_t length_bytes,
                                uint64_t pattern) {
    int cap;
    if (offset_bytes % 8 != 0 || length_bytes % 8 != 0)
        return outcome(E_ARG);
    enum status status = find(model, memory, OBJECT_MEMORY, MEMORY_WRITE, &cap);
    if (status != OK)
        return outcome(status);
    uint64_t range = model->caps[cap].data;
    if (length_bytes == 0 || length_bytes > BYTES_MAX ||
        !in_range(offset_bytes, length_bytes, count_of(range) * PAGE_BYTES))
        return outcome(E_ARG);
    struct random_frame *frame = &model->frames[first_of(range) + offset_bytes / PAGE_BYTES];
    if (frame->pool != MODEL_NONE)
        return outcome(E_BUSY);
    frame->is_known = true;
    frame->pattern = pattern;
    return outcome(OK);
}

struct result model_pool_create(struct random_model *model, cap_t memory, uint64_t offset_pages, uint64_t page_count,
                                cap_t slot) {
    int to, from;
    enum status status = find_empty(model, 0, slot, &to);
    if (status == OK)
        status = find(model, memory, OBJECT_MEMORY, MEMORY_POOL, &from);
    if (status != OK)
        return outcome(status);
    uint64_t range = model->caps[from].data, first = first_of(range) + offset_pages;
    if (page_count == 0 || page_count > MAP_PAGES_MAX || !in_range(offset_pages, page_count, count_of(range)))
        return outcome(E_ARG);
    for (uint64_t i = first; i < first + page_count; i++) {
        if (model->frames[i].pool != MODEL_NONE || model->frames[i].mappings > 0)
            return outcome_value(E_BUSY, model->frames[i].mappings);
    }
    int pool = add_object(model, OBJECT_POOL, MODEL_NONE);
    model->objects[pool].pool_pages = (uint32_t)page_count;
    for (uint64_t i = first; i < first + page_count; i++)
        model->frames[i].pool = pool;
    add_cap(model,
            (struct random_cap){.object = pool, .parent = MODEL_NONE, .table = to, .slot = slot, .rights = RIGHTS_ALL});
    return outcome(OK);
}

/* The most pages that an object may take, including all page tables for the model's addresses. */
static uint32_t cost_pages(enum object_type type) { return type == OBJECT_SPACE ? 6 : 1; }

/* Is E_MEMORY a possible answer of this pool? Objects share pages in ways that the model does not follow. */
static bool may_be_full(const struct random_model *model, int pool) {
    uint32_t pages = 1 + 5 + 5; /* the pool's header, a page of pieces of each size, the request itself */
    for (uint32_t i = 0; i < MODEL_OBJECTS; i++) {
        if (model->objects[i].alive && model->objects[i].pool == pool)
            pages += cost_pages(model->objects[i].type);
    }
    return pages > model->objects[pool].pool_pages;
}

struct result model_object_create(struct random_model *model, cap_t pool, uint64_t type, uint64_t argument,
                                  cap_t slot) {
    int from, to;
    enum status status = find(model, pool, OBJECT_POOL, POOL_ALLOCATE, &from);
    bool is_plain =
        type == OBJECT_SPACE || type == OBJECT_THREAD || type == OBJECT_ENDPOINT || type == OBJECT_NOTIFICATION;
    if (status == OK && !(is_plain && argument == 0) && !(type == OBJECT_TABLE && argument == MODEL_TABLE_SLOTS))
        status = E_ARG;
    if (status == OK)
        status = find_empty(model, 0, slot, &to);
    if (status == OK && model->short_of_memory && may_be_full(model, model->caps[from].object))
        status = E_MEMORY;
    if (status != OK)
        return outcome(status);
    int object = add_object(model, (enum object_type)type, model->caps[from].object);
    add_cap(model, (struct random_cap){
                       .object = object, .parent = MODEL_NONE, .table = to, .slot = slot, .rights = RIGHTS_ALL});
    return outcome(OK);
}

struct result model_cap_query(const struct random_model *model, cap_t slot) {
    int at = is_own(model, slot) ? find_at(model, MODEL_NONE, slot) : MODEL_NONE;
    if (at == MODEL_NONE)
        return outcome(E_CAP);
    uint64_t value = model->objects[model->caps[at].object].type | model->caps[at].rights << 8;
    for (uint32_t i = 0; i < MODEL_CAPS; i++)
        value |= model->caps[i].used && model->caps[i].parent == at ? QUERY_DERIVED : 0;
    return outcome_value(OK, value);
}

/* ---- mappings ---- */
static bool rights_are_valid(uint64_t rights) {
    uint64_t write_execute = MEMORY_WRITE | MEMORY_EXECUTE;
    return (rights & ~(uint64_t)RIGHTS_MASK) == 0 && (rights & MEMORY_READ) != 0 &&
           (rights & write_execute) != write_execute;
}

/* The generator uses only wrong addresses outside the model's pages. */
static bool pages_are_valid(uaddr_t at, uint64_t page_count) {
    return at % PAGE_BYTES == 0 && page_count > 0 && at >= MODEL_PAGES_AT &&
           in_range((at - MODEL_PAGES_AT) / PAGE_BYTES, page_count, MODEL_PAGES);
}

static struct random_page *pages_at(struct random_model *model, int space_cap, uaddr_t at) {
    return &model->objects[model->caps[space_cap].object].pages[(at - MODEL_PAGES_AT) / PAGE_BYTES];
}

static bool space_may_be_short(const struct random_model *model, int space_cap) {
    return model->short_of_memory && may_be_full(model, model->objects[model->caps[space_cap].object].pool);
}

struct result model_space_map(struct random_model *model, cap_t space, cap_t memory, uint64_t offset_pages,
                              uint64_t page_count, uaddr_t at, uint64_t flags) {
    int space_cap, memory_cap;
    enum status status = find(model, space, OBJECT_SPACE, SPACE_MAP, &space_cap);
    if (status == OK && !rights_are_valid(flags))
        status = E_ARG;
    if (status == OK)
        status = find(model, memory, OBJECT_MEMORY, (uint32_t)flags, &memory_cap);
    if (status != OK)
        return outcome(status);
    uint64_t range = model->caps[memory_cap].data, first = first_of(range) + offset_pages;
    if (!in_range(offset_pages, page_count, count_of(range)) || page_count > MAP_PAGES_MAX)
        return outcome(E_ARG);
    for (uint64_t i = 0; i < page_count; i++) {
        if (model->frames[first + i].pool != MODEL_NONE)
            return outcome(E_BUSY);
    }
    if (!pages_are_valid(at, page_count))
        return outcome(E_ARG);
    struct random_page *pages = pages_at(model, space_cap, at);
    for (uint64_t i = 0; i < page_count; i++) {
        if (pages[i].mapped)
            return outcome_value(E_EXISTS, at + i * PAGE_BYTES);
    }
    if (space_may_be_short(model, space_cap))
        return outcome(E_MEMORY);
    for (uint64_t i = 0; i < page_count; i++) {
        pages[i] = (struct random_page){.mapped = true,
                                        .frame = (uint32_t)(first + i),
                                        .rights = (uint32_t)flags,
                                        .limit = model->caps[memory_cap].rights & RIGHTS_MASK};
        model->frames[first + i].mappings++;
    }
    return outcome(OK);
}

struct result model_space_unmap(struct random_model *model, cap_t space, uaddr_t at, uint64_t page_count) {
    int cap;
    enum status status = find(model, space, OBJECT_SPACE, SPACE_MAP, &cap);
    if (status == OK && !pages_are_valid(at, page_count))
        status = E_ARG;
    if (status != OK)
        return outcome(status);
    uint64_t unmapped = 0;
    for (uint64_t i = 0; i < page_count; i++) {
        unmapped += pages_at(model, cap, at)[i].mapped;
        unmap_page(model, &pages_at(model, cap, at)[i]);
    }
    return outcome_value(OK, unmapped);
}

struct result model_space_protect(struct random_model *model, cap_t space, uaddr_t at, uint64_t page_count,
                                  uint64_t rights) {
    int cap;
    enum status status = find(model, space, OBJECT_SPACE, SPACE_MAP, &cap);
    if (status == OK && (!pages_are_valid(at, page_count) || !rights_are_valid(rights)))
        status = E_ARG;
    if (status != OK)
        return outcome(status);
    struct random_page *pages = pages_at(model, cap, at);
    for (uint64_t i = 0; i < page_count; i++) {
        if (!pages[i].mapped)
            return outcome_value(E_EMPTY, at + i * PAGE_BYTES);
        if ((pages[i].limit & rights) != rights)
            return outcome_value(E_RIGHTS, at + i * PAGE_BYTES);
    }
    for (uint64_t i = 0; i < page_count; i++)
        pages[i].rights = (uint32_t)rights;
    return outcome(OK);
}

const struct random_page *model_page(const struct random_model *model, cap_t space, uaddr_t at) {
    int cap;
    if (find(model, space, OBJECT_SPACE, SPACE_QUERY, &cap) != OK || !pages_are_valid(at, 1))
        return NULL;
    const struct random_page *page = &model->objects[model->caps[cap].object].pages[(at - MODEL_PAGES_AT) / PAGE_BYTES];
    return page->mapped ? page : NULL;
}

struct random_frame *model_frame(struct random_model *model, cap_t memory, uint64_t offset_pages, uint32_t rights) {
    int cap;
    if (find(model, memory, OBJECT_MEMORY, rights, &cap) != OK || offset_pages >= count_of(model->caps[cap].data))
        return NULL;
    struct random_frame *frame = &model->frames[first_of(model->caps[cap].data) + offset_pages];
    return frame->pool == MODEL_NONE ? frame : NULL;
}

/* ---- the rest ---- */

struct result model_signal_raise(struct random_model *model, cap_t notification, uint64_t bits) {
    int cap;
    enum status status = find(model, notification, OBJECT_NOTIFICATION, NOTIFICATION_RAISE, &cap);
    if (status == OK && bits == 0)
        status = E_ARG;
    if (status == OK && model->caps[cap].data != 0 && (bits & ~model->caps[cap].data) != 0)
        status = E_RIGHTS;
    if (status == OK)
        model->objects[model->caps[cap].object].bits |= bits;
    return outcome(status);
}

struct result model_signal_poll(struct random_model *model, cap_t notification) {
    int cap;
    enum status status = find(model, notification, OBJECT_NOTIFICATION, NOTIFICATION_WAIT, &cap);
    if (status != OK)
        return outcome(status);
    uint64_t bits = model->objects[model->caps[cap].object].bits;
    model->objects[model->caps[cap].object].bits = 0;
    return bits == 0 ? outcome(E_EMPTY) : outcome_value(OK, bits);
}

/* No thread here has a space, so none can run. */
struct result model_thread_resume(struct random_model *model, cap_t thread) {
    int cap;
    enum status status = find(model, thread, OBJECT_THREAD, THREAD_CONTROL, &cap);
    return outcome(status == OK ? E_STATE : status);
}

uint64_t model_cap_count(const struct random_model *model) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < MODEL_CAPS; i++)
        count += model->caps[i].used;
    return count;
}

uint64_t model_mapped_frames(const struct random_model *model) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < MODEL_FRAMES; i++)
        count += model->frames[i].mappings > 0;
    return count;
}

uint64_t model_pool_frames(const struct random_model *model) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < MODEL_FRAMES; i++)
        count += model->frames[i].pool != MODEL_NONE;
    return count;
}
