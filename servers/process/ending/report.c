#include "servers/process/ending/report.h"

#include "kernel/abi/rights.h"
#include "libsys/maker/audit_text.h"
#include "libsys/maker/refusal.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "servers/process/memory/mappings.h"

#define ADDRESS "0x%016lx"

/* A process's memory, for a walk of its stack. */
struct stack_reader {
    struct backtrace_memory memory; /* first: one pointer names both */
    struct server_context *context;
    struct incarnation *incarnation;
};

static bool read_word(struct backtrace_memory *memory, uaddr_t at, uint64_t *ret_word) {
    const struct stack_reader *reader = (const struct stack_reader *)(const void *)memory;
    const struct context_work *work = &reader->context->work;
    uint64_t offset = work->run.offset_pages * PAGE_BYTES + WORK_SCRATCH_OFFSET;
    uint32_t status = pager_read(reader->context, reader->incarnation, at, work->run.memory, offset, sizeof *ret_word);
    memcpy(ret_word, work->bytes + WORK_SCRATCH_OFFSET, sizeof *ret_word);
    return status == OK;
}

static const char *kind_text(uint64_t kind) {
    switch ((enum process_map_kind)kind) {
    case PROCESS_MAP_FILE:
        return "file";
    case PROCESS_MAP_PRIVATE:
        return "private copy of a file";
    case PROCESS_MAP_STACK:
        return "stack";
    case PROCESS_MAP_MESSAGE:
        return "message page";
    case PROCESS_MAP_ANONYMOUS:
        return "anonymous";
    case PROCESS_MAP_SHARED:
        return "shared";
    case PROCESS_MAP_HEAP:
        return "heap";
    }
    return "unknown";
}

static void log_mapping(const char *name, const char *where, const struct process_maps_reply *map) {
    uaddr_t end = map->at + map->page_count * PAGE_BYTES;
    log_print("%s: %s: " ADDRESS " to " ADDRESS ", %c%c%c, %s", name, where, map->at, end,
              (map->rights & MEMORY_READ) != 0 ? 'r' : '-', (map->rights & MEMORY_WRITE) != 0 ? 'w' : '-',
              (map->rights & MEMORY_EXECUTE) != 0 ? 'x' : '-', kind_text(map->kind));
}

/* The mappings at an address of a process and next to it. */
struct neighbourhood {
    bool has_there, has_below, has_above;
    struct process_maps_reply there, below, above;
};

static void look_around(const struct incarnation *incarnation, uaddr_t at, struct neighbourhood *ret_found) {
    struct process_maps_reply map;
    *ret_found = (struct neighbourhood){0};
    for (uint64_t i = 0; !ret_found->has_above && mappings_describe(incarnation, i, &map); i++) {
        if (map.at > at) {
            ret_found->above = map;
            ret_found->has_above = true;
        } else if (at - map.at < map.page_count * PAGE_BYTES) {
            ret_found->there = map;
            ret_found->has_there = true;
        } else {
            ret_found->below = map;
            ret_found->has_below = true;
        }
    }
}

static void log_mappings(const char *name, const struct neighbourhood *found) {
    if (found->has_there) {
        log_mapping(name, "mapped there", &found->there);
        return;
    }
    if (found->has_below)
        log_mapping(name, "next below", &found->below);
    if (found->has_above)
        log_mapping(name, "next above", &found->above);
}

/* Why the access failed. The page tables can't tell: they are a cache, and lack pages that are mapped (vm.h). */
static const char *why_text(const struct neighbourhood *around, uint32_t status) {
    if (!around->has_there)
        return "nothing is mapped there";
    return status == P_ADDRESS ? "its rights forbid it" : status_text(status);
}

void report_fault(struct server_context *context, const struct process_thread *thread,
                  const struct fault_message *fault, uint32_t status) {
    char name[PROCESS_NAME_MAX + 32];
    struct process *process = thread->process;
    struct incarnation *incarnation = &objects_of(process)->incarnation;
    struct stack_reader reader = {{read_word}, context, incarnation};
    struct neighbourhood around;
    size_t length = format_into(name, sizeof name, "process %u (%s)", process->pid, process->name);
    if (thread_number(thread) != 0)
        (void)format_into(name + length, sizeof name - length, ", thread %u", thread_number(thread));
    for (uint32_t i = 0; i < incarnation->images.count; i++)
        fault_log_image(name, &incarnation->images.marks[i]);
    look_around(incarnation, fault->kind == FAULT_PAGE ? fault->address : fault->rip, &around);
    fault_log(name, fault, around.has_there || !around.has_above ? 0 : around.above.at, why_text(&around, status));
    fault_log_callers(name, fault, &reader.memory);
    log_mappings(name, &around);
}

/* Log how this server has recorded the memory at an address: what the tables should show, and what they lack. */
static void log_recorded(const char *name, const struct incarnation *incarnation, uaddr_t at) {
    struct neighbourhood around;
    look_around(incarnation, at, &around);
    log_mappings(name, &around);
}

void report_refusal(const char *path, const struct incarnation *incarnation, const struct thread_registers *entry,
                    char *reason) {
    struct audit_failure failure;
    memcpy(&failure, program.message->data, sizeof failure);
    char text[AUDIT_TEXT_MAX], name[PROCESS_PATH_MAX + sizeof "process: "];
    audit_format(&failure, text, sizeof text);
    (void)format_into(reason, PROTOCOL_REASON_MAX, "the kernel refuses the space: %s", text);
    (void)format_into(name, sizeof name, "process: %s", path);
    log_print("%s: %s", name, reason);
    refusal_log_code(name, incarnation->space, entry);
    log_recorded(name, incarnation, entry->rip);
    refusal_log_stack(name, incarnation->space, entry);
    log_recorded(name, incarnation, entry->rsp - 8);
    refusal_log_audit(name, incarnation->space, &failure);
}
