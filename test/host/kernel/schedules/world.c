/*
 * The objects of a scenario, made once, by the kernel's own functions, before any schedule. All threads share one
 * table. All objects are in one pool, except the doomed ones.
 */
#include "test/host/kernel/schedules/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/abi/rights.h"
#include "kernel/arch.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/base/assert.h"
#include "kernel/base/ledger.h"
#include "kernel/base/string.h"
#include "kernel/calls/check.h"
#include "kernel/cap/object.h"
#include "kernel/ending/binding.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/lock.h"
#include "kernel/machine/log.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/pool.h"
#include "kernel/memory/space.h"
#include "kernel/run/fastpath.h"
#include "kernel/run/sched.h"
#include "kernel/run/table.h"
#include "kernel/run/timer.h"

#define POOL_FRAMES 24U
#define DOOMED_FRAMES 12U
#define FIRST_POOL 2U /* the first frame: 0 is unused, 1 is the sealed root */
#define FIRST_DOOMED (FIRST_POOL + POOL_FRAMES)
#define FIRST_USER (FIRST_DOOMED + DOOMED_FRAMES)
#define FIRST_MESSAGE (FIRST_USER + WORLD_PAGES)
#define FRAMES (FIRST_MESSAGE + WORLD_THREADS)
#define LATE_MAX 50U
#define CONSTANTS_MAX 8U
#define ENDS_KEPT 65536U

struct schedule_world world;
uintptr_t direct_map;
struct cpu *cpus[CPUS_MAX];
uint32_t cpu_total;

static _Alignas(PAGE_BYTES) uint8_t arena[FRAMES * PAGE_BYTES];
static struct frame_entry frames[FRAMES];
static struct memory memory;
static struct explore_program program;
static char failure[128];
/* Kernel words that are read without the lock, because they never change, and their values when first read. */
static struct {
    uintptr_t address;
    uint32_t value;
} constants[CONSTANTS_MAX];
static uint32_t constant_count;
static uint64_t ends[ENDS_KEPT]; /* values of explore_end() for which the invariants held */

struct cpu *arch_this_cpu(void) {
    return &world.cpus[explore_cpu()];
}
struct thread *arch_this_thread(void) {
    return arch_this_cpu()->current;
}
void arch_relax(void) { explore_relax(); }
_Noreturn void panic(const char *text) { explore_fail("panic: %s", text); }
void arch_irq_mask(uint32_t line) { (void)line; }
void arch_irq_hold(uint32_t line) { (void)line; }
void arch_irq_unmask(uint32_t line) { (void)line; }
void arch_log_write(const char *text, uint64_t length) {
    (void)text;
    (void)length;
}
uint64_t arch_log_send(const char *text, uint64_t length) {
    (void)text;
    return length;
}

static void make_machine(uint32_t cpu_count) {
    memset(&world, 0, sizeof world);
    memset(arena, 0, sizeof arena);
    memset(frames, 0, sizeof frames);
    direct_map = (uintptr_t)arena;
    ledger = (struct ledger){.frames = frames, .frame_count = FRAMES, .ram_count = FRAMES - 1};
    frames[0].type_and_count = frames[1].type_and_count = (uint32_t)FRAME_KERNEL << 28;
    sealed_root = PAGE_BYTES;
    list_init(&all_pools);
    cap_count = 0;
    kernel_ticket_lock = (struct ticket_lock){0};
    kernel_ticket_lock.holder = UINT32_MAX;
    constant_count = 0;
    memset(ends, 0, sizeof ends);
    log_limit = LOG_ERROR;
    cpu_total = cpu_count;
    for (uint32_t i = 0; i < cpu_count; i++) {
        struct cpu *cpu = cpus[i] = &world.cpus[i];
        cpu->index = i;
        cpu->blocked = cpu->unsettled = true;
        cpu->armed_ns = DEADLINE_NEVER;
        cpu->arch.root = sealed_root;
        for (uint32_t p = 0; p < PRIORITIES; p++)
            list_init(&cpu->ready[p]);
        fastpath_update(cpu);
    }
    kernel_lock_share();
}

static void *must(void *made) {
    if (made == NULL)
        abort(); /* a pool is too small for the scenario */
    return made;
}

static struct cap_slot *slots;

static void give(uint32_t slot, struct object *object, uint64_t data) {
    cap_set_first(&slots[slot], object, RIGHTS_ALL, data);
}

