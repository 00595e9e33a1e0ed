#include "test/host/kernel/model/population.h"

#include "test/host/kernel/machine.h"
#include "test/host/kernel/model/model.h"
#include "test/host/kernel/model/pick.h"

#define THREADS_MIN 7U
#define POOL_PAGES 48U
#define OBJECTS_FULL 150U

static uint32_t own_table(void) { return model.caps[model_place(lockstep.first, PLACE_TABLE)].object; }
static const struct model_cap *cap_at(uint64_t slot) { return &model.caps[model_place(own_table(), (uint32_t)slot)]; }

/* The first thread keeps each pool's first capability: with it, it can end everything in the pool. */
static bool is_pools_first(uint32_t place) {
    return place != 0 && model.caps[place].type == OBJECT_POOL && model.caps[place].parent == 0;
}

static bool may_move_or_delete(uint64_t table, uint64_t slot) {
    uint64_t status;
    uint32_t place = model_victim(lockstep.first, table, slot, &status);
    bool own = place / MODEL_SLOTS == own_table();
    return !(own && place % MODEL_SLOTS < PICK_FIRST_FREE) && !is_pools_first(place);
}

static bool may_send_caps(void) {
    uint32_t frame = model_thread(lockstep.first)->message_frame;
    for (uint32_t i = 0; frame != MODEL_NONE && i < MESSAGE_CAPS; i++) {
        uint64_t slot = model.frames[frame].words[WORD_SEND + i];
        if (slot > 0 && slot < 5)
            return false;
    }
    return true;
}

bool population_may(const struct lockstep_call *call) {
    const uint64_t *a = call->a;
    uint32_t place = model_slot(lockstep.first, a[0] < MODEL_SLOTS ? a[0] : 0);
    bool own_thread = place != 0 && model.caps[place].object == lockstep.first;
    switch (call->number) {
    case SYS_cap_copy:
        return a[2] == 0 || a[2] >= 5;
    case SYS_cap_move:
        return a[2] == 0 || (may_move_or_delete(0, a[2]));
    case SYS_cap_delete:
        return may_move_or_delete(a[0], a[1]);
    case SYS_cap_revoke:
        return a[0] >= 5;
    case SYS_object_create:
    case SYS_pool_extend:
        return a[0] != MACHINE_CAP_POOL;
    case SYS_thread_configure:
    case SYS_thread_handover:
    case SYS_thread_suspend:
        return !own_thread;
    case SYS_ep_call:
    case SYS_ep_reply_wait:
        return false;
    case SYS_ep_reply:
        return may_send_caps();
    case SYS_ep_wait:
    case SYS_signal_wait:
        return a[1] != DEADLINE_NEVER;
    default:
        return true;
    }
}

static bool call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4) {
    struct lockstep_call made = {.number = number, .a = {a0, a1, a2, a3, a4}};
    return lockstep_make_call(&made);
}

static uint32_t count_of(enum object_type type) {
    uint32_t count = 0;
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++)
        count += type == OBJECT_NONE ? model.objects[id].type != OBJECT_NONE : model.objects[id].type == type;
    return count;
}

/* A slot with an unbadged, full capability of this type; 0 = none. */
static uint64_t original(enum object_type type) {
    uint64_t start = lockstep_random(MODEL_SLOTS);
    for (uint64_t i = 0; i < MODEL_SLOTS; i++) {
        uint64_t slot = (start + i) % MODEL_SLOTS;
        if (slot >= PICK_FIRST_FREE && cap_at(slot)->object != 0 && cap_at(slot)->type == type &&
            cap_at(slot)->parent == 0)
            return slot;
    }
    return 0;
}

/* A thread is made in steps, one per turn, since others run in between. */
static struct {
    uint32_t step;
    uint64_t thread, table, space;
} birth;

static bool configure_child(void) {
    static const uint64_t priorities[] = {8, 16, 16, 24, 32};
    struct thread_config config = {.table = birth.table,
                                   .fault_endpoint = original(OBJECT_ENDPOINT),
                                   .message_memory = lockstep_chance(85) ? MACHINE_CAP_MEMORY : 0,
                                   .message_offset_pages = 1 + lockstep_random(40),
                                   .notification = lockstep_chance(60) ? original(OBJECT_NOTIFICATION) : 0,
                                   .priority = priorities[lockstep_random(5)]};
    model_config = config;
    pick_data(lockstep.first, &config, sizeof config);
    uint64_t fields = THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE | THREAD_PRIORITY;
    return call(SYS_thread_configure, birth.thread, fields | (lockstep_chance(70) ? THREAD_NOTIFICATION : 0), 0, 0, 0);
}

