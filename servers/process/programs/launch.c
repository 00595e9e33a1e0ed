#include "servers/process/programs/launch.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "libsys/maker/capability_text.h"
#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "libsys/wire/server.h"
#include "libsys/wire/status_text.h"
#include "servers/process/ending/report.h"
#include "servers/process/memory/mappings.h"
#include "servers/process/programs/elf_image.h"
#include "servers/process/programs/exec_rest.h"
#include "servers/process/programs/strings.h"

/* The environment string cap:NAME=SLOT. */
#define NOTE_BYTES (PROCESS_NAME_MAX + sizeof "cap:=000")
#define NOTES_BYTES ((OBJECTS_GIVEN_MAX + 2) * NOTE_BYTES)
_Static_assert(OBJECTS_TABLE_SLOTS <= 1000, "a slot has three digits at most");

/* A capability that the new program is to find. */
struct given_cap {
    const char *name; /* in the strings; `=` follows it */
    uint8_t name_length;
    uint16_t slot; /* in the caller's table; 0 = it is left out, since nothing is there */
};

/* A program between the request and its first instruction. One at a time. */
struct new_program {
    char path[PROCESS_PATH_MAX + 1];
    struct strings strings;
    struct elf_image program;
    struct elf_image interpreter; /* of the program, if it asks for one: the interpreter runs first */
    struct thread_registers entry;
    uint32_t given_count;
    struct given_cap given[OBJECTS_GIVEN_MAX]; /* number i goes to slot OBJECTS_SLOT_GIVEN + i */
    char notes[NOTES_BYTES];                   /* environment strings that tell the program what it holds */
    struct string_block note_block;
};

static void close_image(struct server_context *context, struct new_program *launch) {
    elf_image_close(context, &launch->program);
    elf_image_close(context, &launch->interpreter);
}

/* The interpreter (dynamic loader) that the program asks for. Source: System V ABI, "Program Interpreter". */
static uint32_t open_interpreter(struct server_context *context, struct new_program *launch, uint32_t owner,
                                 char *reason) {
    char why[PROTOCOL_REASON_MAX] = "";
    uint32_t status =
        elf_image_open(context, owner, launch->program.interpreter, LAYOUT_INTERPRETER_BASE, &launch->interpreter, why);
    if (status == OK && launch->interpreter.interpreter[0] != '\0') {
        (void)format_into(why, sizeof why, "it wants an interpreter itself");
        status = P_IMAGE;
    }
    if (status == OK)
        return OK;
    (void)format_into(reason, PROTOCOL_REASON_MAX, "its interpreter %s: %s", launch->program.interpreter,
                      why[0] != '\0' ? why : status_text(status));
    return status == P_NOT_FOUND || status == P_NOT_FILE || status == P_NOT_DIRECTORY ? P_IMAGE : status;
}

/*
 * Prepare what does not need a process yet: strings, file, plan. Call close_image afterwards, on errors too.
 * owner: as for open_file.
 */
static uint32_t open_image(struct server_context *context, struct new_program *launch,
                           const struct launch_request *request, uint32_t owner, char *reason) {
    elf_image_none(&launch->program);
    elf_image_none(&launch->interpreter);
    memcpy(launch->path, request->path, sizeof launch->path);
    char *bytes = (char *)context->work.bytes + WORK_STRINGS_OFFSET;
    if (!strings_divide(bytes, request->length_bytes, &request->strings, &launch->strings)) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "the staged strings are not as many as announced");
        return P_ARGUMENT;
    }
    uint32_t status = elf_image_open(context, owner, launch->path, LAYOUT_IMAGE_BASE, &launch->program, reason);
    bool interpreted = status == OK && launch->program.interpreter[0] != '\0';
    if (interpreted)
        status = open_interpreter(context, launch, owner, reason);
    if (status != OK)
        return status;
    const struct elf_image *first = interpreted ? &launch->interpreter : &launch->program;
    if (!elf_image_is_native(first, reason))
        return P_IMAGE;
    launch->entry = (struct thread_registers){.rip = first->base + first->plan.entry};
    return OK;
}

