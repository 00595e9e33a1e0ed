/*
 * With -Dchecks: provokes failures of the kernel, to prove that they are noticed and explained.
 */
#include "kernel/arch/x86_64/apic.h"
#include "kernel/arch/x86_64/audit.h"
#include "kernel/arch/x86_64/layout.h"
#include "kernel/base/string.h"
#include "kernel/calls/check.h"
#include "kernel/machine/call.h"
#include "kernel/machine/lock.h"
#include "kernel/memory/pool.h"
#include "kernel/memory/space.h"
#include "kernel/run/fastpath.h"
#include "kernel/run/table.h"

/* The first of docs/lessons.md: load a root with the user half and without the kernel half. */
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

static uint64_t flip_mask(uint64_t flip) {
    static const uint64_t masks[] = {PTE_PRESENT, PTE_WRITE, PTE_USER, PTE_NO_EXECUTE, PAGE_BYTES};
    return flip < sizeof masks / sizeof masks[0] ? masks[flip] : 0;
}

/*
 * Copy the kernel's tables on the way to `address`, from the level below the root down to `level`, so that only `space`
 * has the copies; then flip `mask` in the entry of `level`.
 */
static enum status corrupt_entry(struct space *space, uint64_t address, uint64_t level, uint64_t mask) {
    uint64_t *table = arch_pointer(space->root);
    for (uint32_t at = 4; at > level; at--) {
        uint64_t *entry = &table[pte_index(address, at)];
        if ((*entry & PTE_PRESENT) == 0 || (at < 4 && (*entry & PTE_LARGE) != 0))
            return E_EMPTY;         /* the walk ends above that level */
        if (address < USER_LIMIT) { /* no other space has these tables */
            table = arch_pointer(*entry & PTE_ADDRESS);
            continue;
        }
        uint64_t *copy = pool_take_run(space->object.pool, 0, FRAME_OBJECT);
        if (copy == NULL)
            return E_MEMORY;
        memory_move(copy, arch_pointer(*entry & PTE_ADDRESS), PAGE_BYTES);
        *entry = (*entry & ~PTE_ADDRESS) | arch_physical(copy);
        table = copy;
    }
    table[pte_index(address, (uint32_t)level)] ^= mask;
    return OK;
}

static enum status corrupt(const struct thread *self) {
    struct control_corrupt what;
    struct cap_slot *space, *thread;
    if (self->message == NULL)
        return E_STATE;
    memory_move(&what, self->message->data, sizeof what);
    enum status status = table_find(self, what.space, OBJECT_SPACE, SPACE_MAP, &space);
    if (status == OK)
        status = table_find(self, what.thread, OBJECT_THREAD, THREAD_CONTROL, &thread);
    if (status != OK)
        return status;
    uint64_t address = what.check == AUDIT_WRITE_EXECUTE
                           ? what.at
                           : audit_needed_address((enum audit_check)what.check, cap_object(thread));
    if (address == 0 || what.level < 1 || what.level > 4 || flip_mask(what.flip) == 0)
        return E_ARG;
    return corrupt_entry(cap_object(space), address, what.level, flip_mask(what.flip));
}

enum status arch_test(enum control_test test, uint64_t parameter) {
    struct thread *self = caller();
    const struct frame *frame = &self->arch.frame;
    switch (test) {
    case CONTROL_TEST_PANIC:
        panic("asked for by a test");
    case CONTROL_TEST_TRIPLE_FAULT:
        load_bare_root();
    case CONTROL_TEST_HANG:
        __asm__ volatile("1: pause; jmp 1b"); /* no call: a debugger or report always finds it here */
        __builtin_unreachable();
    case CONTROL_TEST_STACK_OVERFLOW:
        return use_stack(UINT32_MAX) == 0 ? OK : E_STATE;
    case CONTROL_TEST_KERNEL_READ:
        return *(const volatile uint64_t *)(frame->rsp & ~7ULL) == 0 ? OK : E_STATE;
    case CONTROL_TEST_KERNEL_FETCH:
        ((void (*)(void))frame->rip)();
        return OK;
    case CONTROL_TEST_REFUSE:
        pool_refuse_at = parameter;
        return OK;
    case CONTROL_TEST_CORRUPT:
        return corrupt(self);
    case CONTROL_TEST_NO_AUDIT:
        handover_unaudited = true;
        return OK;
    case CONTROL_TEST_NMI:
        apic_arm_nmi(parameter);
        return OK;
    case CONTROL_TEST_FASTPATH:
        fastpath_bar(FASTPATH_BAR_TEST, parameter == 0);
        return OK;
    case CONTROL_TEST_SCHEDULE:
        explore_seed = parameter;
        return OK;
    case CONTROL_TEST_BOOT_ONLY_READ:
        return *(const volatile uint64_t *)(uintptr_t)kernel_image_start == 0 ? OK : E_STATE;
    case CONTROL_TEST_BOOT_ONLY_RUN:
        ((void (*)(void))(uintptr_t)kernel_image_start)();
        return OK;
    case CONTROL_TEST_COUNT:
        break;
    }
    return E_ARG;
}
