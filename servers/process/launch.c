#include "servers/process/launch.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/thread.h"
#include "libsys/elf.h"
#include "libsys/format.h"
#include "libsys/program.h"
#include "libsys/proto/files.h"
#include "libsys/string.h"
#include "servers/process/strings.h"

#define NOTES_BYTES 1024U

/* A program between the request and its first instruction. One at a time. */
struct launch {
    char path[PROCESS_PATH_MAX + 1];
    struct strings strings;
    struct image_file file; /* memory = 0: not open */
    uint64_t window_pages;  /* of it, mapped at the window */
    struct elf_plan plan;
    uaddr_t base;
    struct thread_registers entry;
    char notes[NOTES_BYTES]; /* environment strings that tell the program what it holds */
    struct string_block note_block;
};

static void close_image(const struct system *system, struct launch *launch) {
    for (uint64_t done = 0; done < launch->window_pages; done += MAP_PAGES_MAX) {
        uint64_t left = launch->window_pages - done;
        (void)sys_space_unmap(system->caps.space, system->window + done * PAGE_BYTES,
                              left < MAP_PAGES_MAX ? left : MAP_PAGES_MAX); /* holes are no error */
    }
    launch->window_pages = 0;
    if (launch->file.memory != 0) {
        (void)sys_cap_delete(0, launch->file.memory);
        slot_free(launch->file.memory);
        launch->file.memory = 0;
    }
}

/* Ask the files server for the image's pages. */
static uint32_t open_file(const struct system *system, struct launch *launch, char *reason) {
    static struct files_map_request request; /* large, and one at a time */
    static struct protocol_extra extra;
    struct files_map_reply reply;
    request.length_bytes = strlen(launch->path);
    if (request.length_bytes > sizeof request.path)
        return P_NOT_FOUND;
    memcpy(request.path, launch->path, request.length_bytes);
    cap_t slot = slot_take();
    if (slot == 0)
        return P_LIMIT;
    extra.receive[0] = slot;
    uint32_t status = files_map(system->caps.files, &request, &reply, &extra);
    if (status != OK) {
        memcpy(reason, extra.reason, PROTOCOL_REASON_MAX);
        slot_free(slot);
        return status;
    }
    launch->file = (struct image_file){slot, reply.offset_bytes, reply.size_bytes};
    return OK;
}

static uint32_t map_window(const struct system *system, struct launch *launch, char *reason) {
    uint64_t pages = (launch->file.size_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    if (launch->file.offset_bytes % PAGE_BYTES != 0) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "%s does not begin at a page", launch->path);
        return P_IMAGE;
    }
    if (launch->file.size_bytes == 0 || pages > SYSTEM_WINDOW_PAGES_MAX) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "%s is empty or too large", launch->path);
        return P_IMAGE;
    }
    uint64_t first = launch->file.offset_bytes / PAGE_BYTES;
    launch->window_pages = pages;
    for (uint64_t done = 0; done < pages; done += MAP_PAGES_MAX) {
        uint64_t count = pages - done < MAP_PAGES_MAX ? pages - done : MAP_PAGES_MAX;
        struct result result = sys_space_map(system->caps.space, launch->file.memory, first + done, count,
                                             system->window + done * PAGE_BYTES, MEMORY_READ);
        if (result.status != OK)
            return (uint32_t)result.status;
    }
    return OK;
}

static uint32_t read_plan(const struct system *system, struct launch *launch, char *reason) {
    struct elf_limits limits = {LAYOUT_IMAGE_LOWEST, LAYOUT_IMAGE_END - LAYOUT_IMAGE_BASE};
    struct elf_result parsed =
        elf_plan_image((const void *)system->window, launch->file.size_bytes, limits, &launch->plan);
    const char *refused = NULL;
    if (parsed.error != ELF_OK) {
        (void)elf_format_result(parsed, reason, PROTOCOL_REASON_MAX);
        return P_IMAGE;
    }
    if (launch->plan.interpreter_bytes != 0)
        refused = "it wants an interpreter (dynamic linking)";
    else if (launch->plan.executable_stack)
        refused = "it wants an executable stack";
    else if (launch->plan.shares_page)
        refused = "two segments share a page";
    if (refused != NULL) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "%s", refused);
        return P_IMAGE;
    }
    if (image_pages(&launch->plan) > SYSTEM_PAGES_MAX) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "its segments take more than %u pages", SYSTEM_PAGES_MAX);
        return P_LIMIT;
    }
    launch->base = launch->plan.type == ELF_TYPE_RELOCATABLE ? LAYOUT_IMAGE_BASE : 0;
    launch->entry = (struct thread_registers){.rip = launch->base + launch->plan.entry};
    return OK;
}