static bool start_child(void) {
    struct thread_registers registers = {.rip = 0x500000, .rsp = 0x700000};
    model_registers = registers;
    pick_data(lockstep.first, &registers, sizeof registers);
    return call(SYS_thread_handover, birth.thread, birth.space,
                HANDOVER_RESUME | HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK, 0, 0);
}

/* Put the ith capability into a new thread's table. */
static bool endow_child(uint32_t i) {
    const uint64_t sources[] = {original(OBJECT_ENDPOINT),
                                original(OBJECT_ENDPOINT),
                                original(OBJECT_NOTIFICATION),
                                MACHINE_CAP_MEMORY,
                                original(OBJECT_POOL),
                                birth.thread,
                                birth.table,
                                birth.space,
                                LOCKSTEP_CAP_IRQ,
                                LOCKSTEP_CAP_PORTS,
                                pick_slot(lockstep.first, OBJECT_NONE)};
    uint64_t badge = i == 1 ? 1 + lockstep_random(200) : i == 8 || i == 9 ? RANGE(lockstep_random(4), 1) : 0;
    if (i == 3) /* a part of the memory: derived into an own slot, then moved */
        return call(SYS_memory_derive, MACHINE_CAP_MEMORY, lockstep_random(MODEL_FRAMES - 20), 1 + lockstep_random(20),
                    pick_empty(lockstep.first), RIGHTS_ALL);
    uint64_t source = i == 10 ? pick_slot(lockstep.first, OBJECT_MEMORY) : sources[i];
    return source < 5 || call(SYS_cap_copy, birth.table, i + 1, source, pick_rights(), badge);
}

static bool make_child(void) {
    uint64_t pool = original(OBJECT_POOL);
    uint64_t *slots[] = {&birth.thread, &birth.table, &birth.space};
    static const enum object_type types[] = {OBJECT_THREAD, OBJECT_TABLE, OBJECT_SPACE};
    uint32_t step = birth.step++;
    if (step > 0 && step <= 3 && cap_at(*slots[step - 1])->type != types[step - 1]) {
        birth.step = 0; /* the thread could not be made */
        return true;
    }
    if (step < 3) {
        do
            *slots[step] = pick_empty(lockstep.first);
        while (*slots[step] < PICK_FIRST_FREE || *slots[step] >= MODEL_SLOTS);
        return pool == 0 || call(SYS_object_create, pool, types[step], step == 1 ? 32 : 0, *slots[step], 0);
    }
    if (step < 14)
        return endow_child(step - 3);
    if (step == 14)
        return configure_child();
    birth.step = 0;
    return start_child();
}

static bool has_children(uint32_t place) {
    for (uint32_t at = model.objects[model.caps[place].object].first_cap; at != 0; at = model.caps[at].next) {
        if (model_descends(at, place))
            return true;
    }
    return false;
}

/* Revoke the copies first: one of them might keep the object alive where no thread can reach it. */
static bool end_slot(uint64_t slot) {
    return has_children(model_place(own_table(), (uint32_t)slot)) ? call(SYS_cap_revoke, slot, 0, 0, 0, 0)
                                                                  : call(SYS_cap_delete, 0, slot, 0, 0, 0);
}

static bool somebody_waits_for_the_cpu(void) {
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        if (model.objects[id].type == OBJECT_THREAD && model_thread(id)->state == THREAD_READY)
            return true;
    }
    return false;
}

