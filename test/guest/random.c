/*
 * Does the kernel do what the model says, call after call?
 *
 * Random system calls, right and wrong, on capabilities, pools, mappings and notifications. Each outcome (status and
 * value) is compared with the model's (random_model.h); the kernel's counts are compared every few calls, and its
 * invariants checked now and then. A failure prints the seed, the number of the call and the calls before it.
 *
 * Words of the command line: seed=N, as everywhere; calls=N, 20000 unless told otherwise, a million for a night's run.
 */
#include "test/guest/lib/random.h"
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"
#include "test/guest/random_model.h"

#define CALLS 20000U
#define COUNT_EVERY 16U
#define CHECK_EVERY 500U
#define LOG_CALLS 10U
#define CAPS_WANTED 30U /* with fewer, more are made and none is deleted */
#define LIMIT_MS 3600000U
#define ENTRY_ADDRESS 0x000ffffffffff000ULL
#define ENTRY_WRITE (1ULL << 1)
#define ENTRY_NO_EXECUTE (1ULL << 63)

/* The calls, and how often each is made, in hundredths. */
enum call_kind {
    COPY,
    MOVE,
    DELETE,
    REVOKE,
    DERIVE,
    FILL,
    READ,
    POOL,
    CREATE,
    MAP,
    UNMAP,
    PROTECT,
    QUERY,
    RAISE,
    POLL,
    RESUME,
    CAP_QUERY
};
static const struct {
    const char *name;
    uint8_t share;
} kinds[] = {{"cap_copy", 16},      {"cap_move", 6},     {"cap_delete", 11}, {"cap_revoke", 2},
             {"memory_derive", 8},  {"memory_fill", 5},  {"memory_copy", 4}, {"pool_create", 4},
             {"object_create", 12}, {"space_map", 11},   {"space_unmap", 4}, {"space_protect", 4},
             {"space_query", 3},    {"signal_raise", 2}, {"signal_poll", 3}, {"thread_resume", 2},
             {"cap_query", 3}};

/* One call and its outcome. */
struct call_record {
    enum call_kind kind;
    uint64_t arguments[6];
    struct result is, want;
};

static struct random_model model;
static struct call_record records[LOG_CALLS];
static struct hook_counts base;
static uint64_t base_frame; /* physical number of the model's frame 0 */
static cap_t page_memory;   /* a page of our own, into which others are copied to read them */
static uint64_t *page;

/* ---- arguments: mostly sensible ---- */

static bool one_in(uint64_t count) { return random_below(count) == 0; }

static cap_t some_slot(void) {
    static const cap_t wrong[] = {0, INIT_TABLE_SLOTS, 1ULL << 32, UINT64_MAX};
    return one_in(40) ? wrong[random_below(4)] : model.own_base + random_below(MODEL_OWN_SLOTS);
}

/* A slot that usually holds a capability of this type. */
static cap_t some_cap(enum object_type type) {
    for (uint32_t tries = 0; !one_in(16) && tries < 3 * MODEL_CAPS; tries++) {
        const struct random_cap *cap = &model.caps[random_below(MODEL_CAPS)];
        if (cap->used && cap->table == MODEL_NONE && model.objects[cap->object].type == type)
            return cap->slot;
    }
    return some_slot();
}

/* All of the memory, or a part that was derived. */
static cap_t some_memory(void) { return one_in(2) ? model.own_base : some_cap(OBJECT_MEMORY); }

/* A slot that is usually empty. */
static cap_t some_empty(void) {
    for (uint32_t tries = 0; !one_in(16) && tries < MODEL_OWN_SLOTS; tries++) {
        cap_t slot = model.own_base + random_below(MODEL_OWN_SLOTS);
        bool taken = false;
        for (uint32_t i = 0; i < MODEL_CAPS; i++)
            taken = taken || (model.caps[i].used && model.caps[i].table == MODEL_NONE && model.caps[i].slot == slot);
        if (!taken)
            return slot;
    }
    return some_slot();
}

static uint64_t some_rights(void) { return one_in(3) ? random_below(256) : RIGHTS_ALL; }

static uint64_t some_map_rights(void) {
    static const uint64_t right[] = {MEMORY_READ, READ_WRITE, READ_EXECUTE};
    return one_in(12) ? random_below(8) : right[random_below(3)];
}

static uint64_t some_count(uint64_t most) {
    return one_in(25) ? random_below(2) * (1ULL << 40) : 1 + random_below(most);
}

