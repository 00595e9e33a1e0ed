#include "libsys/maker/fault.h"

#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "libsys/wire/transfer.h"

#define CALLERS_A_LINE 8U            /* as many as fit LOG_BYTES_MAX */
#define STACK_REACH_BYTES (1U << 20) /* the largest frame that a function is expected to have */

void fault_from_event(const struct server_event *event, struct fault_message *ret_fault) {
    uint64_t words[MESSAGE_WORDS];
    uint32_t count = message_get(&event->message, words);
    if (count < FAULT_WORDS)
        memset(words + count, 0, (FAULT_WORDS - count) * sizeof words[0]); /* absent words are zero */
    memcpy(ret_fault, words, sizeof *ret_fault);
}

const char *fault_text(uint64_t kind) {
    switch ((enum fault_kind)kind) {
    case FAULT_PAGE:
        return "page fault";
    case FAULT_INSTRUCTION:
        return "undefined or privileged instruction";
    case FAULT_PROTECTION:
        return "general protection fault";
    case FAULT_DIVIDE:
        return "divide error";
    case FAULT_BREAKPOINT:
        return "breakpoint";
    case FAULT_STEP:
        return "debug exception";
    case FAULT_FLOAT:
        return "floating-point exception";
    case FAULT_ALIGNMENT:
        return "alignment fault";
    case FAULT_OVERFLOW:
        return "overflow";
    case FAULT_SYSCALL:
        return "foreign system call";
    }
    return "unknown fault";
}

bool fault_is_return(const struct fault_message *fault) {
    return fault->kind == FAULT_INSTRUCTION && fault->registers.rax == PROGRAM_ENDED;
}

static const char *access_text(uint64_t access) {
    if ((access & FAULT_ACCESS_FETCH) != 0)
        return "execute";
    return (access & FAULT_ACCESS_WRITE) != 0 ? "write" : "read";
}

void fault_log_image(const char *name, const struct image_mark *image) {
    char id[2 * ELF_BUILD_ID_MAX + 1] = "-";
    for (uint32_t i = 0; i < image->build_id_bytes; i++)
        (void)format_into(id + 2 * i, 3, "%02x", image->build_id[i]);
    log_print("%s: image %s at 0x%016lx to 0x%016lx, moved by 0x%lx", name, id, image->start, image->end, image->base);
}

/* Whether the stack grew beyond its lowest page. The stack pointer is then there, too, unlike with a stray pointer. */
static bool is_stack_overflow(const struct fault_message *fault, uaddr_t stack_lowest) {
    bool is_below = fault->address < stack_lowest && stack_lowest - fault->address <= STACK_REACH_BYTES;
    uint64_t pointer = fault->registers.rsp;
    bool pointer_is_there = pointer < stack_lowest + PAGE_BYTES && pointer + STACK_REACH_BYTES >= stack_lowest;
    bool is_absent = fault->kind == FAULT_PAGE && (fault->access & FAULT_ACCESS_PRESENT) == 0;
    return is_absent && is_below && pointer_is_there;
}

void fault_log(const char *name, const struct fault_message *fault, uaddr_t stack_lowest, const char *why) {
    const struct thread_registers *r = &fault->registers;
    if (why == NULL)
        why = (fault->access & FAULT_ACCESS_PRESENT) != 0 ? "its rights forbid it" : "nothing is mapped there";
    if (fault_is_return(fault)) {
        log_print("%s: main returned %d", name, (int)r->rdi);
        return;
    }
    if (is_stack_overflow(fault, stack_lowest))
        log_print("%s: stack overflow: %s at 0x%016lx (the stack ends at 0x%016lx), rip 0x%016lx", name,
                  access_text(fault->access), fault->address, stack_lowest, fault->rip);
    else if (fault->kind == FAULT_PAGE)
        log_print("%s: page fault: %s at 0x%016lx (%s), rip 0x%016lx", name, access_text(fault->access), fault->address,
                  why, fault->rip);
    else
        log_print("%s: %s, code 0x%lx, rip 0x%016lx", name, fault_text(fault->kind), fault->access, fault->rip);
    if (fault->walk.levels != 0 && fault->walk.levels <= 4)
        log_print("%s: walk of %lu levels: 0x%lx 0x%lx 0x%lx 0x%lx", name, fault->walk.levels, fault->walk.entry[0],
                  fault->walk.entry[1], fault->walk.entry[2], fault->walk.entry[3]);
    log_print("%s: rax 0x%016lx rbx 0x%016lx rcx 0x%016lx rdx 0x%016lx rsi 0x%016lx rdi 0x%016lx", name, r->rax, r->rbx,
              r->rcx, r->rdx, r->rsi, r->rdi);
    log_print("%s: rbp 0x%016lx rsp 0x%016lx r8 0x%016lx r9 0x%016lx r10 0x%016lx r11 0x%016lx", name, r->rbp, r->rsp,
              r->r8, r->r9, r->r10, r->r11);
    log_print("%s: r12 0x%016lx r13 0x%016lx r14 0x%016lx r15 0x%016lx rflags 0x%lx fs_base 0x%lx", name, r->r12,
              r->r13, r->r14, r->r15, r->rflags, r->fs_base);
}

void fault_log_callers(const char *name, const struct fault_message *fault, struct backtrace_memory *memory) {
    char text[CALLERS_A_LINE * sizeof " 0x0123456789abcdef"];
    uint64_t addresses[BACKTRACE_MAX];
    uint32_t count = backtrace_walk(fault, memory, addresses);
    for (uint32_t first = 0; first < count; first += CALLERS_A_LINE) {
        uint32_t end = count - first < CALLERS_A_LINE ? count : first + CALLERS_A_LINE;
        size_t length = 0;
        for (uint32_t i = first; i < end; i++)
            length += format_into(text + length, sizeof text - length, " 0x%016lx", addresses[i]);
        log_print("%s: callers %u to %u:%s", name, first + 1, end, text);
    }
}
