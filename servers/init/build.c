#include "servers/init/build.h"

#include "kernel/abi/rights.h"
#include "libsys/format/elf.h"
#include "libsys/maker/audit_text.h"
#include "libsys/maker/layout.h"
#include "libsys/maker/refusal.h"
#include "libsys/maker/stack.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/format.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "servers/init/kept.h"
#include "servers/init/report.h"

#define NOTES_BYTES 24576U /* of all programs: BOOT_RANGES_MAX sizes of memory, and all else that they are given */

struct world the_world;
struct manifest the_manifest;
struct child the_children[MANIFEST_PROGRAMS_MAX];

static char notes[NOTES_BYTES];
static uint64_t notes_bytes; /* in use: each program's notes lie behind those of the one before */

/* Write a note's text from byte `at` on. False: it does not fit behind the other notes, and the log says so. */
FORMAT_LIKE(3, 0)
static bool note_from(const struct child *child, uint64_t at, const char *format, va_list arguments) {
    size_t room = NOTES_BYTES - at;
    size_t length = format_into_list(notes + at, room, format, arguments);
    if (length >= room)
        return report_failure(child, "environment", E_LIMIT);
    notes_bytes = at + length + 1;
    return true;
}

FORMAT_LIKE(2, 3) static bool note(struct child *child, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    bool fits = note_from(child, notes_bytes, format, arguments);
    va_end(arguments);
    child->notes.count += fits;
    return fits;
}

/* Extend the last note. */
FORMAT_LIKE(2, 3) static bool note_more(const struct child *child, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    bool fits = note_from(child, notes_bytes - 1, format, arguments);
    va_end(arguments);
    return fits;
}

/* Put a capability of init's into the program's table: moved if it was made for the program, else copied. */
static bool move_cap(const struct child *child, const char *name, cap_t *next, cap_t source) {
    if (source == 0)
        return report_failure(child, name, P_NO_MEMORY);
    struct result result = sys_cap_move(child->table, *next, source);
    if (result.status != OK)
        return report_failure(child, name, result.status);
    slot_free(source);
    (*next)++;
    return true;
}

static bool install_moved(struct child *child, const char *name, cap_t *next, cap_t source) {
    return move_cap(child, name, next, source) && note(child, "cap:%s=%lu", name, *next - 1);
}

static bool install_copy(struct child *child, const char *name, cap_t *next, cap_t source, uint64_t rights,
                         uint64_t badge) {
    if (source == 0)
        return report_failure(child, name, P_NO_MEMORY);
    struct result result = sys_cap_copy(child->table, *next, source, rights, badge);
    if (result.status != OK)
        return report_failure(child, name, result.status);
    return note(child, "cap:%s=%lu", name, (*next)++);
}

static bool install_object(struct child *child, const struct manifest_cap *cap, struct world *world, cap_t *next) {
    bool endpoint = cap->kind == MANIFEST_ENDPOINT;
    static const uint64_t rights[] = {
        [MANIFEST_RIGHT_NONE] = 0,
        [MANIFEST_SERVE] = ENDPOINT_WAIT,
        [MANIFEST_CALL] = ENDPOINT_CALL | ENDPOINT_GRANT,
        [MANIFEST_ISSUE] = ENDPOINT_CALL | ENDPOINT_GRANT,
        [MANIFEST_OWN] = RIGHTS_ALL,
        [MANIFEST_RAISE] = NOTIFICATION_RAISE,
        [MANIFEST_WAIT] = NOTIFICATION_WAIT,
    };
    uint64_t badge = 0;
    if (cap->right == MANIFEST_CALL)
        badge = cap->badge != 0 ? cap->badge : child->number;
    cap_t source = world_object(world, cap->object, endpoint ? OBJECT_ENDPOINT : OBJECT_NOTIFICATION);
    return install_copy(child, cap->name, next, source, rights[cap->right], badge);
}

/* Install all memory that is left, region by region, with one note that lists the sizes. */
static bool install_rest(struct child *child, const struct manifest_cap *cap, struct world *world, cap_t *next) {
    cap_t first = *next;
    if (!note(child, "run:%s=%lu", cap->name, first))
        return false;
    for (uint32_t i = 0; i < world->region_count; i++) {
        struct world_region *region = &world->regions[i];
        struct memory_run run = {region->memory, region->taken_pages, region->page_count - region->taken_pages};
        if (run.page_count == 0)
            continue;
        region->taken_pages = region->page_count;
        if (!move_cap(child, cap->name, next, world_derive(&run, RIGHTS_ALL)) ||
            !note_more(child, ",%lu", run.page_count))
            return false;
    }
    return *next > first || report_failure(child, cap->name, P_NO_MEMORY);
}

