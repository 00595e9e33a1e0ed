#include "servers/process/report.h"

#include "kernel/abi/rights.h"
#include "libsys/format.h"
#include "libsys/print.h"
#include "libsys/string.h"
#include "servers/process/memory.h"

#define ADDRESS "0x%016lx"

/* A process's memory, for a walk of its stack. */
struct stack_reader {
    struct backtrace_memory memory; /* first: one pointer names both */
    struct system *system;
    struct incarnation *incarnation;
};

static bool read_word(struct backtrace_memory *memory, uaddr_t at, uint64_t *ret_word) {
    const struct stack_reader *reader = (const struct stack_reader *)(const void *)memory;
    const struct system_work *work = &reader->system->work;
    uint64_t offset = work->run.offset_pages * PAGE_BYTES + WORK_SCRATCH_OFFSET;
    uint32_t status = pager_read(reader->system, reader->incarnation, at, work->run.memory, offset, sizeof *ret_word);
    memcpy(ret_word, work->bytes + WORK_SCRATCH_OFFSET, sizeof *ret_word);
    return status == OK;
}

static void log_image(const char *name, const struct image_mark *image) {
    char id[2 * ELF_BUILD_ID_MAX + 1] = "-";
    for (uint32_t i = 0; i < image->build_id_bytes; i++)
        (void)format_into(id + 2 * i, 3, "%02x", image->build_id[i]);
    log_print("%s: image %s at " ADDRESS " to " ADDRESS ", moved by 0x%lx", name, id, image->start, image->end,
              image->base);
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

/* The mapping with this address, or its neighbours, if there are any. */
static void log_mappings(const char *name, const struct incarnation *incarnation, uaddr_t at) {
    struct process_maps_reply map, below;
    bool has_below = false, has_above = false;
    for (uint64_t i = 0; !has_above && memory_describe(incarnation, i, &map); i++) {
        has_above = map.at > at;
        if (!has_above && at - map.at < map.page_count * PAGE_BYTES) {
            log_mapping(name, "mapped there", &map);
            return;
        }
        if (!has_above) {
            below = map;
            has_below = true;
        }
    }
    if (has_below)
        log_mapping(name, "next below", &below);
    if (has_above)
        log_mapping(name, "next above", &map);
}

void report_fault(struct system *system, struct process *process, const struct fault_message *fault) {
    char name[PROCESS_NAME_MAX + 16];
    struct incarnation *incarnation = &body_of(process)->incarnation;
    struct stack_reader reader = {{read_word}, system, incarnation};
    (void)format_into(name, sizeof name, "process %u (%s)", process->pid, process->name);
    for (uint32_t i = 0; i < incarnation->images.count; i++)
        log_image(name, &incarnation->images.marks[i]);
    fault_log(name, fault);
    fault_log_callers(name, fault, &reader.memory);
    log_mappings(name, incarnation, fault->kind == FAULT_PAGE ? fault->address : fault->rip);
}
