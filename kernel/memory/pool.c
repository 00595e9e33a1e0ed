#include "kernel/memory/pool.h"

#include "kernel/arch.h"
#include "kernel/base/string.h"

/* A free run is zero except these two words, and its first frame's ledger count says how long it is. */
struct pool_run {
    struct pool_run *next, *previous;
};

struct pool_piece {
    struct pool_piece *next;
};

/* The head of a frame that is cut into pieces. The pieces follow, from the first multiple of their size on. */
struct pool_slab {
    struct pool_slab *next, *previous; /* slabs of this class with a free piece */
    struct pool_piece *free;
    uint32_t class;
    uint32_t used;
};
_Static_assert(sizeof(struct pool_slab) <= POOL_PIECE_MIN, "the head takes the place of one piece");

struct list all_pools = {{&all_pools.head, &all_pools.head}};

uint64_t pool_refuse_at;

/* Does the pool refuse this request? */
static bool refuses(const struct pool *pool) {
    bool asked_for = BATON_CHECKS && pool_refuse_at != 0 && --pool_refuse_at == 0;
    return asked_for || pool->object.dying;
}

bool pool_has_frames(const struct pool *pool, uint64_t count) {
    return count == 0 || (!refuses(pool) && pool->free_frames >= count);
}

static uint32_t class_bytes(uint32_t class) { return POOL_PIECE_MIN << class; }

/* The smallest class that holds `bytes`, or POOL_SLAB_CLASSES. */
static uint32_t class_of(uint32_t bytes) {
    uint32_t class = 0;
    while (class < POOL_SLAB_CLASSES && class_bytes(class) < bytes)
        class ++;
    return class;
}

static uint32_t order_of(uint32_t bytes) {
    uint32_t order = 0;
    while ((PAGE_BYTES << order) < bytes)
        order++;
    return order;
}

static uint32_t owner_of(const struct pool *pool) { return (uint32_t)(arch_physical(pool) / PAGE_BYTES); }

void object_init(struct object *object, enum object_type type, struct pool *pool, uint32_t size_bytes) {
    object->type = (uint8_t)type;
    object->pool = pool;
    object->size_bytes = size_bytes;
    if (pool != NULL)
        list_append(&pool->objects, &object->in_pool);
}

struct pool *pool_make(uint64_t first_frame, uint64_t frame_count) {
    struct pool *pool = arch_pointer(first_frame * PAGE_BYTES);
    uint64_t zero_count = frame_find_not_zero(first_frame, frame_count);
    if (zero_count == 0)
        memory_clear(pool, PAGE_BYTES);
    object_init(&pool->object, OBJECT_POOL, NULL, 0);
    list_append(&all_pools, &pool->object.in_pool);
    list_init(&pool->objects);
    list_init(&pool->dying);
    pool->chunks[0] = (struct pool_chunk){.first_frame = first_frame, .frame_count = frame_count, .used = 1};
    pool->chunks[0].cleared = zero_count > 0 ? zero_count : 1;
    pool->open = frame_count > 1 ? &pool->chunks[0] : NULL;
    pool->chunk_count = 1;
    pool->frame_count = frame_count;
    pool->free_frames = frame_count - 1;
    frame_set_type(first_frame, frame_count, FRAME_POOL, owner_of(pool));
    frame_set_type(first_frame, 1, FRAME_OBJECT, owner_of(pool));
    return pool;
}

enum status pool_grow(struct pool *pool, uint64_t first_frame, uint64_t frame_count) {
    if (pool->chunk_count == POOL_CHUNKS_MAX)
        return E_LIMIT;
    struct pool_chunk *chunk = &pool->chunks[pool->chunk_count++];
    *chunk = (struct pool_chunk){.next_open = pool->open, .first_frame = first_frame, .frame_count = frame_count};
    chunk->cleared = frame_find_not_zero(first_frame, frame_count);
    pool->open = chunk;
    pool->frame_count += frame_count;
    pool->free_frames += frame_count;
    frame_set_type(first_frame, frame_count, FRAME_POOL, owner_of(pool));
    return OK;
}

static uint64_t frame_of(const void *pointer) { return arch_physical(pointer) / PAGE_BYTES; }

static void push_run(struct pool *pool, struct pool_run *run, uint32_t order) {
    run->next = pool->runs[order];
    run->previous = NULL;
    if (run->next != NULL)
        run->next->previous = run;
    pool->runs[order] = run;
    frame_mark_run(frame_of(run), order + 1);
}

static void unlist_run(struct pool *pool, struct pool_run *run, uint32_t order) {
    if (run->previous != NULL)
        run->previous->next = run->next;
    else
        pool->runs[order] = run->next;
    if (run->next != NULL)
        run->next->previous = run->previous;
    run->next = run->previous = NULL;
    frame_mark_run(frame_of(run), 0);
}

