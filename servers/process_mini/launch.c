#include "servers/process_mini/launch.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "libsys/format/elf.h"
#include "libsys/maker/capability_text.h"
#include "libsys/maker/layout.h"
#include "libsys/maker/stack.h"
#include "libsys/program/program.h"
#include "libsys/proto/files.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "servers/process_mini/frames.h"

#define WINDOW_AT 0x300000000ULL /* image files, while they are looked at */
#define WORK_AT 0x200000000ULL   /* the upper end of a new stack */
#define WORK_BYTES (LAYOUT_STRINGS_PAGES_MAX * PAGE_BYTES)
#define PAGES_MAX 16384U /* of an image, and of its file */
#define PRIORITY 16U     /* of processes; below all servers */
#define TABLE_SLOTS 128U /* of a process: 1 = `process`, then what it was given, then its own */
#define SLOT_PROCESS 1U
#define SLOT_GIVEN 2U
#define GIVEN_MAX 95U
#define HOME_PAGES 4U  /* the pool's own page, thread, table */
#define SPACE_PAGES 4U /* the pool's own page, the top-level table, and some to spare; tables come on top */
#define NOTE_BYTES (PROCESS_NAME_MAX + 16U)
#define NOTES_BYTES ((GIVEN_MAX + 2) * NOTE_BYTES)

static struct launch_caps caps;
static struct memory_run work;
static cap_t held; /* first of GIVEN_MAX slots in which an exec keeps copies of the capabilities that it passes on */

/* A program between the request and its first instruction. One at a time. */
static struct {
    struct string_block arguments, environment, capabilities;
    struct {
        const char *name;
        uint32_t name_length;
        cap_t slot;         /* where the caller has it; 0 = nothing lies there */
    } given[GIVEN_MAX];     /* number i goes to SLOT_GIVEN + i */
    struct image_file file; /* memory = 0: not open */
    uint64_t window_pages;
    struct elf_plan plan;
    uaddr_t base;
    struct thread_registers entry;
    char notes[NOTES_BYTES]; /* environment strings that tell the program what it holds */
    struct string_block note_block;
} next;

static uint32_t map_own(const struct memory_run *run, uaddr_t at, uint64_t rights) {
    for (uint64_t done = 0; done < run->page_count; done += MAP_PAGES_MAX) {
        uint64_t left = run->page_count - done;
        uint64_t count = left < MAP_PAGES_MAX ? left : MAP_PAGES_MAX;
        struct result result =
            sys_space_map(caps.space, run->memory, run->offset_pages + done, count, at + done * PAGE_BYTES, rights);
        if (result.status != OK)
            return (uint32_t)result.status;
    }
    return OK;
}

bool launch_start(const struct launch_caps *own) {
    caps = *own;
    held = slot_take();
    for (uint32_t i = 1; i < GIVEN_MAX; i++)
        if (slot_take() != held + i) /* none was given back yet: they are neighbours */
            return false;
    return frames_take(FRAMES_SERVER, WORK_BYTES / PAGE_BYTES, &work) &&
           map_own(&work, WORK_AT, MEMORY_READ | MEMORY_WRITE) == OK;
}

/* Cut the first `count` strings off *rest. False: it has not as many. */
static bool cut(struct string_block *rest, uint64_t count, struct string_block *ret_block) {
    *ret_block = (struct string_block){rest->bytes, 0, count};
    if (count > PROCESS_STRINGS_MAX)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t left = rest->length_bytes - ret_block->length_bytes;
        uint64_t length = strnlen(ret_block->bytes + ret_block->length_bytes, left);
        if (length == left)
            return false; /* it does not end */
        ret_block->length_bytes += length + 1;
    }
    rest->bytes += ret_block->length_bytes;
    rest->length_bytes -= ret_block->length_bytes;
    return true;
}

/* Leave out strings about capabilities: they tell what the caller has, not what the new program gets. */
static void drop_private(struct string_block *environment, char *bytes) {
    struct string_block all = *environment;
    *environment = (struct string_block){bytes, 0, 0};
    for (uint64_t i = 0, offset = 0; i < all.count; i++) {
        const char *entry = bytes + offset;
        uint64_t length = strlen(entry) + 1;
        offset += length;
        if (strncmp(entry, "cap:", 4) == 0 || strncmp(entry, "size:", 5) == 0 || strncmp(entry, "slots=", 6) == 0)
            continue;
        memmove(bytes + environment->length_bytes, entry, length);
        environment->length_bytes += length;
        environment->count++;
    }
}

static bool divide(struct mini_process *caller, const struct process_strings *strings) {
    struct string_block rest = {caller->staged, caller->staged_bytes, 0};
    if (!cut(&rest, strings->argument_count, &next.arguments) ||
        !cut(&rest, strings->environment_count, &next.environment) ||
        !cut(&rest, strings->capability_count, &next.capabilities) || rest.length_bytes != 0 ||
        next.arguments.count + next.environment.count + next.capabilities.count > PROCESS_STRINGS_MAX)
        return false;
    drop_private(&next.environment, caller->staged + next.arguments.length_bytes);
    return true;
}

