#include "test/host/kernel/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/arch.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/base/assert.h"
#include "kernel/base/ledger.h"
#include "kernel/base/string.h"
#include "kernel/calls/check.h"
#include "kernel/ending/binding.h"
#include "kernel/machine/call.h"
#include "kernel/machine/lock.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/pool.h"
#include "kernel/memory/space.h"
#include "kernel/run/fastpath.h"
#include "test/host/kernel/machine_rest.h"

struct machine machine;
uintptr_t direct_map;
struct cpu *cpus[CPUS_MAX];
uint32_t cpu_total;

static struct memory memory_region;

void machine_start(void) {
    free((void *)direct_map);
    free(ledger.frames);
    void *arena = aligned_alloc(PAGE_BYTES, MACHINE_FRAMES * PAGE_BYTES);
    if (arena == NULL)
        abort();
    memset(arena, 0xa5, MACHINE_FRAMES * PAGE_BYTES); /* nothing may rely on cleared memory */
    direct_map = (uintptr_t)arena;
    struct frame_entry *frames = calloc(MACHINE_FRAMES, sizeof(struct frame_entry));
    ledger = (struct ledger){.frames = frames, .frame_count = MACHINE_FRAMES, .ram_count = MACHINE_FRAMES - 1};
    frames[0].type_and_count = (uint32_t)FRAME_KERNEL << 28;
    frames[1].type_and_count = (uint32_t)FRAME_KERNEL << 28;
    sealed_root = PAGE_BYTES;
    memory_clear(arch_pointer(sealed_root), PAGE_BYTES);
    list_init(&all_pools);
    cap_count = 0;

    memset(&machine, 0, sizeof machine);
    struct cpu *cpu = &machine.cpu;
    cpu->armed_ns = DEADLINE_NEVER;
    for (uint32_t i = 0; i < PRIORITIES; i++)
        list_init(&cpu->ready[i]);
    cpus[0] = cpu;
    cpu_total = 1;

    machine.pool = pool_make(2, MACHINE_FIRST_FREE - 2);
    machine.table = table_make(machine.pool, 1024);
    struct space *space = space_make(machine.pool);
    machine.self = thread_make(machine.pool);
    struct cap_slot *slots = machine.table->slots;
    cap_set_first(&slots[MACHINE_CAP_TABLE], &machine.table->object, RIGHTS_ALL, 0);
    cap_set_first(&slots[MACHINE_CAP_SPACE], &space->object, RIGHTS_ALL, 0);
    cap_set_first(&slots[MACHINE_CAP_THREAD], &machine.self->object, RIGHTS_ALL, 0);
    cap_set_first(&slots[MACHINE_CAP_POOL], &machine.pool->object, RIGHTS_ALL, 0);
    memset(&memory_region, 0, sizeof memory_region);
    object_init(&memory_region.object, OBJECT_MEMORY, NULL, 0);
    cap_set_first(&slots[MACHINE_CAP_MEMORY], &memory_region.object, RIGHTS_ALL,
                  RANGE(MACHINE_FIRST_FREE, MACHINE_FRAMES - MACHINE_FIRST_FREE));
    thread_bind(machine.self, &machine.self->table, &slots[MACHINE_CAP_TABLE]);
    thread_bind(machine.self, &machine.self->space, &slots[MACHINE_CAP_SPACE]);
    thread_set_priority(machine.self, 32);
    machine.self->state = THREAD_RUNNING;
    cpu->current = machine.self;
    fastpath_update(cpu);
}

void machine_enter(void) {
    kernel_lock();
    machine_run_call(&machine.cpu);
}

uint64_t machine_root(void) { return thread_space(machine.self)->root; }

#define COMPLETED(call)                    \
    struct result result;                  \
    do                                     \
        result = (call);                   \
    while (result.status == CALL_RESTART); \
    return result

struct result machine_copy(cap_t slot, cap_t source) {
    COMPLETED(sys_cap_copy(0, slot, source, RIGHTS_ALL, 0));
}
struct result machine_delete(cap_t slot) {
    COMPLETED(sys_cap_delete(0, slot));
}
struct result machine_revoke(cap_t slot) {
    COMPLETED(sys_cap_revoke(slot));
}

struct result machine_map(uint64_t offset_pages, uint64_t page_count, uaddr_t at, uint64_t flags) {
    COMPLETED(sys_space_map(MACHINE_CAP_SPACE, MACHINE_CAP_MEMORY, offset_pages, page_count, at, flags));
}
struct result machine_unmap(uaddr_t at, uint64_t page_count) {
    COMPLETED(sys_space_unmap(MACHINE_CAP_SPACE, at, page_count));
}
struct result machine_protect(uaddr_t at, uint64_t page_count, uint64_t rights) {
    COMPLETED(sys_space_protect(MACHINE_CAP_SPACE, at, page_count, rights));
}

_Noreturn void panic(const char *text) {
    fprintf(stderr, "# panic: %s\n", text);
    abort();
}

struct cpu *arch_this_cpu(void) {
    return &machine.cpu;
}
struct thread *arch_this_thread(void) {
    return machine.cpu.current;
}
void arch_thread_release(struct thread *thread) { (void)thread; }
void arch_switch(struct cpu *cpu, struct thread *to) { cpu->arch.root = to->arch.root; }
void arch_root_leave(uint64_t root) { (void)root; }
void arch_flush(uint64_t root, uaddr_t at, uint64_t page_count) {
    if (machine.flushed != NULL)
        machine.flushed(root, at, page_count);
}
void arch_relax(void) {}
void arch_interrupt_cpu(const struct cpu *cpu) { (void)cpu; }
void arch_enter_user(void) { panic("no user mode here"); }
bool arch_entry_undo(struct thread *thread) {
    if (thread->state != THREAD_IN_FAULT)
        return true;
    if (thread->fault_kind == FAULT_SYSCALL)
        arch_restart_call(&thread->arch.frame);
    return thread->fault_kind != FAULT_BREAKPOINT && thread->fault_kind != FAULT_STEP &&
           thread->fault_kind != FAULT_OVERFLOW;
}
void arch_idle(bool sleeps) {
    if (!sleeps)
        return; /* no interrupt is pending without a request */
    if (machine.idle == NULL)
        panic("idle: the test has no thread that can run");
    machine.idle();
}
uint64_t arch_clock_ns(void) { return machine.now_ns; }
uint64_t arch_ticks(void) { return machine.now_ns; }
void arch_timer_arm(uint64_t deadline_ns) { machine.armed_ns = deadline_ns; }

void arch_irq_mask(uint32_t line) { machine.unmasked_lines &= ~(1U << line); }
void arch_irq_unmask(uint32_t line) { machine.unmasked_lines |= 1U << line; }
void arch_irq_hold(uint32_t line) { (void)line; }
void arch_log_write(const char *text, uint64_t length) { fwrite(text, 1, length, stderr); }
uint64_t arch_log_send(const char *text, uint64_t length) {
    (void)text;
    return length;
}