/* Read which capabilities the strings name. slot_limit: size of the table with their slots. */
static uint32_t read_given(struct new_program *launch, cap_t slot_limit, char *reason) {
    const struct string_block *block = &launch->strings.capabilities;
    const char *entry = block->bytes;
    launch->given_count = 0;
    if (block->count > OBJECTS_GIVEN_MAX) {
        (void)format_into(reason, PROTOCOL_REASON_MAX, "%lu capabilities are more than the %u slots for them",
                          block->count, OBJECTS_GIVEN_MAX);
        return P_LIMIT;
    }
    for (uint64_t i = 0; i < block->count; i++) {
        uint32_t name_length;
        cap_t slot;
        uint32_t status = capability_text_read(entry, slot_limit, &name_length, &slot);
        if (status != OK) {
            (void)format_into(reason, PROTOCOL_REASON_MAX, "%s: no %s of a capability", entry,
                              status == P_ARGUMENT ? "name" : "slot");
            return status;
        }
        launch->given[launch->given_count++] = (struct given_cap){entry, (uint8_t)name_length, (uint16_t)slot};
        entry += name_length; /* the name was read already */
        entry += strlen(entry) + 1;
    }
    return OK;
}

/* Judge a capability that was not passed on: one that is gone is left out (OK), a Reply is refused. */
static uint32_t check_passed(struct given_cap *given, uint32_t status, char *reason) {
    if (status == E_CAP) {
        given->slot = 0;
        return OK;
    }
    if (status != E_TYPE)
        return status;
    (void)format_into(reason, PROTOCOL_REASON_MAX, "%s: the right to answer a call can't be passed on", given->name);
    return P_NO_CAPABILITY;
}

/* Append to the notes: by hand, since each program gets a note for each of its capabilities. */
static void put(struct new_program *launch, const char *bytes, size_t length) {
    __builtin_memcpy(launch->notes + launch->note_block.length_bytes, bytes, length); /* most are of a few bytes */
    launch->note_block.length_bytes += length;
}

static void put_slot(struct new_program *launch, cap_t slot) {
    for (cap_t unit = slot >= 100 ? 100 : slot >= 10 ? 10 : 1; unit > 0; unit /= 10)
        launch->notes[launch->note_block.length_bytes++] = (char)('0' + slot / unit % 10);
}

static void end_note(struct new_program *launch) {
    launch->notes[launch->note_block.length_bytes++] = '\0';
    launch->note_block.count++;
}

/* cap:NAME=SLOT. */
static void add_cap_note(struct new_program *launch, const char *name, size_t name_length, cap_t slot) {
    put(launch, "cap:", sizeof "cap:" - 1);
    put(launch, name, name_length);
    put(launch, "=", 1);
    put_slot(launch, slot);
    end_note(launch);
}

/* Write the environment strings of a program that begins in the thread with this number. */
static void write_notes(struct new_program *launch, uint32_t number) {
    launch->note_block = (struct string_block){launch->notes, 0, 0};
    add_cap_note(launch, "process", sizeof "process" - 1, objects_process_slot(number));
    for (uint32_t i = 0; i < launch->given_count; i++)
        if (launch->given[i].slot != 0)
            add_cap_note(launch, launch->given[i].name, launch->given[i].name_length, OBJECTS_SLOT_GIVEN + i);
    put(launch, "slots=", sizeof "slots=" - 1);
    put_slot(launch, OBJECTS_SLOT_GIVEN + launch->given_count);
    put(launch, ",", 1);
    put_slot(launch, OBJECTS_TABLE_SLOTS);
    end_note(launch);
}

