#include "test/host/kernel/model/model.h"

#include <string.h>

struct model model;

void model_start(uint64_t first_frame) {
    memset(&model, 0, sizeof model);
    model.first_frame = first_frame;
}

uint32_t model_add_object(enum object_type type, uint32_t pool) {
    uint32_t id = 1;
    while (id < MODEL_OBJECTS && model.objects[id].type != OBJECT_NONE)
        id++;
    if (id == MODEL_OBJECTS) {
        model.objection = "the model has no room for another object";
        id--;
    }
    struct model_object *object = &model.objects[id];
    memset(object, 0, sizeof *object);
    object->type = type;
    object->payer = pool;
    if (type == OBJECT_THREAD) {
        object->thread.message_frame = MODEL_NONE;
        object->thread.deadline_ns = DEADLINE_NEVER;
    }
    if (type == OBJECT_NOTIFICATION)
        object->notification.timer_ns = DEADLINE_NEVER;
    return id;
}

static void fill(uint32_t place, uint32_t object, enum object_type type, uint64_t rights, uint64_t data) {
    model.caps[place] =
        (struct model_cap){.object = object, .type = type, .rights = (uint32_t)rights & RIGHTS_ALL, .data = data};
    model.cap_total += type != OBJECT_REPLY;
}

static void list(uint32_t place) {
    struct model_object *object = &model.objects[model.caps[place].object];
    model.caps[place].next = object->first_cap;
    object->first_cap = place;
    object->cap_total++;
}

static void unlist(uint32_t place) {
    struct model_object *object = &model.objects[model.caps[place].object];
    uint32_t *link = &object->first_cap;
    while (*link != place)
        link = &model.caps[*link].next;
    *link = model.caps[place].next;
    object->cap_total--;
}

/* Make the children of the capability at `from` children of `to`. */
static void adopt_children(uint32_t from, uint32_t to) {
    for (uint32_t at = model.objects[model.caps[from].object].first_cap; at != 0; at = model.caps[at].next) {
        if (model.caps[at].parent == from)
            model.caps[at].parent = to;
    }
}

void model_set_first(uint32_t place, uint32_t object, uint64_t rights, uint64_t data) {
    fill(place, object, model.objects[object].type, rights, data);
    list(place);
}

void model_derive(uint32_t place, uint32_t parent, uint64_t rights, uint64_t data) {
    fill(place, model.caps[parent].object, model.caps[parent].type, rights & model.caps[parent].rights, data);
    model.caps[place].parent = parent;
    list(place);
}

void model_move(uint32_t to, uint32_t from) {
    if (model.caps[from].type == OBJECT_REPLY) {
        model.caps[to] = model.caps[from];
        model_thread(model.caps[to].object)->reply_place = to;
    } else {
        adopt_children(from, to);
        unlist(from);
        model.caps[to] = model.caps[from];
        list(to);
    }
    memset(&model.caps[from], 0, sizeof model.caps[from]);
}

void model_set_reply(uint32_t place, uint32_t caller) {
    fill(place, caller, OBJECT_REPLY, 0, 0);
    model_thread(caller)->reply_place = place;
}

void model_clear_reply(uint32_t place) {
    model_thread(model.caps[place].object)->reply_place = 0;
    memset(&model.caps[place], 0, sizeof model.caps[place]);
}

static bool has_children(uint32_t place, uint32_t except) {
    for (uint32_t at = model.objects[model.caps[place].object].first_cap; at != 0; at = model.caps[at].next) {
        if (model.caps[at].parent == place && at != except)
            return true;
    }
    return false;
}

