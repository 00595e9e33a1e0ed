/*
 * Handlers of the operations on threads.
 */
#include "kernel/abi/rights.h"
#include "kernel/abi/thread.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "servers/process/calls/serve.h"
#include "servers/process/delivery/raise.h"
#include "servers/process/ending/ending.h"
#include "servers/process/memory/mappings.h"
#include "servers/process/memory/wait_words.h"

static struct server_context *const context = &served_context;

/* Translate the kernel's refusal to start a thread: a failed audit is the caller's fault. */
static uint32_t refused(uint64_t status) { return status == E_AUDIT ? P_ADDRESS : (uint32_t)status; }

/*
 * Bring the pages that a thread starts at. The handover refuses a stack whose page can't be written yet, such as one
 * that a fork has made read-only.
 */
static uint32_t bring_places(struct incarnation *incarnation, const struct process_thread_create_request *request) {
    const struct vm_region *code = vm_find(incarnation->vm, request->entry);
    if (code == NULL || (code->rights & MEMORY_EXECUTE) == 0)
        return P_ADDRESS;
    return pager_bring(context, incarnation, request->stack - 16, MEMORY_WRITE);
}

uint32_t process_serve_thread_create(struct server_call *call, const struct process_thread_create_request *request,
                                     struct process_thread_create_reply *reply, struct process *caller) {
    struct process_thread *thread;
    if (request->stack % 16 != 0)
        return P_ADDRESS;
    if ((uint64_t)__builtin_popcount(caller->living | caller->joinable) >= caller->limits.now[PROCESS_LIMIT_THREADS])
        return P_LIMIT;
    struct process_objects *objects = objects_of(caller);
    uint32_t status =
        context_has_slots(context) ? thread_begin(&context->processes, caller, THREAD_ANY, &thread) : (uint32_t)P_LIMIT;
    if (status != OK)
        return status;
    uint32_t number = thread_number(thread);
    uaddr_t message = objects_message_at(&objects->incarnation, number);
    status = objects_add_thread(context, objects, thread);
    if (status == OK && vm_is_free(objects->incarnation.vm, message, message + PAGE_BYTES))
        status = pager_add_message(context, &objects->incarnation, message, thread->message_frame);
    if (status == OK)
        status = bring_places(&objects->incarnation, request);
    if (status == OK) {
        thread->masked = serve_thread(caller, call)->masked;
        reply->thread = thread->id;
        struct thread_registers entry = {.rip = request->entry,
                                         .rsp = request->stack - 8,
                                         .rdi = request->argument,
                                         .rsi = message,
                                         .rdx = objects_process_slot(number),
                                         .rcx = thread->id,
                                         .fs_base = request->pointer};
        memcpy(program.message->data, &entry, sizeof entry);
        const struct journal_effect effect = {
            .rax = SYS_thread_handover,
            .rdi = thread->object,
            .rsi = objects->incarnation.space,
            .rdx = objects_resume_flag(caller) | HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK,
        };
        status = refused(server_call_and_decide(&served_server, &effect));
    }
    if (status != OK) {
        objects_remove_thread(thread);
        thread_end(&context->processes, thread);
    }
    return status;
}

/*
 * End a thread: its value goes to a thread that waits to join it, or is kept for one unless it is detached. The
 * kernel's thread goes last: should this server end before, nobody claims it.
 */
static void end_thread(struct process_thread *thread, uint64_t value) {
    struct process *process = thread->process;
    struct process_thread_join_reply reply = {value};
    uint64_t time_ns = objects_thread_time_ns(thread);
    thread_note_numbers(process);
    JOURNAL_SET(process->past_time_ns, process->past_time_ns + time_ns);
    thread_end(&context->processes, thread);
    struct process_thread *joiner = thread_find_waiter(process, THREAD_JOINS, thread->id);
    if (joiner != NULL)
        answer_give(joiner, OK, &reply);
    else if (!thread->detached)
        thread_keep(thread, value);
    journal_settle();
    objects_remove_thread(thread);
}

uint32_t process_serve_thread_exit(struct server_call *call, const struct process_thread_exit_request *request,
                                   struct process_thread_exit_reply *, struct process *caller) {
    struct process_thread *thread = serve_thread(caller, call);
    if ((caller->living & (caller->living - 1)) == 0) {
        struct process_wait_reply end = {.end = PROCESS_EXITED};
        end_process(caller, &end);
        return SERVER_DEFERRED; /* no thread is left to answer */
    }
    if (thread->answer != 0)
        server_forget(thread->answer);                  /* of a call that another thread made by its capability */
    if (thread->detached && request->length_bytes != 0) /* the thread needs no stack any more */
        (void)mappings_unmap(context, &objects_of(caller)->incarnation, request->at, request->length_bytes);
    end_thread(thread, request->value);
    return SERVER_DEFERRED;
}

uint32_t process_serve_thread_join(struct server_call *call, const struct process_thread_join_request *request,
                                   struct process_thread_join_reply *reply, struct process *caller) {
    struct process_thread *thread = serve_thread(caller, call);
    struct process_thread *target = thread_find(caller, request->thread);
    if (target == NULL)
        return P_NO_THREAD;
    if (target == thread || target->detached)
        return P_ARGUMENT;
    if (!thread_is_alive(target)) {
        reply->value = target->value;
        thread_note_numbers(caller);
        thread_join(target);
        return OK;
    }
    if (thread_find_waiter(caller, THREAD_JOINS, target->id) != NULL)
        return P_BUSY;
    const struct answer_wait wait = {.waits = THREAD_JOINS, .wait_for = target->id};
    return answer_defer(thread, &wait);
}

