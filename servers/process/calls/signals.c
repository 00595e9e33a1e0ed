/*
 * Handlers of the operations on signals, alarms, groups and sessions.
 */
#include <stddef.h>

#include "servers/process/answers/console.h"
#include "servers/process/answers/timer.h"
#include "servers/process/calls/serve.h"

static struct server_context *const context = &served_context;

uint32_t process_serve_signal_entry(struct server_call *, const struct process_signal_entry_request *request,
                                    struct process_signal_entry_reply *reply, struct process *caller) {
    reply->zero = 0;
    if (request->entry < PROCESS_MAP_LOWEST || request->entry >= PROCESS_MAP_END)
        return P_ARGUMENT;
    caller->signals.entry = request->entry;
    caller->signals.leave = request->leave;
    return OK;
}

static uint64_t disposition_of(const struct signals *signals, uint64_t signal) {
    if ((signals->handled & signal_bit(signal)) != 0)
        return PROCESS_SIGNAL_HANDLE;
    return (signals->ignored & signal_bit(signal)) != 0 ? PROCESS_SIGNAL_IGNORE : PROCESS_SIGNAL_DEFAULT;
}

uint32_t process_serve_signal_action(struct server_call *, const struct process_signal_action_request *request,
                                     struct process_signal_action_reply *reply, struct process *caller) {
    bool exists = request->signal > 0 && request->signal <= PROCESS_SIGNAL_MAX;
    reply->disposition = exists ? disposition_of(&caller->signals, request->signal) : 0;
    journal_note(&caller->signals, offsetof(struct signals, masks));
    if (exists)
        journal_note(&caller->signals.masks[request->signal - 1], sizeof caller->signals.masks[0]);
    uint32_t status = signals_set_action(&caller->signals, request->signal, request->disposition, request->mask);
    bool discards = status == OK && signals_discard(&caller->signals, request->signal);
    for (struct process_thread *at = thread_next(caller, NULL); discards && at != NULL; at = thread_next(caller, at))
        at->pending &= ~signal_bit(request->signal);
    return status;
}

static void set_mask(struct process_thread *thread, uint64_t mask) {
    thread->masked = signals_maskable(mask);
    process_note_signals(&context->processes, thread->process);
}

uint32_t process_serve_signal_mask(struct server_call *call, const struct process_signal_mask_request *request,
                                   struct process_signal_mask_reply *reply, struct process *caller) {
    struct process_thread *thread = serve_thread(caller, call);
    uint64_t pending = caller->signals.pending | thread->pending;
    *reply = (struct process_signal_mask_reply){thread->masked, pending};
    if (request->how == PROCESS_MASK_QUIETLY && signals_are_due(pending, request->mask))
        return P_BUSY;
    if (request->how == PROCESS_MASK_QUIETLY || request->how == PROCESS_MASK_SET)
        journal_note(&thread->masked, sizeof thread->masked);
    if (request->how == PROCESS_MASK_QUIETLY)
        thread->masked = signals_maskable(request->mask);
    else if (request->how == PROCESS_MASK_SET)
        set_mask(thread, request->mask);
    return request->how <= PROCESS_MASK_QUIETLY ? OK : P_ARGUMENT;
}

uint32_t process_serve_signal_stack(struct server_call *call, const struct process_signal_stack_request *request,
                                    struct process_signal_stack_reply *reply, struct process *caller) {
    struct process_thread *thread = serve_thread(caller, call);
    reply->zero = 0;
    bool inside = request->at < PROCESS_MAP_END && request->size_bytes <= PROCESS_MAP_END - request->at;
    if (request->size_bytes != 0 && (request->size_bytes < PROCESS_SIGNAL_STACK_MIN || !inside))
        return P_ARGUMENT;
    thread->signal_stack = request->at;
    thread->signal_stack_bytes = request->size_bytes;
    return OK;
}

uint32_t process_serve_signal_wait(struct server_call *call, const struct process_signal_wait_request *request,
                                   struct process_signal_wait_reply *, struct process *caller) {
    struct process_thread *thread = serve_thread(caller, call);
    const struct answer_wait wait = {.waits = THREAD_WAITS_SIGNAL};
    if (thread->answer != 0)
        return P_BUSY;
    uint64_t old_mask = thread->masked;
    journal_note(&thread->waits_with_mask, sizeof thread->waits_with_mask);
    journal_note(&thread->masked, sizeof thread->masked);
    thread->old_mask = old_mask;
    thread->waits_with_mask = true;
    set_mask(thread, request->mask);
    uint32_t status = answer_defer(thread, &wait);
    if (status == SERVER_DEFERRED)
        return status;
    thread->waits_with_mask = false;
    set_mask(thread, old_mask);
    return status;
}

uint32_t process_serve_alarm(struct server_call *, const struct process_alarm_request *request,
                             struct process_alarm_reply *reply, struct process *caller) {
    uint64_t now_ns = sys_clock_read().value, at_ns = wakes_time(&caller->alarm);
    journal_note(&caller->alarm, sizeof caller->alarm);
    reply->left_ns = at_ns == DEADLINE_NEVER ? 0 : at_ns > now_ns ? at_ns - now_ns : 1;
    timer_set_wake(&caller->alarm, request->duration_ns == 0 ? DEADLINE_NEVER : request->duration_ns);
    return OK;
}

/* Put a process into a group, and look again at its parent, which may wait for a child of the old or the new group. */
static void enter_group(struct process *process, uint32_t group) {
    struct process *parent = process_parent(&context->processes, process);
    objects_enter_group(context, process, group);
    if (parent != NULL)
        answer_waiting(parent);
}

uint32_t process_serve_set_group(struct server_call *, const struct process_set_group_request *request,
                                 struct process_set_group_reply *reply, struct process *caller) {
    struct process *target;
    reply->zero = 0;
    uint32_t status = serve_find_target(caller, request->pid == 0 ? caller->pid : request->pid, &target);
    if (status != OK)
        return status;
    uint32_t group = request->group == 0 ? target->pid : (uint32_t)request->group;
    bool own = target == caller || target->parent == caller->pid;
    if (!own || target->session != caller->session || target->session == target->pid || request->group > UINT32_MAX)
        return P_PERMISSION;
    if (group != target->pid && !process_group_is_in(&context->processes, group, caller->session))
        return P_PERMISSION;
    enter_group(target, group);
    console_tell_foreground();
    return OK;
}

uint32_t process_serve_get_group(struct server_call *, const struct process_get_group_request *request,
                                 struct process_get_group_reply *reply, struct process *caller) {
    const struct process *target = process_find(&context->processes, request->pid == 0 ? caller->pid : request->pid);
    if (target == NULL)
        return P_NO_PROCESS;
    *reply = (struct process_get_group_reply){target->group, target->session};
    return OK;
}

uint32_t process_serve_set_session(struct server_call *, const struct process_set_session_request *,
                                   struct process_set_session_reply *reply, struct process *caller) {
    if (process_group_exists(&context->processes, caller->pid))
        return P_PERMISSION;
    JOURNAL_SET(caller->session, caller->pid);
    enter_group(caller, caller->pid);
    console_tell_foreground();
    reply->session = caller->pid;
    return OK;
}