/* The capability at `place` goes now: note which of its ancestors lose their last descendant, and who watches. */
static void note_loss(uint32_t place) {
    const struct model_cap *cap = &model.caps[place];
    uint32_t watcher = model.objects[cap->object].endpoint.watcher, parent = cap->parent;
    if (cap->type != OBJECT_ENDPOINT || watcher == 0)
        return;
    bool parent_loses = parent != 0 && (model.caps[parent].rights & ENDPOINT_WATCH) != 0 &&
                        !has_children(parent, place) && !has_children(place, 0);
    if (parent_loses)
        model.lost[parent] = true;
    /* the kernel may remove it before or after its own children */
    if (parent_loses || (cap->rights & ENDPOINT_WATCH) != 0)
        model.may_raise[watcher] |= model.objects[cap->object].endpoint.watch_bits;
}

/* Raises for watched endpoints in this step wake threads in any order, as deaths do. */
static void begin_reaping(void) {
    if (!model.reaping)
        model.stamp++;
    model.reaping = true;
}

void model_watch_raised(uint32_t notification, uint64_t bits, uint32_t woken) {
    begin_reaping();
    model.objects[notification].notification.bits |= bits;
    if (woken != 0)
        model_deliver_bits(notification, woken);
}

void model_watch_end(const uint64_t *raised) {
    uint64_t must[MODEL_OBJECTS] = {0};
    for (uint32_t place = 0; place < MODEL_OBJECTS * MODEL_SLOTS; place++) {
        uint32_t object = model.caps[place].object;
        if (model.lost[place] && object != 0 && model.objects[object].type == OBJECT_ENDPOINT)
            must[model.caps[model_place(object, PLACE_WATCH)].object] |= model.objects[object].endpoint.watch_bits;
    }
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        if ((must[id] & ~raised[id]) != 0)
            model.objection = "a capability lost its last descendant, and who watches was not told";
        if ((raised[id] & ~model.may_raise[id]) != 0)
            model.objection = "who watches was told, and no capability lost its last descendant";
        if (model.objects[id].type == OBJECT_ENDPOINT)
            model.objects[id].endpoint.watcher = model.caps[model_place(id, PLACE_WATCH)].object;
    }
    memset(model.lost, 0, sizeof model.lost);
    memset(model.may_raise, 0, sizeof model.may_raise);
}

void model_remove(uint32_t place) {
    struct model_cap cap = model.caps[place];
    if (cap.object == 0)
        return;
    if (cap.type == OBJECT_REPLY) {
        model_clear_reply(place);
        bool faulted = model_thread(cap.object)->state == THREAD_IN_FAULT;
        model_cancel(cap.object);
        if (!faulted)
            model_wake(cap.object, E_PEER);
        return;
    }
    note_loss(place);
    adopt_children(place, cap.parent);
    unlist(place);
    memset(&model.caps[place], 0, sizeof model.caps[place]);
    model.cap_total--;
    struct model_object *object = &model.objects[cap.object];
    if (object->first_cap == 0 && (object->payer != 0 || object->type == OBJECT_POOL))
        object->dying = true;
}

static void release_message_page(struct model_thread *thread) {
    if (thread->message_frame != MODEL_NONE)
        model.frames[thread->message_frame].count--;
    thread->message_frame = MODEL_NONE;
}

void model_take_away(uint32_t place) {
    uint32_t owner = place / MODEL_SLOTS, slot = place % MODEL_SLOTS;
    if (model.caps[place].object == 0)
        return;
    if (model.objects[owner].type == OBJECT_THREAD) {
        struct model_thread *thread = model_thread(owner);
        if (slot == PLACE_SPACE) {
            thread->regs_open = thread->regs_open || model.reaping;
            model_stop(owner);
        } else if (slot == PLACE_NOTIFICATION) {
            model.objects[model.caps[place].object].notification.bound = 0;
        } else if (slot == PLACE_MESSAGE) {
            release_message_page(thread);
        }
    }
    model_remove(place);
}

bool model_descends(uint32_t place, uint32_t from) {
    for (uint32_t at = model.caps[place].parent; at != 0; at = model.caps[at].parent) {
        if (at == from)
            return true;
    }
    return false;
}

