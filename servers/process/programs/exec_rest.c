#include "servers/process/programs/exec_rest.h"

#include "libsys/program/program.h"
#include "libsys/text/string.h"

void launch_exec_drop_held(void) {
    struct launch_exec_rest *rest = &launch_exec_rest;
    for (uint32_t i = 0; i < rest->given_count; i++)
        slot_drop(&rest->held[i]);
}

/* Does the capability in this slot stay where it is? */
static bool stays(const struct launch_exec_rest *rest, cap_t slot, cap_t process_slot) {
    cap_t i = slot - OBJECTS_SLOT_GIVEN;
    return slot >= OBJECTS_SLOT_GIVEN ? i < rest->given_count && rest->slots[i] == slot : slot == process_slot;
}

/* Delete capabilities that the new program is not to have, and move the others to their slots. */
static void keep_given(struct launch_exec_rest *rest, struct process_objects *objects, cap_t process_slot) {
    cap_t slot = 0;
    while (!rest->deleted && (slot = objects_next_slot(objects, slot + 1)) != 0) {
        while (stays(rest, slot, process_slot))
            slot++; /* many in a row */
        if (slot < OBJECTS_TABLE_SLOTS)
            (void)sys_cap_delete(objects->table, slot);
    }
    rest->deleted = true;
    for (uint32_t i = 0; i < rest->given_count; i++)
        if (rest->held[i] != 0) /* fails if it has died meanwhile, or was moved by a program before */
            (void)sys_cap_move(objects->table, OBJECTS_SLOT_GIVEN + i, rest->held[i]);
    objects_set_identities(objects, rest->identities);
    launch_exec_drop_held();
}

static void end_siblings(struct server_context *context, struct process_thread *caller) {
    struct process *process = caller->process;
    for (struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at)) {
        if (at == caller)
            continue;
        uint64_t time_ns = objects_thread_time_ns(at);
        thread_note_numbers(process);
        JOURNAL_SET(process->past_time_ns, process->past_time_ns + time_ns);
        thread_end(&context->processes, at);
        journal_settle(); /* should this server end here: nobody claims what the thread had */
        objects_remove_thread(at);
        if (at->answer != 0)
            server_forget(at->answer);
    }
    process->joinable = 0;
    objects_drop_numbers(context, process, caller);
}

/* Forget the state of a process and its thread that belonged to the old program. */
static void forget_program(struct process *process, struct process_thread *caller) {
    signals_after_exec(&process->signals);
    caller->pending = 0;
    caller->signal_stack_bytes = 0;
    caller->detached = false;
}

struct process *launch_exec_process(const struct server_context *context) {
    uint64_t badge = launch_exec_rest.thread & ~EXEC_HANDED_OVER;
    return badge != 0 ? process_find(&context->processes, OBJECTS_BADGE_PID(badge)) : NULL;
}

void launch_exec_take_over(const struct server_context *context) {
    struct process *process = launch_exec_process(context);
    if (process != NULL)
        objects_of(process)->incarnation = launch_exec_rest.next;
    else
        memset(&launch_exec_rest, 0, sizeof launch_exec_rest);
}

void launch_exec_finish(struct server_context *context) {
    struct launch_exec_rest *rest = &launch_exec_rest;
    struct process *process = launch_exec_process(context);
    if (process == NULL)
        return;
    struct process_thread *caller = thread_at(process, OBJECTS_BADGE_NUMBER(rest->thread & ~EXEC_HANDED_OVER));
    struct process_objects *objects = objects_of(process);
    end_siblings(context, caller);
    if (objects->incarnation.space != rest->next.space)
        incarnation_destroy(context, &objects->incarnation);
    objects->incarnation = rest->next;
    vm_name(rest->next.vm);
    keep_given(rest, objects, objects_process_slot(thread_number(caller)));
    forget_program(process, caller);
    process_set_name(process, rest->path);
    staged_strings_forget(context, staged_of(process));
    journal_settle();
    rest->thread = 0;
    if (context->cpu_count > 1)
        (void)objects_resume(caller);
}
