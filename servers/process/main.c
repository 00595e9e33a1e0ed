/*
 * The process server. README.md says what it is given. This file looks that up, sets up the server's memory, and starts
 * process 1.
 *
 *     process [OPTION]... IMAGE [CAPABILITY]...      process 1, and the names of its capabilities
 *
 * --fixed-addresses: no address randomisation, for debugging.
 * --all-cpus: programs are dealt out to the other CPUs; otherwise they run on the one that this server runs on.
 * The scheduling policy may have more options (policy.h).
 */
#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "libsys/maker/stack.h"
#include "libsys/program/auxiliary.h"
#include "libsys/program/keep.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "servers/process/answers/console.h"
#include "servers/process/answers/timer.h"
#include "servers/process/calls/serve.h"
#include "servers/process/delivery/delivery.h"
#include "servers/process/memory/pressure.h"
#include "servers/process/policy.h"
#include "servers/process/programs/exec_rest.h"
#include "servers/process/recovery/process_state.h"
#include "servers/process/recovery/recovery.h"

#define WINDOW_AT 0x300000000ULL
#define WORK_AT 0x200000000ULL
#define BOOKKEEPING_AT 0x280000000ULL /* of the frame allocator */
#define ALLOCATOR_AT 0x400000000ULL
#define PRIORITY 20U /* of processes with nice value 0: one for each value, below all servers */

/* The state: struct server, context and exec lie where meson.build puts them (libsys/program/keep.h). */
#define CONTEXT_AT (KEEP_STATE_AT + PAGE_BYTES)
#define EXEC_AT (KEEP_STATE_AT + 0x60000)
#define KEPT_BYTES (EXEC_AT - KEEP_STATE_AT + sizeof launch_exec_rest)
_Static_assert(sizeof served_server <= CONTEXT_AT - KEEP_STATE_AT, "it has its place");
_Static_assert(sizeof served_context <= EXEC_AT - CONTEXT_AT, "it has its place");

_Static_assert(PRIORITY > PROCESS_NICE_MAX, "none is the idle CPU's");

static struct context_caps find_caps(void) {
    return (struct context_caps){
        .endpoint = program_need("serve"),
        .events = program_need("events"),
        .space = program_need("space"),
        .pool = program_need("pool"),
        .files = program_need("files"),
        .console = program_cap("console"),
        .init = program_cap("init"),
    };
}

/* What is wrong, for the log, and for whoever wants to swap a program for this one. NULL: nothing. */
static const char *find_memory(struct frames *frames) {
    struct program_piece piece = {0};
    while (program_next_piece("memory", &piece))
        if (!frames_add_region(frames, piece.memory, piece.page_count))
            return "there are too many regions of memory";
    return frames->region_count > 0 ? NULL : "it was given no memory";
}

/* Where the largest region begins: nothing has been taken from it yet. */
static const char *find_first_room(const struct frames *frames, uint64_t page_count, struct memory_run *ret_run) {
    static char reason[KEEP_NO_MAX];
    const struct frames_region *largest = &frames->regions[0];
    for (uint32_t i = 1; i < frames->region_count; i++)
        if (frames->regions[i].page_count > largest->page_count)
            largest = &frames->regions[i];
    format_into(reason, sizeof reason, "%lu pages in a row are too few to work in", largest->page_count);
    *ret_run = (struct memory_run){largest->memory, 0, page_count};
    return page_count <= largest->page_count ? NULL : reason;
}

/*
 * The bookkeeping and the work area have a place of their own, before there is an allocator. from: an export, whose
 * frames are not free; NULL: there is none.
 */
