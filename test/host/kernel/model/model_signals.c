/*
 * The calls on notifications, interrupt lines, ports and figures.
 */
#include "kernel/abi/system.h"
#include "test/host/kernel/machine_rest.h"
#include "test/host/kernel/model/model.h"

uint64_t model_signal_raise(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t place;
    uint64_t status = model_find(self, a[0], OBJECT_NOTIFICATION, NOTIFICATION_RAISE, &place);
    if (status == OK && a[1] == 0)
        status = E_ARG;
    uint64_t badge = model.caps[status == OK ? place : 0].data;
    if (status == OK && badge != 0 && (a[1] & ~badge) != 0)
        status = E_RIGHTS;
    if (status == OK)
        model_raise(model.caps[place].object, a[1]);
    return status;
}

static uint64_t take(uint32_t notification) {
    uint64_t bits = model.objects[notification].notification.bits;
    model.objects[notification].notification.bits = 0;
    return bits;
}

uint64_t model_signal_poll(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t place;
    uint64_t status = model_find(self, a[0], OBJECT_NOTIFICATION, NOTIFICATION_WAIT, &place);
    if (status != OK)
        return status;
    *ret_value = take(model.caps[place].object);
    return *ret_value == 0 ? E_EMPTY : OK;
}

uint64_t model_signal_wait(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t place;
    uint64_t status = model_find(self, a[0], OBJECT_NOTIFICATION, NOTIFICATION_WAIT, &place);
    if (status != OK)
        return status;
    *ret_value = take(model.caps[place].object);
    if (*ret_value != 0)
        return OK;
    if (a[1] <= model.now_ns)
        return E_TIMEOUT;
    model_block(self, THREAD_IN_SIGNAL);
    model_wait_at(self, model.caps[place].object);
    model_thread(self)->deadline_ns = a[1];
    model_thread(self)->regs.words[0] = 0; /* the value, unless bits come */
    return MODEL_BLOCKED;
}

uint64_t model_signal_timer(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t place;
    uint64_t status = model_find(self, a[0], OBJECT_NOTIFICATION, NOTIFICATION_WAIT | NOTIFICATION_RAISE, &place);
    if (status == OK && a[1] == 0 && a[2] != DEADLINE_NEVER)
        status = E_ARG;
    if (status == OK && model.caps[place].data != 0 && (a[1] & ~model.caps[place].data) != 0)
        status = E_RIGHTS;
    if (status != OK)
        return status;
    struct model_object *object = &model.objects[model.caps[place].object];
    object->notification.timer_bits = a[1];
    object->notification.timer_ns = a[2];
    object->notification.timer_priority = model_thread(self)->priority;
    return OK;
}

/* The place of one line's binding. */
static uint64_t find_line(uint32_t self, uint64_t slot, uint32_t *ret_place) {
    uint32_t place;
    uint64_t status = model_find(self, slot, OBJECT_IRQ, IRQ_BIND, &place);
    if (status != OK)
        return status;
    uint32_t line = (uint32_t)model.caps[place].data;
    *ret_place = model_place(model.caps[place].object, line);
    return model.caps[place].data >> 32 != 1 || line == MACHINE_ABSENT_LINE ? E_ARG : OK;
}

uint64_t model_irq_bind(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t line, source = 0;
    uint64_t status = find_line(self, a[0], &line);
    if (status == OK && a[1] != 0)
        status = model_find(self, a[1], OBJECT_NOTIFICATION, NOTIFICATION_RAISE, &source);
    uint64_t badge = model.caps[source].data;
    if (status == OK && source != 0 && a[2] == 0)
        status = E_ARG;
    if (status == OK && source != 0 && badge != 0 && (a[2] & ~badge) != 0)
        status = E_RIGHTS;
    if (status != OK)
        return status;
    model_remove(line);
    if (source != 0) {
        model_derive(line, source, RIGHTS_ALL, badge);
        model.objects[line / MODEL_SLOTS].irq.bits[line % MODEL_SLOTS] = a[2];
    }
    return OK;
}

uint64_t model_endpoint_watch(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t endpoint, source = 0;
    uint64_t status = model_find(self, a[0], OBJECT_ENDPOINT, ENDPOINT_WAIT, &endpoint);
    if (status == OK && a[1] != 0)
        status = model_find(self, a[1], OBJECT_NOTIFICATION, NOTIFICATION_RAISE, &source);
    uint64_t badge = model.caps[source].data;
    if (status == OK && source != 0 && a[2] == 0)
        status = E_ARG;
    if (status == OK && source != 0 && badge != 0 && (a[2] & ~badge) != 0)
        status = E_RIGHTS;
    if (status != OK)
        return status;
    uint32_t object = model.caps[endpoint].object;
    model_remove(model_place(object, PLACE_WATCH));
    if (source != 0) {
        model_derive(model_place(object, PLACE_WATCH), source, RIGHTS_ALL, badge);
        model.objects[object].endpoint.watch_bits = a[2];
        model.objects[object].endpoint.watcher = model.caps[source].object;
    }
    return OK;
}

