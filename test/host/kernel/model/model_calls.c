/*
 * The calls on capabilities and threads, and the table from a number to its call.
 */
#include "test/host/kernel/model/model.h"

#define CONFIG_FIELDS                                                                                                  \
    (THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE | THREAD_NOTIFICATION | THREAD_PRIORITY | THREAD_CPU | \
     THREAD_FOREIGN)
#define HANDOVER_FLAGS (HANDOVER_RESUME | HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK | HANDOVER_KEEP_FPU)

struct thread_config model_config;
struct thread_registers model_registers;

/* A slot of another table; table 0: of the caller's own. */
static uint64_t find_in(uint32_t self, uint64_t table, uint64_t right, uint64_t slot, uint32_t *ret_place) {
    uint32_t place;
    *ret_place = 0;
    if (table == 0) {
        *ret_place = model_slot(self, slot);
        return *ret_place == 0 ? E_CAP : OK;
    }
    uint64_t status = model_find(self, table, OBJECT_TABLE, right, &place);
    if (status != OK)
        return status;
    uint32_t object = model.caps[place].object;
    if (slot == 0 || slot >= model.objects[object].table.slot_count)
        return E_CAP;
    *ret_place = model_place(object, (uint32_t)slot);
    return OK;
}

static uint64_t find_empty_in(uint32_t self, uint64_t table, uint64_t slot, uint32_t *ret_place) {
    uint64_t status = find_in(self, table, TABLE_WRITE, slot, ret_place);
    return status == OK && model.caps[*ret_place].object != 0 ? E_EXISTS : status;
}

static uint64_t narrow(const struct model_cap *source, uint64_t badge, uint64_t *ret_data) {
    uint64_t first = badge & 0xffffffff, count = badge >> 32;
    uint64_t start = source->data & 0xffffffff, total = source->data >> 32;
    *ret_data = badge == 0 ? source->data : badge;
    if (badge == 0)
        return OK;
    if (source->type == OBJECT_ENDPOINT || source->type == OBJECT_NOTIFICATION)
        return source->data != 0 ? E_RIGHTS : OK;
    if (source->type == OBJECT_IRQ || source->type == OBJECT_PORTS)
        return count == 0 || first < start || first + count > start + total ? E_ARG : OK;
    return E_ARG;
}

uint64_t model_cap_copy(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t source, to;
    uint64_t data;
    uint64_t status = find_in(self, a[2] >> 32, TABLE_READ, a[2] & 0xffffffff, &source);
    if (status != OK || model.caps[source].object == 0)
        return status != OK ? status : E_CAP;
    if (model.caps[source].type == OBJECT_REPLY)
        return E_TYPE;
    status = narrow(&model.caps[source], a[4], &data);
    if (status == OK)
        status = find_empty_in(self, a[0], a[1], &to);
    if (status == OK)
        model_derive(to, source, a[3], data);
    return status;
}

uint64_t model_cap_move(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t source = a[2] == 0 ? model_place(self, PLACE_REPLY) : model_slot(self, a[2]), to;
    if (source == 0 || model.caps[source].object == 0)
        return E_CAP;
    uint64_t status = find_empty_in(self, a[0], a[1], &to);
    if (status == OK)
        model_move(to, source);
    return status;
}

uint32_t model_victim(uint32_t self, uint64_t table, uint64_t slot, uint64_t *ret_status) {
    uint32_t place = 0;
    *ret_status = OK;
    if (table == 0 && slot == 0)
        return model_place(self, PLACE_REPLY);
    *ret_status = find_in(self, table, TABLE_WRITE, slot, &place);
    return *ret_status == OK ? place : 0;
}

uint64_t model_cap_delete(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint64_t status;
    uint32_t victim = model_victim(self, a[0], a[1], &status);
    if (victim != 0)
        model_remove(victim);
    return status;
}