static void kill_all_in(uint32_t pool) {
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        if (model.objects[id].type != OBJECT_NONE && model.objects[id].payer == pool)
            model.objects[id].dying = true;
    }
}

static bool pool_is_empty(uint32_t pool) {
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        if (model.objects[id].type != OBJECT_NONE && model.objects[id].payer == pool)
            return false;
    }
    return true;
}

static void end_thread(uint32_t id) {
    model_stop(id);
    model_remove(model_place(id, PLACE_REPLY));
    for (uint32_t slot = PLACE_TABLE; slot < PLACES; slot++)
        model_take_away(model_place(id, slot));
    release_message_page(model_thread(id));
    if (model.current == id)
        model.current = 0;
}

static void end_waits(uint32_t id) {
    for (uint32_t thread = 1; thread < MODEL_OBJECTS; thread++) {
        if (model.objects[thread].type != OBJECT_THREAD || model_thread(thread)->queue != id)
            continue;
        bool faulted = model_thread(thread)->state == THREAD_IN_FAULT;
        model_cancel(thread);
        if (!faulted)
            model_wake(thread, E_PEER);
    }
}

/* End an object. False: not yet, another one has to go first. */
static bool end(uint32_t id) {
    struct model_object *object = &model.objects[id];
    while (object->first_cap != 0)
        model_take_away(object->first_cap);
    switch (object->type) {
    case OBJECT_THREAD:
        end_thread(id);
        return true;
    case OBJECT_TABLE:
        for (uint32_t slot = 1; slot < MODEL_SLOTS; slot++)
            model_remove(model_place(id, slot));
        return true;
    case OBJECT_SPACE:
        for (uint32_t i = 0; i < object->space.page_count; i++)
            model.frames[object->space.pages[i].frame].count--;
        return true;
    case OBJECT_ENDPOINT:
        model_take_away(model_place(id, PLACE_WATCH));
        end_waits(id);
        return true;
    case OBJECT_NOTIFICATION:
        end_waits(id);
        return true;
    case OBJECT_POOL:
        kill_all_in(id);
        if (!pool_is_empty(id))
            return false;
        for (uint32_t i = 0; i < MODEL_FRAMES; i++) {
            if (model.frames[i].pool == id)
                model.frames[i].pool = 0, model.frames[i].open = OPEN_CLEARED;
        }
        return true;
    case OBJECT_NONE:
    case OBJECT_MEMORY:
    case OBJECT_IRQ:
    case OBJECT_PORTS:
    case OBJECT_REPLY:
        break;
    }
    return false;
}

void model_reap(void) {
    bool again = true;
    begin_reaping();
    while (again) {
        again = false;
        for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
            if (model.objects[id].type == OBJECT_NONE || !model.objects[id].dying)
                continue;
            if (end(id))
                memset(&model.objects[id], 0, sizeof model.objects[id]);
            again = true;
        }
    }
    model.reaping = false;
}

uint32_t model_slot(uint32_t self, uint64_t slot) {
    uint32_t table = model.caps[model_place(self, PLACE_TABLE)].object;
    if (table == 0 || slot == 0 || slot >= model.objects[table].table.slot_count)
        return 0;
    return model_place(table, (uint32_t)slot);
}

uint64_t model_find(uint32_t self, uint64_t slot, enum object_type type, uint64_t rights, uint32_t *ret_place) {
    uint32_t place = model_slot(self, slot);
    const struct model_cap *cap = &model.caps[place];
    if (place == 0 || cap->object == 0)
        return E_CAP;
    if (cap->type != type)
        return E_TYPE;
    if ((cap->rights & rights) != rights)
        return E_RIGHTS;
    *ret_place = place;
    return OK;
}

uint64_t model_find_empty(uint32_t self, uint64_t slot, uint32_t *ret_place) {
    uint32_t place = model_slot(self, slot);
    if (place == 0)
        return E_CAP;
    *ret_place = place;
    return model.caps[place].object != 0 ? E_EXISTS : OK;
}
