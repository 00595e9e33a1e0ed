#include "test/host/kernel/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/arch.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/assert.h"
#include "kernel/call.h"
#include "kernel/check.h"
#include "kernel/fastpath.h"
#include "kernel/ledger.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/space.h"
#include "kernel/string.h"

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

    memset(&machine, 0, sizeof(machine));
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
    memset(&memory_region, 0, sizeof(memory_region));
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

#define ARGUMENTS_0
#define ARGUMENTS_1 words[0]
#define ARGUMENTS_2 ARGUMENTS_1, words[1]
#define ARGUMENTS_3 ARGUMENTS_2, words[2]
#define ARGUMENTS_4 ARGUMENTS_3, words[3]
#define ARGUMENTS_5 ARGUMENTS_4, words[4]
#define ARGUMENTS_6 ARGUMENTS_5, words[5]

static struct result dispatch(uint64_t number, const uint64_t words[static 6]) {
    switch (number) {
#define SYSCALL(number, name, count, prototype) \
    case number:                                \
        return sys_##name(ARGUMENTS_##count);
#define SYSCALL_MESSAGE(number, name)
#include "kernel/abi/syscall.def"
#undef SYSCALL
#undef SYSCALL_MESSAGE
    default:
        return result(E_CALL);
    }
}

/* What arch/x86_64/syscall.S does, but for the fast path. */
void machine_enter(void) {
    struct cpu *cpu = &machine.cpu;
    struct thread *self = cpu->current;
    uint64_t number = self->arch.frame.status;
    kernel_lock();
    if (cpu->arch.call_limit == 0 && syscall_watched())
        return;
    struct frame *frame = &self->arch.frame;
    bool plain = number < cpu->arch.call_limit;
    const uint64_t *words = frame->words;
    const uint64_t arguments[6] = {frame->target, frame->info, words[0], words[1], words[2], words[3]};
    struct result result = syscall_is_message(number) ? syscall_run_message() : dispatch(number, arguments);
    bool switched = result.status == CALL_BLOCKED && !cpu->unsettled;
    if (plain && switched) {
        cpu->current = (struct thread *)result.value;
        arch_switch(cpu, cpu->current);
        kernel_unlock();
        return;
    }
    if (!plain || !syscall_is_settled(cpu, result.status)) {
        syscall_finish(result.status, result.value);
        return;
    }
    kernel_unlock();
    frame->status = result.status;
    frame->words[0] = result.value;
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

void memory_clear(void *memory, uint64_t bytes) { memset(memory, 0, bytes); }
void memory_move(void *to, const void *from, uint64_t bytes) { memcpy(to, from, bytes); }

void memory_fill_words(void *memory, uint64_t word, uint64_t bytes) {
    for (uint64_t i = 0; i < bytes / sizeof(word); i++)
        memcpy((char *)memory + i * sizeof(word), &word, sizeof(word));
}

size_t text_length(const char *text) { return strlen(text); }
int text_compare(const char *a, const char *b, size_t count) { return strncmp(a, b, count); }

struct cpu *arch_this_cpu(void) {
    return &machine.cpu;
}
struct thread *arch_this_thread(void) {
    return machine.cpu.current;
}
void arch_thread_init(struct thread *thread) { memset(&thread->arch, 0, sizeof(thread->arch)); }
void arch_thread_clear(struct thread *thread) { memset(thread, 0, sizeof(*thread)); }
void arch_thread_release(struct thread *thread) { (void)thread; }
void arch_switch(struct cpu *cpu, struct thread *to) { cpu->arch.root = to->arch.root; }
void arch_root_leave(uint64_t root) { (void)root; }
void arch_flush(uint64_t root, uaddr_t at, uint64_t page_count) {
    (void)root;
    (void)at;
    (void)page_count;
}
void arch_relax(void) {}
void arch_interrupt_cpu(const struct cpu *cpu) { (void)cpu; }
void arch_enter_user(void) { panic("no user mode here"); }
bool arch_entry_undo(struct thread *thread) {
    (void)thread;
    return true;
}
void arch_idle(void) {
    if (machine.idle == NULL)
        panic("idle: the test has no thread that can run");
    machine.idle();
}
void arch_restart_call(struct frame *frame) { frame->rip -= 2; }

bool arch_registers_valid(const struct thread_registers *registers) { return registers->rip < USER_LIMIT; }
void arch_registers_write(struct thread *thread, const struct thread_registers *registers) {
    thread->arch.frame.rip = registers->rip;
    thread->arch.frame.rsp = registers->rsp;
}
void arch_registers_read(const struct thread *thread, struct thread_registers *ret_registers) {
    *ret_registers = (struct thread_registers){.rip = thread->arch.frame.rip, .rsp = thread->arch.frame.rsp};
}

enum audit_check arch_audit_root(uint64_t root, const struct thread *thread, struct audit_failure *ret_failure) {
    (void)root;
    (void)thread;
    (void)ret_failure;
    return AUDIT_OK; /* the machine's part is tested on the machine */
}
enum audit_check arch_audit_part(uint64_t root, const struct thread *thread, uint64_t *position,
                                 struct audit_failure *ret_failure) {
    *position = USER_LIMIT;
    return arch_audit_root(root, thread, ret_failure);
}
enum audit_check arch_audit_page(uint64_t root, uaddr_t at, uint32_t rights, bool absent_ok, enum audit_check check,
                                 struct audit_failure *ret_failure) {
    (void)rights;
    (void)ret_failure;
    return absent_ok || arch_table_find(root, at) != NULL ? AUDIT_OK : check;
}

uint64_t arch_clock_ns(void) { return machine.now_ns; }
uint64_t arch_ticks(void) { return machine.now_ns; }
uint64_t arch_ticks_per_second(void) { return 1000000000; }
uint64_t arch_boot_ticks(void) { return 0; }
uint64_t arch_ticks_to_ns(uint64_t ticks) { return ticks; }
void arch_timer_arm(uint64_t deadline_ns) { machine.armed_ns = deadline_ns; }

void arch_irq_mask(uint32_t line) { machine.unmasked_lines &= ~(1U << line); }
void arch_irq_unmask(uint32_t line) { machine.unmasked_lines |= 1U << line; }
void arch_irq_hold(uint32_t line) { (void)line; }
uint64_t arch_port_read(uint16_t port, uint32_t width_bytes) { return port + width_bytes; }
void arch_port_write(uint16_t port, uint32_t width_bytes, uint64_t value) {
    (void)port;
    (void)width_bytes;
    (void)value;
}
void arch_log_write(const char *text, uint64_t length) { fwrite(text, 1, length, stderr); }
_Noreturn void arch_power_off(void) { exit(0); }
_Noreturn void arch_reboot(void) { exit(0); }
enum status arch_test(enum control_test test, uint64_t parameter) {
    (void)test;
    (void)parameter;
    return E_CALL;
}
