/*
 * The system calls on threads, except thread_handover (handover.c).
 */
#include "kernel/base/string.h"
#include "kernel/ending/binding.h"
#include "kernel/ending/pile.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/call.h"
#include "kernel/machine/request.h"
#include "kernel/memory/memory.h"
#include "kernel/run/fastpath.h"
#include "kernel/run/sched.h"
#include "kernel/run/table.h"
#include "kernel/run/timer.h"
#include "kernel/run/wait.h"

#define FIELDS_ALL                                                                                                     \
    (THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE | THREAD_NOTIFICATION | THREAD_PRIORITY | THREAD_CPU | \
     THREAD_FOREIGN)

/* The bindings that a configuration changes, each with its new source; NULL: unbind. */
struct config_changes {
    struct cap_slot *bindings[4], *sources[4];
    uint32_t count;
    uint64_t message_frame;
};

/* Note that `binding` is to get the capability in slot `index`; 0: it is to become empty. */
__attribute__((noinline)) static enum status add_change(struct cap_slot *binding, cap_t index, enum object_type type,
                                                        uint32_t rights, struct config_changes *changes) {
    struct cap_slot *source = NULL;
    enum status status = index == 0 ? OK : table_find(caller(), index, type, rights, &source);
    if (status == OK && source != NULL)
        status = cap_can_derive(source);
    changes->bindings[changes->count] = binding;
    changes->sources[changes->count++] = source;
    return status;
}

static enum status check_message_page(const struct thread_config *config, const struct cap_slot *source,
                                      struct config_changes *changes) {
    if (source == NULL)
        return OK;
    const struct memory *memory = cap_object(source);
    if (memory->is_device)
        return E_TYPE;
    if (config->message_offset_pages >= range_count(source->data))
        return E_ARG;
    changes->message_frame = range_first(source->data) + config->message_offset_pages;
    return memory_check_frames(changes->message_frame, 1);
}

static enum status check_config(const struct thread *self, struct thread *thread, const struct thread_config *config,
                                uint64_t fields, struct config_changes *changes) {
    enum status status = OK;
    if ((fields & THREAD_TABLE) != 0) { /* this call can replace a table, but not take it away */
        status = add_change(&thread->table, config->table, OBJECT_TABLE, TABLE_USE, changes);
        if (config->table == 0)
            status = E_CAP;
    }
    if (status == OK && (fields & THREAD_FAULT_ENDPOINT) != 0)
        status = add_change(&thread->fault_endpoint, config->fault_endpoint, OBJECT_ENDPOINT, ENDPOINT_CALL, changes);
    if (status == OK && (fields & THREAD_MESSAGE_PAGE) != 0) {
        status = add_change(&thread->message_memory, config->message_memory, OBJECT_MEMORY, MEMORY_READ | MEMORY_WRITE,
                            changes);
        if (status == OK)
            status = check_message_page(config, changes->sources[changes->count - 1], changes);
    }
    if (status == OK && (fields & THREAD_NOTIFICATION) != 0) {
        status =
            add_change(&thread->notification, config->notification, OBJECT_NOTIFICATION, NOTIFICATION_WAIT, changes);
        const struct cap_slot *source = changes->sources[changes->count - 1];
        const struct notification *notification = status == OK && source != NULL ? cap_object(source) : NULL;
        if (notification != NULL && notification->bound != NULL && notification->bound != thread)
            status = E_BUSY;
    }
    if (status == OK && (fields & THREAD_PRIORITY) != 0 && config->priority > self->priority)
        status = E_RIGHTS;
    if (status == OK && (fields & THREAD_CPU) != 0 && config->cpu >= cpu_total)
        status = E_ARG;
    if (status == OK && (fields & THREAD_FOREIGN) != 0 && config->foreign > 1)
        status = E_ARG;
    return status;
}

static bool settle(const struct cap_slot *slot) {
    return slot == NULL || cap_is_empty(slot) || cap_settle(cap_object(slot), STEPS_MAX);
}

