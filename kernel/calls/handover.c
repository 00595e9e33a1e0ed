/*
 * thread_handover: make a thread run in a prepared address space.
 *
 * All or nothing. Before anything changes, a walk of the candidate root itself looks for everything that the CPU and
 * the thread need next. The first thing missing is reported by check, address, level and entry.
 */
#include "kernel/base/string.h"
#include "kernel/calls/check.h"
#include "kernel/ending/binding.h"
#include "kernel/ending/pile.h"
#include "kernel/machine/call.h"
#include "kernel/machine/request.h"
#include "kernel/memory/space.h"
#include "kernel/run/sched.h"
#include "kernel/run/table.h"
#include "kernel/run/wait.h"

bool handover_unaudited;

#define FLAGS_ALL (HANDOVER_RESUME | HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK | HANDOVER_KEEP_FPU)

/* The stack must take the first push, so the word below the stack pointer is checked. */
static enum audit_check audit(const struct thread *thread, const struct space *space,
                              const struct thread_registers *entry, uint64_t flags, struct audit_failure *ret_failure) {
    *ret_failure = (struct audit_failure){0};
    if (!arch_registers_valid(entry) || entry->rsp < USER_LOWEST + 8 || entry->rsp > USER_LIMIT) {
        ret_failure->address = entry->rip;
        return AUDIT_ENTRY_STATE;
    }
    if (cap_is_empty(&thread->table))
        return AUDIT_TABLE;
    if (cap_is_empty(&thread->fault_endpoint))
        return AUDIT_FAULT_ENDPOINT;
    if (thread->message == NULL || frame_type(thread->message_frame) != FRAME_USER)
        return AUDIT_MESSAGE_PAGE;
    enum audit_check check = BATON_CHECKS ? arch_audit_root(space->root, thread, ret_failure) : AUDIT_OK;
    if (check == AUDIT_OK && !arch_page_allows(space->root, entry->rip, MEMORY_READ | MEMORY_EXECUTE))
        check = arch_audit_page(space->root, entry->rip, MEMORY_READ | MEMORY_EXECUTE,
                                (flags & HANDOVER_ABSENT_ENTRY) != 0, AUDIT_ENTRY, ret_failure);
    if (check == AUDIT_OK && !arch_page_allows(space->root, entry->rsp - 8, MEMORY_READ | MEMORY_WRITE))
        check = arch_audit_page(space->root, entry->rsp - 8, MEMORY_READ | MEMORY_WRITE,
                                (flags & HANDOVER_ABSENT_STACK) != 0, AUDIT_STACK, ret_failure);
    return check;
}

struct result sys_thread_handover(cap_t thread, cap_t space, uint64_t flags) {
    struct thread *self = caller();
    struct cap_slot *thread_cap, *space_cap;
    enum status status = table_find(self, thread, OBJECT_THREAD, THREAD_CONTROL, &thread_cap);
    if (status == OK)
        status = table_find(self, space, OBJECT_SPACE, SPACE_RUN, &space_cap);
    if (status == OK)
        status = cap_can_derive(space_cap);
    if (status == OK && (flags & ~(uint64_t)FLAGS_ALL) != 0)
        status = E_ARG;
    if (status == OK && (self->message == NULL || ((const struct object *)cap_object(thread_cap))->dying))
        status = E_STATE;
    if (status != OK)
        return result(status);

    struct thread *target = cap_object(thread_cap);
    struct thread_registers entry;
    struct audit_failure failure;
    memory_move(&entry, self->message->data, sizeof entry);
    enum audit_check check = audit(target, cap_object(space_cap), &entry, flags, &failure);
    if (BATON_CHECKS && handover_unaudited)
        check = AUDIT_OK;
    if (check != AUDIT_OK) {
        failure.check = check;
        memory_move(self->message->data, &failure, sizeof failure);
        return (struct result){.status = E_AUDIT, .value = check};
    }
    bool settled = cap_settle(cap_object(space_cap), STEPS_MAX) &&
                   (cap_is_empty(&target->space) || cap_settle(cap_object(&target->space), STEPS_MAX));
    if (!settled)
        return result(CALL_RESTART);

    thread_stop(target); /* also ends a wait, such as the call of a program that asked to be replaced */
    request_release(target->cpu, target);
    if ((flags & HANDOVER_KEEP_FPU) == 0)
        target->arch.fpu_used = 0;
    thread_bind(target, &target->space, space_cap);
    if (!reaper_is_idle())
        sched_unsettle(self->cpu); /* the old space may have died: see arm_timer() in leave.c */
    arch_registers_write(target, &entry);
    target->suspended = false;
    thread_set_direct(target);
    if ((flags & HANDOVER_RESUME) != 0)
        sched_ready(target);
    return target == self ? result(CALL_BLOCKED) : result(OK);
}
