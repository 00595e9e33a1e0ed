#include "servers/process/pages/store.h"

#include "kernel/abi/rights.h"
#include "libsys/string.h"

static void *map_page(struct store *store) {
    uint32_t number = store->lowest_free;
    uint32_t end = store->frames->floor > 0 ? STORE_PAGES_MAX - STORE_RESERVE : STORE_PAGES_MAX;
    while (number < STORE_PAGES_MAX && store->frame[number] != FRAMES_NONE)
        number++;
    store->lowest_free = number;
    uint32_t frame = number < end ? frames_take_one(store->frames) : FRAMES_NONE;
    if (frame == FRAMES_NONE)
        return NULL;
    struct frame_run run = frames_run_of(store->frames, frame);
    uaddr_t at = store->at + number * PAGE_BYTES;
    if (sys_space_map(store->space, run.memory, run.offset_pages, 1, at, MEMORY_READ | MEMORY_WRITE).status != OK) {
        frames_drop(store->frames, frame);
        return NULL;
    }
    store->frame[number] = frame;
    return (void *)at;
}

uint32_t store_init(struct store *store, struct frames *frames, cap_t space, uaddr_t at) {
    memset(store, 0, sizeof *store);
    store->frames = frames;
    store->space = space;
    store->at = at;
    store->kept = STORE_KEPT;
    store->spare_max = STORE_SPARE_MAX;
    for (uint32_t i = 0; i < STORE_KEPT; i++) {
        void *page = map_page(store);
        if (page == NULL)
            return P_NO_MEMORY;
        store_give(store, page);
    }
    return OK;
}

static void push(struct store_spare *spare, void *page, bool clean) {
    void **list = clean ? &spare->clean : &spare->other;
    *(void **)page = *list;
    *list = page;
    spare->count++;
}

/* One of the kind that is wanted, if there is one. *ret_clean: is it clean? */
static void *pop(struct store_spare *spare, bool wants_clean, bool *ret_clean) {
    *ret_clean = (wants_clean ? spare->clean : spare->other) != NULL ? wants_clean : !wants_clean;
    void **list = *ret_clean ? &spare->clean : &spare->other;
    void *page = *list;
    *list = *(void **)page;
    spare->count--;
    return page;
}

static uint32_t number_of(const struct store *store, const void *page) {
    return (uint32_t)(((uaddr_t)page - store->at) / PAGE_BYTES);
}

static void unmap_page(struct store *store, void *page) {
    uint32_t number = number_of(store, page);
    (void)sys_space_unmap(store->space, (uaddr_t)page, 1); /* can't fail: it is mapped */
    frames_drop(store->frames, store->frame[number]);
    store->frame[number] = FRAMES_NONE;
    if (number < store->lowest_free)
        store->lowest_free = number;
}

void *store_take(struct store *store, uint64_t zero_bytes) {
    bool clean = false, wants_clean = zero_bytes == PAGE_BYTES;
    void *page = store->kept_spare.count > 0   ? pop(&store->kept_spare, wants_clean, &clean)
                 : store->more_spare.count > 0 ? pop(&store->more_spare, wants_clean, &clean)
                                               : map_page(store);
    if (page != NULL)
        memset(page, 0, clean && zero_bytes > sizeof(void *) ? sizeof(void *) : zero_bytes);
    return page;
}

static void give(struct store *store, void *page, bool clean) {
    bool is_kept = number_of(store, page) < store->kept;
    bool enough = store_spare_count(store) >= store->spare_max;
    if (is_kept)
        push(&store->kept_spare, page, clean);
    else if (!enough)
        push(&store->more_spare, page, clean);
    else
        unmap_page(store, page);
    if (is_kept && enough && store->more_spare.count > 0)
        unmap_page(store, pop(&store->more_spare, false, &clean));
}

void store_give(struct store *store, void *page) { give(store, page, false); }
void store_give_clean(struct store *store, void *page) { give(store, page, true); }
