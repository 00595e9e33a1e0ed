#include "libsys/text/string.h"
#include "servers/process/programs/exec_rest.h"
#include "servers/process/recovery/process_state.h"

#define RUNS_MAX 16U /* of pages, in one record */

#define GET(type, name, dimension, place)                                         \
    _Static_assert(sizeof record.name == sizeof(place), "the form has its size"); \
    memcpy(&record.name, &(place), sizeof record.name);
#define GET_FLAG(name, place) record.name = (place) != 0;

/* ---- of the whole server ---- */

static void export_server(const struct server_context *context, struct export *to) {
    struct process_state_server record = {0};
    PROCESS_STATE_SERVER_ROWS(GET, GET_FLAG)
    export_put(to, PROCESS_STATE_SERVER, &record, sizeof record);
    for (uint32_t i = 0; i < context->service_count; i++) {
        const struct process_state_service service = {context->services[i], i};
        export_put(to, PROCESS_STATE_SERVICE, &service, sizeof service);
    }
}

static void export_accounts(const struct accounts *accounts, struct export *to) {
    for (uint32_t i = 1; i < ACCOUNTS_MAX; i++) {
        const struct account *account = &accounts->entries[i];
        const struct process_state_account record = {i, account->above, account->owner, 0, account->most};
        if (account->count > 0)
            export_put(to, PROCESS_STATE_ACCOUNT, &record, sizeof record);
    }
}

static void export_own(const struct frames *frames, const struct memory_run *run, struct export *to) {
    const struct process_state_own record = {frames_number_of(frames, run), (uint32_t)run->page_count};
    if (run->page_count > 0)
        export_put(to, PROCESS_STATE_OWN, &record, sizeof record);
}

/* The pages of the page allocator, in use or not: this program has them mapped. */
static void export_records(const struct page_allocator *allocator, struct export *to) {
    struct process_state_own run = {0};
    for (uint32_t i = 0; i < allocator->mapped_end; i++) {
        uint32_t frame = allocator->frame[i];
        if (run.count > 0 && frame == run.frame + run.count) {
            run.count++;
            continue;
        }
        if (run.count > 0)
            export_put(to, PROCESS_STATE_OWN, &run, sizeof run);
        run = (struct process_state_own){frame, frame != FRAMES_NONE};
    }
    if (run.count > 0)
        export_put(to, PROCESS_STATE_OWN, &run, sizeof run);
}

static void export_files(const struct vm_files *files, struct export *to) {
    for (uint32_t i = 0; i < files->used_count; i++) {
        const struct vm_file *file = &files->entries[i];
        const struct process_state_file record = {file->memory, file->offset_bytes, file->size_bytes, i};
        if (file->holders > 0)
            export_put(to, PROCESS_STATE_FILE, &record, sizeof record);
    }
}

/* ---- of a process ---- */

static void export_thread(const struct process_thread *thread, struct export *to) {
    struct process_state_thread record = {0};
    uint32_t bit = 1U << thread_number(thread);
    PROCESS_STATE_THREAD_ROWS(GET, GET_FLAG)
    record.wake_ns = wakes_time(&thread->wake);
    if ((thread->process->living & bit) != 0)
        record.is = PROCESS_STATE_LIVES;
    else if ((thread->process->joinable & bit) != 0)
        record.is = PROCESS_STATE_JOINABLE;
    else
        record.object = record.answer = record.waits = 0;
    if (record.is == PROCESS_STATE_JOINABLE)
        record.value = thread->value;
    export_put(to, PROCESS_STATE_THREAD, &record, sizeof record);
}

static void export_signals(const struct signals *signals, struct export *to) {
    for (uint32_t i = 0; i < PROCESS_SIGNAL_MAX; i++) {
        const struct process_state_signal record = {i + 1, signals->senders[i], signals->masks[i]};
        if (record.sender != 0 || record.mask != 0)
            export_put(to, PROCESS_STATE_SIGNAL, &record, sizeof record);
    }
}

static void export_pool(const struct frames *frames, const struct object_pool *pool, bool of_space, struct export *to) {
    for (uint32_t i = 0; i < pool->run_count; i++) {
        const struct process_state_pool record = {frames_number_of(frames, &pool->runs[i]),
                                                  (uint32_t)pool->runs[i].page_count, of_space};
        export_put(to, PROCESS_STATE_POOL, &record, sizeof record);
    }
}

