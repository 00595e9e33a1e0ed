#include "servers/process/body.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/thread.h"
#include "libsys/program.h"
#include "libsys/string.h"
#include "servers/process/system.h"

/* Empty a slot of ours and free it. Can't fail: an empty slot, which the death of its pool leaves, is fine too. */
static void drop(cap_t *slot) {
    if (*slot == 0)
        return;
    (void)sys_cap_delete(0, *slot);
    slot_free(*slot);
    *slot = 0;
}

static void give_back(struct system *system, struct frame_run *run) {
    frames_give(&system->frames, run);
    *run = (struct frame_run){0};
}

/* Frames in a row, made into a pool. They are on record at once, so that nothing is lost if that fails. */
static uint32_t make_pool(struct system *system, uint64_t page_count, struct frame_run *frames, cap_t *ret_pool) {
    if (!frames_take(&system->frames, page_count, page_count, frames))
        return P_NO_MEMORY;
    *ret_pool = slot_take();
    if (*ret_pool == 0)
        return P_LIMIT;
    return (uint32_t)sys_pool_create(frames->memory, frames->offset_pages, frames->page_count, *ret_pool).status;
}

static uint32_t make_object(cap_t pool, enum object_type type, uint64_t argument, cap_t *ret_slot) {
    *ret_slot = slot_take();
    if (*ret_slot == 0)
        return P_LIMIT;
    return (uint32_t)sys_object_create(pool, type, argument, *ret_slot).status;
}

/* A message page must not show its new owner what others had in it. */
static uint32_t make_message(struct system *system, struct frame_run *ret_page) {
    if (!frames_take(&system->frames, 1, 1, ret_page))
        return P_NO_MEMORY;
    return (uint32_t)sys_memory_fill(ret_page->memory, ret_page->offset_pages * PAGE_BYTES, PAGE_BYTES, 0).status;
}

static uint32_t configure(const struct system *system, const struct body *body, uint32_t pid) {
    cap_t fault_endpoint = slot_take();
    if (fault_endpoint == 0)
        return P_LIMIT;
    struct result result =
        sys_cap_copy(0, fault_endpoint, system->caps.endpoint, ENDPOINT_CALL, BODY_FAULT_BADGE | pid);
    if (result.status == OK) {
        struct thread_config config = {
            .table = body->table,
            .fault_endpoint = fault_endpoint,
            .message_memory = body->message.memory,
            .message_offset_pages = body->message.offset_pages,
            .priority = system->priority,
        };
        memcpy(program.message->data, &config, sizeof config);
        result = sys_thread_configure(body->thread,
                                      THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE | THREAD_PRIORITY);
    }
    drop(&fault_endpoint); /* the thread has its own */
    return (uint32_t)result.status;
}

uint32_t body_create(struct system *system, struct body *body, uint32_t pid) {
    uint32_t status = make_pool(system, BODY_POOL_PAGES, &body->kernel_frames, &body->kernel_pool);
    if (status == OK)
        status = make_object(body->kernel_pool, OBJECT_THREAD, 0, &body->thread);
    if (status == OK)
        status = make_object(body->kernel_pool, OBJECT_TABLE, BODY_TABLE_SLOTS, &body->table);
    if (status == OK)
        status = make_message(system, &body->message);
    if (status == OK)
        status = (uint32_t)sys_cap_copy(body->table, BODY_SLOT_PROCESS, system->caps.endpoint,
                                        ENDPOINT_CALL | ENDPOINT_GRANT, pid)
                     .status;
    return status == OK ? configure(system, body, pid) : status;
}

void body_destroy(struct system *system, struct body *body) {
    drop(&body->kernel_pool); /* thread and table go with it */
    drop(&body->thread);
    drop(&body->table);
    give_back(system, &body->kernel_frames);
    incarnation_destroy(system, &body->incarnation);
    give_back(system, &body->message);
    for (uint32_t i = 0; i < PROCESS_BAG_MAX; i++) {
        drop(&body->bag.entries[i].cap);
        body->bag.entries[i].name[0] = '\0';
    }
}

uint64_t body_page_count(const struct body *body) {
    return body->kernel_frames.page_count + body->message.page_count + incarnation_page_count(&body->incarnation);
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

static uint32_t give_at(struct body *body, struct bag_entry *entry, const char *name, cap_t cap) {
    body_take_away(body, entry);
    cap_t slot = BODY_SLOT_BAG + (cap_t)(entry - body->bag.entries);
    uint32_t status = (uint32_t)sys_cap_copy(body->table, slot, cap, RIGHTS_ALL, 0).status;
    if (status != OK)
        return status;
    memcpy(entry->name, name, strlen(name) + 1);
    entry->cap = cap;
    return OK;
}

uint32_t body_give(struct body *body, const char *name, cap_t cap) {
    struct bag_entry *entry = find_place(&body->bag, name);
    return entry == NULL ? P_LIMIT : give_at(body, entry, name, cap);
}

static uint32_t give_copy(struct body *body, struct bag_entry *entry, const char *name, cap_t source) {
    cap_t copy = slot_take();
    if (copy == 0)
        return P_LIMIT;
    uint32_t status = (uint32_t)sys_cap_copy(0, copy, source, RIGHTS_ALL, 0).status;
    if (status == OK)
        status = give_at(body, entry, name, copy);
    if (status != OK)
        drop(&copy);
    return status;
}

uint32_t body_give_copy(struct body *body, const char *name, cap_t source) {
    struct bag_entry *entry = find_place(&body->bag, name);
    return entry == NULL ? P_LIMIT : give_copy(body, entry, name, source);
}

uint32_t body_give_copy_at(struct body *body, uint32_t index, const char *name, cap_t source) {
    return give_copy(body, &body->bag.entries[index], name, source);
}

void body_take_away(struct body *body, struct bag_entry *entry) {
    (void)sys_cap_delete(body->table, BODY_SLOT_BAG + (cap_t)(entry - body->bag.entries)); /* no error if it is empty */
    drop(&entry->cap);
    entry->name[0] = '\0';
}