uint32_t process_serve_thread_detach(struct server_call *, const struct process_thread_detach_request *request,
                                     struct process_thread_detach_reply *reply, struct process *caller) {
    struct process_thread *target = thread_find(caller, request->thread);
    if (target == NULL)
        return P_NO_THREAD;
    if (target->detached)
        return P_ARGUMENT;
    if (thread_find_waiter(caller, THREAD_JOINS, target->id) != NULL)
        return P_BUSY;
    reply->had_ended = thread_is_alive(target) ? 0 : 1;
    JOURNAL_SET(target->detached, true);
    thread_note_numbers(caller);
    thread_join(target);
    return OK;
}

uint32_t process_serve_set_pointer(struct server_call *call, const struct process_set_pointer_request *request,
                                   struct process_set_pointer_reply *reply, struct process *caller) {
    const struct process_thread *thread = serve_thread(caller, call);
    struct thread_registers registers;
    reply->zero = 0;
    uint32_t status = launch_read_registers(thread->object, 0, &registers);
    if (status != OK)
        return status;
    status = pager_bring(context, &objects_of(caller)->incarnation, registers.rsp - 8, MEMORY_WRITE);
    if (status != OK)
        return status;
    registers.fs_base = request->pointer;
    memcpy(program.message->data, &registers, sizeof registers);
    uint64_t flags = objects_resume_flag(caller) | HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK | HANDOVER_KEEP_FPU;
    status = refused(sys_thread_handover(thread->object, objects_of(caller)->incarnation.space, flags).status);
    return status == OK ? SERVER_DEFERRED : status; /* the answer is in its registers already */
}

/* Read the word of 4 bytes at an address of the caller's memory. */
static uint32_t read_word(const struct process_thread *caller, uaddr_t at, uint32_t *ret_word) {
    uint64_t offset = context->work.run.offset_pages * PAGE_BYTES + WORK_SCRATCH_OFFSET;
    uint32_t status = at % sizeof *ret_word != 0 ? P_ARGUMENT
                                                 : pager_read(context, &objects_of(caller->process)->incarnation, at,
                                                              context->work.run.memory, offset, sizeof *ret_word);
    memcpy(ret_word, context->work.bytes + WORK_SCRATCH_OFFSET, sizeof *ret_word);
    return status;
}

uint32_t process_serve_word_wait(struct server_call *call, const struct process_word_wait_request *request,
                                 struct process_word_wait_reply *reply, struct process *caller) {
    struct process_thread *thread = serve_thread(caller, call);
    uint32_t word;
    uint32_t status = read_word(thread, request->at, &word);
    if (status != OK)
        return status;
    reply->changed = word != (uint32_t)request->expected;
    if (reply->changed != 0)
        return OK;
    const struct answer_wait wait = {
        .waits = THREAD_WAITS_WORD, .wait_for = request->at, .until_ns = request->until_ns};
    return request->until_ns == 0 ? (uint32_t)E_TIMEOUT : answer_defer(thread, &wait);
}

/*
 * Wake a thread, number `nth` of `count`. The last one's answer decides the caller's. The numbers of others are counted
 * in the state, for this call to go on from there if this server ends meanwhile. False: the thread has given up.
 */
static bool wake_one(struct process_thread *waiter, uint64_t nth, uint64_t count) {
    struct process_word_wait_reply woken = {0};
    if (nth == count) {
        if (context->woken != 0)
            JOURNAL_SET(context->woken, 0);
        return answer_give_and_decide(waiter, &woken);
    }
    JOURNAL_SET(context->woken, nth);
    if (answer_give(waiter, OK, &woken))
        return true;
    context->woken--;
    return false;
}

uint32_t process_serve_word_wake(struct server_call *, const struct process_word_wake_request *request,
                                 struct process_word_wake_reply *reply, struct process *caller) {
    struct process_table *table = &context->processes;
    struct wait_word word = wait_word_at(caller, request->at);
    struct links *from = wait_word_waiters(table, word)->next;
    reply->woken = context->woken;
    while (reply->woken < request->count) {
        struct process_thread *waiter = wait_word_find_waiter(table, word, from);
        if (waiter == NULL)
            break;
        from = waiter->in_words.next;
        reply->woken++;
        if (wake_one(waiter, reply->woken, request->count))
            continue;
        reply->woken--; /* it has given up: the next one is woken */
    }
    if (context->woken != 0)
        JOURNAL_SET(context->woken, 0);
    return OK;
}

uint32_t process_serve_thread_signal(struct server_call *, const struct process_thread_signal_request *request,
                                     struct process_thread_signal_reply *reply, struct process *caller) {
    reply->zero = 0;
    if (request->signal > PROCESS_SIGNAL_MAX)
        return P_ARGUMENT;
    struct process_thread *target = thread_find(caller, request->thread);
    if (target == NULL || !thread_is_alive(target))
        return P_NO_THREAD;
    raise_for_thread(target, request->signal);
    return OK;
}
