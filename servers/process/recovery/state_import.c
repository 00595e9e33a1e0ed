#include "kernel/abi/thread.h"
#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "servers/process/recovery/process_state.h"

#define NO_MEMORY "there is no memory for its records"

#define SET(type, name, dimension, place)                                          \
    _Static_assert(sizeof record->name == sizeof(place), "the form has its size"); \
    memcpy(&(place), &record->name, sizeof record->name);
#define SET_FLAG(name, place) (place) = record->name != 0;

/* What has been imported so far. */
struct importer {
    struct server_context *context;
    bool has_server;
    struct process *process; /* to which the next records belong; NULL: to none */
    uint32_t thread_count;   /* of all processes */
};

static const char *no_room(const struct importer *importer) {
    static char reason[KEEP_NO_MAX];
    format_into(reason, sizeof reason, "no room for process %u (%s)", importer->process->pid, importer->process->name);
    return reason;
}

static const char *good(bool is_good) { return is_good ? NULL : PROCESS_STATE_DAMAGED; }

/* Claim a slot that nothing else names, and that holds an object of this type. */
static bool claim(cap_t slot, enum object_type type) {
    if (slot < program.slots.first || slot >= program.slots.limit || slots_is_taken(&program.slots, slot) ||
        QUERY_TYPE(sys_cap_query(slot).value) != type)
        return false;
    slot_claim(slot);
    return true;
}

static struct memory_run run_of(const struct server_context *context, uint64_t frame, uint64_t count) {
    struct memory_run run = frames_find_run(&context->frames, (uint32_t)frame);
    run.page_count = count;
    return run;
}

/* ---- of the whole server ---- */

static const char *import_server(struct importer *importer, const struct process_state_server *record) {
    struct server_context *context = importer->context;
    if (importer->has_server || record->last_pid == 0 || record->last_pid > INT32_MAX ||
        record->random_left > sizeof record->random_words / sizeof record->random_words[0])
        return PROCESS_STATE_DAMAGED;
    importer->has_server = true;
    PROCESS_STATE_SERVER_ROWS(SET, SET_FLAG)
    return NULL;
}

static const char *import_service(struct importer *importer, const struct process_state_service *record) {
    struct server_context *context = importer->context;
    if (record->number != context->service_count || record->slot == 0 || record->slot >= program.slots.first)
        return PROCESS_STATE_DAMAGED;
    if (context->service_count == CONTEXT_SERVICES_MAX)
        return "no room for so many services";
    context->services[context->service_count++] = record->slot;
    return NULL;
}

static bool is_account(const struct accounts *accounts, uint32_t number) {
    return number == 0 || (number < ACCOUNTS_MAX && accounts->entries[number].owner != 0);
}

static const char *import_account(struct importer *importer, const struct process_state_account *record) {
    struct accounts *accounts = &importer->context->processes.accounts;
    if (record->number == 0 || is_account(accounts, record->number) || record->owner == 0)
        return PROCESS_STATE_DAMAGED;
    if (record->number >= ACCOUNTS_MAX)
        return "no room for so many limits on processes";
    accounts->entries[record->number] =
        (struct account){.above = record->above, .owner = record->owner, .most = record->most};
    return NULL;
}

static const char *import_file(struct importer *importer, const struct process_state_file *record) {
    struct vm_files *files = &importer->context->files;
    if (record->number >= VM_FILES_MAX)
        return "no room for so many mapped files";
    struct vm_file *file = &files->entries[record->number];
    if (file->memory != 0 || record->offset_bytes % PAGE_BYTES != 0 || !claim(record->slot, OBJECT_MEMORY))
        return PROCESS_STATE_DAMAGED;
    *file = (struct vm_file){
        .memory = record->slot, .offset_bytes = record->offset_bytes, .size_bytes = record->size_bytes};
    if (files->used_count <= record->number)
        files->used_count = (uint32_t)record->number + 1;
    return NULL;
}

/* ---- of a process ---- */

static bool is_sound(const struct importer *importer, const struct process_state_process *record) {
    bool has_images = record->image_count <= PROCESS_STATE_IMAGES;
    for (uint32_t i = 0; has_images && i < record->image_count; i++)
        has_images = record->images[i].build_id_bytes <= ELF_BUILD_ID_MAX;
    return record->pid != 0 && record->pid <= INT32_MAX && record->name[sizeof record->name - 1] == '\0' &&
           record->nice <= PROCESS_NICE_MAX && has_images && record->staged_bytes <= PROCESS_STAGE_MAX &&
           (record->tells == 0 || record->tells == PROCESS_STOPPED || record->tells == PROCESS_CONTINUED) &&
           record->lowered % PAGE_BYTES == 0 && record->lowered < LAYOUT_MESSAGE &&
           record->break_start <= record->break_end && record->break_end <= USER_LIMIT &&
           record->places <= USER_LIMIT && is_account(&importer->context->processes.accounts, record->account);
}

