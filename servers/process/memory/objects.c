#include "servers/process/memory/objects.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "libsys/program/program.h"
#include "libsys/proto/identity.h"
#include "libsys/text/string.h"
#include "libsys/wire/journal.h"
#include "servers/process/memory/recount.h"

uaddr_t objects_message_at(const struct incarnation *incarnation, uint32_t number) {
    return LAYOUT_MESSAGE - incarnation->lowered + number * PAGE_BYTES;
}

cap_t objects_process_slot(uint32_t number) { return OBJECTS_SLOT_THREADS + number; }

/* Make a message page, all zero: it must not show what others had in its frame. */
static uint32_t make_message(struct server_context *context, uint32_t *ret_frame) {
    uint32_t frame = frames_take_one(&context->frames);
    if (frame == FRAMES_NONE)
        return P_NO_MEMORY;
    struct memory_run page = frames_run_of(&context->frames, frame);
    uint32_t status = (uint32_t)sys_memory_fill(page.memory, page.offset_pages * PAGE_BYTES, PAGE_BYTES, 0).status;
    if (status == OK)
        *ret_frame = frame;
    else
        frames_drop(&context->frames, frame);
    return status;
}

static void drop_message(struct server_context *context, struct process_thread *thread) {
    frames_drop(&context->frames, thread->message_frame);
    thread->message_frame = FRAMES_NONE;
}

static uint32_t give_process(const struct server_context *context, const struct process_objects *objects,
                             const struct process_thread *thread) {
    uint32_t number = thread_number(thread);
    return (uint32_t)sys_cap_copy(objects->table, objects_process_slot(number), context->caps.endpoint,
                                  ENDPOINT_CALL | ENDPOINT_GRANT, OBJECTS_BADGE(thread->process->pid, number))
        .status;
}

/* Make what a thread number needs and keeps: message page and capability `process`. */
static uint32_t prepare_number(struct server_context *context, const struct process_objects *objects,
                               struct process_thread *thread) {
    uint32_t frame;
    uint32_t status = make_message(context, &frame);
    if (status != OK)
        return status;
    status = give_process(context, objects, thread);
    if (status == E_EXISTS) { /* a program before this one died before it could note the message page */
        (void)sys_cap_delete(objects->table, objects_process_slot(thread_number(thread)));
        status = give_process(context, objects, thread);
    }
    if (status == OK)
        thread->message_frame = frame;
    else
        frames_drop(&context->frames, frame);
    return status;
}

bool objects_resume(const struct process_thread *thread) {
    bool waits = thread->process->halted || thread->served_since_ns != 0; /* it waits for CONT; for its handlers */
    return waits || sys_thread_resume(thread->object).status == OK;
}

#define PAUSED_SHIFT 2U

struct result objects_withdraw(struct server_context *context, const struct process_thread *thread) {
    const struct journal_effect effect = {.rax = SYS_thread_suspend, .rdi = thread->object, .rsi = SUSPEND_WITHDRAW};
    uint64_t badge = OBJECTS_BADGE(thread->process->pid, thread_number(thread));
    uint64_t status = journal_read(&context->paused, &effect, badge << PAUSED_SHIFT);
    return (struct result){status, status == OK ? context->paused & ((1U << PAUSED_SHIFT) - 1) : 0};
}

/* Tell a suspended thread that its call was withdrawn. */
static void tell_withdrawn(struct server_context *context, const struct process_thread *thread) {
    struct thread_state *state = (void *)program.message->data;
    const struct journal_effect effect = {.rax = SYS_thread_write, .rdi = thread->object, .rsi = THREAD_REGISTERS};
    if (sys_thread_read(thread->object, 0).status != OK)
        return;
    state->registers.rax = P_INTERRUPTED;
    (void)journal_call(&context->paused, &effect, 0);
}