uint64_t model_cap_revoke(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t root = model_slot(self, a[0]);
    if (root == 0 || model.caps[root].object == 0)
        return E_CAP;
    if (model.caps[root].type == OBJECT_REPLY)
        return OK;
    const struct model_object *object = &model.objects[model.caps[root].object];
    for (uint32_t at = object->first_cap; at != 0;) {
        bool goes = model_descends(at, root);
        uint32_t next = model.caps[at].next;
        if (goes)
            model_take_away(at);
        at = goes ? object->first_cap : next;
    }
    return OK;
}

uint64_t model_cap_query(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t place = model_slot(self, a[0]);
    const struct model_cap *cap = &model.caps[place];
    if (place == 0 || cap->object == 0)
        return E_CAP;
    *ret_value = cap->type | (uint64_t)cap->rights << 8;
    uint32_t at = cap->type == OBJECT_REPLY ? 0 : model.objects[cap->object].first_cap;
    while (at != 0 && model.caps[at].parent != place)
        at = model.caps[at].next;
    *ret_value |= at != 0 ? QUERY_DERIVED : 0;
    return OK;
}

/* Find a capability to bind; slot 0 = none. */
static uint64_t find_optional(uint32_t self, uint64_t slot, enum object_type type, uint64_t rights,
                              uint32_t *ret_place) {
    *ret_place = 0;
    return slot == 0 ? OK : model_find(self, slot, type, rights, ret_place);
}

struct bindings {
    uint32_t table, fault, message, notification; /* places; 0 = unbind */
    uint32_t frame;
};

static uint64_t check_config(uint32_t self, uint32_t target, uint64_t fields, struct bindings *to) {
    const struct thread_config *config = &model_config;
    uint64_t status = OK;
    if ((fields & THREAD_TABLE) != 0)
        status = model_find(self, config->table, OBJECT_TABLE, TABLE_USE, &to->table);
    if (status == OK && (fields & THREAD_FAULT_ENDPOINT) != 0)
        status = find_optional(self, config->fault_endpoint, OBJECT_ENDPOINT, ENDPOINT_CALL, &to->fault);
    if (status == OK && (fields & THREAD_MESSAGE_PAGE) != 0) {
        status = find_optional(self, config->message_memory, OBJECT_MEMORY, MEMORY_READ | MEMORY_WRITE, &to->message);
        uint64_t range = model.caps[to->message].data;
        if (status == OK && to->message != 0) {
            to->frame = (uint32_t)((range & 0xffffffff) + config->message_offset_pages - model.first_frame);
            if (config->message_offset_pages >= range >> 32)
                status = E_ARG;
            else if (model_frame_holders(model.first_frame + to->frame) == MODEL_NONE)
                status = E_BUSY;
        }
    }
    if (status == OK && (fields & THREAD_NOTIFICATION) != 0) {
        status = find_optional(self, config->notification, OBJECT_NOTIFICATION, NOTIFICATION_WAIT, &to->notification);
        uint32_t bound = model.objects[model.caps[to->notification].object].notification.bound;
        if (status == OK && to->notification != 0 && bound != 0 && bound != target)
            status = E_BUSY;
    }
    if (status == OK && (fields & THREAD_PRIORITY) != 0 && config->priority > model_thread(self)->priority)
        status = E_RIGHTS;
    if (status == OK && (fields & THREAD_CPU) != 0 && config->cpu >= 1)
        status = E_ARG;
    return status == OK && (fields & THREAD_FOREIGN) != 0 && config->foreign > 1 ? E_ARG : status;
}

static void bind(uint32_t thread, enum model_place slot, uint32_t source) {
    model_take_away(model_place(thread, slot));
    if (source != 0)
        model_derive(model_place(thread, slot), source, RIGHTS_ALL, model.caps[source].data);
}