static bool install_memory(struct child *child, const struct manifest_cap *cap, struct world *world, cap_t *next) {
    struct memory_run run;
    if (!world_take(world, cap->count, &run))
        return report_failure(child, cap->name, P_NO_MEMORY);
    return install_moved(child, cap->name, next, world_derive(&run, RIGHTS_ALL)) &&
           note(child, "size:%s=%lu", cap->name, run.page_count * (uint64_t)PAGE_BYTES);
}

static bool install_volume(struct child *child, const struct manifest_cap *cap, const struct world *world,
                           cap_t *next) {
    return install_copy(child, cap->name, next, INIT_CAP_VOLUME, RIGHTS_ALL, 0) &&
           note(child, "size:%s=%lu", cap->name, world->info->volume_bytes);
}

/*
 * Install an interrupt line. The kernel may refuse it although the manifest is right: machines differ in their lines
 * and addresses.
 */
static bool install_irq(struct child *child, const struct manifest_cap *cap, cap_t *next) {
    struct result result = sys_cap_copy(child->table, *next, INIT_CAP_IRQ, RIGHTS_ALL, RANGE(cap->first, 1));
    if (result.status == OK)
        return note(child, "cap:%s=%lu", cap->name, (*next)++);
    if (result.status != E_ARG)
        return report_failure(child, cap->name, result.status);
    log_print("init: %s: %s: this machine has no interrupt line %lu", child->program->name, cap->name, cap->first);
    return false;
}

static bool install_devices(struct child *child, const struct manifest_cap *cap, cap_t *next) {
    cap_t slot = slot_take();
    if (slot == 0)
        return report_failure(child, cap->name, E_LIMIT);
    struct result result =
        sys_memory_derive(INIT_CAP_DEVICES, cap->first / PAGE_BYTES, cap->count, slot, MEMORY_READ | MEMORY_WRITE);
    if (result.status == OK)
        return install_moved(child, cap->name, next, slot);
    slot_free(slot);
    if (result.status != E_ARG)
        return report_failure(child, cap->name, result.status);
    log_print("init: %s: %s: this machine has no device memory of %lu pages at 0x%lx", child->program->name, cap->name,
              cap->count, cap->first);
    return false;
}

static bool install_self(struct child *child, const struct manifest_cap *cap, cap_t *next) {
    const cap_t sources[] = {
        [MANIFEST_SELF_SPACE] = child->space,
        [MANIFEST_SELF_TABLE] = child->table,
        [MANIFEST_SELF_THREAD] = child->thread,
        [MANIFEST_SELF_POOL] = child->pool,
    };
    if (cap->first == MANIFEST_SELF_SPACE)
        child->space_slot = *next;
    return install_copy(child, cap->name, next, sources[cap->first], RIGHTS_ALL, 0);
}

static bool install_cap(struct child *child, const struct manifest_cap *cap, struct world *world, cap_t *next) {
    switch (cap->kind) {
    case MANIFEST_ENDPOINT:
    case MANIFEST_NOTIFICATION:
        return install_object(child, cap, world, next);
    case MANIFEST_PORTS:
        return install_copy(child, cap->name, next, INIT_CAP_PORTS, RIGHTS_ALL, RANGE(cap->first, cap->count));
    case MANIFEST_IRQ:
        return install_irq(child, cap, next);
    case MANIFEST_MEMORY:
        return install_memory(child, cap, world, next);
    case MANIFEST_MEMORY_REST:
        return install_rest(child, cap, world, next);
    case MANIFEST_POOL:
        return install_moved(child, cap->name, next, world_make_pool(world, cap->count));
    case MANIFEST_VOLUME:
        return install_volume(child, cap, world, next);
    case MANIFEST_DEVICES:
        return install_devices(child, cap, next);
    case MANIFEST_SELF:
        return install_self(child, cap, next);
    }
    return false;
}

static bool install_caps(struct child *child, struct world *world) {
    cap_t next = 1;
    child->notes = (struct string_block){.bytes = notes + notes_bytes};
    for (uint32_t i = 0; i < child->program->cap_count; i++)
        if (!install_cap(child, &child->program->caps[i], world, &next))
            return false;
    bool noted =
        note(child, "name=%s", child->program->name) && note(child, "slots=%lu,%lu", next, child->program->slots) &&
        (child->keep.page_count == 0 || note(child, "size:keep=%lu", child->keep.page_count * (uint64_t)PAGE_BYTES));
    child->notes.length_bytes = (uint64_t)(notes + notes_bytes - child->notes.bytes);
    return noted;
}