/* Claim what a process that has not ended is made of. */
static bool claim_objects(const struct process_state_process *record) {
    return claim(record->pool, OBJECT_POOL) && claim(record->table, OBJECT_TABLE) &&
           claim(record->space_pool, OBJECT_POOL) && claim(record->space, OBJECT_SPACE);
}

/* recovery_count() puts it among the others. */
static void set_wake(struct wake *wake, enum wake_kind kind, uint64_t at_ns) {
    *wake = (struct wake){.at_ns = at_ns, .position = at_ns != DEADLINE_NEVER, .kind = kind};
}

static const char *import_process(struct importer *importer, const struct process_state_process *record) {
    struct server_context *context = importer->context;
    struct process_table *table = &context->processes;
    if (!is_sound(importer, record) || process_find(table, record->pid) != NULL ||
        (record->ended == 0 && !claim_objects(record)))
        return PROCESS_STATE_DAMAGED;
    struct process *process = page_allocator_take(table->allocator, table->record_bytes);
    if (process == NULL)
        return NO_MEMORY;
    struct process_objects *objects = objects_of(process);
    struct staged_strings *staged = staged_of(process);
    PROCESS_STATE_PROCESS_ROWS(SET, SET_FLAG)
    set_wake(&process->alarm, WAKE_ALARM, record->alarm_ns);
    set_wake(&process->time_limit, WAKE_LIMIT, record->time_limit_ns);
    importer->process = process;
    if (table->entries[process->pid % PROCESS_MAX] != NULL)
        return no_room(importer);
    table->entries[process->pid % PROCESS_MAX] = process;
    if (process->ended) {
        memset(objects, 0, sizeof *objects);
        staged->length_bytes = 0;
        return NULL;
    }
    objects->incarnation.vm = vm_create(&context->allocator);
    return objects->incarnation.vm != NULL ? NULL : NO_MEMORY;
}

static bool is_wait(uint32_t waits) {
    return waits == THREAD_RUNS || waits == THREAD_WAITS || waits == THREAD_SLEEPS || waits == THREAD_WAITS_SIGNAL ||
           waits == THREAD_JOINS || waits == THREAD_WAITS_WORD;
}

/* Claim what a thread holds. A right to answer that is not there any more is forgotten by recovery_count(). */
static bool claim_thread(const struct process_state_thread *record) {
    bool is_held = record->waits != THREAD_RUNS && QUERY_TYPE(sys_cap_query(record->answer).value) == OBJECT_REPLY;
    if (record->is != PROCESS_STATE_LIVES)
        return record->object == 0 && record->answer == 0 && record->waits == THREAD_RUNS;
    return claim(record->object, OBJECT_THREAD) && (!is_held || claim(record->answer, OBJECT_REPLY));
}

static const char *import_thread(struct importer *importer, const struct process_state_thread *record) {
    struct process *process = importer->process;
    uint32_t number = record->id % PROCESS_THREADS_MAX;
    if (record->id > INT32_MAX || record->is > PROCESS_STATE_JOINABLE || !is_wait(record->waits))
        return PROCESS_STATE_DAMAGED;
    if (number > 0 && process->more == NULL)
        process->more = page_allocator_take(&importer->context->allocator, PAGE_BYTES);
    struct process_thread *thread = thread_at(process, number);
    if (thread == NULL)
        return NO_MEMORY;
    if (thread->process != NULL || !claim_thread(record))
        return PROCESS_STATE_DAMAGED;
    thread->process = process;
    set_wake(&thread->wake, WAKE_THREAD, record->wake_ns);
    PROCESS_STATE_THREAD_ROWS(SET, SET_FLAG)
    if (record->is == PROCESS_STATE_LIVES) {
        process->living |= 1U << number;
        importer->thread_count++;
    } else if (record->is == PROCESS_STATE_JOINABLE) {
        process->joinable |= 1U << number;
        thread->value = record->value;
    }
    return importer->thread_count <= PROCESS_ALL_THREADS_MAX ? NULL : no_room(importer);
}