/* Buddies: a run of 2^order frames begins at a multiple of 2^order, and joins the other half of the next larger one. */
static void join_and_push(struct pool *pool, struct pool_run *run, uint32_t order) {
    while (order + 1 < POOL_RUN_ORDERS) {
        uint64_t buddy = frame_of(run) ^ 1ULL << order;
        bool is_free =
            frame_type(buddy) == FRAME_POOL && frame_owner(buddy) == owner_of(pool) && frame_count(buddy) == order + 1;
        if (!is_free)
            break;
        struct pool_run *other = arch_pointer(buddy * PAGE_BYTES);
        unlist_run(pool, other, order);
        run = other < run ? other : run;
        order++;
    }
    push_run(pool, run, order);
}

static struct pool_run *run_from_lists(struct pool *pool, uint32_t order) {
    uint32_t from = order;
    while (from < POOL_RUN_ORDERS && pool->runs[from] == NULL)
        from++;
    if (from == POOL_RUN_ORDERS)
        return NULL;
    struct pool_run *run = pool->runs[from];
    unlist_run(pool, run, from);
    while (from > order) { /* keep the front half, list the back half */
        from--;
        push_run(pool, (struct pool_run *)(void *)((char *)run + (PAGE_BYTES << from)), from);
    }
    return run;
}

/* Clear the chunk's frames up to `end`, at most `budget` of them. Returns how many. */
static uint64_t clear_chunk(struct pool_chunk *chunk, uint64_t end, uint64_t budget) {
    uint64_t count = 0;
    while (chunk->cleared < end && count < budget) {
        memory_clear(arch_pointer((chunk->first_frame + chunk->cleared) * PAGE_BYTES), PAGE_BYTES);
        chunk->cleared++;
        count++;
    }
    return count;
}

bool pool_prepare(struct pool *pool, uint64_t frame_count) {
    uint64_t cleared = 0;
    for (struct pool_chunk *chunk = pool->open; chunk != NULL; chunk = chunk->next_open) {
        uint64_t end = chunk->used + 2 * frame_count; /* with frames skipped for alignment */
        if (end > chunk->frame_count)
            end = chunk->frame_count;
        cleared += clear_chunk(chunk, end, POOL_PREPARE_FRAMES - cleared);
        if (chunk->cleared < end)
            break;
    }
    return cleared == 0;
}

/* Take a run from the unused part of a chunk. Frames skipped to reach an aligned one go to the lists of free runs. */
static void *run_from_chunks(struct pool *pool, uint32_t order) {
    uint64_t frame_count = 1ULL << order;
    for (struct pool_chunk **link = &pool->open; *link != NULL; link = &(*link)->next_open) {
        struct pool_chunk *chunk = *link;
        uint64_t unused = chunk->first_frame + chunk->used, end = chunk->first_frame + chunk->frame_count;
        uint64_t first = (unused + frame_count - 1) & ~(frame_count - 1);
        if (first + frame_count > end)
            continue;
        chunk->used = first + frame_count - chunk->first_frame;
        clear_chunk(chunk, chunk->used, UINT64_MAX);
        if (chunk->used == chunk->frame_count)
            *link = chunk->next_open;
        while (unused < first) { /* `first` is a multiple of a larger power of two than the skipped frames */
            uint32_t part = (uint32_t)__builtin_ctzll(unused);
            join_and_push(pool, arch_pointer(unused * PAGE_BYTES), part);
            unused += 1ULL << part;
        }
        return arch_pointer(first * PAGE_BYTES);
    }
    return NULL;
}

static void *take_run(struct pool *pool, uint32_t order, enum frame_type type) {
    assert(order < POOL_RUN_ORDERS);
    uint64_t frame_count = 1ULL << order;
    void *run = run_from_lists(pool, order);
    if (run == NULL)
        run = run_from_chunks(pool, order);
    if (run == NULL)
        return NULL;
    pool->free_frames -= frame_count;
    pool->used_bytes += frame_count * PAGE_BYTES;
    frame_set_use(frame_of(run), frame_count, type);
    return run;
}

void *pool_take_run(struct pool *pool, uint32_t order, enum frame_type type) {
    return refuses(pool) ? NULL : take_run(pool, order, type);
}

void *pool_take_table(struct pool *pool) { return take_run(pool, 0, FRAME_TABLE); }

static void list_run(struct pool *pool, struct pool_run *run, uint32_t order) {
    uint64_t frame_count = 1ULL << order;
    pool->free_frames += frame_count;
    pool->used_bytes -= frame_count * PAGE_BYTES;
    frame_set_use(frame_of(run), frame_count, FRAME_POOL);
    join_and_push(pool, run, order);
}

void pool_give_run(struct pool *pool, void *run, uint32_t order) {
    memory_clear(run, PAGE_BYTES << order);
    list_run(pool, run, order);
}

void pool_give_cleared(struct pool *pool, void *run, uint32_t bytes) { list_run(pool, run, order_of(bytes)); }

static void list_slab(struct pool *pool, struct pool_slab *slab) {
    struct pool_slab **first = &pool->slabs[slab->class];
    slab->next = *first;
    slab->previous = NULL;
    if (*first != NULL)
        (*first)->previous = slab;
    *first = slab;
}