static const char *start_memory(struct server_context *context, const struct export *from) {
    struct frames *frames = &context->frames;
    struct memory_run run;
    const char *no = find_memory(frames);
    if (no != NULL)
        return no;
    uint64_t bookkeeping_pages = (frames_bookkeeping_bytes(frames) + PAGE_BYTES - 1) / PAGE_BYTES;
    uint64_t work_pages = WORK_BYTES / PAGE_BYTES;
    no = from != NULL ? process_state_find_room(frames, from, bookkeeping_pages + work_pages, &run)
                      : find_first_room(frames, bookkeeping_pages + work_pages, &run);
    if (no != NULL)
        return no;
    context->bookkeeping = (struct memory_run){run.memory, run.offset_pages, bookkeeping_pages};
    context->work.run = (struct memory_run){run.memory, run.offset_pages + bookkeeping_pages, work_pages};
    context->work.bytes = (uint8_t *)WORK_AT;
    if (context_map_own(context, &context->bookkeeping, BOOKKEEPING_AT) != OK ||
        context_map_own(context, &context->work.run, WORK_AT) != OK)
        return "it can't map its own memory";
    frames_start(frames, (void *)BOOKKEEPING_AT);
    frames_reserve(frames, &context->bookkeeping);
    frames_reserve(frames, &context->work.run);
    context->reserve = pressure_reserve(frames->managed_count);
    return from != NULL ? process_state_claim(frames, from) : NULL;
}

static void start_random(struct server_context *context) {
    const void *seed = (const void *)program_auxiliary(AT_RANDOM); /* init always puts it there */
    random_start(&context->random, seed, STACK_RANDOM_BYTES);
}

/* Is this a service of the system, an endpoint that badges can be put on? */
static bool is_service(cap_t cap) {
    if (QUERY_TYPE(sys_cap_query(cap).value) != OBJECT_ENDPOINT)
        return false;
    cap_t badged = slot_derive(cap, 0, 1);
    bool can_be_badged = badged != 0;
    slot_drop(&badged);
    return can_be_badged;
}

/* Find a capability for process 1 among this server's, and write its NAME=SLOT. False: there is none of this name. */
static bool find_origin(struct server_context *context, char *name, uint64_t *offset) {
    cap_t cap = program_cap(name);
    bool service = cap != 0 && is_service(cap);
    if (cap == 0 || (service && context->service_count == CONTEXT_SERVICES_MAX)) {
        log_print("process: can't pass on a capability `%s`", name);
        return false;
    }
    if (service)
        context->services[context->service_count++] = cap;
    *offset += 1 + format_into((char *)context->work.bytes + *offset, WORK_STACK_OFFSET - *offset, "%s=%lu", name, cap);
    return true;
}

/* Start process 1: its strings, one argument and its capabilities, go into the work area. */
static bool start_first(struct server_context *context, int argc, char **argv) {
    static struct launch_request request;
    static char reason[PROTOCOL_REASON_MAX];
    struct process *first;
    context->service_count = 0; /* a program before this one may have died here */
    uint64_t offset = WORK_STRINGS_OFFSET + strlen(argv[1]) + 1;
    memcpy(context->work.bytes + WORK_STRINGS_OFFSET, argv[1], strlen(argv[1]) + 1);
    for (int i = 2; i < argc; i++)
        if (!find_origin(context, argv[i], &offset))
            return false;
    request.length_bytes = offset - WORK_STRINGS_OFFSET;
    request.strings = (struct process_strings){.argument_count = 1, .capability_count = (uint64_t)argc - 2};
    memcpy(request.path, argv[1], strnlen(argv[1], PROCESS_PATH_MAX));
    uint32_t status = launch_spawn(context, NULL, &request, reason, &first);
    if (status != OK)
        log_print("process: starting %s: %s %s", argv[1], status_text(status), reason);
    journal_settle();
    console_tell_foreground();
    delivery_run(); /* now it starts */
    return status == OK;
}

struct options {
    bool fixed_addresses, all_cpus;
};

/*
 * Take the options, those of the policy too. Returns how many arguments they are; -1: one of them is unknown or wrong,
 * and the log says so.
 */
