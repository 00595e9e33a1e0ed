#include "kernel/pool.h"

#include "kernel/arch.h"
#include "kernel/assert.h"
#include "kernel/ledger.h"
#include "kernel/string.h"

struct pool_run {
    struct pool_run *next;
};

struct pool_piece {
    struct pool_piece *next;
};

/* The head of a frame that is cut into pieces; the pieces follow, from the first multiple of their size on. */
struct pool_slab {
    struct pool_slab *next, *previous; /* slabs of this class with a free piece */
    struct pool_piece *free;
    uint32_t class;
    uint32_t used;
};
_Static_assert(sizeof(struct pool_slab) <= POOL_PIECE_MIN, "the head takes the place of one piece");

struct list all_pools = {{&all_pools.head, &all_pools.head}};

uint64_t pool_refuse_at;

/* May nothing be taken now? */
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

static void set_types(struct pool *pool, uint64_t first_frame, uint64_t count, enum frame_type type) {
    for (uint64_t i = 0; i < count; i++)
        frame_set_type(first_frame + i, type, owner_of(pool));
}

struct pool *pool_make(uint64_t first_frame, uint64_t frame_count) {
    struct pool *pool = arch_pointer(first_frame * PAGE_BYTES);
    memory_clear(pool, PAGE_BYTES);
    object_init(&pool->object, OBJECT_POOL, NULL, 0);
    list_append(&all_pools, &pool->object.in_pool);
    list_init(&pool->objects);
    pool->first_chunk = (struct pool_chunk){.first_frame = first_frame, .frame_count = frame_count, .used = 1};
    pool->chunks = &pool->first_chunk;
    pool->frame_count = frame_count;
    pool->free_frames = frame_count - 1;
    set_types(pool, first_frame, frame_count, FRAME_POOL);
    frame_set_type(first_frame, FRAME_OBJECT, owner_of(pool));
    return pool;
}

enum status pool_grow(struct pool *pool, uint64_t first_frame, uint64_t frame_count) {
    struct pool_chunk *chunk = pool_take(pool, sizeof(struct pool_chunk));
    if (chunk == NULL)
        return E_MEMORY;
    *chunk = (struct pool_chunk){.next = pool->chunks, .first_frame = first_frame, .frame_count = frame_count};
    pool->chunks = chunk;
    pool->frame_count += frame_count;
    pool->free_frames += frame_count;
    set_types(pool, first_frame, frame_count, FRAME_POOL);
    return OK;
}

static struct pool_run *run_from_lists(struct pool *pool, uint32_t order) {
    uint32_t from = order;
    while (from < POOL_RUN_ORDERS && pool->runs[from] == NULL)
        from++;
    if (from == POOL_RUN_ORDERS)
        return NULL;
    struct pool_run *run = pool->runs[from];
    pool->runs[from] = run->next;
    run->next = NULL;
    while (from > order) { /* keep the front half, list the back half */
        from--;
        struct pool_run *half = (struct pool_run *)(void *)((char *)run + (PAGE_BYTES << from));
        half->next = pool->runs[from];
        pool->runs[from] = half;
    }
    return run;
}

static void *run_from_chunks(const struct pool *pool, uint64_t frame_count) {
    for (struct pool_chunk *chunk = pool->chunks; chunk != NULL; chunk = chunk->next) {
        if (chunk->frame_count - chunk->used >= frame_count) {
            void *run = arch_pointer((chunk->first_frame + chunk->used) * PAGE_BYTES);
            chunk->used += frame_count;
            memory_clear(run, frame_count * PAGE_BYTES);
            return run;
        }
    }
    return NULL;
}

static void *take_run(struct pool *pool, uint32_t order, enum frame_type type) {
    assert(order < POOL_RUN_ORDERS);
    uint64_t frame_count = 1ULL << order;
    void *run = run_from_lists(pool, order);
    if (run == NULL)
        run = run_from_chunks(pool, frame_count);
    if (run == NULL)
        return NULL;
    pool->free_frames -= frame_count;
    pool->used_bytes += frame_count * PAGE_BYTES;
    set_types(pool, arch_physical(run) / PAGE_BYTES, frame_count, type);
    return run;
}

void *pool_take_run(struct pool *pool, uint32_t order, enum frame_type type) {
    return refuses(pool) ? NULL : take_run(pool, order, type);
}

void *pool_take_table(struct pool *pool) { return take_run(pool, 0, FRAME_TABLE); }

static void list_run(struct pool *pool, struct pool_run *run, uint32_t order) {
    uint64_t frame_count = 1ULL << order;
    run->next = pool->runs[order];
    pool->runs[order] = run;
    pool->free_frames += frame_count;
    pool->used_bytes -= frame_count * PAGE_BYTES;
    set_types(pool, arch_physical(run) / PAGE_BYTES, frame_count, FRAME_POOL);
}

void pool_give_run(struct pool *pool, void *run, uint32_t order) {
    memory_clear(run, PAGE_BYTES << order);
    list_run(pool, run, order);
}

void pool_give_table(struct pool *pool, void *table) { list_run(pool, table, 0); }

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

/*
 * The note of a chunk is a piece of an older chunk and the newest chunk goes first, so a note outlives its chunk; the
 * first chunk's is in the header, whose frame goes last.
 */
bool pool_dissolve_step(struct pool *pool) {
    assert(list_is_empty(&pool->objects));
    struct pool_chunk *chunk = pool->chunks;
    struct pool_chunk *following = chunk->next;
    uint32_t budget = POOL_DISSOLVE_FRAMES;
    while (chunk->frame_count > 0 && budget-- > 0) {
        uint64_t frame = chunk->first_frame + --chunk->frame_count;
        bool is_header = chunk == &pool->first_chunk && chunk->frame_count == 0;
        if (is_header)
            break;
        if (chunk->frame_count < chunk->used)
            memory_clear(arch_pointer(frame * PAGE_BYTES), PAGE_BYTES);
        frame_set_type(frame, FRAME_USER, 0);
    }
    if (chunk->frame_count > 0)
        return false;
    if (following != NULL) {
        pool->chunks = following;
        return false;
    }
    uint64_t header_frame = pool->first_chunk.first_frame;
    list_remove(&pool->object.in_pool);
    memory_clear(pool, PAGE_BYTES);
    frame_set_type(header_frame, FRAME_USER, 0);
    return true;
}
