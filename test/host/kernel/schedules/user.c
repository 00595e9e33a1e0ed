/*
 * User mode: a thread's program, step by step; the CPU's cached translations; interrupts from other CPUs and the clock.
 * Each step checks that this CPU may run this thread, and each access that the page agrees with the tables.
 */
#include <string.h>

#include "kernel/abi/rights.h"
#include "kernel/arch.h"
#include "kernel/arch/x86_64/contract/pte.h"
#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/base/ledger.h"
#include "kernel/machine/lock.h"
#include "kernel/run/thread.h"
#include "test/host/kernel/schedules/world.h"

#define TICKS_AHEAD 500U /* how far each CPU's counter is ahead of the one before */

static struct world_cpu *this_cpu(void) { return &world.live.cpus[explore_cpu()]; }

static uint32_t thread_of(uint64_t rsp) { return (uint32_t)((rsp - user_stack(0)) / PROGRAM_BYTES); }

/* ---- interrupts ---- */

void arch_interrupt_cpu(const struct cpu *cpu) {
    explore_step();
    world.live.cpus[cpu->index].pending |= PENDING_REQUEST;
    explore_wake(cpu->index);
}

bool user_is_interrupted(void) { return this_cpu()->pending != 0; }

uint32_t user_wait(void) {
    struct world_cpu *cpu = this_cpu();
    while (cpu->pending == 0)
        explore_idle();
    uint32_t first = cpu->pending & -cpu->pending;
    cpu->pending &= ~first;
    return first;
}

uint64_t arch_clock_ns(void) { return world.live.now_ns; }
/* No two CPUs' counters are equal. */
uint64_t arch_ticks(void) { return world.live.now_ns + TICKS_AHEAD * explore_cpu(); }
void arch_timer_arm(uint64_t deadline_ns) { this_cpu()->armed_ns = deadline_ns; }

static void fire_timers(void) {
    for (uint32_t i = 0; i < cpu_total; i++) {
        if (world.live.cpus[i].armed_ns > world.live.now_ns)
            continue;
        world.live.cpus[i].armed_ns = DEADLINE_NEVER;
        world.live.cpus[i].pending |= PENDING_TIMER;
        explore_wake(i);
    }
}

bool user_let_time_pass(void) {
    uint64_t next = DEADLINE_NEVER;
    for (uint32_t i = 0; i < cpu_total; i++) {
        if (world.live.cpus[i].armed_ns < next)
            next = world.live.cpus[i].armed_ns;
    }
    if (next == DEADLINE_NEVER)
        return false;
    world.live.now_ns = next;
    fire_timers();
    return true;
}

/* ---- memory ---- */

void user_forget_all(uint32_t cpu) { world.live.cpus[cpu].entry_count = 0; }

void user_forget(uint32_t cpu, uint64_t root, uaddr_t at, uint64_t page_count) {
    struct world_cpu *state = &world.live.cpus[cpu];
    explore_step();
    for (uint32_t i = state->entry_count; i-- > 0;) {
        if (state->entries[i].root == root && state->entries[i].page - at < page_count * PAGE_BYTES)
            state->entries[i] = state->entries[--state->entry_count];
    }
}

/* Walk like the CPU: others may change a table before the next one is read. `is_step` false: in one step. */
static uint64_t walk(uint64_t root, uaddr_t at, bool is_step) {
    const uint64_t *table = arch_pointer(root);
    for (uint32_t level = 4; level >= 1; level--) {
        if (is_step)
            explore_step();
        uint64_t entry = table[pte_index(at, level)];
        if ((entry & PTE_PRESENT) == 0)
            return 0;
        if (level == 1)
            return entry;
        table = arch_pointer(entry & PTE_ADDRESS);
    }
    return 0;
}

static bool lets(uint64_t entry, bool writes) { return entry != 0 && (!writes || (entry & PTE_WRITE) != 0); }

/* The index of the cached translation; entry_count: the page is absent. */
static uint32_t translate(struct world_cpu *cpu, uint64_t root, bool writes) {
    uint32_t place = 0;
    while (place < cpu->entry_count && (cpu->entries[place].root != root || cpu->entries[place].page != PAGE_AT ||
                                        (writes && !cpu->entries[place].is_writable)))
        place++;
    if (place < cpu->entry_count)
        return place;
    uint64_t entry = walk(root, PAGE_AT, true);
    if (!lets(entry, writes))
        return cpu->entry_count;
    cpu->entry_count = 1; /* there is only one page */
    cpu->entries[0].root = root;
    cpu->entries[0].page = PAGE_AT;
    cpu->entries[0].frame = arch_entry_frame(entry);
    cpu->entries[0].is_writable = (entry & PTE_WRITE) != 0;
    return 0;
}

/* The tables differ from a cached translation: this is allowed only while the CPU that changes them holds the lock. */
static bool is_in_change(void) { return kernel_lock_is_held(); }

static bool touch(bool writes) {
    struct world_cpu *cpu = this_cpu();
    uint64_t root = world.cpus[explore_cpu()].arch.root;
    if (frame_type(root / PAGE_BYTES) != FRAME_TABLE)
        explore_fail("CPU %u runs in a space that is gone", explore_cpu());
    uint32_t place = translate(cpu, root, writes);
    if (place == cpu->entry_count)
        return false;
    uint64_t frame = cpu->entries[place].frame;
    explore_step();
    uint64_t now = walk(root, PAGE_AT, false);
    if ((!lets(now, writes) || arch_entry_frame(now) != frame) && !is_in_change())
        explore_fail("CPU %u %s frame %llu by an old translation", explore_cpu(), writes ? "writes" : "reads",
                     (unsigned long long)frame);
    return true;
}