static void make_spaces(const struct scenario *scenario, struct pool *pool, struct pool *doomed) {
    for (uint32_t i = 0; i < WORLD_SPACES; i++) {
        struct space *space = must(space_make(i == 1 && scenario->doomed_space ? doomed : pool));
        give(CAP_SPACE + i, &space->object, 0);
        uint32_t rights = MEMORY_READ | MEMORY_WRITE;
        struct frame_run run = {.frame = FIRST_USER, .page_count = 1, .at = PAGE_AT, .flags = rights, .limit = rights};
        uint64_t where;
        if (space_map_frames(space, &run, &where) != OK)
            abort();
    }
}

static void make_thread(uint32_t index, const struct actor *actor, struct pool *pool) {
    struct thread *thread = world.threads[index] = must(thread_make(pool));
    give(CAP_THREAD + index, &thread->object, 0);
    thread_bind(thread, &thread->table, &slots[CAP_TABLE]);
    thread_bind(thread, &thread->space, &slots[CAP_SPACE + actor->space]);
    thread_hold_message_frame(thread, FIRST_MESSAGE + index);
    if (actor->may_be_asked)
        thread_bind(thread, &thread->fault_endpoint, &slots[CAP_ENDPOINT]);
    thread_set_priority(thread, actor->priority);
    thread->cpu = cpus[actor->cpu];
    thread_set_direct(thread);
    arch_registers_write(thread, &(struct thread_registers){.rip = user_entry(index), .rsp = user_stack(index)});
    if (!actor->stopped)
        sched_ready(thread);
}

static void make_objects(const struct scenario *scenario) {
    struct pool *pool = pool_make(FIRST_POOL, POOL_FRAMES), *doomed = pool_make(FIRST_DOOMED, DOOMED_FRAMES);
    struct table *table = must(table_make(pool, 32));
    slots = table->slots;
    give(CAP_TABLE, &table->object, 0);
    give(CAP_POOL, &pool->object, 0);
    give(CAP_DOOMED, &doomed->object, 0);
    memset(&memory, 0, sizeof memory);
    object_init(&memory.object, OBJECT_MEMORY, NULL, 0);
    give(CAP_MEMORY, &memory.object, RANGE(FIRST_USER, WORLD_PAGES));
    struct endpoint *endpoint = must(endpoint_make(scenario->doomed_endpoint ? doomed : pool));
    give(CAP_ENDPOINT, &endpoint->object, 1);
    struct notification *notification = must(notification_make(pool));
    give(CAP_SIGNAL, &notification->object, 0);
    make_spaces(scenario, pool, doomed);
    for (uint32_t i = 0; i < WORLD_THREADS; i++) {
        const struct actor *actor = &scenario->actors[i];
        if (actor->priority != 0)
            make_thread(i, actor, actor->doomed ? doomed : pool);
    }
    if (scenario->bound_signal)
        thread_bind(world.threads[1], &world.threads[1]->notification, &slots[CAP_SIGNAL]);
}

static uint64_t digest(uint64_t sum, const void *at, size_t bytes) {
    for (const uint64_t *word = at; word < (const uint64_t *)at + bytes / sizeof *word; word++)
        sum = (sum ^ *word) * 0x100000001b3ULL;
    return sum;
}

uint64_t world_digest(void) {
    uint64_t sum = digest(cap_count, arena, sizeof arena);
    sum = digest(sum, frames, sizeof frames);
    sum = digest(sum, world.cpus, sizeof world.cpus);
    return digest(digest(sum, &ledger, sizeof ledger), &kernel_ticket_lock, sizeof kernel_ticket_lock);
}

struct notification *world_signal(void) {
    return cap_object(&slots[CAP_SIGNAL]);
}

/* ---- a schedule ---- */

static bool has_ended(uint32_t thread) { return (world.live.ended >> thread & 1) != 0; }

/* Whether all actors that must end have ended; whatever else may happen later does not matter. */
static bool is_over(void) {
    for (uint32_t i = 0; i < WORLD_THREADS; i++) {
        const struct actor *actor = &world.scenario->actors[i];
        if (actor->priority != 0 && !actor->may_not_end && !has_ended(i))
            return false;
    }
    return true;
}

static bool idle(void) { return !is_over() && world.live.late_count++ < LATE_MAX && user_let_time_pass(); }

/* Check the invariants, unless a schedule has ended in this state before: a scenario has some hundred different ends,
 * and the check takes as long as all else. */
static uint64_t check_new_end(void) {
    uint64_t end = explore_end(), *place = &ends[end % ENDS_KEPT];
    if (*place == end)
        return INVARIANT_NONE;
    uint64_t broken = check_invariants();
    if (broken == INVARIANT_NONE)
        *place = end;
    return broken;
}