static uaddr_t some_page(void) {
    return MODEL_PAGES_AT + random_below(MODEL_PAGES) * PAGE_BYTES + (one_in(40) ? 1 + random_below(4095) : 0);
}

/* A page count that stays within the model's pages, or is wrong anyway. */
static uint64_t some_page_count(uaddr_t at) {
    uint64_t left = MODEL_PAGES - (at - MODEL_PAGES_AT) / PAGE_BYTES;
    return some_count(left < 8 ? left : 8);
}

/* A pool in a table made from it would never end: pools stay in the program's own table. */
static bool is_pool(cap_t slot) {
    for (uint32_t i = 0; i < MODEL_CAPS; i++) {
        const struct random_cap *cap = &model.caps[i];
        if (cap->used && cap->table == MODEL_NONE && cap->slot == slot)
            return model.objects[cap->object].type == OBJECT_POOL;
    }
    return false;
}

/* ---- the calls ---- */

static void place(uint64_t arguments[static 2], cap_t source) {
    bool elsewhere = one_in(3) && !is_pool(source);
    arguments[0] = elsewhere ? some_cap(OBJECT_TABLE) : 0;
    arguments[1] = arguments[0] != 0 ? random_below(MODEL_TABLE_SLOTS + 2) : some_empty();
}

static void choose(struct call_record *record) {
    uint64_t *a = record->arguments;
    memset(a, 0, sizeof record->arguments);
    switch (record->kind) {
    case COPY:
        a[2] = one_in(2) ? some_cap((enum object_type)(1 + random_below(7))) : some_slot();
        place(a, a[2]);
        a[3] = some_rights();
        a[4] = one_in(4) ? random_below(16) : 0;
        break;
    case MOVE:
        a[2] = some_slot();
        if (a[2] == model.own_base)
            a[2]++; /* the first Memory stays where it is */
        place(a, a[2]);
        break;
    case DELETE:
        a[0] = one_in(3) ? some_cap(OBJECT_TABLE) : 0;
        a[1] = a[0] != 0 ? 1 + random_below(MODEL_TABLE_SLOTS + 1) : some_slot();
        if (a[0] == 0 && is_pool(a[1]) && !one_in(2))
            a[1] = some_cap(OBJECT_MEMORY); /* the end of a pool would end too much at once */
        if (a[0] == 0 && (a[1] == 0 || a[1] == model.own_base))
            a[1] = model.own_base + 1; /* slot 0 would be the reply; the first Memory stays, or nothing would be left */
        break;
    case REVOKE:
        a[0] = some_slot();
        if (a[0] == model.own_base && !one_in(8))
            a[0]++; /* revokes all memory: seldom, as it leaves little */
        break;
    case DERIVE:
        a[0] = some_memory(), a[1] = random_below(MODEL_FRAMES), a[2] = some_count(64);
        a[3] = some_empty(), a[4] = some_rights();
        break;
    case FILL:
        a[0] = some_memory(), a[1] = random_below(MODEL_FRAMES) * PAGE_BYTES, a[3] = random_next();
        a[2] = one_in(20) ? BYTES_MAX + 8 * random_below(2) + 4 : PAGE_BYTES;
        break;
    case READ:
        a[0] = some_memory(), a[1] = random_below(MODEL_FRAMES);
        break;
    case POOL:
        a[0] = some_memory(), a[1] = random_below(MODEL_FRAMES - MODEL_POOL_PAGES_MIN);
        a[2] = one_in(10) ? some_count(4) * 1000 : MODEL_POOL_PAGES_MIN + random_below(24), a[3] = some_empty();
        break;
    case CREATE:
        a[0] = some_cap(OBJECT_POOL), a[1] = one_in(12) ? random_below(12) : 3 + random_below(5);
        a[2] = (a[1] == OBJECT_TABLE) != one_in(16) ? MODEL_TABLE_SLOTS : 0, a[3] = some_empty();
        break;
    case MAP:
        a[0] = some_cap(OBJECT_SPACE), a[1] = some_memory();
        a[2] = random_below(a[1] == model.own_base ? MODEL_FRAMES : 24);
        a[4] = some_page(), a[3] = some_page_count(a[4]), a[5] = some_map_rights();
        break;
    case UNMAP:
    case PROTECT:
        a[0] = some_cap(OBJECT_SPACE), a[1] = some_page(), a[2] = some_page_count(a[1]), a[3] = some_map_rights();
        break;
    case QUERY:
        a[0] = some_cap(OBJECT_SPACE), a[1] = MODEL_PAGES_AT + random_below(MODEL_PAGES) * PAGE_BYTES;
        break;
    case RAISE:
        a[0] = some_cap(OBJECT_NOTIFICATION), a[1] = random_below(16);
        break;
    case POLL:
        a[0] = some_cap(OBJECT_NOTIFICATION);
        break;
    case RESUME:
        a[0] = some_cap(OBJECT_THREAD);
        break;
    case CAP_QUERY:
        a[0] = some_slot();
        break;
    }
}

