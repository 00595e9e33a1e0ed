/*
 * With -Dchecks: the kernel's own failures, provoked on purpose, to prove that they are noticed and explained.
 */
#include "kernel/arch.h"
#include "kernel/arch/x86_64/asm.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/assert.h"
#include "kernel/call.h"
#include "kernel/space.h"
#include "kernel/string.h"
#include "kernel/thread.h"

/* The founding bug: a root that has the user's half and nothing of the kernel. */
static _Noreturn void load_bare_root(void) {
    uint64_t *root = arch_pointer(thread_space(caller())->root);
    memory_clear(root + 256, 256 * sizeof(uint64_t));
    write_cr3(arch_physical(root));
    panic("a root without the kernel half was loaded, and the kernel goes on");
}

static uint64_t use_stack(uint64_t depth) {
    volatile uint64_t words[128];
    words[0] = depth;
    return depth == 0 ? 0 : use_stack(depth - 1) + words[0];
}

enum status arch_test(enum control_test test) {
    const struct frame *frame = &caller()->arch.frame;
    switch (test) {
    case CONTROL_TEST_PANIC:
        panic("asked for by a test");
    case CONTROL_TEST_TRIPLE_FAULT:
        load_bare_root();
    case CONTROL_TEST_HANG:
        for (;;)
            arch_relax();
    case CONTROL_TEST_STACK_OVERFLOW:
        return use_stack(UINT32_MAX) == 0 ? OK : E_STATE;
    case CONTROL_TEST_KERNEL_READ:
        return *(const volatile uint64_t *)(frame->rsp & ~7ULL) == 0 ? OK : E_STATE;
    case CONTROL_TEST_KERNEL_FETCH:
        ((void (*)(void))frame->rip)();
        return OK;
    }
    return E_ARG;
}