static void apply_config(uint32_t target, uint64_t fields, const struct bindings *to) {
    struct model_thread *thread = model_thread(target);
    if ((fields & THREAD_TABLE) != 0)
        bind(target, PLACE_TABLE, to->table);
    if ((fields & THREAD_FAULT_ENDPOINT) != 0)
        bind(target, PLACE_FAULT, to->fault);
    if ((fields & THREAD_MESSAGE_PAGE) != 0) {
        bind(target, PLACE_MESSAGE, to->message);
        if (thread->message_frame != MODEL_NONE) /* boot's message page, which has no capability */
            model.frames[thread->message_frame].count--;
        thread->message_frame = to->message == 0 ? MODEL_NONE : to->frame;
        if (to->message != 0)
            model.frames[to->frame].count++;
    }
    if ((fields & THREAD_NOTIFICATION) != 0) {
        bind(target, PLACE_NOTIFICATION, to->notification);
        uint32_t notification = to->notification == 0 ? 0 : model.caps[to->notification].object;
        if (notification != 0)
            model.objects[notification].notification.bound = target;
        if (notification != 0 && model.objects[notification].notification.bits != 0)
            model_raise(notification, 0); /* it gets the bits raised before */
    }
    if ((fields & THREAD_PRIORITY) != 0)
        thread->priority = model_config.priority;
    bool can_run = thread->state == THREAD_READY || thread->state == THREAD_RUNNING;
    if ((fields & (THREAD_PRIORITY | THREAD_CPU)) != 0 && can_run) {
        model_block(target, THREAD_STOPPED);
        model_ready(target);
    }
    if ((fields & THREAD_FOREIGN) != 0)
        thread->foreign = model_config.foreign == 1;
}

uint64_t model_thread_configure(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t place;
    struct bindings to = {0};
    uint64_t status = model_find(self, a[0], OBJECT_THREAD, THREAD_CONTROL, &place);
    if (status == OK && (a[1] & ~(uint64_t)CONFIG_FIELDS) != 0)
        status = E_ARG;
    if (status == OK && model_thread(self)->message_frame == MODEL_NONE)
        status = E_STATE;
    if (status == OK)
        status = check_config(self, model.caps[place].object, a[1], &to);
    if (status == OK)
        apply_config(model.caps[place].object, a[1], &to);
    return status;
}

/* The driver allows entry and stack to be absent. The machine's part of the audit is not modelled. */
static uint64_t audit(uint32_t target) {
    const struct thread_registers *entry = &model_registers;
    if (entry->rip >= USER_LIMIT || entry->rsp < USER_LOWEST + 8 || entry->rsp > USER_LIMIT)
        return AUDIT_ENTRY_STATE;
    if (model.caps[model_place(target, PLACE_TABLE)].object == 0)
        return AUDIT_TABLE;
    if (model.caps[model_place(target, PLACE_FAULT)].object == 0)
        return AUDIT_FAULT_ENDPOINT;
    return model_thread(target)->message_frame == MODEL_NONE ? AUDIT_MESSAGE_PAGE : AUDIT_OK;
}

uint64_t model_thread_handover(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t place, space;
    uint64_t status = model_find(self, a[0], OBJECT_THREAD, THREAD_CONTROL, &place);
    if (status == OK)
        status = model_find(self, a[1], OBJECT_SPACE, SPACE_RUN, &space);
    if (status == OK && (a[2] & ~(uint64_t)HANDOVER_FLAGS) != 0)
        status = E_ARG;
    if (status == OK && model_thread(self)->message_frame == MODEL_NONE)
        status = E_STATE;
    if (status != OK)
        return status;
    uint32_t target = model.caps[place].object;
    struct model_thread *thread = model_thread(target);
    *ret_value = audit(target);
    if (*ret_value != AUDIT_OK)
        return E_AUDIT;
    model_stop(target);
    bind(target, PLACE_SPACE, space);
    thread->regs.rip = model_registers.rip;
    thread->suspended = false;
    if ((a[2] & HANDOVER_RESUME) != 0)
        model_ready(target);
    return target == self ? MODEL_BLOCKED : OK;
}