static uint32_t open_file(const char *path, char *reason) {
    static struct files_map_request request;
    static struct protocol_extra extra;
    struct files_map_reply reply;
    request.length_bytes = strlen(path);
    memcpy(request.path, path, request.length_bytes);
    extra.receive[0] = slot_take();
    if (extra.receive[0] == 0)
        return P_LIMIT;
    uint32_t status = files_map(caps.files, &request, &reply, &extra);
    if (status != OK) {
        slot_free(extra.receive[0]);
        memcpy(reason, extra.reason, PROTOCOL_REASON_MAX);
        return status;
    }
    next.file = (struct image_file){extra.receive[0], reply.offset_bytes, reply.size_bytes};
    uint64_t pages = (reply.size_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    if (pages == 0 || pages > PAGES_MAX || reply.offset_bytes % PAGE_BYTES != 0) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "%s is empty, too large or not at a page", path);
        return P_IMAGE;
    }
    struct memory_run run = {next.file.memory, reply.offset_bytes / PAGE_BYTES, pages};
    next.window_pages = pages;
    return map_own(&run, WINDOW_AT, MEMORY_READ);
}

static void close_file(void) {
    for (uint64_t done = 0; done < next.window_pages; done += MAP_PAGES_MAX) {
        uint64_t left = next.window_pages - done;
        (void)sys_space_unmap(caps.space, WINDOW_AT + done * PAGE_BYTES, left < MAP_PAGES_MAX ? left : MAP_PAGES_MAX);
    }
    if (next.file.memory != 0) {
        (void)sys_cap_delete(0, next.file.memory);
        slot_free(next.file.memory);
    }
    next.window_pages = 0;
    next.file.memory = 0;
}

static uint32_t read_plan(char *reason) {
    struct elf_limits limits = {LAYOUT_IMAGE_LOWEST, LAYOUT_IMAGE_END - LAYOUT_IMAGE_BASE};
    struct elf_plan *plan = &next.plan;
    struct elf_result parsed = elf_plan_image((const void *)WINDOW_AT, next.file.size_bytes, limits, plan);
    if (parsed.error != ELF_OK) {
        (void)elf_format_result(parsed, reason, PROTOCOL_REASON_MAX);
        return P_IMAGE;
    }
    if (plan->interface != ELF_INTERFACE) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "built for another %s",
                          plan->interface == 0 ? "system" : "version of Baton");
        return P_IMAGE;
    }
    if (plan->interpreter_bytes != 0 || plan->executable_stack || plan->shares_page) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "it wants %s",
                          plan->interpreter_bytes != 0 ? "an interpreter (dynamic linking)"
                          : plan->executable_stack     ? "an executable stack"
                                                       : "two segments that share a page");
        return P_IMAGE;
    }
    if (image_pages(plan) > PAGES_MAX) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "its segments take more than %u pages", PAGES_MAX);
        return P_LIMIT;
    }
    if (plan->tls.memory_bytes != 0) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "it wants thread-local storage");
        return P_IMAGE;
    }
    next.base = plan->type == ELF_TYPE_RELOCATABLE ? LAYOUT_IMAGE_BASE : 0;
    next.entry = (struct thread_registers){.rip = next.base + plan->entry};
    return OK;
}

/* Read the capabilities that the strings name, as NAME=SLOT. */
static uint32_t read_given(cap_t slot_limit, char *reason) {
    const char *text = next.capabilities.bytes;
    uint32_t status = next.capabilities.count > GIVEN_MAX ? P_LIMIT : OK;
    for (uint64_t i = 0; status == OK && i < next.capabilities.count; i++, text += strlen(text) + 1) {
        next.given[i].name = text;
        status = capability_text_read(text, slot_limit, &next.given[i].name_length, &next.given[i].slot);
        if (status != OK)
            (void)format_into(reason, PROTOCOL_REASON_MAX, "%s: no name or no slot of a capability", text);
    }
    return status;
}

/* Prepare what does not need a process yet: strings, file, plan. Call close_file afterwards, on errors too. */
static uint32_t prepare(struct mini_process *caller, const struct mini_request *request, char *reason) {
    if (!divide(caller, &request->strings)) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "the staged strings are not as many as announced");
        return P_ARGUMENT;
    }
    if (strlen(request->path) > FILES_PATH_MAX)
        return P_NOT_FOUND;
    uint32_t status = open_file(request->path, reason);
    if (status == OK)
        status = read_plan(reason);
    if (status == OK) /* process 1 is made from slots of this server */
        status = read_given(caller->table != 0 ? TABLE_SLOTS : TABLE_SLOTS_MAX, reason);
    return status;
}

