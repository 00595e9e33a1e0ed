#include "test/host/process_world.h"

#include <string.h>

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "libsys/maker/fault.h"
#include "libsys/proto/files.h"
#include "libsys/runtime/print.h"
#include "libsys/text/format.h"
#include "libsys/text/text.h"
#include "servers/process/delivery/delivery.h"
#include "servers/process/memory/pressure.h"
#include "servers/process/programs/exec_rest.h"

static struct server_context *const context = &served_context;
static uint64_t bookkeeping[FAKE_FRAMES / 2];

struct server served_server;
struct server_context served_context;
struct launch_exec_rest launch_exec_rest;
struct world_late world_late;
cap_t world_deferred;
uint64_t world_now_ns;
bool world_odd_call;
uint64_t world_told_foreground;
uint32_t world_lost_answers;
struct process_strings world_strings;
char world_log[4096];

/* The rest of the machine. */
uint32_t protocol_call(cap_t server, uint32_t number, const struct protocol_operation *operation, const void *request,
                       void *reply, struct protocol_extra *extra) {
    if (server == FAKE_CAP_CONSOLE && strcmp(operation->name, "set_foreground") == 0) {
        memcpy(&world_told_foreground, request, sizeof world_told_foreground);
        if (world_lost_answers == 0)
            return OK;
        world_lost_answers--;
        return E_PEER;
    }
    if (fake_fails()) {
        strcpy(extra->reason, "made to fail");
        return P_NOT_FOUND;
    }
    if (server != FAKE_CAP_FILES || number != 6 || strcmp(operation->name, "map") != 0)
        world_odd_call = true;
    struct files_map_reply file = {.size_bytes = MAKER_FILE_BYTES};
    memcpy(reply, &file, sizeof file);
    fake_install_file(extra->receive[0]);
    return OK;
}

bool server_defer_to(cap_t slot) {
    world_deferred = fake_fails() ? 0 : slot;
    if (world_deferred == 0)
        return false;
    fake_install_reply(slot);
    served_server.journal.mark = SERVER_WAITS;
    journal_settle();
    return true;
}

bool server_answer_and_decide(struct server *server, cap_t slot, uint32_t number, const void *reply) {
    served_server.journal.mark = SERVER_DECIDED;
    return server_answer(server, slot, number, OK, reply);
}

/* The system calls with which a word changes. */
static struct result call(const struct journal_effect *effect) {
    switch (effect->rax) {
    case SYS_thread_handover:
        return sys_thread_handover(effect->rdi, effect->rsi, effect->rdx);
    case SYS_thread_suspend:
        return sys_thread_suspend(effect->rdi, effect->rsi);
    case SYS_thread_write:
        return sys_thread_write(effect->rdi, effect->rsi);
    default:
        __builtin_trap(); /* the server makes another one */
    }
}

uint64_t journal_call(uint64_t *place, const struct journal_effect *effect, uint64_t value) {
    uint64_t status = call(effect).status;
    if (status == OK)
        *place = value;
    if (status == OK && place == &served_server.journal.mark)
        journal_settle();
    return status;
}

uint64_t journal_read(uint64_t *place, const struct journal_effect *effect, uint64_t flags) {
    struct result result = call(effect);
    if (result.status == OK)
        *place = flags | result.value;
    return result.status;
}

uint64_t server_call_and_decide(struct server *server, const struct journal_effect *effect) {
    return journal_call(&server->journal.mark, effect, SERVER_DECIDED);
}

bool server_answer(struct server *server, cap_t slot, uint32_t number, uint32_t status, const void *reply) {
    (void)server;
    world_late.count++;
    world_late.slot = slot;
    world_late.status = status;
    if (status == OK && number == 31)
        memcpy(&world_late.value, reply, sizeof world_late.value);
    if (status == OK && number == 6)
        memcpy(&world_late.end, reply, sizeof world_late.end);
    (void)sys_cap_delete(0, slot);
    journal_settle(); /* with the answer */
    slot_free(slot);
    return true;
}

bool server_client_waits(cap_t slot) {
    if (sys_cap_query(slot).status == OK)
        return true;
    slot_free(slot);
    return false;
}