/* All other threads wait or are stopped: get one of them to run. */
static bool revive(void) {
    uint64_t thread = original(OBJECT_THREAD);
    uint32_t object = thread == 0 ? 0 : cap_at(thread)->object;
    bool can_run = object != 0 && model.caps[model_place(object, PLACE_SPACE)].object != 0;
    bool stopped = can_run && model_thread(object)->state == THREAD_STOPPED;
    uint64_t choice = lockstep_random(10);
    if (stopped && choice < 4)
        return call(SYS_thread_resume, thread, 0, 0, 0, 0);
    if (choice < 6)
        return call(SYS_signal_raise, original(OBJECT_NOTIFICATION), 1 + lockstep_random(15), 0, 0, 0);
    if (object != 0 && (choice == 6 || !can_run))
        return call(SYS_cap_delete, 0, thread, 0, 0, 0);
    if (choice == 7 && object != 0) { /* restart it, in another space */
        birth.thread = thread;
        birth.space = original(OBJECT_SPACE);
        return birth.space == 0 || start_child();
    }
    if (choice == 8) {
        pick_message(lockstep.first);
        return call(SYS_ep_wait, original(OBJECT_ENDPOINT), pick_deadline(), 0, 0, 0);
    }
    return call(SYS_ep_reply, 0, MESSAGE_INFO(0, 2, 0), 1, 2, 0);
}

static bool table_is_full(void) {
    uint32_t empty = 0;
    for (uint64_t slot = PICK_FIRST_FREE; slot < MODEL_SLOTS; slot++)
        empty += cap_at(slot)->object == 0;
    return empty < 6;
}

static bool make_room(void) {
    uint64_t slot = PICK_FIRST_FREE + lockstep_random(MODEL_SLOTS - PICK_FIRST_FREE);
    return !may_move_or_delete(0, slot) || call(SYS_cap_delete, 0, slot, 0, 0, 0);
}

bool population_keep(void) {
    uint64_t pool = original(OBJECT_POOL);
    if (table_is_full() || lockstep_chance(5))
        return make_room();
    if (birth.step > 0)
        return make_child();
    if (count_of(OBJECT_POOL) < 4)
        return call(
            SYS_pool_create, MACHINE_CAP_MEMORY, PICK_SHARED + lockstep_random(MODEL_FRAMES - PICK_SHARED - POOL_PAGES),
            POOL_PAGES - lockstep_random(lockstep_chance(80) ? 20 : POOL_PAGES - 1), pick_empty(lockstep.first), 0);
    if ((lockstep_chance(1) || count_of(OBJECT_NONE) > OBJECTS_FULL) && pool != 0)
        return end_slot(pool);
    if (original(OBJECT_ENDPOINT) == 0 || lockstep_chance(3))
        return call(SYS_object_create, pool, OBJECT_ENDPOINT, 0, pick_empty(lockstep.first), 0);
    if (original(OBJECT_NOTIFICATION) == 0 || lockstep_chance(3))
        return call(SYS_object_create, pool, OBJECT_NOTIFICATION, 0, pick_empty(lockstep.first), 0);
    if (count_of(OBJECT_THREAD) < THREADS_MIN && count_of(OBJECT_NONE) < OBJECTS_FULL)
        return make_child();
    if (!somebody_waits_for_the_cpu())
        return lockstep_chance(30) ? make_child() : revive();
    return call(SYS_signal_wait, LOCKSTEP_CAP_SIGNAL, pick_deadline() + lockstep_random(4) * 1000000, 0, 0, 0);
}

bool population_end(void) {
    birth.step = 0;
    for (uint64_t slot = PICK_FIRST_FREE; slot < MODEL_SLOTS; slot++) {
        if (cap_at(slot)->object != 0)
            return end_slot(slot);
    }
    for (uint64_t slot = MACHINE_CAP_MEMORY; slot <= LOCKSTEP_CAP_SIGNAL; slot++) {
        uint32_t object = cap_at(slot)->object;
        if (object != 0 && model.objects[object].cap_total > 1)
            return call(SYS_cap_revoke, slot, 0, 0, 0, 0);
    }
    return call(SYS_cap_delete, 0, 0, 0, 0, 0); /* the reply that it still owes */
}

bool population_is_gone(void) {
    for (uint64_t slot = PICK_FIRST_FREE; slot < MODEL_SLOTS; slot++) {
        if (cap_at(slot)->object != 0)
            return false;
    }
    for (uint64_t slot = MACHINE_CAP_MEMORY; slot <= LOCKSTEP_CAP_SIGNAL; slot++) {
        uint32_t object = cap_at(slot)->object;
        if (object != 0 && model.objects[object].cap_total > 1)
            return false;
    }
    return model.caps[model_place(lockstep.first, PLACE_REPLY)].object == 0 && count_of(OBJECT_THREAD) == 1;
}
