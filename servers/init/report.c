#include "servers/init/report.h"

#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"

#define REPORT_AGAIN_NS 10000000000U /* after so long, the same report is made in full once more */

bool report_failure(const struct child *child, const char *what, uint64_t status) {
    log_print("init: %s: %s: %s", child->program->name, what, status_text(status));
    return false;
}

/* A server's memory, for a walk of its stack. */
struct server_stack {
    struct backtrace_memory memory; /* first: one pointer names both */
    const struct world *world;
    const struct image *image;
};

/* Read a word of the stack, through the buffer for new stacks, which is unused once all programs run. */
static bool read_word(struct backtrace_memory *memory, uaddr_t at, uint64_t *ret_word) {
    const struct server_stack *reader = (const struct server_stack *)(const void *)memory;
    const struct memory_run *buffer = &reader->world->buffer;
    for (uint32_t i = 0; i < reader->image->piece_count; i++) {
        const struct image_piece *piece = &reader->image->pieces[i];
        if (at < piece->at || at - piece->at >= piece->page_count * PAGE_BYTES)
            continue;
        uint64_t offset = piece->offset_pages * PAGE_BYTES + (at - piece->at);
        if (sys_memory_copy(buffer->memory, buffer->offset_pages * PAGE_BYTES, piece->memory, offset, sizeof *ret_word)
                .status != OK)
            return false;
        memcpy(ret_word, (const void *)WORLD_BUFFER_AT, sizeof *ret_word);
        return true;
    }
    return false;
}

/*
 * A server that dies at its start is started again, dies in the same way, and so on. A Pool's words on the log are
 * rationed (kernel/memory/pool.h), and full reports would use up those in which init says what it does about it.
 */
static bool is_reported(const struct child *child, uint64_t now_ns) {
    const struct fault_message *one = &child->fault, *other = &child->reported.fault;
    return child->reported.at_ns != 0 && now_ns - child->reported.at_ns < REPORT_AGAIN_NS &&
           memcmp(&child->reported.mark, &child->image.mark, sizeof child->image.mark) == 0 &&
           one->kind == other->kind && one->rip == other->rip && one->address == other->address;
}

void report_fault(const struct world *world, struct child *child) {
    struct server_stack reader = {{read_word}, world, &child->image};
    const char *name = child->program->name;
    uint64_t now_ns = sys_clock_read().value;
    if (is_reported(child, now_ns)) {
        log_print("init: %s has ended in the same way again", name);
        return;
    }
    child->reported.mark = child->image.mark;
    child->reported.fault = child->fault;
    child->reported.at_ns = now_ns;
    fault_log_image(name, &child->image.mark);
    fault_log(name, &child->fault, image_stack_lowest(&child->image), NULL);
    fault_log_callers(name, &child->fault, &reader.memory);
}

void report_hang(const struct world *world, const struct child *child, uint64_t silent_ms) {
    struct server_stack reader = {{read_word}, world, &child->image};
    const char *name = child->program->name;
    fault_log_image(name, &child->image.mark);
    log_print("%s: hangs: it has taken no message for %lu ms, rip 0x%016lx", name, silent_ms,
              child->fault.registers.rip);
    fault_log_callers(name, &child->fault, &reader.memory);
}