static uint32_t make_pool(uint8_t owner, uint64_t page_count, cap_t *ret_pool) {
    struct memory_run run;
    if (!frames_take(owner, page_count, &run))
        return P_NO_MEMORY;
    *ret_pool = slot_take();
    return *ret_pool == 0 ? P_LIMIT
                          : (uint32_t)sys_pool_create(run.memory, run.offset_pages, page_count, *ret_pool).status;
}

static uint32_t make_object(cap_t pool, enum object_type type, uint64_t argument, cap_t *ret_slot) {
    *ret_slot = slot_take();
    return *ret_slot == 0 ? P_LIMIT : (uint32_t)sys_object_create(pool, type, argument, *ret_slot).status;
}

static void drop(cap_t *slot) {
    if (*slot != 0)
        (void)sys_cap_delete(0, *slot); /* can't fail: the slot is ours. It is empty if its pool died */
    slot_free(*slot);
    *slot = 0;
}

/* Set table, message page, fault endpoint and priority of the process's thread. */
static uint32_t configure(struct mini_process *process) {
    cap_t fault_endpoint = slot_take();
    if (fault_endpoint == 0)
        return P_LIMIT;
    struct result result = sys_cap_copy(0, fault_endpoint, caps.endpoint, ENDPOINT_CALL, FAULT_BADGE | process->pid);
    if (result.status == OK) {
        struct thread_config config = {
            .table = process->table,
            .fault_endpoint = fault_endpoint,
            .message_memory = process->message.memory,
            .message_offset_pages = process->message.offset_pages,
            .priority = PRIORITY,
        };
        memcpy(program.message->data, &config, sizeof config);
        result = sys_thread_configure(process->thread,
                                      THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE | THREAD_PRIORITY);
    }
    drop(&fault_endpoint); /* the thread has its own */
    return (uint32_t)result.status;
}

/* Make what stays through every exec: pool, thread, table, message page. */
static uint32_t make_home(struct mini_process *process) {
    uint32_t status = make_pool(process->home_owner, HOME_PAGES, &process->home);
    if (status == OK)
        status = make_object(process->home, OBJECT_THREAD, 0, &process->thread);
    if (status == OK)
        status = make_object(process->home, OBJECT_TABLE, TABLE_SLOTS, &process->table);
    if (status == OK && !frames_take(process->home_owner, 1, &process->message))
        status = P_NO_MEMORY;
    if (status == OK)
        status = (uint32_t)sys_memory_fill(process->message.memory, process->message.offset_pages * PAGE_BYTES,
                                           PAGE_BYTES, 0)
                     .status;
    if (status == OK)
        status = (uint32_t)sys_cap_copy(process->table, SLOT_PROCESS, caps.endpoint, ENDPOINT_CALL | ENDPOINT_GRANT,
                                        process->pid)
                     .status;
    return status == OK ? configure(process) : status;
}

/* Copy the named capabilities into a table (0 = this server's own), from slot `first` on. Missing ones are left out. */
static uint32_t pass_given(const struct mini_process *from, cap_t table, cap_t first) {
    uint64_t status = OK;
    for (uint64_t i = 0; status == OK && i < next.capabilities.count; i++) {
        status = sys_cap_copy(table, first + i, RANGE(next.given[i].slot, from->table), RIGHTS_ALL, 0).status;
        if (status != E_CAP)
            continue;
        next.given[i].slot = 0;
        status = OK;
    }
    return status == E_TYPE ? (uint32_t)P_NO_CAPABILITY : (uint32_t)status;
}

static void add_note(const char *text) {
    uint64_t length = strlen(text) + 1;
    memcpy(next.notes + next.note_block.length_bytes, text, length);
    next.note_block.length_bytes += length;
    next.note_block.count++;
}

/* Write a string cap:NAME=SLOT for each capability that the program is given, and which slots are free. */
static void write_notes(void) {
    char note[NOTE_BYTES];
    next.note_block = (struct string_block){next.notes, 0, 0};
    (void)format_into(note, sizeof note, "cap:process=%u", SLOT_PROCESS);
    add_note(note);
    for (uint32_t i = 0; i < next.capabilities.count; i++) {
        if (next.given[i].slot == 0)
            continue;
        (void)format_into(note, sizeof note, "cap:%.*s=%u", (int)next.given[i].name_length, next.given[i].name,
                          SLOT_GIVEN + i);
        add_note(note);
    }
    (void)format_into(note, sizeof note, "slots=%lu,%u", SLOT_GIVEN + next.capabilities.count, TABLE_SLOTS);
    add_note(note);
}