/* Do depth corrections in all lists that will be touched, those of old bindings included. True: none is left. */
static bool settle_lists(const struct config_changes *changes) {
    for (uint32_t i = 0; i < changes->count; i++)
        if (!settle(changes->bindings[i]) || !settle(changes->sources[i]))
            return false;
    return true;
}

/*
 * A thread that can run goes to the end of its new queue; a waiting one keeps its place in the queue it entered. A
 * thread that moves itself stays the current thread of its old CPU until that CPU leaves the kernel, so that it gets
 * the result of its call.
 */
static void move(struct thread *thread, uint8_t priority, struct cpu *cpu) {
    bool can_run = thread->state == THREAD_READY || thread->state == THREAD_RUNNING;
    if (can_run)
        sched_block(thread, THREAD_STOPPED);
    if (thread->cpu != cpu) {
        request_release(thread->cpu, thread);
        if (thread != caller())
            sched_forget(thread);
    }
    thread_set_priority(thread, priority);
    thread->cpu = cpu;
    timer_follow(&thread->deadline, cpu);
    thread_set_direct(thread);
    if (can_run)
        sched_ready(thread);
}

static void apply_config(struct thread *thread, const struct thread_config *config, uint64_t fields,
                         const struct config_changes *changes) {
    for (uint32_t i = 0; i < changes->count; i++)
        thread_bind(thread, changes->bindings[i], changes->sources[i]);
    if ((fields & THREAD_MESSAGE_PAGE) != 0)
        thread_hold_message_frame(thread, changes->message_frame);
    if ((fields & (THREAD_PRIORITY | THREAD_CPU)) != 0) {
        uint64_t priority = (fields & THREAD_PRIORITY) != 0 ? config->priority : thread->priority;
        uint64_t cpu = config->cpu;
        (void)arch_bound(&cpu, &(uint64_t){cpu_total});
        move(thread, (uint8_t)priority, (fields & THREAD_CPU) != 0 ? cpus[cpu] : thread->cpu);
    }
    if ((fields & THREAD_FOREIGN) != 0) {
        thread->foreign = config->foreign == 1;
        thread_set_direct(thread);
        fastpath_update(thread->cpu);
    }
}

/*
 * Find the thread that a call names, and check that the caller has a message page, which holds the call's arguments or
 * results. `unknown`: the bits of the call's argument that have no meaning; E_ARG if there are any.
 */
static enum status find_with_page(cap_t thread, uint32_t rights, uint64_t unknown, struct thread **ret_thread) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), thread, OBJECT_THREAD, rights, &slot);
    if (status == OK && unknown != 0)
        status = E_ARG;
    if (status == OK && caller()->message == NULL)
        status = E_STATE;
    if (status == OK)
        *ret_thread = cap_object(slot);
    return status;
}

struct result sys_thread_configure(cap_t thread, uint64_t fields) {
    struct thread *self = caller(), *target;
    enum status status = find_with_page(thread, THREAD_CONTROL, fields & ~(uint64_t)FIELDS_ALL, &target);
    if (status != OK)
        return result(status);
    struct thread_config config;
    memory_move(&config, self->message->data, sizeof config);
    struct config_changes changes = {.count = 0, .message_frame = 0};
    status = check_config(self, target, &config, fields, &changes);
    if (status != OK)
        return result(status);
    bool moves = (fields & (THREAD_PRIORITY | THREAD_CPU)) != 0;
    if (!settle_lists(&changes) || (moves && !sched_claim(target, false)))
        return result(CALL_RESTART);
    apply_config(target, &config, fields, &changes);
    if (!reaper_is_idle())
        sched_unsettle(self->cpu); /* bound objects may have died: see arm_timer() in leave.c */
    return result(OK);
}

struct result sys_thread_resume(cap_t thread) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), thread, OBJECT_THREAD, THREAD_CONTROL, &slot);
    if (status != OK)
        return result(status);
    struct thread *target = cap_object(slot);
    if (target->state == THREAD_STOPPED &&
        (thread_space(target) == NULL || target->arch.frame.rip == 0 || target->object.dying))
        return result(E_STATE); /* it has no space or no registers, or is dying */
    target->suspended = false;
    thread_set_direct(target);
    if (target->state == THREAD_STOPPED)
        sched_ready(target);
    return result(OK);
}