static uint32_t build_stack(struct server_context *context, struct new_program *launch,
                            const struct process_thread *thread, struct incarnation *incarnation) {
    const struct elf_image *image = &launch->program;
    uint64_t place = context->fixed_addresses ? 0 : random_next(&context->random);
    uaddr_t stack_end = LAYOUT_STACK_TOP - incarnation->lowered - place % LAYOUT_STACK_SPREAD_PAGES * PAGE_BYTES;
    struct stack_input input = {
        .top = stack_end - (place >> 32) % LAYOUT_STACK_SPREAD_BYTES / 16 * 16,
        .arguments = launch->strings.arguments,
        .environment = {launch->strings.environment, launch->note_block},
        .path = launch->path,
        .headers = image->plan.headers_virt == 0 ? 0 : image->base + image->plan.headers_virt,
        .header_count = image->plan.header_count,
        .base = launch->interpreter.base,
        .entry = image->base + image->plan.entry,
        .message = objects_message_at(incarnation, thread_number(thread)),
        .thread = thread->id,
        .tls_virt = image->plan.tls.virt,
        .tls_bytes = image->plan.tls.memory_bytes,
        .tls_align = image->plan.tls.align,
    };
    struct stack_result result;
    uint64_t random[2] = {random_next(&context->random), random_next(&context->random)};
    memcpy(input.random, random, sizeof random);
    uint8_t *buffer = context->work.bytes + WORK_STACK_OFFSET;
    if (!stack_build(&input, buffer, WORK_STACK_BYTES, &result))
        return P_TOO_BIG;
    launch->entry.rsp = result.pointer;
    launch->entry.fs_base = result.thread;
    struct vm_region region = {.start = stack_end - LAYOUT_STACK_BYTES,
                               .end = stack_end,
                               .rights = MEMORY_READ | MEMORY_WRITE,
                               .kind = PROCESS_MAP_STACK};
    uint64_t used = input.top - launch->entry.rsp;
    uint64_t end = context->work.run.offset_pages * PAGE_BYTES + WORK_STACK_OFFSET + WORK_STACK_BYTES;
    uint32_t status = pager_add(context, incarnation, &region);
    if (status == OK)
        status = pager_write(context, incarnation, launch->entry.rsp, context->work.run.memory, end - used, used);
    if (status == OK && image->plan.tls.file_bytes > 0)
        status = pager_write(context, incarnation, result.tls, image->file->memory,
                             image->file->offset_bytes + image->plan.tls.file_offset, image->plan.tls.file_bytes);
    return status == OK ? pager_bring(context, incarnation, launch->entry.rsp - 8, MEMORY_WRITE) : status;
}

/* Build the new program's whole address space. */
static uint32_t build_incarnation(struct server_context *context, struct new_program *launch,
                                  const struct process_thread *thread, struct incarnation *incarnation, char *reason) {
    uint32_t status = incarnation_create(context, incarnation);
    mappings_choose_places(context, incarnation);
    incarnation->pages_max = mappings_pages_max(&thread->process->limits);
    uaddr_t message = objects_message_at(incarnation, thread_number(thread));
    if (status == OK && launch->interpreter.file != NULL)
        status = elf_image_map(context, &launch->interpreter, incarnation, reason);
    incarnation->break_start = incarnation->break_end = 0; /* the heap begins behind the program */
    if (status == OK)
        status = elf_image_map(context, &launch->program, incarnation, reason);
    if (status == OK)
        status = build_stack(context, launch, thread, incarnation);
    if (status == OK && mappings_page_count(incarnation) > incarnation->pages_max) { /* 256 pages: 1 MiB */
        (void)format_into(reason, PROTOCOL_REASON_MAX, "image and stack need %lu MiB, and it may have %lu MiB",
                          (mappings_page_count(incarnation) + 255) / 256, incarnation->pages_max / 256);
        return P_LIMIT;
    }
    if (status == OK) { /* the handover refuses an entry that may not be executed */
        uint32_t brought = pager_bring(context, incarnation, launch->entry.rip, MEMORY_EXECUTE);
        status = brought == P_ADDRESS ? OK : brought;
    }
    return status == OK ? pager_add_message(context, incarnation, message, thread->message_frame) : status;
}

/* A handover that comes with the change of one word. `entry` is where the thread starts. */
static struct journal_effect hand_over(const struct thread_registers *entry, cap_t thread, cap_t space,
                                       uint64_t flags) {
    memcpy(program.message->data, entry, sizeof *entry);
    return (struct journal_effect){.rax = SYS_thread_handover, .rdi = thread, .rsi = space, .rdx = flags};
}

static uint32_t explain(const struct new_program *launch, const struct incarnation *incarnation, uint64_t status,
                        char *reason) {
    if (status == E_AUDIT)
        report_refusal(launch->path, incarnation, &launch->entry, reason);
    return (uint32_t)status;
}

/*
 * Pass the capabilities that the strings name to a new process. One that is gone is left out: a shell passes on all
 * that it has, and must still start programs when a server has ended.
 */
static uint32_t pass_given(struct server_context *context, struct new_program *of, struct process *from,
                           struct process *to, char *reason) {
    uint32_t status = OK;
    for (uint32_t i = 0; status == OK && i < of->given_count; i++)
        status = check_passed(&of->given[i], objects_pass(context, from, of->given[i].slot, to, OBJECTS_SLOT_GIVEN + i),
                              reason);
    return status;
}

static struct new_program launch; /* large, and one at a time */

/* Take back a process that has not run yet. */
static void undo(struct server_context *context, struct process *process) {
    objects_destroy(context, process);
    process_forget(&context->processes, process);
}