static bool create(const struct child *child, enum object_type type, uint64_t argument, cap_t *ret_slot) {
    cap_t slot = slot_take();
    if (slot == 0)
        return report_failure(child, "objects", E_LIMIT);
    struct result result = sys_object_create(child->pool, type, argument, slot);
    if (result.status != OK) {
        slot_free(slot);
        return report_failure(child, "objects", result.status);
    }
    *ret_slot = slot;
    return true;
}

/* Configure the thread: fault endpoint, message page, priority, and the notification that its entry binds. */
static bool configure(const struct child *child, struct world *world, cap_t fault_endpoint) {
    cap_t badged = slot_take();
    if (badged == 0)
        return report_failure(child, "thread", E_LIMIT);
    struct thread_config config = {
        .table = child->table,
        .fault_endpoint = badged,
        .message_memory = child->message.memory,
        .message_offset_pages = child->message.offset_pages,
        .priority = child->program->priority,
    };
    uint64_t fields = THREAD_TABLE | THREAD_FAULT_ENDPOINT | THREAD_MESSAGE_PAGE | THREAD_PRIORITY;
    for (uint32_t i = 0; i < child->program->cap_count; i++) {
        if (child->program->caps[i].bind) {
            config.notification = world_object(world, child->program->caps[i].object, OBJECT_NOTIFICATION);
            fields |= THREAD_NOTIFICATION;
        }
    }
    struct result result = sys_cap_copy(0, badged, fault_endpoint, ENDPOINT_CALL, child->number);
    if (result.status == OK) {
        memcpy(program.message->data, &config, sizeof config);
        result = sys_thread_configure(child->thread, fields);
    }
    (void)sys_cap_delete(0, badged); /* the thread has its own copy */
    slot_free(badged);
    return result.status == OK || report_failure(child, "thread", result.status);
}

static uaddr_t image_base(const struct elf_plan *plan) {
    return plan->type == ELF_TYPE_RELOCATABLE ? LAYOUT_IMAGE_BASE : 0;
}

/* Build the stack, with arguments and the notes on what the program holds. */
static bool build_stack(struct child *child, struct world *world, const struct elf_plan *plan) {
    uaddr_t base = image_base(plan);
    struct stack_input input = {
        .top = LAYOUT_STACK_TOP,
        .arguments = {child->program->arguments, child->program->argument_bytes, child->program->argument_count},
        .environment = {child->notes},
        .path = child->path,
        .headers = plan->headers_virt == 0 ? 0 : base + plan->headers_virt,
        .header_count = plan->header_count,
        .entry = child->entry.rip,
        .message = LAYOUT_MESSAGE,
    };
    const uint64_t seed[2] = {random_next(&world->random), random_next(&world->random)};
    memcpy(input.random, seed, sizeof seed);
    uint64_t buffer_bytes = WORLD_BUFFER_PAGES * PAGE_BYTES;
    uint8_t *buffer = (uint8_t *)WORLD_BUFFER_AT; /* world_init has mapped it */
    struct stack_result result;
    if (!stack_build(&input, buffer, buffer_bytes, &result))
        return report_failure(child, "arguments", P_TOO_BIG);
    child->entry.rsp = result.pointer;
    child->entry.fs_base = result.thread;
    uint64_t used = LAYOUT_STACK_TOP - child->entry.rsp;
    uint32_t status =
        image_add_stack(&child->image, world->buffer.memory,
                        world->buffer.offset_pages * PAGE_BYTES + buffer_bytes - used, used, &world->source);
    return status == OK || report_failure(child, "stack", status);
}

static bool load_image(struct child *child, const char *path, struct world *world, struct elf_plan *plan) {
    struct image_file file;
    const uint8_t *bytes;
    if (!world_find_file(world, path, &file, &bytes))
        return false;
    struct elf_limits limits = {LAYOUT_IMAGE_LOWEST, LAYOUT_IMAGE_END - LAYOUT_IMAGE_BASE};
    struct elf_result parsed = elf_plan_image(bytes, file.size_bytes, limits, plan);
    if (parsed.error != ELF_OK) {
        char text[ELF_MESSAGE_MAX];
        (void)elf_format_result(parsed, text, sizeof text);
        log_print("init: %s: %s: %s", child->program->name, path, text);
        return false;
    }
    child->entry.rip = image_base(plan) + plan->entry;
    child->image.space = child->space;
    child->image.mark = image_mark_of(plan, image_base(plan), bytes);
    uint32_t status = image_load(&child->image, plan, image_base(plan), &file, &world->source);
    if (status == OK)
        status = image_add_message(&child->image, &child->message);
    return status == OK || report_failure(child, path, status);
}

/*
 * Set aside the frames for the stack, and for swaps. The stack is built last, since its notes list the memory that the
 * program gets; and by then the program may have got all memory that was left.
 */