void objects_tell_withdrawn(struct server_context *context) {
    uint64_t badge = context->paused >> PAUSED_SHIFT;
    struct process *process = process_find(&context->processes, OBJECTS_BADGE_PID(badge));
    bool withdrawn = context->paused == (badge << PAUSED_SHIFT | SUSPEND_WITHDRAWN);
    if (withdrawn && process != NULL && (process->living >> OBJECTS_BADGE_NUMBER(badge) & 1) != 0)
        tell_withdrawn(context, thread_at(process, OBJECTS_BADGE_NUMBER(badge)));
    context->paused = 0;
}

/* Each nice value is a priority. */
static uint64_t priority_of(const struct server_context *context, const struct process *process) {
    return context->priority - process->nice;
}

/*
 * A thread's CPU follows from its pid and number. Where there are several CPUs, the first gets no program: this server
 * runs there, before all programs, and would starve those beside it while programs on other CPUs keep it busy.
 */
uint64_t objects_cpu(const struct server_context *context, const struct process_thread *thread) {
    uint64_t others = context->cpu_count - 1;
    return others == 0 ? 0 : 1 + (thread->process->pid + thread_number(thread)) % others;
}

static uint32_t put_priority(const struct process_thread *thread, uint64_t priority) {
    struct thread_config config = {.priority = priority};
    memcpy(program.message->data, &config, sizeof config);
    return (uint32_t)sys_thread_configure(thread->object, THREAD_PRIORITY).status;
}

uint32_t objects_set_priority(const struct server_context *context, const struct process_thread *thread) {
    return put_priority(thread, priority_of(context, thread->process));
}

uint32_t objects_put_priority(struct server_context *context, const struct process_thread *thread, uint64_t priority) {
    context->other_priorities = true; /* first: a program that ends here must not leave one that nobody looks for */
    return put_priority(thread, priority);
}

static uint32_t configure(struct server_context *context, const struct process_objects *objects,
                          const struct process_thread *thread) {
    cap_t fault_endpoint = slot_take();
    if (fault_endpoint == 0)
        return P_LIMIT;
    struct result result = sys_cap_copy(0, fault_endpoint, context->caps.endpoint, ENDPOINT_CALL,
                                        OBJECTS_BADGE(thread->process->pid, thread_number(thread)));
    if (result.status == OK) {
        struct memory_run message = frames_run_of(&context->frames, thread->message_frame);
        struct thread_config config = {
            .table = objects->table,
            .fault_endpoint = fault_endpoint,
            .message_memory = message.memory,
            .message_offset_pages = message.offset_pages,
            .priority = priority_of(context, thread->process),
            .cpu = objects_cpu(context, thread),
        };
        memcpy(program.message->data, &config, sizeof config);
        result = sys_thread_configure(thread->object, THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE |
                                                          THREAD_PRIORITY | THREAD_CPU);
    }
    slot_drop(&fault_endpoint); /* the thread has its own */
    return (uint32_t)result.status;
}

uint32_t objects_create(struct server_context *context, struct process_objects *objects) {
    uint32_t status = object_pool_create(&context->frames, &objects->pool, OBJECTS_POOL_PAGES);
    return status == OK ? object_pool_make_object(&context->frames, &objects->pool, OBJECT_TABLE, OBJECTS_TABLE_SLOTS,
                                                  &objects->table)
                        : status;
}

uint32_t objects_add_thread(struct server_context *context, struct process_objects *objects,
                            struct process_thread *thread) {
    uint32_t status = thread->message_frame == FRAMES_NONE ? prepare_number(context, objects, thread) : OK;
    if (status == OK)
        status = object_pool_make_object(&context->frames, &objects->pool, OBJECT_THREAD, 0, &thread->object);
    if (status == OK)
        status = configure(context, objects, thread);
    if (status != OK)
        objects_remove_thread(thread);
    return status;
}