/* A check beyond the invariants: a queue that has lost a thread is still well formed. */
static bool receivers_are_queued(void) {
    const struct endpoint *endpoint = cap_object(&slots[CAP_ENDPOINT]);
    uint64_t waiting = 0, queued = 0;
    for (uint32_t i = 0; i < WORLD_THREADS; i++)
        waiting += world.threads[i] != NULL && world.threads[i]->state == THREAD_IN_WAIT;
    return endpoint == NULL || (heap_is_well_formed(&endpoint->receivers, &queued) && queued == waiting);
}

static uint32_t value_at(uintptr_t address) { return *(const uint32_t *)(address & ~(uintptr_t)3); }

static const char *verdict(void) {
    for (uint32_t i = 0; i < constant_count; i++) {
        if (value_at(constants[i].address) != constants[i].value) {
            snprintf(failure, sizeof failure, "%#" PRIxPTR " is read without the lock, and written",
                     constants[i].address);
            return failure;
        }
    }
    for (uint32_t i = 0; i < WORLD_THREADS; i++) {
        const struct actor *actor = &world.scenario->actors[i];
        if (actor->priority == 0 || actor->may_not_end || has_ended(i))
            continue;
        const struct frame *frame = &world.threads[i]->arch.frame;
        snprintf(failure, sizeof failure, "thread %u did not come to its end: state %u, op %" PRIu64, i,
                 world.threads[i]->state, (frame->rip - user_entry(i)) / OP_BYTES);
        return failure;
    }
    for (uint32_t i = 0; i < cpu_total; i++) {
        uint64_t root = world.cpus[i].arch.root;
        if (root != sealed_root && frame_type(root / PAGE_BYTES) != FRAME_TABLE) {
            snprintf(failure, sizeof failure, "CPU %u has a root that is gone", i);
            return failure;
        }
        const struct thread *owner = world.cpus[i].arch.fpu_owner;
        if (owner != NULL && owner->cpu != &world.cpus[i]) {
            snprintf(failure, sizeof failure, "CPU %u has the FPU registers of a thread that is not its own", i);
            return failure;
        }
    }
    for (uint32_t i = 0; i < WORLD_THREADS; i++) {
        if (world.threads[i] != NULL && (int64_t)world.threads[i]->cpu_time_ticks < 0)
            return "a thread has run for less than no time";
    }
    if (!receivers_are_queued())
        return "a thread waits at the endpoint and is not in its queue";
    uint64_t broken = check_new_end();
    if (broken != 0) {
        snprintf(failure, sizeof failure, "invariant %" PRIu64 " does not hold (check.h)", broken);
        return failure;
    }
    return world.scenario->verdict == NULL ? NULL : world.scenario->verdict();
}

static bool is_of(uintptr_t address, const void *at, size_t bytes) { return address - (uintptr_t)at < bytes; }

/* Whether this word was set before other CPUs started. The end checks that it has not changed. */
static bool is_constant(uintptr_t address) {
    if (is_of(address, arena, sizeof arena) || is_of(address, world.cpus, sizeof world.cpus) ||
        is_of(address, frames, sizeof frames))
        return false;
    for (uint32_t i = 0; i < constant_count; i++) {
        if (constants[i].address == address)
            return true;
    }
    if (constant_count == CONSTANTS_MAX)
        return false;
    constants[constant_count].address = address;
    constants[constant_count++].value = value_at(address);
    return true;
}

/*
 * A CPU in the kernel may load and store without the lock: the lock itself; its own private words, and the frame of the
 * thread with which it enters or leaves; words that never change; and anything, while it answers a request, since the
 * asker holds the lock and waits, or in the fast path.
 */
static bool may_do_unlocked(uint32_t index, uintptr_t address, bool is_store) {
    const struct cpu *cpu = &world.cpus[index];
    uintptr_t in_cpu = address - (uintptr_t)cpu;
    if (is_of(address, &kernel_ticket_lock, sizeof kernel_ticket_lock) || cpu->asked != 0 || cpu->arch.fast != 0)
        return true;
    if (in_cpu < sizeof(struct cpu)) {
        return in_cpu < sizeof(struct arch_cpu) || in_cpu == offsetof(struct cpu, asked) ||
               (in_cpu == offsetof(struct cpu, current) && !is_store);
    }
    if (cpu->current != NULL && is_of(address, &cpu->current->arch.frame, sizeof(struct frame)))
        return true;
    return !is_store && is_constant(address);
}

const struct explore_program *world_make(const struct scenario *scenario) {
    make_machine(scenario->cpu_count);
    world.scenario = scenario;
    make_objects(scenario);
    program = (struct explore_program){.cpu_count = scenario->cpu_count,
                                       .begin = user_begin,
                                       .cpu = entry_first,
                                       .idle = idle,
                                       .unlocked = may_do_unlocked,
                                       .lock = &kernel_ticket_lock,
                                       .verdict = verdict};
    return &program;
}
