#include "libsys/maker/refusal.h"

#include "kernel/abi/rights.h"
#include "libsys/maker/audit_text.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"

/* An entry of a page table. Source: Intel SDM vol. 3A, 4-Level Paging */
#define ENTRY_WRITE (1ULL << 1)
#define ENTRY_USER (1ULL << 2)
#define ENTRY_NO_EXECUTE (1ULL << 63)
#define ENTRY_ADDRESS 0x000ffffffffff000ULL

/* "r-x" */
struct rights_text {
    char text[4];
};

static struct rights_text rights_text(uint32_t rights) {
    return (struct rights_text){{(rights & MEMORY_READ) != 0 ? 'r' : '-', (rights & MEMORY_WRITE) != 0 ? 'w' : '-',
                                 (rights & MEMORY_EXECUTE) != 0 ? 'x' : '-'}};
}

/* The rights that a program has by a complete walk: all entries on the way grant them. */
static uint32_t walk_rights(const struct space_walk *walk) {
    uint64_t all = UINT64_MAX, any = 0;
    for (uint64_t i = 0; i < walk->levels; i++) {
        all &= walk->entry[i];
        any |= walk->entry[i];
    }
    if ((all & ENTRY_USER) == 0)
        return 0;
    return MEMORY_READ | ((all & ENTRY_WRITE) != 0 ? MEMORY_WRITE : 0U) |
           ((any & ENTRY_NO_EXECUTE) == 0 ? MEMORY_EXECUTE : 0U);
}

/* The physical address of the page of `at`, which may be a part of a large one. */
static uint64_t walk_memory(const struct space_walk *walk, uaddr_t at) {
    uint64_t inside = (PAGE_BYTES << 9 * (4 - walk->levels)) - 1;
    return (walk->entry[walk->levels - 1] & ENTRY_ADDRESS & ~inside) | (at & inside & ~(PAGE_BYTES - 1));
}

void refusal_format_page(cap_t space, uaddr_t at, uint32_t rights, char *buffer, size_t buffer_bytes) {
    struct space_walk walk;
    struct result result = sys_space_query(space, at);
    memcpy(&walk, program.message->data, sizeof walk);
    struct rights_text needed = rights_text(rights);
    if (result.status == E_ARG)
        (void)format_into(buffer, buffer_bytes, "no address that a program can have");
    else if (result.status != OK)
        (void)format_into(buffer, buffer_bytes, "needs %s, has what the kernel does not tell: %s", needed.text,
                          status_text(result.status));
    else if (result.value < walk.levels)
        (void)format_into(buffer, buffer_bytes, "needs %s, has no page: the walk ends at level %lu", needed.text,
                          4 - result.value);
    else
        (void)format_into(buffer, buffer_bytes, "needs %s, has %s, memory 0x%lx", needed.text,
                          rights_text(walk_rights(&walk)).text, walk_memory(&walk, at));
}

void refusal_format_audit(cap_t space, const struct audit_failure *known, char *buffer, size_t buffer_bytes) {
    struct result result = {0};
    struct audit_failure found;
    while (result.status == OK && result.value < USER_LIMIT)
        result = sys_space_audit(space, result.value);
    memcpy(&found, program.message->data, sizeof found);
    if (result.status == OK)
        (void)format_into(buffer, buffer_bytes, "sound");
    else if (result.status != E_AUDIT)
        (void)format_into(buffer, buffer_bytes, "what the kernel does not tell: %s", status_text(result.status));
    else if (found.check == known->check)
        (void)format_into(buffer, buffer_bytes, "no further than that");
    else
        audit_format(&found, buffer, buffer_bytes);
}

static void log_page(const char *name, const char *what, cap_t space, uaddr_t at, uint32_t rights) {
    char text[REFUSAL_TEXT_MAX];
    refusal_format_page(space, at, rights, text, sizeof text);
    log_print("%s: %s, 0x%016lx: %s", name, what, at, text);
}

void refusal_log_code(const char *name, cap_t space, const struct thread_registers *entry) {
    log_page(name, "first instruction", space, entry->rip, MEMORY_READ | MEMORY_EXECUTE);
}

void refusal_log_stack(const char *name, cap_t space, const struct thread_registers *entry) {
    log_page(name, "word below the stack pointer", space, entry->rsp - 8, MEMORY_READ | MEMORY_WRITE);
}

void refusal_log_audit(const char *name, cap_t space, const struct audit_failure *known) {
    char text[REFUSAL_TEXT_MAX];
    refusal_format_audit(space, known, text, sizeof text);
    log_print("%s: audit of the whole space: %s", name, text);
}