/* space_query of a page that the model knows; for other pages both sides must say E_EMPTY. */
static void query(struct call_record *record) {
    const uint64_t *a = record->arguments;
    const struct random_page *known = model_page(&model, a[0], a[1]);
    record->is = record->want = (struct result){.status = E_EMPTY};
    struct result result = sys_space_query(a[0], a[1]);
    if (known == NULL) {
        record->is.status = result.status == OK && result.value == 4 ? OK : E_EMPTY;
        return;
    }
    uint64_t entry = ((const struct space_walk *)(const void *)program.message->data)->entry[3];
    uint64_t rights = MEMORY_READ | ((entry & ENTRY_WRITE) != 0 ? MEMORY_WRITE : 0) |
                      ((entry & ENTRY_NO_EXECUTE) == 0 ? MEMORY_EXECUTE : 0);
    record->want = (struct result){OK, (base_frame + known->frame) << 12 | known->rights};
    record->is = (struct result){result.status, (entry & ENTRY_ADDRESS) | rights};
}

/* Read a frame: it must hold what was written there. Where the model does not know, it learns what we read. */
static void read(struct call_record *record) {
    const uint64_t *a = record->arguments;
    struct random_frame *frame = model_frame(&model, a[0], a[1], MEMORY_READ);
    record->is = record->want = (struct result){.status = E_BUSY};
    struct result result = sys_memory_copy(page_memory, 0, a[0], a[1] * PAGE_BYTES, PAGE_BYTES);
    if (frame == NULL) {
        record->is.status = result.status == OK ? OK : E_BUSY; /* the model does not follow the reason */
        return;
    }
    bool was_cleared = page[0] == 0 && !frame->is_known;
    if (was_cleared) {
        frame->is_known = true;
        frame->pattern = 0;
    }
    record->want = (struct result){OK, frame->pattern};
    record->is = (struct result){result.status, page[0] == page[511] ? page[0] : ~frame->pattern};
    frame->is_known = true;
}

static void call(struct call_record *record) {
    const uint64_t *a = record->arguments;
    switch (record->kind) {
    case COPY:
        record->is = sys_cap_copy(a[0], a[1], a[2], a[3], a[4]);
        record->want = model_cap_copy(&model, a[0], a[1], a[2], a[3], a[4]);
        break;
    case MOVE:
        record->is = sys_cap_move(a[0], a[1], a[2]);
        record->want = model_cap_move(&model, a[0], a[1], a[2]);
        break;
    case DELETE:
        record->is = sys_cap_delete(a[0], a[1]);
        record->want = model_cap_delete(&model, a[0], a[1]);
        break;
    case REVOKE:
        record->is = sys_cap_revoke(a[0]);
        record->want = model_cap_revoke(&model, a[0]);
        break;
    case DERIVE:
        record->is = sys_memory_derive(a[0], a[1], a[2], a[3], a[4]);
        record->want = model_memory_derive(&model, a[0], a[1], a[2], a[3], a[4]);
        break;
    case FILL:
        record->is = sys_memory_fill(a[0], a[1], a[2], a[3]);
        record->want = model_memory_fill(&model, a[0], a[1], a[2], a[3]);
        break;
    case READ:
        read(record);
        break;
    case POOL:
        record->is = sys_pool_create(a[0], a[1], a[2], a[3]);
        record->want = model_pool_create(&model, a[0], a[1], a[2], a[3]);
        break;
    case CREATE:
        record->is = sys_object_create(a[0], a[1], a[2], a[3]);
        model.short_of_memory = record->is.status == E_MEMORY;
        record->want = model_object_create(&model, a[0], a[1], a[2], a[3]);
        break;
    case MAP:
        record->is = sys_space_map(a[0], a[1], a[2], a[3], a[4], a[5]);
        model.short_of_memory = record->is.status == E_MEMORY;
        record->want = model_space_map(&model, a[0], a[1], a[2], a[3], a[4], a[5]);
        break;
    case UNMAP:
        record->is = sys_space_unmap(a[0], a[1], a[2]);
        record->want = model_space_unmap(&model, a[0], a[1], a[2]);
        break;
    case PROTECT:
        record->is = sys_space_protect(a[0], a[1], a[2], a[3]);
        record->want = model_space_protect(&model, a[0], a[1], a[2], a[3]);
        break;
    case QUERY:
        query(record);
        break;
    case RAISE:
        record->is = sys_signal_raise(a[0], a[1]);
        record->want = model_signal_raise(&model, a[0], a[1]);
        break;
    case POLL:
        record->is = sys_signal_poll(a[0]);
        record->want = model_signal_poll(&model, a[0]);
        break;
    case RESUME:
        record->is = sys_thread_resume(a[0]);
        record->want = model_thread_resume(&model, a[0]);
        break;
    case CAP_QUERY:
        record->is = sys_cap_query(a[0]);
        record->want = model_cap_query(&model, a[0]);
        break;
    }
}