void server_forget(cap_t slot) {
    (void)sys_cap_delete(0, slot);
    slot_free(slot);
}
void log_print(const char *format, ...) {
    size_t length = strlen(world_log), room = sizeof world_log - length - 1;
    va_list arguments;
    va_start(arguments, format);
    length += format_into_list(world_log + length, room, format, arguments);
    va_end(arguments);
    memcpy(world_log + length, "\n", 2);
}
bool server_flush(struct server *server) {
    server->journal.mark = SERVER_WAITS;
    return true;
}
bool server_answer_event(struct server *server) { return server_flush(server); }
struct result sys_clock_read(void) {
    return (struct result){OK, world_now_ns};
}
struct result sys_system_info(uint64_t topic, uint64_t argument) {
    if (topic == INFO_POOL_BYTES)
        return (struct result){OK, fake_pool_pages(argument) * PAGE_BYTES};
    if (topic != INFO_NEXT_SLOT)
        return (struct result){OK, 1};
    for (cap_t slot = argument >> 32; slot < OBJECTS_TABLE_SLOTS; slot++)
        if (fake_table_has((uint32_t)argument, slot))
            return (struct result){OK, slot};
    return (struct result){OK, 0};
}
struct result sys_signal_timer(cap_t notification, uint64_t bits, uint64_t deadline_ns) {
    (void)notification, (void)bits, (void)deadline_ns;
    return (struct result){OK, 0};
}
void world_start(uint64_t pages) {
    fake_reset();
    memset(context, 0, sizeof *context);
    memset(&world_late, 0, sizeof world_late);
    world_now_ns = 0;
    world_odd_call = false;
    world_told_foreground = 0;
    world_lost_answers = 0;
    world_log[0] = 0;
    world_strings = (struct process_strings){2, 2, 1};
    context->caps = (struct context_caps){.endpoint = FAKE_CAP_ENDPOINT,
                                          .events = FAKE_CAP_EVENTS,
                                          .space = FAKE_CAP_SPACE,
                                          .pool = FAKE_CAP_POOL,
                                          .files = FAKE_CAP_FILES,
                                          .console = FAKE_CAP_CONSOLE};
    uint64_t work_pages = WORK_BYTES / PAGE_BYTES;
    uint64_t all_pages = work_pages + PAGE_ALLOCATOR_KEPT + pages;
    (void)frames_add_region(&context->frames, FAKE_CAP_RAM, all_pages); /* the first one always fits */
    memset(bookkeeping, 0, sizeof bookkeeping);
    if (all_pages > FAKE_FRAMES || frames_bookkeeping_bytes(&context->frames) > sizeof bookkeeping)
        __builtin_trap(); /* the test wants more frames than there are */
    frames_start(&context->frames, bookkeeping);
    context->work = (struct context_work){{FAKE_CAP_RAM, 0, work_pages}, &fake_ram[0][0]};
    frames_reserve(&context->frames, &context->work.run);
    if (page_allocator_init(&context->allocator, &context->frames, FAKE_CAP_SPACE, (uaddr_t)fake_own) != OK)
        __builtin_trap();
    while (page_allocator_spare_count(&context->allocator) >
           0) /* every page that is needed from now on takes a frame and a call */
        (void)page_allocator_take(&context->allocator, 0);
    context->allocator.kept = context->allocator.spare_max = 0;
    process_table_init(&context->processes, &context->allocator, sizeof(struct process_record));
    context->fixed_addresses = true;
    context->cpu_count = 1;
    context->window = (uaddr_t)fake_file;
    context->services[context->service_count++] = FAKE_CAP_CONSOLE;

    struct maker_file file;
    maker_elf(&file, WORLD_BASE);
    file.headers[6].p_type = MAKER_NULL; /* variables stay writable */
    maker_note(&file);                   /* and no interpreter */
    memset(fake_file, 0xee, sizeof fake_file);
    memcpy(fake_file, &file, sizeof file);
}

struct world_trace world_look(void) {
    page_allocator_settle(&context->allocator);
    struct world_trace trace = {.kernel = fake_count(),
                                .free_frames = context->frames.free_count,
                                .slots = program.slots.used_count,
                                .processes = context->processes.count};
    for (uint32_t i = 0; i < VM_FILES_MAX; i++)
        trace.files += context->files.entries[i].holders;
    for (uint64_t i = 0; i < context->frames.bit_count; i++)
        trace.sharers += context->frames.sharers[i];
    return trace;
}