#define SUSPEND_ALL (uint64_t)(SUSPEND_WITHDRAW | SUSPEND_ABANDON)

/*
 * Can the thread's wait end as if it had never begun? Not while a server is serving its message, unless the caller
 * abandons the answer (`abandons`). The place of the Reply shows whether a server is: one that defers an answer has
 * moved the Reply into a table. Nor can the wait end if the thread waits because of a trap, which would not come again.
 * Any other fault, or a foreign thread's call, is repeated when the thread goes on.
 */
static bool can_withdraw(struct thread *thread, bool abandons) {
    bool is_served = thread->reply_slot != NULL && cap_binding(thread->reply_slot) == BOUND_THREAD_REPLY;
    return (!is_served || abandons) && (thread->state != THREAD_IN_FAULT || arch_entry_undo(thread));
}

/* A waiting thread goes on waiting, and stops when its wait is over, unless the wait is withdrawn here. */
struct result sys_thread_suspend(cap_t thread, uint64_t flags) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), thread, OBJECT_THREAD, THREAD_CONTROL, &slot);
    if (status == OK && (flags & ~SUSPEND_ALL) != 0)
        status = E_ARG;
    if (status != OK)
        return result(status);
    struct thread *target = cap_object(slot);
    if (!sched_claim(target, false))
        return result(CALL_RESTART);
    bool calls = target->state == THREAD_IN_CALL;
    if (target->state == THREAD_READY || target->state == THREAD_RUNNING)
        sched_block(target, THREAD_STOPPED);
    target->suspended = target->state != THREAD_STOPPED;
    if (target->suspended && (flags & SUSPEND_WITHDRAW) != 0 && can_withdraw(target, (flags & SUSPEND_ABANDON) != 0))
        thread_refuse(target, E_CANCEL);
    thread_set_direct(target);
    if (target->state != THREAD_STOPPED)
        return result_value(SUSPEND_WAITS);
    return result_value(calls ? SUSPEND_WITHDRAWN : SUSPEND_STOPPED);
}

#define PARTS_ALL (uint64_t)(THREAD_REGISTERS | THREAD_FPU)

struct result sys_thread_read(cap_t thread, uint64_t parts) {
    struct thread *self = caller(), *target;
    enum status status = find_with_page(thread, THREAD_READ, parts & ~PARTS_ALL, &target);
    if (status != OK)
        return result(status);
    if (!sched_claim(target, false))
        return result(CALL_RESTART);
    struct thread_state *state = (struct thread_state *)(void *)self->message->data;
    arch_registers_read(target, &state->registers);
    state->run_state = target->state;
    state->priority = target->priority;
    state->cpu_time_ns = arch_ticks_to_ns(target->cpu_time_ticks);
    state->id = target->id;
    state->cpu = target->cpu->index;
    if ((parts & THREAD_FPU) != 0) {
        if (target->arch.fpu_used != 0)
            request_release(target->cpu, target);
        arch_fpu_read(target, thread_fpu_in(self->message));
    }
    return result(OK);
}

/* Allowed only while the thread is stopped or in a fault: a running thread could see half of the new state. */
struct result sys_thread_write(cap_t thread, uint64_t parts) {
    struct thread *self = caller(), *target;
    enum status status = find_with_page(thread, THREAD_CONTROL, parts & ~PARTS_ALL, &target);
    if (status != OK)
        return result(status);
    if (target->state != THREAD_STOPPED && target->state != THREAD_IN_FAULT)
        return result(E_STATE);
    struct thread_registers registers;
    memory_move(&registers, self->message->data, sizeof registers);
    if ((parts & THREAD_REGISTERS) != 0 && !arch_registers_valid(&registers))
        return result(E_ARG);
    if ((parts & THREAD_FPU) != 0) {
        request_release(target->cpu, target);
        if (!arch_fpu_write(target, thread_fpu_in(self->message)))
            return result(E_ARG);
    }
    if ((parts & THREAD_REGISTERS) != 0)
        arch_registers_write(target, &registers);
    return result(OK);
}