static const char *import_signal(struct importer *importer, const struct process_state_signal *record) {
    struct signals *signals = &importer->process->signals;
    if (record->signal == 0 || record->signal > PROCESS_SIGNAL_MAX)
        return PROCESS_STATE_DAMAGED;
    signals->masks[record->signal - 1] = record->mask;
    signals->senders[record->signal - 1] = record->sender;
    return NULL;
}

static const char *import_pool(struct importer *importer, const struct process_state_pool *record) {
    struct process_objects *objects = objects_of(importer->process);
    struct object_pool *pool = record->of_space != 0 ? &objects->incarnation.pool : &objects->pool;
    if (record->count == 0)
        return PROCESS_STATE_DAMAGED;
    if (pool->run_count == OBJECT_POOL_RUNS_MAX)
        return no_room(importer);
    pool->runs[pool->run_count++] = run_of(importer->context, record->frame, record->count);
    return NULL;
}

static const char *import_region(struct importer *importer, const struct process_state_region *record) {
    struct vm_files *files = &importer->context->files;
    bool has_file = record->file != PROCESS_STATE_NO_FILE;
    if (record->start >= record->end || record->start % PAGE_BYTES != 0 || record->end % PAGE_BYTES != 0 ||
        record->end > USER_LIMIT || record->rights > (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE) ||
        record->kind < PROCESS_MAP_FILE || record->kind > PROCESS_MAP_HEAP ||
        (has_file && (record->file >= files->used_count || files->entries[record->file].memory == 0 ||
                      (record->file_offset - record->content_at) % PAGE_BYTES != 0)))
        return PROCESS_STATE_DAMAGED;
    const struct vm_region region = {
        .start = record->start,
        .end = record->end,
        .rights = record->rights,
        .kind = record->kind,
        .guarded = record->guarded != 0,
        .file = has_file ? &files->entries[record->file] : NULL,
        .content_at = record->content_at,
        .content_bytes = record->content_bytes,
        .file_offset = record->file_offset,
    };
    uint32_t status =
        vm_insert_apart(&importer->context->allocator, objects_of(importer->process)->incarnation.vm, &region);
    return status == OK ? NULL : status == E_EXISTS ? PROCESS_STATE_DAMAGED : no_room(importer);
}

/* Put a page into its place. */
static const char *put_page(struct importer *importer, uaddr_t at, uint32_t entry) {
    struct vm *vm = objects_of(importer->process)->incarnation.vm;
    uint32_t *place;
    if (vm_find(vm, at) == NULL)
        return PROCESS_STATE_DAMAGED;
    uint32_t status = vm_make_entry(&importer->context->allocator, vm, at, &place);
    if (status != OK)
        return no_room(importer);
    bool is_free = *place == 0;
    *place = entry;
    return good(is_free);
}

/* The frames are there: process_state_claim() has looked. */
static const char *import_pages(struct importer *importer, const struct export_record *record) {
    const struct process_state_pages *run = record->bytes, *end = run + record->length_bytes / sizeof *run;
    const char *no = NULL;
    for (; run < end && no == NULL; run++) {
        no = good(run->at % PAGE_BYTES == 0 && run->count > 0 &&
                  (run->frame & ~(VM_FRAME | VM_MAPPED | VM_WRITABLE)) == 0);
        for (uint32_t i = 0; i < run->count && no == NULL; i++)
            no = put_page(importer, run->at + i * PAGE_BYTES, run->frame + i);
    }
    return no;
}

static const char *import_staged(struct importer *importer, const struct process_state_staged *record) {
    struct staged_strings *staged = staged_of(importer->process);
    if (staged->page_count == STAGED_PAGES_MAX)
        return no_room(importer);
    staged->pages[staged->page_count++] = run_of(importer->context, record->frame, 1);
    return NULL;
}

static const char *import_identity(struct importer *importer, const struct process_state_identity *record) {
    struct identity *identities = objects_of(importer->process)->identities;
    if (record->service >= importer->context->service_count || identities[record->service].kept != 0 ||
        !claim(record->kept, OBJECT_ENDPOINT))
        return PROCESS_STATE_DAMAGED;
    identities[record->service].kept = record->kept;
    memcpy(identities[record->service].slots, record->slots, sizeof record->slots);
    return NULL;
}

/* ---- all of them ---- */