uint64_t model_irq_ack(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    uint32_t line;
    uint64_t status = find_line(self, a[0], &line);
    return status == OK && model.caps[line].object == 0 ? E_STATE : status;
}

static uint64_t find_port(uint32_t self, uint64_t slot, uint64_t right, uint64_t port, uint64_t width) {
    uint32_t place;
    uint64_t status = model_find(self, slot, OBJECT_PORTS, right, &place);
    if (status != OK)
        return status;
    uint64_t first = model.caps[place].data & 0xffffffff, count = model.caps[place].data >> 32;
    bool fits = port >= first && port < first + count && port + width <= first + count;
    return (width == 1 || width == 2 || width == 4) && fits ? OK : E_ARG;
}

/* In the test's machine a port reads as its number plus the width. */
uint64_t model_port_read(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint64_t status = find_port(self, a[0], PORTS_READ, a[1], a[2]);
    *ret_value = status == OK ? a[1] + a[2] : 0;
    return status;
}

uint64_t model_port_write(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)ret_value;
    return find_port(self, a[0], PORTS_WRITE, a[1], a[2]);
}

uint64_t model_clock_read(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    (void)self;
    (void)a;
    *ret_value = model.now_ns;
    return OK;
}

/* Only the figures that the model can know; the driver asks for no others. */
uint64_t model_system_info(uint32_t self, const uint64_t *a, uint64_t *ret_value) {
    uint32_t place;
    uint64_t status;
    switch (a[0]) {
    case INFO_CPUS:
        *ret_value = 1;
        return OK;
    case INFO_FRAMES_MAPPED:
        *ret_value = model_mapped_count();
        return OK;
    case INFO_CAPABILITIES:
        *ret_value = model.cap_total;
        return OK;
    case INFO_POOL_BYTES:
    case INFO_POOL_USED:
        status = model_find(self, a[1], OBJECT_POOL, 0, &place);
        if (status == OK && a[0] == INFO_POOL_BYTES)
            *ret_value = model.objects[model.caps[place].object].pool.frame_count * PAGE_BYTES;
        else if (status == OK)
            *ret_value = model_pool_used(model.caps[place].object);
        return status;
    default:
        return E_ARG;
    }
}

static model_handler *const handlers[SYSCALL_COUNT] = {
    [SYS_cap_copy] = model_cap_copy,
    [SYS_cap_move] = model_cap_move,
    [SYS_cap_delete] = model_cap_delete,
    [SYS_cap_revoke] = model_cap_revoke,
    [SYS_memory_derive] = model_memory_derive,
    [SYS_memory_fill] = model_memory_fill,
    [SYS_memory_copy] = model_memory_copy,
    [SYS_pool_create] = model_pool_create,
    [SYS_pool_extend] = model_pool_extend,
    [SYS_object_create] = model_object_create,
    [SYS_space_map] = model_space_map,
    [SYS_space_unmap] = model_space_unmap,
    [SYS_space_protect] = model_space_protect,
    [SYS_space_query] = model_space_query,
    [SYS_thread_configure] = model_thread_configure,
    [SYS_thread_handover] = model_thread_handover,
    [SYS_thread_resume] = model_thread_resume,
    [SYS_thread_suspend] = model_thread_suspend,
    [SYS_thread_read] = model_thread_read,
    [SYS_thread_write] = model_thread_write,
    [SYS_signal_raise] = model_signal_raise,
    [SYS_signal_wait] = model_signal_wait,
    [SYS_signal_poll] = model_signal_poll,
    [SYS_signal_timer] = model_signal_timer,
    [SYS_irq_bind] = model_irq_bind,
    [SYS_irq_ack] = model_irq_ack,
    [SYS_port_read] = model_port_read,
    [SYS_port_write] = model_port_write,
    [SYS_clock_read] = model_clock_read,
    [SYS_system_info] = model_system_info,
    [SYS_cap_query] = model_cap_query,
    [SYS_endpoint_watch] = model_endpoint_watch,
};

static uint64_t call_message(uint32_t self, uint64_t number) {
    switch (number) {
    case SYS_ep_call:
        return model_ep_call(self);
    case SYS_ep_wait:
        return model_ep_wait(self);
    case SYS_ep_reply:
        return model_ep_reply(self);
    default:
        return model_ep_reply_wait(self);
    }
}

void model_call(void) {
    uint32_t self = model.current;
    struct model_thread *thread = model_thread(self);
    const struct model_regs *regs = &thread->regs;
    uint64_t number = regs->status, value = 0;
    uint64_t a[] = {regs->target, regs->info, regs->words[0], regs->words[1], regs->words[2], regs->words[3]};
    bool is_message = number >= SYS_ep_call && number <= SYS_ep_reply_wait;
    model.created = 0;
    if (thread->foreign) {
        model_fault(self, FAULT_SYSCALL, 0, 0);
        return;
    }
    uint64_t status = E_CALL;
    if (is_message)
        status = call_message(self, number);
    else if (number < SYSCALL_COUNT && handlers[number] != 0)
        status = handlers[number](self, a, &value);
    if (status == MODEL_BLOCKED)
        return;
    thread->regs.status = status;
    if (!is_message)
        thread->regs.words[0] = value;
}