static bool is_clean(const struct spare_pages *spare) {
    static const uint8_t zeroes[PAGE_BYTES];
    bool clean = true;
    for (uint32_t number = spare->clean; number != 0 && clean; number = context->allocator.next[number - 1])
        clean = memcmp(fake_own[number - 1], zeroes, PAGE_BYTES) == 0;
    return clean;
}

bool world_spare_is_clean(void) {
    return is_clean(&context->allocator.kept_spare) && is_clean(&context->allocator.more_spare) &&
           is_clean(&context->allocator.given);
}

bool world_same(const struct world_trace *before) {
    struct world_trace now = world_look();
    return memcmp(&before->kernel, &now.kernel, sizeof now.kernel) == 0 && before->free_frames == now.free_frames &&
           before->slots == now.slots && before->processes == now.processes && before->files == now.files &&
           before->sharers == now.sharers;
}

static uint32_t serve(struct server_call *call, const void *request, void *reply) {
    pressure_take_for(context, OBJECTS_BADGE_PID(call->badge));
    uint32_t status = served_protocol.dispatch(call, request, reply);
    pressure_take_for(context, 0);
    delivery_run(); /* as behind every message */
    page_allocator_settle(&context->allocator);
    return status;
}
uint32_t (*world_server)(struct server_call *call, const void *request, void *reply) = serve;

uint32_t world_call(uint64_t pid, uint32_t operation, const void *request, void *reply, struct server_call *ret_call) {
    struct server_call one = {.badge = pid, .operation = operation};
    uint32_t status = world_server(&one, request, reply);
    if (ret_call != NULL)
        *ret_call = one;
    return status;
}

uint32_t world_stage(uint64_t pid) {
    static const char text[] = "prog\0arg\0A=1\0cap:fake=3\0console=33";
    static struct process_stage_request request;
    struct process_stage_reply reply;
    request.length_bytes = sizeof text;
    request.offset_bytes = 0;
    memcpy(request.bytes, text, sizeof text);
    return world_call(pid, 1, &request, &reply, NULL);
}

uint32_t world_spawn(uint64_t parent, uint64_t *ret_pid, struct server_call *ret_call) {
    static struct process_spawn_request request;
    struct process_spawn_reply reply = {0};
    uint32_t status = world_stage(parent);
    request.length_bytes = 8;
    request.strings = world_strings;
    memcpy(request.path, "bin/prog", 8);
    if (status == OK)
        status = world_call(parent, 3, &request, &reply, ret_call);
    *ret_pid = reply.pid;
    return status;
}

uint32_t world_exec(uint64_t pid) {
    static struct process_exec_request request;
    struct process_exec_reply reply;
    uint32_t status = world_stage(pid);
    request.length_bytes = 8;
    request.strings = world_strings;
    memcpy(request.path, "bin/prog", 8);
    return status == OK ? world_call(pid, 4, &request, &reply, NULL) : status;
}

uint32_t world_start_first(void) {
    static struct launch_request request;
    static char reason[PROTOCOL_REASON_MAX];
    struct process *first;
    request.length_bytes =
        1 + format_into((char *)context->work.bytes, PROCESS_STAGE_MAX, "prog%cconsole=%u", 0, FAKE_CAP_CONSOLE);
    request.strings = (struct process_strings){1, 0, 1};
    strcpy(request.path, "bin/prog");
    uint32_t status = launch_spawn(context, NULL, &request, reason, &first);
    delivery_run();
    page_allocator_settle(&context->allocator);
    return status;
}

uint32_t world_wait(uint64_t pid, uint64_t child, uint64_t no_hang, struct process_wait_reply *ret_end) {
    struct process_wait_request request = {child, no_hang};
    return world_call(pid, 6, &request, ret_end, NULL);
}

uint32_t world_exit(uint64_t pid, uint64_t code) {
    struct process_exit_request request = {code};
    struct process_exit_reply reply;
    return world_call(pid, 5, &request, &reply, NULL);
}

void world_unstage(uint64_t pid) { staged_strings_forget(context, staged_of(world_process(pid))); }