uint64_t objects_thread_time_ns(const struct process_thread *thread) {
    struct thread_state state;
    if (sys_thread_read(thread->object, 0).status != OK)
        return 0;
    memcpy(&state, program.message->data, sizeof state);
    return state.cpu_time_ns;
}

void objects_remove_thread(struct process_thread *thread) { slot_drop(&thread->object); }

void objects_drop_numbers(struct server_context *context, struct process *process, const struct process_thread *but) {
    cap_t table = objects_of(process)->table;
    uint32_t numbers = process->more != NULL ? PROCESS_THREADS_MAX : 1;
    for (uint32_t i = 0; i < numbers; i++) {
        struct process_thread *thread = thread_at(process, i);
        if (thread == but || thread->message_frame == FRAMES_NONE)
            continue;
        drop_message(context, thread);
        if (table != 0)
            (void)sys_cap_delete(table, objects_process_slot(i)); /* no error if the process has emptied it */
    }
}

static void forget_identity(struct identity *identity) {
    slot_drop(&identity->kept);
    *identity = (struct identity){0};
}

void objects_destroy(struct server_context *context, struct process *process) {
    struct process_objects *objects = objects_of(process);
    object_pool_destroy(&context->frames, &objects->pool); /* threads and table go with it */
    slot_drop(&objects->table);
    for (struct process_thread *thread = thread_next(process, NULL); thread != NULL;
         thread = thread_next(process, thread)) {
        objects_remove_thread(thread);
        thread_end(&context->processes, thread);
    }
    incarnation_destroy(context, &objects->incarnation);
    objects_drop_numbers(context, process, NULL); /* the table is gone, and the capabilities with it */
    for (uint32_t i = 0; i < context->service_count; i++)
        forget_identity(&objects->identities[i]);
}

/* How many numbers of threads have records. */
static uint32_t count_numbers(const struct process *process) { return process->more != NULL ? PROCESS_THREADS_MAX : 1; }

void objects_take_over(struct server_context *context, struct process *process) {
    struct process_objects *objects = objects_of(process);
    page_allocator_hold(&context->allocator, process);
    if (process->more != NULL)
        page_allocator_hold(&context->allocator, process->more);
    slot_claim(objects->pool.cap);
    slot_claim(objects->table);
    slot_claim(objects->incarnation.pool.cap);
    slot_claim(objects->incarnation.space);
    for (uint32_t i = 0; i < context->service_count; i++)
        slot_claim(objects->identities[i].kept);
    for (struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at))
        slot_claim(at->object);
    for (uint32_t i = 0; i < count_numbers(process); i++)
        if (thread_at(process, i)->message_frame != FRAMES_NONE)
            frames_hold(&context->frames, thread_at(process, i)->message_frame);
    if (objects->incarnation.vm == NULL)
        return; /* it has ended */
    object_pool_count(&context->frames, &objects->pool);
    incarnation_count(context, &objects->incarnation);
    for (uint32_t i = 0; i < staged_of(process)->page_count; i++)
        frames_reserve(&context->frames, &staged_of(process)->pages[i]);
}

uint32_t objects_map_messages(struct server_context *context, struct process *process) {
    struct incarnation *incarnation = &objects_of(process)->incarnation;
    uint32_t status = OK;
    for (uint32_t i = 0; i < PROCESS_THREADS_MAX && (status == OK || status == E_EXISTS); i++) {
        const struct process_thread *thread = thread_at(process, i);
        uaddr_t at = objects_message_at(incarnation, i);
        const struct vm_region *region = vm_find(incarnation->vm, at);
        if (thread != NULL && thread->message_frame != FRAMES_NONE && region != NULL &&
            region->kind == PROCESS_MAP_MESSAGE)
            status = pager_map_message(context, incarnation, at, thread->message_frame);
    }
    return status == E_EXISTS ? (uint32_t)OK : status;
}