static const size_t record_bytes[] = {
    [PROCESS_STATE_SERVER] = sizeof(struct process_state_server),
    [PROCESS_STATE_SERVICE] = sizeof(struct process_state_service),
    [PROCESS_STATE_ACCOUNT] = sizeof(struct process_state_account),
    [PROCESS_STATE_OWN] = sizeof(struct process_state_own),
    [PROCESS_STATE_FILE] = sizeof(struct process_state_file),
    [PROCESS_STATE_PROCESS] = sizeof(struct process_state_process),
    [PROCESS_STATE_THREAD] = sizeof(struct process_state_thread),
    [PROCESS_STATE_SIGNAL] = sizeof(struct process_state_signal),
    [PROCESS_STATE_POOL] = sizeof(struct process_state_pool),
    [PROCESS_STATE_REGION] = sizeof(struct process_state_region),
    [PROCESS_STATE_STAGED] = sizeof(struct process_state_staged),
    [PROCESS_STATE_IDENTITY] = sizeof(struct process_state_identity),
};

static const char *import_record(struct importer *importer, const struct export_record *record) {
    bool is_known = record->kind < sizeof record_bytes / sizeof record_bytes[0];
    bool is_of_process = record->kind > PROCESS_STATE_PROCESS && record->kind <= PROCESS_STATE_IDENTITY;
    if ((is_known && record_bytes[record->kind] != 0 && record_bytes[record->kind] != record->length_bytes) ||
        (is_of_process && (importer->process == NULL || importer->process->ended)))
        return PROCESS_STATE_DAMAGED;
    switch (record->kind) {
    case PROCESS_STATE_SERVER:
        return import_server(importer, record->bytes);
    case PROCESS_STATE_SERVICE:
        return import_service(importer, record->bytes);
    case PROCESS_STATE_ACCOUNT:
        return import_account(importer, record->bytes);
    case PROCESS_STATE_FILE:
        return import_file(importer, record->bytes);
    case PROCESS_STATE_PROCESS:
        return import_process(importer, record->bytes);
    case PROCESS_STATE_THREAD:
        return import_thread(importer, record->bytes);
    case PROCESS_STATE_SIGNAL:
        return import_signal(importer, record->bytes);
    case PROCESS_STATE_POOL:
        return import_pool(importer, record->bytes);
    case PROCESS_STATE_REGION:
        return import_region(importer, record->bytes);
    case PROCESS_STATE_PAGES:
        return import_pages(importer, record);
    case PROCESS_STATE_STAGED:
        return import_staged(importer, record->bytes);
    case PROCESS_STATE_IDENTITY:
        return import_identity(importer, record->bytes);
    default:
        return NULL;
    }
}

/* Is process 1 above this one? Its parents are there, then, and no two are each other's. */
static bool descends(const struct process_table *table, const struct process *process) {
    for (uint32_t steps = 0; process != NULL && steps < PROCESS_MAX; steps++) {
        if (process->pid == PROCESS_FIRST)
            return process->parent == 0 && !process->orphan;
        process = process_find(table, process->parent);
    }
    return false;
}

/* Does each account lead to the first one? */
static bool accounts_are_sound(const struct accounts *accounts) {
    for (uint32_t i = 1; i < ACCOUNTS_MAX; i++) {
        uint32_t at = i, steps = 0;
        for (; at != 0 && is_account(accounts, at) && steps < ACCOUNTS_MAX; steps++)
            at = accounts->entries[at].above;
        if (at != 0 && is_account(accounts, i))
            return false;
    }
    return true;
}

static bool is_whole(struct process *process) {
    const struct process_objects *objects = objects_of(process);
    if (process->ended)
        return true;
    return process->living != 0 && objects->pool.run_count > 0 && objects->incarnation.pool.run_count > 0 &&
           staged_of(process)->length_bytes <= staged_of(process)->page_count * PAGE_BYTES;
}

static const char *finish(const struct importer *importer) {
    struct server_context *context = importer->context;
    const struct process_table *table = &context->processes;
    if (!importer->has_server || process_find(table, PROCESS_FIRST) == NULL || !accounts_are_sound(&table->accounts) ||
        OBJECTS_BADGE_NUMBER(context->paused >> 2) >= PROCESS_THREADS_MAX)
        return PROCESS_STATE_DAMAGED;
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        struct process *process = table->entries[i];
        if (process != NULL && (!is_whole(process) || !descends(table, process)))
            return PROCESS_STATE_DAMAGED;
        if (process != NULL && !process->ended)
            vm_name(objects_of(process)->incarnation.vm);
    }
    return NULL;
}

const char *process_state_import(struct server_context *context, const struct export *from) {
    struct importer importer = {.context = context};
    struct export_record record;
    const char *no = NULL;
    uint64_t at = 0;
    while (no == NULL && export_next(from, &at, &record))
        no = import_record(&importer, &record);
    return no != NULL ? no : at == from->used_bytes ? finish(&importer) : PROCESS_STATE_DAMAGED;
}