static void unlist_slab(struct pool *pool, const struct pool_slab *slab) {
    if (slab->previous != NULL)
        slab->previous->next = slab->next;
    else
        pool->slabs[slab->class] = slab->next;
    if (slab->next != NULL)
        slab->next->previous = slab->previous;
}

static struct pool_slab *cut_slab(struct pool *pool, uint32_t class) {
    struct pool_slab *slab = pool_take_run(pool, 0, FRAME_OBJECT);
    if (slab == NULL)
        return NULL;
    pool->used_bytes -= PAGE_BYTES; /* counted by the piece */
    slab->class = class;
    for (uint32_t at = class_bytes(class); at < PAGE_BYTES; at += class_bytes(class)) {
        struct pool_piece *piece = (struct pool_piece *)(void *)((char *)slab + at);
        piece->next = slab->free;
        slab->free = piece;
    }
    list_slab(pool, slab);
    return slab;
}

void *pool_take(struct pool *pool, uint32_t bytes) {
    uint32_t class = class_of(bytes);
    if (class == POOL_SLAB_CLASSES)
        return pool_take_run(pool, order_of(bytes), FRAME_OBJECT);
    if (refuses(pool))
        return NULL;
    struct pool_slab *slab = pool->slabs[class];
    if (slab == NULL)
        slab = cut_slab(pool, class);
    if (slab == NULL)
        return NULL;
    struct pool_piece *piece = slab->free;
    slab->free = piece->next;
    piece->next = NULL;
    slab->used++;
    if (slab->free == NULL)
        unlist_slab(pool, slab);
    pool->used_bytes += class_bytes(class);
    return piece;
}

void pool_give(struct pool *pool, void *memory, uint32_t bytes) {
    uint32_t class = class_of(bytes);
    if (class == POOL_SLAB_CLASSES) {
        pool_give_run(pool, memory, order_of(bytes));
        return;
    }
    struct pool_slab *slab = (struct pool_slab *)((uintptr_t)memory & ~(uintptr_t)(PAGE_BYTES - 1));
    assert(slab->class == class && slab->used > 0);
    memory_clear(memory, class_bytes(class));
    pool->used_bytes -= class_bytes(class);
    struct pool_piece *piece = memory;
    bool was_full = slab->free == NULL;
    piece->next = slab->free;
    slab->free = piece;
    if (was_full)
        list_slab(pool, slab);
    if (--slab->used > 0)
        return;
    unlist_slab(pool, slab);
    pool->used_bytes += PAGE_BYTES; /* the frame goes back whole */
    pool_give_run(pool, slab, 0);
}

/* The newest chunk goes first, and the header's frame last. */
void pool_dissolve_step(struct pool *pool) {
    assert(list_is_empty(&pool->objects) && list_is_empty(&pool->dying));
    struct pool_chunk *chunk = &pool->chunks[pool->chunk_count - 1];
    uint32_t budget = POOL_DISSOLVE_FRAMES;
    while (chunk->frame_count > 0 && budget-- > 0) {
        uint64_t frame = chunk->first_frame + --chunk->frame_count;
        bool is_header = pool->chunk_count == 1 && chunk->frame_count == 0;
        if (is_header)
            break;
        /*
         * All frames handed out have come back, in runs: zero except the links at the start of some. (Only those that a
         * test's hook took have not: see test_hooks.c.)
         */
        bool is_zero = chunk->frame_count < chunk->cleared && frame_type(frame) == FRAME_POOL;
        if (chunk->frame_count < chunk->used)
            memory_clear(arch_pointer(frame * PAGE_BYTES), sizeof(struct pool_run));
        frame_set_type(frame, 1, is_zero ? FRAME_ZERO : FRAME_USER, 0);
    }
    if (chunk->frame_count > 0)
        return;
    if (pool->chunk_count > 1) {
        pool->chunk_count--;
        return;
    }
    uint64_t header_frame = chunk->first_frame;
    list_remove(&pool->object.in_pool);
    list_remove(&pool->reaped);
    memory_clear(pool, PAGE_BYTES);
    frame_set_type(header_frame, 1, FRAME_ZERO, 0);
}

/*
 * `log_paid_ns` is the time at which all spent bytes will have come back. It is never farther ahead than the whole
 * allowance takes to come back.
 */
bool pool_pays_log(struct pool *pool, uint64_t length_bytes) {
    uint64_t now_ns = arch_clock_ns(), cost_ns = (length_bytes + LOG_LINE_BYTES) * LOG_BYTE_NS;
    uint64_t paid_ns = (pool->log_paid_ns > now_ns ? pool->log_paid_ns : now_ns) + cost_ns;
    if (paid_ns - now_ns > LOG_ALLOWANCE_BYTES * LOG_BYTE_NS) {
        pool->log_lost_bytes += length_bytes;
        return false;
    }
    pool->log_paid_ns = paid_ns;
    return true;
}