uint64_t objects_page_count(struct process *process) {
    const struct process_objects *objects = objects_of(process);
    uint64_t pages =
        1 + object_pool_page_count(&objects->pool) + incarnation_page_count(&objects->incarnation); /* 1: its record */
    for (uint32_t i = 0; i < count_numbers(process); i++)
        pages += thread_at(process, i)->message_frame != FRAMES_NONE ? 1 : 0;
    return process->more != NULL ? pages + 1 : pages;
}

/* ---- capabilities ---- */

static bool lies_in(const struct identity *identity, cap_t slot) {
    return (identity->slots[slot / 64] >> slot % 64 & 1) != 0;
}

/* Has the process any copy of this identity left? */
static bool is_held(struct identity *identity) {
    if (identity->kept == 0)
        return false;
    bool held = (sys_cap_query(identity->kept).value & QUERY_DERIVED) != 0;
    if (!held)
        forget_identity(identity); /* for good */
    return held;
}

/* The number of the service whose identity lies in a slot; service_count: none does. */
static uint32_t find_service(const struct server_context *context, struct process *from, cap_t slot) {
    uint32_t i = 0;
    if (from == NULL)
        while (i < context->service_count && context->services[i] != slot)
            i++;
    else
        while (i < context->service_count && !lies_in(&objects_of(from)->identities[i], slot))
            i++;
    bool is_one = i < context->service_count && (from == NULL || is_held(&objects_of(from)->identities[i]));
    return is_one ? i : context->service_count;
}

static uint32_t place_identity(struct server_context *context, struct process *process, uint32_t service, cap_t slot) {
    struct process_objects *objects = objects_of(process);
    struct identity *identity = &objects->identities[service];
    if (identity->kept == 0) {
        cap_t kept = slot_take();
        if (kept == 0)
            return P_LIMIT;
        uint64_t badge = IDENTITY_BADGE(process->pid, process->group);
        uint64_t status = sys_cap_copy(0, kept, context->services[service], RIGHTS_ALL, badge).status;
        if (status != OK) {
            slot_free(kept);
            return (uint32_t)status;
        }
        identity->kept = kept;
    }
    uint32_t status = (uint32_t)sys_cap_copy(objects->table, slot, identity->kept, RIGHTS_ALL, 0).status;
    if (status == OK)
        identity->slots[slot / 64] |= 1ULL << slot % 64;
    return status;
}

uint32_t objects_pass(struct server_context *context, struct process *from, cap_t slot, struct process *to,
                      cap_t target) {
    uint32_t service = find_service(context, from, slot);
    if (service < context->service_count)
        return place_identity(context, to, service, target);
    cap_t table = from == NULL ? 0 : objects_of(from)->table;
    return (uint32_t)sys_cap_copy(objects_of(to)->table, target, RANGE(slot, table), RIGHTS_ALL, 0).status;
}

cap_t objects_next_slot(const struct process_objects *objects, cap_t first) {
    return first < OBJECTS_TABLE_SLOTS ? sys_system_info(INFO_NEXT_SLOT, RANGE(objects->table, first)).value : 0;
}

uint32_t objects_pass_all(struct server_context *context, struct process *from, struct process *to) {
    const struct process_objects *objects = objects_of(from);
    uint32_t status = OK;
    cap_t slot = OBJECTS_SLOT_GIVEN - 1;
    while (status == OK && (slot = objects_next_slot(objects, slot + 1)) != 0) {
        status = objects_pass(context, from, slot, to, slot);
        if (status == E_CAP || status == E_TYPE)
            status = OK;
    }
    return status;
}

void objects_move_identities(const struct process_objects *objects, const uint16_t *slots, uint32_t count,
                             struct identity *ret_identities) {
    for (uint32_t i = 0; i < CONTEXT_SERVICES_MAX; i++) {
        const struct identity *identity = &objects->identities[i];
        struct identity *moved = &ret_identities[i];
        *moved = (struct identity){0};
        if (identity->kept == 0)
            continue;
        for (uint32_t given = 0; given < count; given++) {
            cap_t target = OBJECTS_SLOT_GIVEN + given;
            if (!lies_in(identity, slots[given]))
                continue;
            moved->slots[target / 64] |= 1ULL << target % 64;
            moved->kept = identity->kept;
        }
    }
}

