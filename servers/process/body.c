#include "servers/process/body.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/thread.h"
#include "libsys/program.h"
#include "libsys/proto/identity.h"
#include "libsys/string.h"
#include "servers/process/system.h"

uaddr_t body_message_at(const struct incarnation *incarnation, uint32_t number) {
    return LAYOUT_MESSAGE - incarnation->lowered + number * PAGE_BYTES;
}

cap_t body_process_slot(uint32_t number) { return number == 0 ? BODY_SLOT_PROCESS : BODY_SLOT_THREADS + number; }

/* A message page must not show its new owner what others had in it. */
static uint32_t make_message(struct system *system, struct thread *thread) {
    uint32_t frame = frames_take_one(&system->frames);
    if (frame == FRAMES_NONE)
        return P_NO_MEMORY;
    struct frame_run page = frames_run_of(&system->frames, frame);
    uint32_t status = (uint32_t)sys_memory_fill(page.memory, page.offset_pages * PAGE_BYTES, PAGE_BYTES, 0).status;
    if (status == OK)
        thread->message_frame = frame;
    else
        frames_drop(&system->frames, frame);
    return status;
}

static void drop_message(struct system *system, struct thread *thread) {
    frames_drop(&system->frames, thread->message_frame);
    thread->message_frame = FRAMES_NONE;
}

/* What a number needs, and keeps. */
static uint32_t prepare_number(struct system *system, const struct body *body, struct thread *thread) {
    uint32_t number = thread_number(thread);
    uint32_t status = make_message(system, thread);
    if (status == OK)
        status = (uint32_t)sys_cap_copy(body->table, body_process_slot(number), system->caps.endpoint,
                                        ENDPOINT_CALL | ENDPOINT_GRANT, BODY_BADGE(thread->process->pid, number))
                     .status;
    if (status != OK && thread->message_frame != FRAMES_NONE)
        drop_message(system, thread);
    return status;
}

bool body_resume(const struct thread *thread) {
    return thread->process->halted || sys_thread_resume(thread->object).status == OK;
}

/* Each nice value is a priority. */
static uint64_t priority_of(const struct system *system, const struct process *process) {
    return system->priority - process->nice;
}

/* Processes are dealt out to CPUs by their numbers, and the threads of each likewise. */
static uint64_t cpu_of(const struct system *system, const struct thread *thread) {
    return (thread->process->pid + thread_number(thread)) % system->cpu_count;
}

uint32_t body_set_priority(const struct system *system, const struct thread *thread) {
    struct thread_config config = {.priority = priority_of(system, thread->process)};
    memcpy(program.message->data, &config, sizeof config);
    return (uint32_t)sys_thread_configure(thread->object, THREAD_PRIORITY).status;
}

static uint32_t configure(struct system *system, const struct body *body, const struct thread *thread) {
    cap_t fault_endpoint = slot_take();
    if (fault_endpoint == 0)
        return P_LIMIT;
    struct result result = sys_cap_copy(0, fault_endpoint, system->caps.endpoint, ENDPOINT_CALL,
                                        BODY_BADGE(thread->process->pid, thread_number(thread)));
    if (result.status == OK) {
        struct frame_run message = frames_run_of(&system->frames, thread->message_frame);
        struct thread_config config = {
            .table = body->table,
            .fault_endpoint = fault_endpoint,
            .message_memory = message.memory,
            .message_offset_pages = message.offset_pages,
            .priority = priority_of(system, thread->process),
            .cpu = cpu_of(system, thread),
        };
        memcpy(program.message->data, &config, sizeof config);
        result = sys_thread_configure(thread->object, THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE |
                                                          THREAD_PRIORITY | THREAD_CPU);
    }
    slot_drop(&fault_endpoint); /* the thread has its own */
    return (uint32_t)result.status;
}

uint32_t body_create(struct system *system, struct body *body) {
    uint32_t status = pool_create(system, &body->pool, BODY_POOL_PAGES);
    return status == OK ? pool_make_object(system, &body->pool, OBJECT_TABLE, BODY_TABLE_SLOTS, &body->table) : status;
}

uint32_t body_add_thread(struct system *system, struct body *body, struct thread *thread) {
    uint32_t status = thread->message_frame == FRAMES_NONE ? prepare_number(system, body, thread) : OK;
    if (status == OK)
        status = pool_make_object(system, &body->pool, OBJECT_THREAD, 0, &thread->object);
    if (status == OK)
        status = configure(system, body, thread);
    if (status != OK)
        body_remove_thread(thread);
    return status;
}

uint64_t body_thread_time_ns(const struct thread *thread) {
    struct thread_state state;
    if (sys_thread_read(thread->object, 0).status != OK)
        return 0;
    memcpy(&state, program.message->data, sizeof state);
    return state.cpu_time_ns;
}

void body_remove_thread(struct thread *thread) { slot_drop(&thread->object); }

void body_drop_numbers(struct system *system, struct process *process, const struct thread *but) {
    cap_t table = body_of(process)->table;
    uint32_t numbers = process->more != NULL ? PROCESS_THREADS_MAX : 1;
    for (uint32_t i = 0; i < numbers; i++) {
        struct thread *thread = thread_at(process, i);
        if (thread == but || thread->message_frame == FRAMES_NONE)
            continue;
        drop_message(system, thread);
        if (table != 0)
            (void)sys_cap_delete(table, body_process_slot(i)); /* no error if the process has emptied it */
    }
}

/* One holder fewer of a slot of ours; the last one empties it. */
static void release(struct system *system, cap_t *slot) {
    if (*slot == 0)
        return;
    if (system->sharers[*slot] > 0)
        system->sharers[*slot]--;
    else
        slot_drop(slot);
    *slot = 0;
}