struct process *world_process(uint64_t pid) {
    return process_find(&context->processes, pid);
}
struct process_objects *world_objects(uint64_t pid) {
    return objects_of(world_process(pid));
}
cap_t world_thread(uint64_t pid) { return thread_next(world_process(pid), NULL)->object; }

/* The incarnation of the process in which a thread runs. */
static struct incarnation *incarnation_of(cap_t thread) {
    struct process *process;
    for (uint64_t pid = 0; (process = process_find_from(&context->processes, pid)) != NULL; pid = process->pid + 1ULL)
        for (struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at))
            if (at->object == thread)
                return &objects_of(process)->incarnation;
    __builtin_trap(); /* the test names a thread that does not exist */
}

uint32_t world_touch(cap_t thread, uaddr_t at, uint64_t access) {
    if (fake_may_access(thread, at, access))
        return OK;
    uint32_t status = pager_bring(context, incarnation_of(thread), at, (uint32_t)access);
    return status == OK && !fake_may_access(thread, at, access) ? E_STATE : status;
}

static bool touch_all(cap_t thread, uaddr_t at, uint64_t length_bytes, uint64_t access) {
    uint32_t status = OK;
    for (uaddr_t page = at & ~(PAGE_BYTES - 1); status == OK && page < at + length_bytes; page += PAGE_BYTES)
        status = world_touch(thread, page, access);
    return status == OK;
}

bool world_read(cap_t thread, uaddr_t at, void *to, uint64_t length_bytes) {
    return touch_all(thread, at, length_bytes, MEMORY_READ) && fake_read(thread, at, to, length_bytes);
}

uint64_t world_word(cap_t thread, uaddr_t at) {
    uint64_t word;
    return world_read(thread, at, &word, sizeof word) ? word : UINT64_MAX;
}

bool world_set_word(cap_t thread, uaddr_t at, uint64_t word) {
    return touch_all(thread, at, sizeof word, MEMORY_WRITE) && fake_write(thread, at, &word, sizeof word);
}

bool world_has_text(cap_t thread, uaddr_t at, const char *wanted) {
    char seen[64] = "";
    return world_read(thread, at, seen, strlen(wanted) + 1) && strcmp(seen, wanted) == 0;
}

uint32_t world_fork(uint64_t pid, uint64_t *ret_pid) {
    struct process_fork_request request = {0};
    struct process_fork_reply reply = {0};
    uint32_t status = world_call(pid, 14, &request, &reply, NULL);
    *ret_pid = reply.pid;
    return status;
}

uint32_t world_map(uint64_t pid, uaddr_t at, uint64_t pages, uint64_t rights, uint64_t flags, uaddr_t *ret_at) {
    struct process_map_request request = {at, pages * PAGE_BYTES, rights, flags};
    struct process_map_reply reply = {0};
    uint32_t status = world_call(pid, 15, &request, &reply, NULL);
    *ret_at = reply.at;
    return status;
}

uint32_t world_map_file(uint64_t pid, uaddr_t at, uint64_t pages, uint64_t rights, uint64_t flags, uaddr_t *ret_at) {
    static struct process_map_file_request request;
    struct process_map_file_reply reply = {0};
    request = (struct process_map_file_request){
        .length_bytes = 8, .at = at, .size_bytes = pages * PAGE_BYTES, .rights = rights, .flags = flags};
    memcpy(request.path, "bin/prog", 8);
    uint32_t status = world_call(pid, 16, &request, &reply, NULL);
    *ret_at = reply.at;
    return status;
}

uint32_t world_unmap(uint64_t pid, uaddr_t at, uint64_t pages) {
    struct process_unmap_request request = {at, pages * PAGE_BYTES};
    struct process_unmap_reply reply;
    return world_call(pid, 17, &request, &reply, NULL);
}

uint32_t world_protect(uint64_t pid, uaddr_t at, uint64_t pages, uint64_t rights) {
    struct process_protect_request request = {at, pages * PAGE_BYTES, rights};
    struct process_protect_reply reply;
    return world_call(pid, 18, &request, &reply, NULL);
}

uint32_t world_set_break(uint64_t pid, uaddr_t end, struct process_set_break_reply *ret_break) {
    struct process_set_break_request request = {end};
    return world_call(pid, 19, &request, ret_break, NULL);
}