/* Make a process with its objects and one thread, of this number. On failure nothing of it stays. */
static uint32_t begin(struct server_context *context, uint32_t parent, uint32_t number, struct process **ret_process,
                      struct process_thread **ret_thread, char *reason) {
    uint32_t status =
        context_has_slots(context) ? process_begin(&context->processes, parent, ret_process) : (uint32_t)P_LIMIT;
    if (status == P_LIMIT)
        (void)format_into(reason, PROTOCOL_REASON_MAX, "too many processes");
    if (status != OK)
        return status;
    status = objects_create(context, objects_of(*ret_process));
    if (status == OK)
        status = thread_begin(&context->processes, *ret_process, number, ret_thread);
    if (status == OK)
        status = objects_add_thread(context, objects_of(*ret_process), *ret_thread);
    if (status != OK)
        undo(context, *ret_process);
    return status;
}

uint32_t launch_spawn(struct server_context *context, struct process *parent, const struct launch_request *request,
                      char *reason, struct process **ret_process) {
    uint32_t status = open_image(context, &launch, request, parent != NULL ? parent->pid : 0, reason);
    if (status == OK)
        status = read_given(&launch, parent != NULL ? OBJECTS_TABLE_SLOTS : TABLE_SLOTS_MAX, reason);
    if (status != OK) {
        close_image(context, &launch);
        return status;
    }
    struct process *process;
    struct process_thread *thread;
    status = begin(context, parent != NULL ? parent->pid : 0, 0, &process, &thread, reason);
    if (status != OK) {
        close_image(context, &launch);
        return status;
    }
    struct process_objects *objects = objects_of(process);
    if (request->group != PROCESS_GROUP_SAME)
        process_enter_group(&context->processes, process,
                            request->group == PROCESS_GROUP_OWN ? process->pid : request->group);
    status = pass_given(context, &launch, parent, process, reason);
    write_notes(&launch, 0);
    if (status == OK)
        status = build_incarnation(context, &launch, thread, &objects->incarnation, reason);
    close_image(context, &launch);
    if (status == OK) {
        memcpy(program.message->data, &launch.entry, sizeof launch.entry);
        status = explain(&launch, &objects->incarnation,
                         sys_thread_handover(thread->object, objects->incarnation.space, 0).status, reason);
    }
    if (status != OK) {
        undo(context, process);
        return status;
    }
    process_set_name(process, launch.path);
    vm_name(objects->incarnation.vm);
    process->goes_on = true; /* once this server can't take it back any more */
    list_move(&context->processes.due, &process->in_due);
    *ret_process = process;
    return OK;
}

/* Copy capabilities that the strings name, and that change their slots, to slots of this server. */
static uint32_t hold_given(struct new_program *of, const struct process_objects *objects, cap_t *held, char *reason) {
    uint32_t status = OK;
    for (uint32_t i = 0; status == OK && i < of->given_count; i++) {
        struct given_cap *given = &of->given[i];
        if (given->slot == OBJECTS_SLOT_GIVEN + i)
            continue; /* it stays where it is, if it is there */
        held[i] = slot_take();
        if (held[i] == 0)
            return P_LIMIT;
        status = (uint32_t)sys_cap_copy(0, held[i], RANGE(given->slot, objects->table), RIGHTS_ALL, 0).status;
        status = check_passed(given, status, reason);
    }
    return status;
}

/* Stop all threads of the process except `caller`. resume_siblings undoes that. */
static uint32_t stop_siblings(struct process_thread *caller) {
    uint32_t status = OK;
    for (struct process_thread *at = thread_next(caller->process, NULL); status == OK && at != NULL;
         at = thread_next(caller->process, at))
        if (at != caller)
            status = (uint32_t)sys_thread_suspend(at->object, 0).status;
    return status;
}

static void resume_siblings(struct process_thread *caller) {
    for (struct process_thread *at = thread_next(caller->process, NULL); at != NULL;
         at = thread_next(caller->process, at))
        if (at != caller)
            (void)objects_resume(at);
}