static void export_regions(const struct vm_files *files, const struct vm *vm, struct export *to) {
    for (const struct vm_region *at = vm_region_after(vm, NULL); at != NULL; at = vm_region_after(vm, at)) {
        const struct process_state_region record = {
            .start = at->start,
            .end = at->end,
            .content_at = at->content_at,
            .content_bytes = at->content_bytes,
            .file_offset = at->file_offset,
            .file = at->file != NULL ? (uint32_t)(at->file - files->entries) : PROCESS_STATE_NO_FILE,
            .rights = at->rights,
            .kind = at->kind,
            .guarded = at->guarded,
        };
        export_put(to, PROCESS_STATE_REGION, &record, sizeof record);
    }
}

struct page_runs {
    uint32_t count;
    struct process_state_pages runs[RUNS_MAX];
};

static void flush(struct page_runs *pages, struct export *to) {
    if (pages->count > 0)
        export_put(to, PROCESS_STATE_PAGES, pages->runs, pages->count * sizeof pages->runs[0]);
    pages->count = 0;
}

static void add_page(struct page_runs *pages, uaddr_t at, uint32_t entry, struct export *to) {
    struct process_state_pages *last = pages->count > 0 ? &pages->runs[pages->count - 1] : NULL;
    if (last != NULL && at == last->at + (uint64_t)last->count * PAGE_BYTES && entry == last->frame + last->count) {
        last->count++;
        return;
    }
    if (pages->count == RUNS_MAX)
        flush(pages, to);
    pages->runs[pages->count++] = (struct process_state_pages){at, entry, 1};
}

/* By the leaves themselves: vm_next_pages() writes down where it was. */
static void export_pages(const struct vm *vm, struct export *to) {
    struct page_runs pages;
    pages.count = 0;
    for (const struct vm_leaf *leaf = ordered_next(&vm->leaves, NULL); leaf != NULL;
         leaf = ordered_next(&vm->leaves, leaf))
        for (uint32_t i = 0; i < VM_LEAF_PAGES; i++)
            if ((leaf->groups >> i / VM_GROUP_PAGES & 1) == 0)
                i += VM_GROUP_PAGES - 1;
            else if (leaf->entries[i] != 0)
                add_page(&pages, (leaf->number * VM_LEAF_PAGES + i) * PAGE_BYTES, leaf->entries[i], to);
    flush(&pages, to);
}

static void export_process(const struct server_context *context, struct process *process, struct export *to) {
    const struct process_objects *objects = objects_of(process);
    const struct staged_strings *staged = staged_of(process);
    struct process_state_process record = {0};
    PROCESS_STATE_PROCESS_ROWS(GET, GET_FLAG)
    record.alarm_ns = wakes_time(&process->alarm);
    record.time_limit_ns = wakes_time(&process->time_limit);
    export_put(to, PROCESS_STATE_PROCESS, &record, sizeof record);
    if (process->ended)
        return;
    for (uint32_t i = 0; i < PROCESS_THREADS_MAX; i++) {
        const struct process_thread *thread = thread_at(process, i);
        if (thread != NULL && thread->process != NULL)
            export_thread(thread, to);
    }
    export_signals(&process->signals, to);
    export_pool(&context->frames, &objects->pool, false, to);
    export_pool(&context->frames, &objects->incarnation.pool, true, to);
    export_regions(&context->files, objects->incarnation.vm, to);
    export_pages(objects->incarnation.vm, to);
    for (uint32_t i = 0; i < staged->page_count; i++) {
        const struct process_state_staged page = {frames_number_of(&context->frames, &staged->pages[i])};
        export_put(to, PROCESS_STATE_STAGED, &page, sizeof page);
    }
    for (uint32_t i = 0; i < context->service_count; i++) {
        struct process_state_identity identity = {i, objects->identities[i].kept, {0}};
        memcpy(identity.slots, objects->identities[i].slots, sizeof identity.slots);
        if (identity.kept != 0)
            export_put(to, PROCESS_STATE_IDENTITY, &identity, sizeof identity);
    }
}

/* A program that waits for a message is within none of these, and has nothing left to do of an exec. */
static bool is_within_change(const struct server_context *context) {
    return JOURNAL_USED(served_server.journal.mark) != 0 || context->handlers.written != 0 ||
           context->renewal.pid != 0 || launch_exec_rest.thread != 0;
}

const char *process_state_export(const struct server_context *context, struct export *to) {
    if (is_within_change(context))
        return "it is in the middle of a change";
    export_server(context, to);
    export_accounts(&context->processes.accounts, to);
    export_own(&context->frames, &context->bookkeeping, to);
    export_own(&context->frames, &context->work.run, to);
    export_records(&context->allocator, to);
    export_files(&context->files, to);
    for (uint32_t i = 0; i < PROCESS_MAX; i++)
        if (context->processes.entries[i] != NULL)
            export_process(context, context->processes.entries[i], to);
    return NULL;
}