static uint32_t build_stack(const char *path, struct image *image, struct frame_source *source) {
    struct stack_input input = {
        .top = LAYOUT_STACK_TOP,
        .arguments = next.arguments,
        .environment = {next.environment, next.note_block},
        .path = path,
        .headers = next.plan.headers_virt == 0 ? 0 : next.base + next.plan.headers_virt,
        .header_count = next.plan.header_count,
        .entry = next.entry.rip,
        .message = LAYOUT_MESSAGE,
    };
    uint64_t now = sys_clock_read().value; /* a small server: its random bytes are not hard to guess */
    memcpy(input.random, &now, sizeof now);
    struct stack_result result;
    if (!stack_build(&input, (uint8_t *)WORK_AT, WORK_BYTES, &result))
        return P_TOO_BIG;
    next.entry.rsp = result.pointer;
    next.entry.fs_base = result.thread;
    uint64_t used = LAYOUT_STACK_TOP - next.entry.rsp;
    return image_add_stack(image, work.memory, work.offset_pages * PAGE_BYTES + WORK_BYTES - used, used,
                           &source->source);
}

/* Make a space with the new program, of frames of `owner`. */
static uint32_t build_image(const char *path, const struct mini_process *process, uint8_t owner, cap_t *ret_pool,
                            struct image *image) {
    struct frame_source source = frames_source_for(owner);
    image->mark = image_mark_of(&next.plan, next.base, (const void *)WINDOW_AT);
    uint32_t status = make_pool(owner, SPACE_PAGES + image_table_pages(&next.plan, next.base), ret_pool);
    if (status == OK)
        status = make_object(*ret_pool, OBJECT_SPACE, 0, &image->space);
    if (status == OK)
        status = image_load(image, &next.plan, next.base, &next.file, &source.source);
    if (status == OK)
        status = build_stack(path, image, &source);
    return status == OK ? image_add_message(image, &process->message) : status;
}

static void destroy_image(cap_t *pool, struct image *image, uint8_t owner) {
    drop(pool); /* the space goes with it */
    drop(&image->space);
    frames_give_back_all(owner);
}

/* The one step that cannot be undone. */
static uint32_t hand_over(const struct mini_process *process, const struct image *image) {
    memcpy(program.message->data, &next.entry, sizeof next.entry);
    return (uint32_t)sys_thread_handover(process->thread, image->space, HANDOVER_RESUME).status;
}

static void set_name(struct mini_process *process, const char *path) {
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(path, '/'))
        path = slash + 1;
    memset(process->name, 0, sizeof process->name);
    memcpy(process->name, path, strnlen(path, sizeof process->name - 1));
}

uint32_t launch_spawn(struct mini_process *caller, struct mini_process *child, const struct mini_request *request,
                      char *reason) {
    uint32_t status = prepare(caller, request, reason);
    if (status == OK)
        status = make_home(child);
    if (status == OK)
        status = pass_given(caller, child->table, SLOT_GIVEN);
    if (status == OK)
        write_notes();
    if (status == OK)
        status = build_image(request->path, child, child->image_owner, &child->image_pool, &child->image);
    close_file();
    set_name(child, request->path);
    return status == OK ? hand_over(child, &child->image) : status;
}

static void drop_held(void) {
    for (uint32_t i = 0; i < GIVEN_MAX; i++)
        (void)sys_cap_delete(0, held + i);
}

uint32_t launch_exec(struct mini_process *process, const struct mini_request *request, char *reason) {
    static struct image image;
    cap_t pool = 0, slot = SLOT_PROCESS;
    uint8_t owner = process->image_owner ^ 1; /* the two take turns */
    memset(&image, 0, sizeof image);
    uint32_t status = prepare(process, request, reason);
    if (status == OK)
        status = pass_given(process, 0, held);
    if (status == OK)
        write_notes();
    if (status == OK)
        status = build_image(request->path, process, owner, &pool, &image);
    close_file();
    if (status == OK)
        status = hand_over(process, &image);
    if (status != OK) {
        destroy_image(&pool, &image, owner);
        drop_held();
        return status;
    }
    destroy_image(&process->image_pool, &process->image, process->image_owner);
    process->image_pool = pool;
    process->image = image;
    process->image_owner = owner;
    set_name(process, request->path);
    while ((slot = sys_system_info(INFO_NEXT_SLOT, RANGE(process->table, slot + 1)).value) != 0)
        (void)sys_cap_delete(process->table, slot);
    for (uint32_t i = 0; i < next.capabilities.count; i++)
        (void)sys_cap_move(process->table, SLOT_GIVEN + i, held + i); /* fails for one that is gone */
    drop_held();
    return OK;
}

void process_destroy(struct mini_process *process) {
    drop(&process->home); /* thread and table go with it */
    drop(&process->thread);
    drop(&process->table);
    destroy_image(&process->image_pool, &process->image, process->image_owner);
    frames_give_back_all(process->home_owner);
    process->staged_bytes = 0;
}