void body_destroy(struct system *system, struct process *process) {
    struct body *body = body_of(process);
    pool_destroy(system, &body->pool); /* threads and table go with it */
    slot_drop(&body->table);
    for (struct thread *thread = thread_next(process, NULL); thread != NULL; thread = thread_next(process, thread)) {
        body_remove_thread(thread);
        thread_end(&system->processes, thread);
    }
    incarnation_destroy(system, &body->incarnation);
    body_drop_numbers(system, process, NULL); /* the table is gone, and the capabilities with it */
    for (uint32_t i = 0; i < PROCESS_BAG_MAX; i++) {
        release(system, &body->bag.entries[i].cap);
        body->bag.entries[i].name[0] = '\0';
    }
}

uint64_t body_page_count(struct process *process) {
    const struct body *body = body_of(process);
    uint64_t pages = 1 + pool_page_count(&body->pool) + incarnation_page_count(&body->incarnation); /* 1: its record */
    uint32_t numbers = process->more != NULL ? PROCESS_THREADS_MAX : 1;
    for (uint32_t i = 0; i < numbers; i++)
        pages += thread_at(process, i)->message_frame != FRAMES_NONE ? 1 : 0;
    return process->more != NULL ? pages + 1 : pages;
}

struct bag_entry *bag_find(struct bag *bag, const char *name) {
    for (uint32_t i = 0; i < PROCESS_BAG_MAX; i++)
        if (bag->entries[i].cap != 0 && strcmp(bag->entries[i].name, name) == 0)
            return &bag->entries[i];
    return NULL;
}

bool bag_name_is_valid(const char *name, uint64_t size_bytes) {
    uint64_t length = strnlen(name, size_bytes);
    if (length == 0 || length >= PROCESS_NAME_MAX || length == size_bytes)
        return false;
    for (uint64_t i = 0; i < length; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.')
            return false;
    }
    return strcmp(name, "process") != 0; /* each process gets one of its own */
}

/* The entry of this name, or else a free one. */
static struct bag_entry *find_place(struct bag *bag, const char *name) {
    struct bag_entry *entry = bag_find(bag, name);
    for (uint32_t i = 0; entry == NULL && i < PROCESS_BAG_MAX; i++)
        if (bag->entries[i].cap == 0)
            entry = &bag->entries[i];
    return entry;
}

static cap_t slot_of(const struct body *body, const struct bag_entry *entry) {
    return BODY_SLOT_BAG + (cap_t)(entry - body->bag.entries);
}

static uint32_t place(const struct process *process, cap_t table, cap_t slot, const struct bag_entry *source) {
    uint64_t badge = source->service ? IDENTITY_BADGE(process->pid, process->group) : 0;
    return (uint32_t)sys_cap_copy(table, slot, source->cap, RIGHTS_ALL, badge).status;
}

static uint32_t give_at(struct system *system, struct process *process, struct bag_entry *entry, const char *name,
                        const struct bag_entry *source) {
    struct body *body = body_of(process);
    body_take_away(system, body, entry);
    uint32_t status = place(process, body->table, slot_of(body, entry), source);
    if (status != OK)
        return status;
    memcpy(entry->name, name, strlen(name) + 1);
    entry->cap = source->cap;
    entry->service = source->service;
    return OK;
}

uint32_t body_give(struct system *system, struct process *process, const char *name, cap_t cap) {
    struct bag_entry *entry = find_place(&body_of(process)->bag, name);
    struct bag_entry source = {.cap = cap};
    return entry == NULL ? P_LIMIT : give_at(system, process, entry, name, &source);
}

static uint32_t share(struct system *system, struct process *process, struct bag_entry *entry, const char *name,
                      const struct bag_entry *source) {
    uint32_t status = give_at(system, process, entry, name, source);
    if (status == OK)
        system->sharers[source->cap]++;
    return status;
}

uint32_t body_share(struct system *system, struct process *process, const char *name, const struct bag_entry *source) {
    struct bag_entry *entry = find_place(&body_of(process)->bag, name);
    return entry == NULL ? P_LIMIT : share(system, process, entry, name, source);
}

uint32_t body_share_at(struct system *system, struct process *process, uint32_t index, const struct bag_entry *source) {
    return share(system, process, &body_of(process)->bag.entries[index], source->name, source);
}

/* What lay in a slot is gone before the new one comes: nobody may call by it in between. */
static void renew_identity(struct process *process) {
    const struct body *body = body_of(process);
    for (struct thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at))
        (void)sys_thread_suspend(at->object, 0);
    for (uint32_t i = 0; i < PROCESS_BAG_MAX; i++) {
        const struct bag_entry *entry = &body->bag.entries[i];
        if (entry->cap == 0 || !entry->service)
            continue;
        (void)sys_cap_delete(body->table, slot_of(body, entry));
        (void)place(process, body->table, slot_of(body, entry), entry); /* it fails if the service is gone */
    }
    for (struct thread *at = thread_next(process, NULL); at != NULL && !process->halted; at = thread_next(process, at))
        (void)sys_thread_resume(at->object);
}

void body_enter_group(struct system *system, struct process *process, uint32_t group) {
    bool changes = process->group != group;
    process_enter_group(&system->processes, process, group);
    if (changes && !process->ended)
        renew_identity(process);
}

void body_take_away(struct system *system, struct body *body, struct bag_entry *entry) {
    if (entry->cap == 0)
        return;
    (void)sys_cap_delete(body->table, slot_of(body, entry)); /* no error if it is empty */
    release(system, &entry->cap);
    entry->name[0] = '\0';
}