void objects_set_identities(struct process_objects *objects, const struct identity *identities) {
    for (uint32_t i = 0; i < CONTEXT_SERVICES_MAX; i++)
        if (identities[i].kept == 0 && objects->identities[i].kept != 0)
            forget_identity(&objects->identities[i]);
    memcpy(objects->identities, identities, sizeof objects->identities);
}

/* Replace the copies of an identity, which `renewal` names, by capabilities with the process's present badge. */
static void renew_identity(const struct server_context *context, const struct process *process,
                           const struct process_objects *objects, struct identity *identity) {
    const struct context_renewal *renewal = &context->renewal;
    uint64_t badge = IDENTITY_BADGE(process->pid, process->group);
    (void)sys_cap_delete(0, identity->kept);
    bool lives = sys_cap_copy(0, identity->kept, context->services[renewal->service], RIGHTS_ALL, badge).status == OK;
    for (cap_t slot = OBJECTS_SLOT_GIVEN; slot < OBJECTS_TABLE_SLOTS; slot++) {
        if (!lies_in(identity, slot))
            continue;
        bool there = (renewal->there[slot / 64] >> slot % 64 & 1) != 0;
        if (there)
            (void)sys_cap_delete(objects->table, slot);
        if (!there || !lives || sys_cap_copy(objects->table, slot, identity->kept, RIGHTS_ALL, 0).status != OK)
            identity->slots[slot / 64] &= ~(1ULL << slot % 64);
    }
}

/* Write down which copies of an identity are there, before they are not. */
static void begin_renewal(struct context_renewal *renewal, const struct process *process,
                          const struct process_objects *objects, uint32_t service) {
    *renewal = (struct context_renewal){.service = service};
    for (cap_t slot = OBJECTS_SLOT_GIVEN; slot < OBJECTS_TABLE_SLOTS; slot++)
        if (lies_in(&objects->identities[service], slot) && objects_next_slot(objects, slot) == slot)
            renewal->there[slot / 64] |= 1ULL << slot % 64;
    __asm__ volatile("" : : : "memory"); /* last: now it counts */
    renewal->pid = process->pid;
}

/*
 * Take back a call that no server has received yet: it would be refused, since its capability goes. The library then
 * makes it again. A call that waits at this server came by a capability that stays.
 */
static void take_back_call(struct server_context *context, const struct process_thread *thread) {
    if (thread->answer != 0)
        (void)sys_thread_suspend(thread->object, 0);
    else if (objects_withdraw(context, thread).value == SUSPEND_WITHDRAWN)
        tell_withdrawn(context, thread);
}

/*
 * Renew all identities. Threads stay suspended meanwhile: none may call by a slot whose old capability is gone and
 * whose new one is not there yet. This call may have been begun by a program that has died.
 */
static void renew_identities(struct server_context *context, struct process *process) {
    struct process_objects *objects = objects_of(process);
    struct context_renewal *renewal = &context->renewal;
    for (struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at))
        take_back_call(context, at);
    for (uint32_t i = 0; i < context->service_count; i++) {
        bool begun = renewal->pid == process->pid && renewal->service == i;
        if (!begun && !is_held(&objects->identities[i]))
            continue;
        if (!begun)
            begin_renewal(renewal, process, objects, i);
        renew_identity(context, process, objects, &objects->identities[i]);
        renewal->pid = 0;
    }
    for (struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at))
        (void)objects_resume(at);
}

void objects_enter_group(struct server_context *context, struct process *process, uint32_t group) {
    bool changes = process->group != group;
    process_enter_group(&context->processes, process, group);
    if (changes && !process->ended)
        renew_identities(context, process);
}