/* ---- FPU ---- */

void user_fpu_move(uint32_t cpu, const struct thread *thread, bool loads) {
    uint32_t index = thread_of(thread->arch.frame.rsp);
    if (loads)
        world.live.cpus[cpu].fpu = world.live.fpu_areas[index];
    else
        world.live.fpu_areas[index] = world.live.cpus[cpu].fpu;
}

/* Use the FPU, which adds one. False: the registers are not the thread's. */
static bool use_fpu(uint32_t thread) {
    if (world.cpus[explore_cpu()].arch.fpu_owner != world.threads[thread])
        return false;
    if (this_cpu()->fpu++ != world.live.fpu_uses[thread]++)
        explore_fail("thread %u has lost FPU registers", thread);
    return true;
}

/* ---- programs ---- */

static void check_running(const struct live *live) {
    uint32_t index = thread_of(live->rsp);
    const struct cpu *cpu = &world.cpus[explore_cpu()];
    const struct thread *thread = world.threads[index];
    if (cpu->current != thread || thread->state != THREAD_RUNNING || cpu->blocked || thread->cpu != cpu)
        explore_fail("CPU %u runs thread %u, and the kernel does not know", cpu->index, index);
    if (cpu->arch.root != thread->arch.root)
        explore_fail("CPU %u runs thread %u in the wrong space", cpu->index, index);
    for (uint32_t i = 0; i < cpu_total; i++) {
        if (i != cpu->index && world.live.cpus[i].running == live->rsp)
            explore_fail("thread %u runs on CPUs %u and %u", index, cpu->index, i);
    }
}

static void note_result(uint32_t thread, uint32_t place, const struct op *op, const struct live *live) {
    world.live.statuses[thread][place] = (uint8_t)live->status;
    world.live.values[thread][place] = live->words[0];
    uint64_t allowed = op->kind == OP_STOP ? ONLY_OK : op->allowed;
    if (live->status >= 64 || (allowed >> live->status & 1) == 0)
        explore_fail("thread %u, op %u: status %llu", thread, place, (unsigned long long)live->status);
}

static void call(const struct op *op, struct live *live) {
    live->status = op->number;
    live->target = op->arguments[0];
    live->info = op->arguments[1];
    for (uint32_t i = 0; i < 4; i++)
        live->words[i] = op->arguments[2 + i];
    live->rip += SYSCALL_BYTES;
    this_cpu()->running = 0;
    explore_outside(false);
    entry_call(live);
}

static void interrupt(struct live *live, uint64_t vector, uint64_t address) {
    this_cpu()->running = 0;
    explore_outside(false);
    entry_interrupt(live, vector, address);
}

/* Go on after the op at `place`. */
static void advance(struct live *live, uint32_t place) {
    live->rip = user_entry(thread_of(live->rsp)) + (place + 1) * (uint64_t)OP_BYTES;
}

static void go_on_or_fault(bool done, uint64_t vector, struct live *live, uint32_t place) {
    if (done)
        advance(live, place);
    else
        interrupt(live, vector, PAGE_AT);
}

static void do_op(const struct op *op, uint32_t thread, uint32_t place, struct live *live) {
    switch (op->kind) {
    case OP_END:
        world.live.ended |= 1U << thread;
        if (!user_is_interrupted())
            explore_idle();
        break;
    case OP_STOP:
        world.live.ended |= 1U << thread;
        call(&(struct op){.number = SYS_thread_suspend, .arguments = {CAP_THREAD + thread}}, live);
        break;
    case OP_CALL:
        call(op, live);
        break;
    case OP_TOUCH:
    case OP_WRITE:
        go_on_or_fault(touch(op->kind == OP_WRITE), VECTOR_PAGE_FAULT, live, place);
        break;
    case OP_FPU:
        go_on_or_fault(use_fpu(thread), VECTOR_NO_FPU, live, place);
        break;
    case OP_TRAP:
        advance(live, place);
        interrupt(live, VECTOR_BREAKPOINT, 0);
        break;
    case OP_STAGE:
        memcpy((char *)world.threads[thread]->message + op->number, op->data, op->bytes);
        advance(live, place);
        break;
    case OP_AGAIN:
        if ((op->allowed >> live->status & 1) != 0)
            place = (uint32_t)op->number - 1;
        advance(live, place);
        break;
    case OP_LATER:
        world.live.now_ns += op->number;
        fire_timers();
        advance(live, place);
        break;
    }
}

_Noreturn void user_run(void) {
    struct live live = {0};
    entry_leave(&live);
    for (;;) {
        explore_outside(true);
        this_cpu()->running = live.rsp;
        explore_step();
        check_running(&live);
        uint32_t thread = thread_of(live.rsp);
        uint32_t place = (uint32_t)((live.rip - user_entry(thread)) / OP_BYTES);
        if (place >= WORLD_OPS)
            explore_fail("thread %u has left its program", thread);
        const struct op *op = &world.scenario->actors[thread].program[place];
        if (live.rip % OP_BYTES == SYSCALL_BYTES) {
            note_result(thread, place, op, &live);
            advance(&live, place);
        } else if (user_is_interrupted()) {
            interrupt(&live, 0, 0);
        } else {
            do_op(op, thread, place, &live);
        }
    }
}

void user_begin(void) {
    memset(&world.live, 0, sizeof world.live);
    memset(world.live.statuses, STATUS_NONE, sizeof world.live.statuses);
    for (uint32_t i = 0; i < EXPLORE_CPUS_MAX; i++)
        world.live.cpus[i].armed_ns = DEADLINE_NEVER;
}