/* Everything about the program that needs no process: strings, file, plan. Followed by close_image in any case. */
static uint32_t open_image(const struct system *system, struct launch *launch, const struct launch_request *request,
                           char *reason) {
    memset(launch, 0, sizeof *launch);
    memcpy(launch->path, request->path, sizeof launch->path);
    char *bytes = (char *)system->work.bytes + WORK_STRINGS_OFFSET;
    if (!strings_divide(bytes, request->length_bytes, &request->strings, &launch->strings)) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "the staged strings are not as many as announced");
        return P_ARGUMENT;
    }
    uint32_t status = open_file(system, launch, reason);
    if (status == OK)
        status = map_window(system, launch, reason);
    return status == OK ? read_plan(system, launch, reason) : status;
}

/* Does the bag have all that the strings name? */
static uint32_t check_names(const struct launch *launch, struct bag *bag, char *reason) {
    const char *name = launch->strings.names.bytes;
    for (uint64_t i = 0; i < launch->strings.names.count; i++, name += strlen(name) + 1) {
        if (bag_find(bag, name) == NULL) {
            (void)format_into(reason, PROTOCOL_REASON_MAX, "no capability is called %s", name);
            return P_NO_CAPABILITY;
        }
    }
    return OK;
}

static void add_note(struct launch *launch, const char *text) {
    uint64_t length = strlen(text) + 1;
    memcpy(launch->notes + launch->note_block.length_bytes, text, length);
    launch->note_block.length_bytes += length;
    launch->note_block.count++;
}

/* The environment strings of a program that will have these capabilities: those of the bag that the strings name. */
static void write_notes(struct launch *launch, struct bag *bag) {
    char note[PROCESS_NAME_MAX + 16];
    _Static_assert((PROCESS_BAG_MAX + 2) * sizeof note <= NOTES_BYTES, "they all fit");
    launch->note_block = (struct string_block){launch->notes, 0, 0};
    (void)format_into(note, sizeof note, "cap:process=%u", BODY_SLOT_PROCESS);
    add_note(launch, note);
    for (uint32_t i = 0; i < PROCESS_BAG_MAX; i++) {
        if (bag->entries[i].cap == 0 || !strings_names(&launch->strings, bag->entries[i].name))
            continue;
        (void)format_into(note, sizeof note, "cap:%s=%u", bag->entries[i].name, BODY_SLOT_BAG + i);
        add_note(launch, note);
    }
    (void)format_into(note, sizeof note, "slots=%u,%u", BODY_SLOT_FREE, BODY_TABLE_SLOTS);
    add_note(launch, note);
}

static uint32_t build_stack(struct system *system, struct launch *launch, struct image *image) {
    const struct elf_plan *plan = &launch->plan;
    struct stack_input input = {
        .top = LAYOUT_STACK_TOP,
        .arguments = launch->strings.arguments,
        .environment = {launch->strings.environment, launch->note_block},
        .path = launch->path,
        .headers = plan->headers_virt == 0 ? 0 : launch->base + plan->headers_virt,
        .header_count = plan->header_count,
        .base = launch->base,
        .entry = launch->entry.rip,
        .message = LAYOUT_MESSAGE,
    };
    uint64_t random[2] = {system_random(system), system_random(system)};
    memcpy(input.random, random, sizeof random);
    uint8_t *buffer = system->work.bytes + WORK_STACK_OFFSET;
    if (!stack_build(&input, buffer, WORK_STACK_BYTES, &launch->entry.rsp))
        return P_TOO_BIG;
    uint64_t used = LAYOUT_STACK_TOP - launch->entry.rsp;
    uint64_t end = system->work.run.offset_pages * PAGE_BYTES + WORK_STACK_OFFSET + WORK_STACK_BYTES;
    return image_add_stack(image, system->work.run.memory, end - used, used, &system->source);
}