static int take_options(int argc, char **argv, struct options *ret_options) {
    int count = 0;
    *ret_options = (struct options){0};
    while (count + 1 < argc && strncmp(argv[count + 1], "--", 2) == 0) {
        char **option = argv + count + 1;
        int taken = 1;
        if (strcmp(option[0], "--fixed-addresses") == 0)
            ret_options->fixed_addresses = true;
        else if (strcmp(option[0], "--all-cpus") == 0)
            ret_options->all_cpus = true;
        else
            taken = policy_take_option(argc - count - 1, option);
        if (taken == 0)
            log_print("process: this server has no option %s", option[0]);
        if (taken <= 0)
            return -1;
        count += taken;
    }
    return count;
}

/* Begin a state: this server's memory, and the processes of the export `from`; NULL: there are none. */
static const char *begin(struct server_context *context, const struct export *from) {
    context->caps = find_caps();
    const char *no = start_memory(context, from);
    if (no != NULL)
        return no;
    if (page_allocator_init(&context->allocator, &context->frames, context->caps.space, ALLOCATOR_AT) != OK)
        return "there is not enough memory for its own records";
    process_table_init(&context->processes, &context->allocator, sizeof(struct process_record));
    start_random(context);
    context->window = WINDOW_AT;
    context->priority = PRIORITY;
    return from != NULL ? process_state_import(context, from) : NULL;
}

/* The program runs only for this (docs/swap.md). */
static _Noreturn void export_state(const struct server_context *context) {
    struct export to = export_begin();
    const char *no = process_state_export(context, &to);
    if (no != NULL)
        keep_refuse(no);
    export_end(&to, PROCESS_STATE_FORM);
}

/*
 * Go on with the state of a program that has died, or of another layout, or begin one. *ret_follows: there are
 * processes already.
 */
static bool take_over(struct server_context *context, bool *ret_follows) {
    struct export from;
    bool mapped = keep_is_there(PROCESS_LAYOUT, KEPT_BYTES);
    if (mapped) { /* what is to be undone lies there, too */
        uint64_t status = recovery_map(context);
        if (status != OK) {
            log_print("process: mapping its records: %s", status_text(status));
            return false;
        }
    }
    if (mapped && export_is_wanted())
        export_state(context);
    *ret_follows = server_keep(&served_server, PROCESS_LAYOUT, KEPT_BYTES);
    if (!*ret_follows) {
        bool imports = export_is_there(PROCESS_STATE_FORM, &from);
        const char *no = begin(context, imports ? &from : NULL);
        if (no != NULL && imports)
            keep_refuse(no);
        if (no != NULL)
            log_print("process: %s", no);
        if (no != NULL || !imports)
            return no == NULL;
        *ret_follows = true;
    }
    recovery_count(context);
    return true;
}

static bool start(struct server_context *context, int argc, char **argv) {
    bool follows;
    struct options options;
    int option_count = take_options(argc, argv, &options); /* first: the program before stays if one is wrong */
    if (option_count < 0)
        return false;
    if (argc - option_count < 2) {
        log_print("process: want the image of process 1 as an argument");
        return false;
    }
    if (!take_over(context, &follows))
        return false;
    context->fixed_addresses = options.fixed_addresses;
    context->cpu_count = options.all_cpus ? sys_system_info(INFO_CPUS, 0).value : 1;
    uint64_t status = server_init(&served_server, context->caps.endpoint, &served_protocol);
    if (status == OK) /* only then: until it has said yes, the timer is the program's before it */
        status = sys_signal_timer(context->caps.events, EVENT_TIMER, DEADLINE_NEVER).status;
    if (status != OK) {
        log_print("process: events or slots: %s", status_text(status));
        return false;
    }
    if (follows)
        recovery_finish(context);
    if (context->processes.last_pid != 0)
        return true;
    log_print("process: %lu frames, %lu of them free", context->frames.managed_count, context->frames.free_count);
    return start_first(context, argc - option_count, argv + option_count);
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    if (!start(&served_context, argc, argv))
        return 1;
    log_print("process: waiting for messages: %s", status_text(policy_serve()));
    return 1;
}
