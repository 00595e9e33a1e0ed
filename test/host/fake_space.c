/* Spaces and threads of the fake kernel. */
#include <sanitizer/asan_interface.h>
#include <string.h>

#include "libsys/program/program.h"
#include "test/host/fake_objects.h"

/* An entry of a page table. Source: Intel SDM vol. 3A, 4-Level Paging */
#define ENTRY_PRESENT (1ULL << 0)
#define ENTRY_WRITE (1ULL << 1)
#define ENTRY_USER (1ULL << 2)
#define ENTRY_NO_EXECUTE (1ULL << 63)

/* The first mapping of a space that is not below `at`. */
static uint32_t mapping_from(const struct fake_object *space, uaddr_t at) {
    uint32_t low = 0, high = space->mapping_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (space->mappings[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ... and below `end`: how many there are. */
static uint32_t mappings_in(const struct fake_object *space, uaddr_t at, uaddr_t end) {
    return mapping_from(space, end) - mapping_from(space, at);
}

/* Lower tables that all mappings of a space need. */
static uint32_t tables_needed(const struct fake_object *space) {
    uint32_t count = 0;
    for (uint32_t shift = 21; shift <= 39; shift += 9)
        for (uint32_t i = 0; i < space->mapping_count; i++)
            count += i == 0 || space->mappings[i].at >> shift != space->mappings[i - 1].at >> shift ? 1 : 0;
    return count;
}

/* Take tables from the pool of a space, or give them back, as its mappings now want. False: there are not enough. */
static bool fit_tables(struct fake_object *space) {
    struct fake_object *pool = &fake_objects[space->pool];
    uint64_t tables = tables_needed(space);
    if (space->pool != 0 && pool->used_frames + tables - space->table_pages > pool->pool_frames)
        return false;
    pool->used_frames += tables - space->table_pages;
    space->table_pages = tables;
    return true;
}

/* Make the program's own pages accessible when mapped, with arbitrary contents, and inaccessible when not. */
static void show_own(uaddr_t at, bool mapped) {
    uaddr_t first = (uaddr_t)fake_own;
    if (at < first || at >= first + sizeof fake_own)
        return;
    if (mapped) {
        ASAN_UNPOISON_MEMORY_REGION((void *)at, PAGE_BYTES);
        memset((void *)at, 0x5a, PAGE_BYTES);
    } else {
        ASAN_POISON_MEMORY_REGION((void *)at, PAGE_BYTES);
    }
}

static void remove_mappings(struct fake_object *space, uaddr_t at, uint64_t page_count) {
    uint32_t first = mapping_from(space, at);
    uint32_t count = mappings_in(space, at, at + page_count * PAGE_BYTES);
    for (uint32_t i = first; i < first + count; i++) {
        fake_count_mapping(&space->mappings[i], false);
        if (space->pool == 0)
            show_own(space->mappings[i].at, false);
    }
    space->mapping_count -= count;
    memmove(&space->mappings[first], &space->mappings[first + count],
            (space->mapping_count - first) * sizeof(struct mapping));
}

static void add_mappings(struct fake_object *space, uint64_t frame, uint64_t count, uaddr_t at, uint64_t rights) {
    uint32_t first = mapping_from(space, at);
    if (space->mapping_count + count > MAPPINGS_MAX)
        __builtin_trap(); /* the test makes more than it needs */
    memmove(&space->mappings[first + count], &space->mappings[first],
            (space->mapping_count - first) * sizeof(struct mapping));
    space->mapping_count += (uint32_t)count;
    for (uint64_t i = 0; i < count; i++) {
        space->mappings[first + i] = (struct mapping){at + i * PAGE_BYTES, (uint32_t)(frame + i), (uint32_t)rights};
        fake_count_mapping(&space->mappings[first + i], true);
        if (space->pool == 0)
            show_own(at + i * PAGE_BYTES, true);
    }
}

static bool range_is_valid(uaddr_t at, uint64_t count) {
    return count > 0 && count <= MAP_PAGES_MAX && at % PAGE_BYTES == 0 && at >= USER_LOWEST && at < USER_LIMIT &&
           count <= (USER_LIMIT - at) / PAGE_BYTES;
}

static bool rights_are_valid(uint64_t rights) {
    uint64_t write_execute = MEMORY_WRITE | MEMORY_EXECUTE;
    return (rights & MEMORY_READ) != 0 && (rights & write_execute) != write_execute &&
           (rights & ~(MEMORY_READ | write_execute)) == 0;
}

/* When made to fail for a process's space it does not return E_MEMORY: that would mean that the pool can be
 * extended. */
struct result sys_space_map(cap_t space, cap_t memory, uint64_t offset, uint64_t count, uaddr_t at, uint64_t flags) {
    struct fake_object *from = fake_find(memory, OBJECT_MEMORY);
    struct fake_object *to = fake_find(space, OBJECT_SPACE);
    if (fake_fails())
        return status(space == FAKE_CAP_SPACE ? E_MEMORY : E_LIMIT);
    if (from == NULL || to == NULL || !rights_are_valid(flags) || !range_is_valid(at, count) ||
        offset + count > from->frame_count)
        return status(E_ARG);
    uint64_t frame = from->first_frame + offset;
    if (frame >= FILE_FRAME && (flags & MEMORY_WRITE) != 0)
        return status(E_RIGHTS);
    for (uint64_t i = 0; i < count && frame < FAKE_FRAMES; i++)
        if (fake_frame_is_pool(frame + i))
            return status(E_BUSY);
    if (mappings_in(to, at, at + count * PAGE_BYTES) != 0)
        return status(E_EXISTS);
    add_mappings(to, frame, count, at, flags);
    if (fit_tables(to))
        return status(OK);
    remove_mappings(to, at, count);
    return status(E_MEMORY);
}

uint64_t fake_unmap_count;

/* Can't be made to fail: there are no pages of 2 MiB here to split. */
struct result sys_space_unmap(cap_t space, uaddr_t at, uint64_t page_count) {
    fake_unmap_count++;
    struct fake_object *from = fake_find(space, OBJECT_SPACE);
    if (from == NULL || !range_is_valid(at, page_count))
        return status(E_ARG);
    remove_mappings(from, at, page_count);
    (void)fit_tables(from); /* there are fewer */
    return status(OK);
}

struct result sys_space_protect(cap_t space, uaddr_t at, uint64_t page_count, uint64_t rights) {
    struct fake_object *target = fake_find(space, OBJECT_SPACE);
    if (fake_fails())
        return status(E_MEMORY);
    if (target == NULL || !range_is_valid(at, page_count) || !rights_are_valid(rights))
        return status(E_ARG);
    uint32_t first = mapping_from(target, at);
    if (mappings_in(target, at, at + page_count * PAGE_BYTES) != page_count)
        return status(E_EMPTY);
    for (uint32_t i = first; i < first + page_count; i++)
        target->mappings[i].rights = (uint32_t)rights;
    return status(OK);
}

struct result sys_thread_configure(cap_t thread, uint64_t fields) {
    struct fake_object *object = fake_find(thread, OBJECT_THREAD);
    struct thread_config config;
    memcpy(&config, program.message->data, sizeof config);
    if (fake_fails())
        return status(E_RIGHTS);
    if (object == NULL || (fields & THREAD_TABLE) == 0 || fake_find(config.table, OBJECT_TABLE) == NULL ||
        fake_find(config.fault_endpoint, OBJECT_ENDPOINT) == NULL ||
        fake_find(config.message_memory, OBJECT_MEMORY) == NULL)
        return status(E_CAP);
    object->config = config;
    return status(OK);
}

/* The mapping around an address of a space; NULL: none. */
static const struct mapping *mapping_at(const struct fake_object *space, uaddr_t at) {
    uaddr_t page = at & ~(PAGE_BYTES - 1);
    uint32_t i = mapping_from(space, page);
    return i < space->mapping_count && space->mappings[i].at == page ? &space->mappings[i] : NULL;
}

struct fake_damage fake_damage;
static void damage(struct fake_object *space) {
    const struct mapping *mapping = mapping_at(space, fake_damage.at);
    if (mapping != NULL && fake_damage.rights == 0)
        remove_mappings(space, fake_damage.at, 1);
    else if (mapping != NULL)
        space->mappings[mapping - space->mappings].rights = fake_damage.rights;
    fake_damage.at = 0;
}

/* The entry for a page, as in tables of the CPU; the levels above grant all rights. */
static uint64_t entry_for(const struct mapping *mapping) {
    if (mapping == NULL)
        return 0;
    return ENTRY_PRESENT | ENTRY_USER | ((mapping->rights & MEMORY_WRITE) != 0 ? ENTRY_WRITE : 0) |
           ((mapping->rights & MEMORY_EXECUTE) != 0 ? 0 : ENTRY_NO_EXECUTE) | (uint64_t)mapping->frame * PAGE_BYTES;
}

struct result sys_space_query(cap_t space, uaddr_t at) {
    const struct fake_object *root = fake_find(space, OBJECT_SPACE);
    if (fake_fails() || root == NULL)
        return status(root == NULL ? E_CAP : E_RIGHTS);
    const uint64_t above = ENTRY_PRESENT | ENTRY_USER | ENTRY_WRITE;
    struct space_walk walk = {{above, above, above, entry_for(mapping_at(root, at))}, 4};
    memcpy(program.message->data, &walk, sizeof walk);
    return (struct result){OK, walk.entry[3] == 0 ? 3 : 4};
}

/* One part is the whole. Nothing here can be wrong with the tables but what a handover finds at its two places. */
struct result sys_space_audit(cap_t space, uint64_t position) {
    const struct fake_object *root = fake_find(space, OBJECT_SPACE);
    if (fake_fails() || root == NULL)
        return status(root == NULL ? E_CAP : E_RIGHTS);
    return position == 0 ? (struct result){OK, USER_LIMIT} : status(E_ARG);
}

static struct result refuse(enum audit_check check, uaddr_t at, const struct mapping *mapping) {
    uint64_t entry = entry_for(mapping) & (ENTRY_PRESENT | ENTRY_USER | ENTRY_WRITE | ENTRY_NO_EXECUTE);
    struct audit_failure failure = {.check = check, .address = at, .level = 1, .entry = entry};
    memcpy(program.message->data, &failure, sizeof failure);
    return (struct result){E_AUDIT, check};
}

struct result sys_thread_handover(cap_t thread, cap_t space, uint64_t flags) {
    struct fake_object *target = fake_find(thread, OBJECT_THREAD);
    struct fake_object *root = fake_find(space, OBJECT_SPACE);
    struct thread_registers entry;
    memcpy(&entry, program.message->data, sizeof entry);
    if (fake_fails())
        return refuse(AUDIT_STACK, entry.rsp - 8, NULL);
    if (target == NULL || root == NULL)
        return status(E_CAP);
    damage(root);
    const struct mapping *code = mapping_at(root, entry.rip);
    const struct mapping *stack = mapping_at(root, entry.rsp - 8);
    if (target->config.table == 0)
        return refuse(AUDIT_TABLE, 0, NULL);
    if (code != NULL ? (code->rights & MEMORY_EXECUTE) == 0 : (flags & HANDOVER_ABSENT_ENTRY) == 0)
        return refuse(AUDIT_ENTRY, entry.rip, code);
    if (stack != NULL ? (stack->rights & MEMORY_WRITE) == 0 : (flags & HANDOVER_ABSENT_STACK) == 0)
        return refuse(AUDIT_STACK, entry.rsp - 8, stack);
    target->space = fake_index(root);
    target->entry = entry;
    target->run_state = THREAD_STOPPED;
    target->suspended = (flags & HANDOVER_RESUME) == 0;
    return status(OK);
}

struct result sys_thread_read(cap_t thread, uint64_t parts) {
    const struct fake_object *object = fake_find(thread, OBJECT_THREAD);
    if (fake_fails())
        return status(E_STATE);
    if (object == NULL)
        return status(E_CAP);
    struct thread_state state = {.registers = object->entry, .run_state = object->run_state, .cpu_time_ns = 10};
    memcpy(program.message->data, &state, sizeof state);
    if ((parts & THREAD_FPU) != 0)
        thread_fpu_in(program.message)->components = 0;
    return status(OK);
}

struct result sys_thread_suspend(cap_t thread, uint64_t flags) {
    struct fake_object *object = fake_find(thread, OBJECT_THREAD);
    if (fake_fails())
        return status(E_RIGHTS);
    if (object == NULL)
        return status(E_CAP);
    object->suspended = true;
    bool calls = object->run_state == THREAD_IN_CALL;
    bool waits = calls && ((flags & SUSPEND_WITHDRAW) == 0 || (object->served && (flags & SUSPEND_ABANDON) == 0));
    if (waits)
        return (struct result){OK, SUSPEND_WAITS};
    object->run_state = THREAD_STOPPED;
    if (calls)
        object->entry.rax = E_CANCEL;
    return (struct result){OK, calls ? SUSPEND_WITHDRAWN : SUSPEND_STOPPED};
}

uint64_t fake_resume_count;
struct result sys_thread_resume(cap_t thread) {
    struct fake_object *object = fake_find(thread, OBJECT_THREAD);
    if (fake_fails())
        return status(E_RIGHTS);
    if (object != NULL) {
        object->suspended = false;
        fake_resume_count++;
    }
    return status(object == NULL ? E_CAP : OK);
}

struct result sys_thread_write(cap_t thread, uint64_t parts) {
    struct fake_object *object = fake_find(thread, OBJECT_THREAD);
    if (fake_fails())
        return status(E_RIGHTS);
    if (object == NULL || object->run_state != THREAD_STOPPED)
        return status(object == NULL ? E_CAP : E_STATE);
    if ((parts & THREAD_REGISTERS) != 0)
        memcpy(&object->entry, program.message->data, sizeof object->entry);
    return status(OK);
}

void fake_set_run_state(cap_t thread, uint64_t run_state) { fake_find(thread, OBJECT_THREAD)->run_state = run_state; }
void fake_set_served(cap_t thread, bool served) {
    struct fake_object *object = fake_find(thread, OBJECT_THREAD);
    object->run_state = served ? THREAD_IN_CALL : THREAD_STOPPED;
    object->served = served;
}
bool fake_is_suspended(cap_t thread) { return fake_find(thread, OBJECT_THREAD)->suspended; }

bool fake_thread_runs(cap_t thread, struct thread_registers *ret_entry) {
    const struct fake_object *object = fake_find(thread, OBJECT_THREAD);
    if (object == NULL || object->space == 0)
        return false;
    *ret_entry = object->entry;
    return true;
}

/* The byte at an address, if a thread may access it so; else NULL. */
static uint8_t *byte_at(cap_t thread, uaddr_t at, uint64_t access) {
    const struct fake_object *object = fake_find(thread, OBJECT_THREAD);
    const struct mapping *mapping = object == NULL ? NULL : mapping_at(&fake_objects[object->space], at);
    if (mapping == NULL || (mapping->rights & access) == 0)
        return NULL;
    return mapping->frame >= FILE_FRAME ? &fake_file[mapping->frame - FILE_FRAME][at % PAGE_BYTES]
                                        : &fake_ram[mapping->frame][at % PAGE_BYTES];
}

bool fake_may_access(cap_t thread, uaddr_t at, uint64_t access) { return byte_at(thread, at, access) != NULL; }

bool fake_read(cap_t thread, uaddr_t at, void *to, uint64_t length_bytes) {
    uint8_t *out = to;
    for (uint64_t i = 0; i < length_bytes; i++) {
        const uint8_t *byte = byte_at(thread, at + i, MEMORY_READ);
        if (byte == NULL)
            return false;
        out[i] = *byte;
    }
    return true;
}

bool fake_write(cap_t thread, uaddr_t at, const void *from, uint64_t length_bytes) {
    const uint8_t *in = from;
    for (uint64_t i = 0; i < length_bytes; i++) {
        uint8_t *byte = byte_at(thread, at + i, MEMORY_WRITE);
        if (byte == NULL)
            return false;
        *byte = in[i];
    }
    return true;
}

bool fake_table_has(cap_t table, cap_t slot) {
    const uint32_t *found = fake_slot_of(table, slot);
    return found != NULL && *found != 0;
}

struct thread_config fake_thread_config(cap_t thread) {
    const struct fake_object *object = fake_find(thread, OBJECT_THREAD);
    return object == NULL ? (struct thread_config){0} : object->config;
}