/* The new program's space, complete. */
static uint32_t build_incarnation(struct system *system, struct launch *launch, const struct frame_run *message,
                                  struct incarnation *incarnation) {
    uint64_t table_pages = image_table_pages(&launch->plan, launch->base);
    uint32_t status = incarnation_create(system, incarnation, table_pages);
    if (status == OK)
        status = image_load(&incarnation->image, &launch->plan, launch->base, &launch->file, &system->source);
    if (status == OK)
        status = build_stack(system, launch, &incarnation->image);
    return status == OK ? image_add_message(&incarnation->image, message) : status;
}

static uint32_t hand_over(const struct launch *launch, cap_t thread, cap_t space, uint64_t flags, char *reason) {
    memcpy(program.message->data, &launch->entry, sizeof launch->entry);
    struct result result = sys_thread_handover(thread, space, flags);
    if (result.status != E_AUDIT)
        return (uint32_t)result.status;
    struct audit_failure failure;
    memcpy(&failure, program.message->data, sizeof failure);
    (void)format_into(reason, PROTOCOL_REASON_MAX, "the kernel refuses the space: check %lu, address 0x%lx, level %lu",
                      failure.check, failure.address, failure.level);
    return E_AUDIT;
}

/*
 * Copies of what the strings name, from the bag of whoever asked. A capability whose object has died since (its server
 * was retired) is left out: a shell that passes on all it has must go on starting programs.
 */
static uint32_t give_named(const struct launch *launch, struct bag *from, struct body *body) {
    const char *name = launch->strings.names.bytes;
    for (uint64_t i = 0; i < launch->strings.names.count; i++, name += strlen(name) + 1) {
        uint32_t status = body_give_copy(body, name, bag_find(from, name)->cap);
        if (status != OK && status != E_CAP)
            return status;
    }
    return OK;
}

static struct launch launch; /* large, and one at a time */

uint32_t launch_spawn(struct system *system, uint32_t parent, struct bag *bag, const struct launch_request *request,
                      char *reason, struct process **ret_process) {
    uint32_t status = open_image(system, &launch, request, reason);
    if (status == OK)
        status = check_names(&launch, bag, reason);
    if (status != OK) {
        close_image(system, &launch);
        return status;
    }
    struct process *process = process_begin(&system->processes, parent);
    if (process == NULL) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "there are %u processes", PROCESS_MAX);
        close_image(system, &launch);
        return P_LIMIT;
    }
    struct body *body = system_body(system, process);
    status = body_create(system, body, process->pid);
    if (status == OK)
        status = give_named(&launch, bag, body);
    write_notes(&launch, &body->bag);
    if (status == OK)
        status = build_incarnation(system, &launch, &body->message, &body->incarnation);
    close_image(system, &launch);
    if (status == OK)
        status = hand_over(&launch, body->thread, body->incarnation.image.space, HANDOVER_RESUME, reason);
    if (status != OK) {
        body_destroy(system, body);
        process_forget(&system->processes, process);
        return status;
    }
    process_set_name(process, launch.path);
    *ret_process = process;
    return OK;
}

/* What the new program was not to have goes; it is known that the rest stays where it is. */
static void keep_named(const struct launch *of, struct body *body) {
    for (uint32_t i = 0; i < PROCESS_BAG_MAX; i++)
        if (body->bag.entries[i].cap != 0 && !strings_names(&of->strings, body->bag.entries[i].name))
            body_take_away(body, &body->bag.entries[i]);
}

uint32_t launch_exec(struct system *system, struct process *process, const struct launch_request *request,
                     char *reason) {
    static struct incarnation next; /* large, and one at a time */
    struct body *body = system_body(system, process);
    memset(&next, 0, sizeof next);
    uint32_t status = open_image(system, &launch, request, reason);
    if (status == OK)
        status = check_names(&launch, &body->bag, reason);
    if (status == OK) {
        write_notes(&launch, &body->bag);
        status = build_incarnation(system, &launch, &body->message, &next);
    }
    close_image(system, &launch);
    if (status == OK)
        status = hand_over(&launch, body->thread, next.image.space, HANDOVER_CHECK_ONLY, reason);
    if (status == OK)
        status = hand_over(&launch, body->thread, next.image.space, HANDOVER_RESUME, reason);
    if (status != OK) {
        incarnation_destroy(system, &next);
        return status;
    }
    incarnation_destroy(system, &body->incarnation);
    body->incarnation = next;
    keep_named(&launch, body);
    process_set_name(process, launch.path);
    return OK;
}