uint64_t model_thread_resume(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t place;
    uint64_t status = model_find(self, a[0], OBJECT_THREAD, THREAD_CONTROL, &place);
    if (status != OK)
        return status;
    uint32_t target = model.caps[place].object;
    struct model_thread *thread = model_thread(target);
    if (thread->state == THREAD_STOPPED &&
        (model.caps[model_place(target, PLACE_SPACE)].object == 0 || thread->regs.rip == 0))
        return E_STATE;
    thread->suspended = false;
    if (thread->state == THREAD_STOPPED)
        model_ready(target);
    return OK;
}

#define CALL_BYTES 2U /* of the instruction that makes a system call */

/* Does the suspension end the thread's wait? Not if a server's current reply answers it, unless it is to be abandoned;
 * and not for a fault that would not recur. */
static bool is_withdrawn(const struct model_thread *thread, uint64_t flags) {
    uint32_t at = thread->reply_place;
    bool served = at != 0 && model.objects[at / MODEL_SLOTS].type == OBJECT_THREAD;
    bool trap = thread->fault_kind == FAULT_BREAKPOINT || thread->fault_kind == FAULT_STEP ||
                thread->fault_kind == FAULT_OVERFLOW;
    return (flags & SUSPEND_WITHDRAW) != 0 && (!served || (flags & SUSPEND_ABANDON) != 0) &&
           (thread->state != THREAD_IN_FAULT || !trap);
}

uint64_t model_thread_suspend(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t place;
    uint64_t status = model_find(self, a[0], OBJECT_THREAD, THREAD_CONTROL, &place);
    if (status == OK && a[1] > (SUSPEND_WITHDRAW | SUSPEND_ABANDON))
        status = E_ARG;
    if (status != OK)
        return status;
    uint32_t target = model.caps[place].object;
    struct model_thread *thread = model_thread(target);
    enum thread_run_state state = thread->state;
    if (state == THREAD_READY || state == THREAD_RUNNING)
        model_block(target, THREAD_STOPPED);
    else if (state != THREAD_STOPPED)
        thread->suspended = true;
    if (thread->suspended && thread->state != THREAD_STOPPED && is_withdrawn(thread, a[1])) {
        model_cancel(target);
        if (state == THREAD_IN_FAULT && thread->fault_kind == FAULT_SYSCALL)
            thread->regs.rip -= CALL_BYTES;
        if (state != THREAD_IN_FAULT)
            model_wake(target, E_CANCEL);
    }
    if (thread->state != THREAD_STOPPED)
        *ret_value = SUSPEND_WAITS;
    else
        *ret_value = state == THREAD_IN_CALL ? SUSPEND_WITHDRAWN : SUSPEND_STOPPED;
    return OK;
}

#define PARTS_ALL (uint64_t)(THREAD_REGISTERS | THREAD_FPU)

uint64_t model_thread_read(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t place;
    uint64_t status = model_find(self, a[0], OBJECT_THREAD, THREAD_READ, &place);
    if (status == OK && a[1] > PARTS_ALL)
        status = E_ARG;
    return status == OK && model_thread(self)->message_frame == MODEL_NONE ? E_STATE : status;
}

uint64_t model_thread_write(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t place;
    uint64_t status = model_find(self, a[0], OBJECT_THREAD, THREAD_CONTROL, &place);
    if (status == OK && a[1] > PARTS_ALL)
        status = E_ARG;
    if (status == OK && model_thread(self)->message_frame == MODEL_NONE)
        status = E_STATE;
    if (status != OK)
        return status;
    struct model_thread *thread = model_thread(model.caps[place].object);
    if (thread->state != THREAD_STOPPED && thread->state != THREAD_IN_FAULT)
        return E_STATE;
    if ((a[1] & THREAD_REGISTERS) == 0)
        return OK;
    if (model_registers.rip >= USER_LIMIT)
        return E_ARG;
    thread->regs.rip = model_registers.rip;
    return OK;
}