/* ---- the run ---- */

static enum call_kind some_kind(void) {
    uint64_t at = random_below(100);
    uint32_t kind = 0;
    while (at >= kinds[kind].share)
        at -= kinds[kind++].share;
    if ((kind == DELETE || kind == REVOKE) && model_cap_count(&model) < CAPS_WANTED)
        return CREATE;
    bool makes = kind == COPY || kind == DERIVE || kind == POOL || kind == CREATE;
    return makes && !model_has_room(&model) ? DELETE : (enum call_kind)kind;
}

static bool counts_agree(void) {
    struct hook_counts now = hook_counts(INIT_CAP_POOL);
    return CHECK_EQUAL(now.capabilities - base.capabilities, model_cap_count(&model) - 1) &&
           CHECK_EQUAL(now.mapped_frames - base.mapped_frames, model_mapped_frames(&model)) &&
           CHECK_EQUAL(now.kernel_frames - base.kernel_frames, model_pool_frames(&model));
}

static void tell(uint64_t number) {
    test_fail("seed=%lu, call %lu; the last calls:", world_command_number("seed", 1), number);
    for (uint64_t i = number < LOG_CALLS ? 0 : number - LOG_CALLS + 1; i <= number; i++) {
        const struct call_record *record = &records[i % LOG_CALLS];
        const uint64_t *a = record->arguments;
        test_note("%lu %s(0x%lx, 0x%lx, 0x%lx, 0x%lx, 0x%lx, 0x%lx): is %lu 0x%lx, want %lu 0x%lx", i,
                  kinds[record->kind].name, a[0], a[1], a[2], a[3], a[4], a[5], record->is.status, record->is.value,
                  record->want.status, record->want.value);
    }
}

static void set_up(void) {
    const struct init_info *info = (const void *)program_auxiliary(AT_BATON_INIT);
    uint64_t offset = world_frames(MODEL_FRAMES);
    base_frame = info->regions[world.region - INIT_CAP_REGIONS].phys / PAGE_BYTES + offset;
    page_memory = world_memory(1);
    page = world_map(page_memory, 1);
    cap_t slots = world_slots(MODEL_OWN_SLOTS);
    CHECK_STATUS(sys_memory_derive(world.region, offset, MODEL_FRAMES, slots, RIGHTS_ALL), OK);
    for (uint64_t i = 0; i < MODEL_FRAMES; i++)
        CHECK_STATUS(sys_memory_fill(slots, i * PAGE_BYTES, PAGE_BYTES, 0), OK);
    model_init(&model, slots);
    base = hook_counts(INIT_CAP_POOL);
}

static void calls_agree_with_the_model(void) {
    uint64_t calls = world_command_number("calls", CALLS), done[sizeof kinds / sizeof kinds[0]] = {0};
    test_limit_ms(LIMIT_MS);
    set_up();
    for (uint64_t i = 0; i < calls; i++) {
        struct call_record *record = &records[i % LOG_CALLS];
        record->kind = some_kind();
        choose(record);
        call(record);
        done[record->kind] += record->is.status == OK;
        bool same = record->is.status == record->want.status && record->is.value == record->want.value;
        if (i % COUNT_EVERY == 0)
            same = counts_agree() && same;
        if (i % CHECK_EVERY == 0)
            same = CHECK_STATUS(sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0), OK) && same;
        if (!same) {
            tell(i);
            return;
        }
    }
    role_check_sleepers();
    for (uint32_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++)
        test_note("%s: %lu of %lu calls succeeded", kinds[kind].name, done[kind], calls);
}

SUITE(CASE(calls_agree_with_the_model));