/* Build the program that is to run in the caller's process, and write down what is to be done once it does. */
static uint32_t prepare_exec(struct server_context *context, struct process_thread *caller,
                             const struct launch_request *request, char *reason) {
    struct launch_exec_rest *rest = &launch_exec_rest;
    struct process_objects *objects = objects_of(caller->process);
    memset(&rest->next, 0, sizeof rest->next); /* nothing is held */
    rest->deleted = false;
    uint32_t status = open_image(context, &launch, request, caller->process->pid, reason);
    if (status == OK)
        status = read_given(&launch, OBJECTS_TABLE_SLOTS, reason);
    if (status == OK)
        status = hold_given(&launch, objects, rest->held, reason);
    if (status == OK) {
        write_notes(&launch, thread_number(caller));
        status = build_incarnation(context, &launch, caller, &rest->next, reason);
    }
    close_image(context, &launch);
    rest->given_count = launch.given_count;
    for (uint32_t i = 0; i < launch.given_count; i++)
        rest->slots[i] = launch.given[i].slot;
    objects_move_identities(objects, rest->slots, rest->given_count, rest->identities);
    memcpy(rest->path, launch.path, sizeof rest->path);
    return status;
}

uint32_t launch_exec(struct server_context *context, struct process_thread *caller,
                     const struct launch_request *request, char *reason) {
    struct launch_exec_rest *rest = &launch_exec_rest;
    struct process *process = caller->process;
    uint64_t badge = OBJECTS_BADGE(process->pid, thread_number(caller));
    uint32_t status = prepare_exec(context, caller, request, reason);
    if (status == OK)
        status = stop_siblings(caller);
    if (status == OK) { /* on another CPU it would run, and look for capabilities, before they are moved */
        uint64_t flags = context->cpu_count > 1 ? 0 : objects_resume_flag(process);
        const struct journal_effect effect = hand_over(&launch.entry, caller->object, rest->next.space, flags);
        journal_settle();
        status = explain(&launch, &rest->next, journal_call(&rest->thread, &effect, EXEC_HANDED_OVER | badge), reason);
    }
    if (status != OK) {
        resume_siblings(caller);
        incarnation_destroy(context, &rest->next);
        launch_exec_drop_held();
        return status;
    }
    launch_exec_finish(context);
    return OK;
}

uint32_t launch_read_registers(cap_t thread, uint64_t answer, struct thread_registers *ret_registers) {
    struct thread_state state;
    struct result result = sys_thread_read(thread, THREAD_FPU);
    if (result.status != OK)
        return (uint32_t)result.status;
    memcpy(&state, program.message->data, sizeof state);
    *ret_registers = state.registers;
    ret_registers->rax = OK;
    ret_registers->rdi = 0;
    ret_registers->rsi = MESSAGE_INFO(OK, 1, 0);
    ret_registers->rdx = answer;
    return OK;
}

/* Copy what a child has of its parent besides memory and capabilities. */
static void inherit(struct process_thread *thread, const struct process_thread *caller) {
    struct process *child = thread->process;
    const struct process *parent = caller->process;
    memcpy(child->name, parent->name, sizeof child->name);
    thread->id = caller->id; /* the copied memory knows it by this id */
    child->signals = parent->signals;
    child->signals.pending = 0;
    thread->masked = caller->masked;
    thread->signal_stack = caller->signal_stack;
    thread->signal_stack_bytes = caller->signal_stack_bytes;
}

uint32_t launch_fork(struct server_context *context, struct process_thread *caller, uint64_t *ret_pid) {
    struct process *parent = caller->process, *child;
    struct process_thread *thread;
    char reason[PROTOCOL_REASON_MAX];
    uint32_t status = begin(context, parent->pid, thread_number(caller), &child, &thread, reason);
    if (status != OK)
        return status;
    struct process_objects *from = objects_of(parent), *to = objects_of(child);
    status = objects_pass_all(context, parent, child);
    if (status == OK)
        status = incarnation_create(context, &to->incarnation);
    if (status == OK)
        status = pager_fork(context, &from->incarnation, &to->incarnation);
    to->incarnation.lowered = from->incarnation.lowered;
    if (status == OK)
        status = pager_add_message(context, &to->incarnation,
                                   objects_message_at(&to->incarnation, thread_number(thread)), thread->message_frame);
    struct thread_registers entry;
    if (status == OK)
        status = launch_read_registers(caller->object, 0, &entry);
    if (status == OK && thread_fpu_in(program.message)->components != 0)
        status = (uint32_t)sys_thread_write(thread->object, THREAD_FPU).status;
    if (status == OK) {
        inherit(thread, caller);
        vm_name(to->incarnation.vm);
        *ret_pid = child->pid;
        uint64_t flags = objects_resume_flag(child) | HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK | HANDOVER_KEEP_FPU;
        const struct journal_effect effect = hand_over(&entry, thread->object, to->incarnation.space, flags);
        status = (uint32_t)server_call_and_decide(&served_server, &effect);
    }
    if (status != OK)
        undo(context, child);
    return status;
}