static bool keep_stack(const struct child *child, struct world *world) {
    return world_keep(world, LAYOUT_STACK_PAGES + WORLD_BUFFER_PAGES + SWAP_PAGES) ||
           report_failure(child, "stack", P_NO_MEMORY);
}

static bool take_memory(struct child *child, struct world *world) {
    child->pool = world_make_pool(world, child->program->pool_pages);
    if (child->pool == 0 || !world_take(world, 1, &child->message))
        return report_failure(child, "pool", P_NO_MEMORY);
    if (child->program->keep_pages != 0 && !world_take(world, child->program->keep_pages, &child->keep))
        return report_failure(child, "keep", P_NO_MEMORY);
    return kept_clear_page(child, "message page", &child->message) &&
           (child->keep.page_count == 0 || kept_clear_page(child, "keep", &child->keep));
}

bool child_build(struct child *child, struct world *world, cap_t fault_endpoint) {
    struct elf_plan plan;
    memcpy(child->path, child->program->image, sizeof child->path);
    child->generation = 1;
    return take_memory(child, world) && create(child, OBJECT_SPACE, 0, &child->space) &&
           create(child, OBJECT_THREAD, 0, &child->thread) &&
           create(child, OBJECT_TABLE, child->program->slots, &child->table) &&
           configure(child, world, fault_endpoint) && load_image(child, child->program->image, world, &plan) &&
           kept_map(child) && keep_stack(child, world) && install_caps(child, world) &&
           kept_write_head(child, world, NULL, KEEP_SETTLED) && build_stack(child, world, &plan);
}

/* ---- another program in the place of one that ended ---- */

void child_drop_image(struct child *child, struct world *world) {
    if (child->space == 0)
        return;                         /* and slot 0 holds the right to answer init's caller */
    (void)sys_cap_revoke(child->space); /* can't fail, nor can the deletion: the slot is init's own */
    (void)sys_cap_delete(0, child->space);
    slot_free(child->space);
    child->space = 0;
    world_give_image(world, &child->image);
    child->image = (struct image){0};
}

/* The program's capability to its own Space, if its manifest gives it one, means this one. */
static bool give_space(const struct child *child) {
    if (child->space_slot == 0)
        return true;
    (void)sys_cap_delete(child->table, child->space_slot); /* E_CAP: it went with the Space before */
    struct result result = sys_cap_copy(child->table, child->space_slot, child->space, RIGHTS_ALL, 0);
    return result.status == OK || report_failure(child, "space", result.status);
}

/* Build all but the head and the stack, in a new Space. */
static bool build_image(struct child *child, const char *path, struct world *world, struct elf_plan *plan) {
    return create(child, OBJECT_SPACE, 0, &child->space) && load_image(child, path, world, plan) && kept_map(child);
}

bool child_build_beside(const struct child *child, const char *path, struct world *world, struct child *ret_next) {
    struct elf_plan plan;
    *ret_next = *child;
    ret_next->space = 0;
    ret_next->image = (struct image){0};
    memcpy(ret_next->path, path, strlen(path) + 1);
    if (build_image(ret_next, path, world, &plan) && build_stack(ret_next, world, &plan))
        return true;
    child_drop_image(ret_next, world);
    return false;
}

bool child_enter(const struct child *child) { return give_space(child) && child_start(child); }

bool child_rebuild(struct child *child, const char *path, struct world *world, const struct thread_registers *dead) {
    struct elf_plan plan;
    child_drop_image(child, world);
    if (!build_image(child, path, world, &plan) || !give_space(child))
        return false;
    child->generation++;
    return kept_write_head(child, world, dead, KEEP_SETTLED) && build_stack(child, world, &plan);
}

/* Log what the kernel's refusal does not say. */
static void report_refusal(const struct child *child, const struct audit_failure *failure) {
    char name[64];
    (void)format_into(name, sizeof name, "init: %s", child->program->name);
    refusal_log_code(name, child->space, &child->entry);
    refusal_log_stack(name, child->space, &child->entry);
    refusal_log_audit(name, child->space, failure);
}

bool child_start(const struct child *child) {
    memcpy(program.message->data, &child->entry, sizeof child->entry);
    struct result result = sys_thread_handover(child->thread, child->space, HANDOVER_RESUME);
    if (result.status == E_AUDIT) {
        struct audit_failure failure;
        memcpy(&failure, program.message->data, sizeof failure);
        char text[AUDIT_TEXT_MAX];
        audit_format(&failure, text, sizeof text);
        report_refusal(child, &failure);
        log_print("init: %s: handover refused: %s", child->program->name, text); /* last: `./baton` shows this line */
        return false;
    }
    return result.status == OK || report_failure(child, "handover", result.status);
}
