#include "test/host/kernel/model/lockstep.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel/abi/system.h"
#include "kernel/arch.h"
#include "kernel/base/assert.h"
#include "kernel/base/ledger.h"
#include "kernel/calls/check.h"
#include "kernel/ending/binding.h"
#include "kernel/ending/expire.h"
#include "kernel/ending/reaper.h"
#include "kernel/entry/leave.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/irq.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/call.h"
#include "kernel/machine/lock.h"
#include "kernel/machine/log.h"
#include "kernel/memory/pool.h"
#include "kernel/run/fastpath.h"
#include "kernel/run/queue.h"
#include "kernel/run/sched.h"
#include "test/host/kernel/machine.h"
#include "test/host/kernel/model/compare.h"
#include "test/host/kernel/model/model.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define HISTORY 20U
#define IDLE_EVENTS 64U
#define RESTART_RIP (LOCKSTEP_CALL_RIP - 2)
#define FULL_CHECK_EVERY 64U
#define PORTS 65536U
#define STATUSES 17U
#define RAISES 1024U

struct lockstep lockstep;

static struct object all_lines, all_ports;

static struct {
    uint64_t step;
    uint32_t thread;
    const char *what;
    struct lockstep_call call;
    uint64_t status;
} history[HISTORY];
static uint64_t history_count;

/* Timer interrupts that came while the kernel idled in the middle of a step. */
static struct {
    uint64_t now_ns;
    bool slice_is_over;
} idle_events[IDLE_EVENTS];
static uint32_t idle_count;

/* The bits that the kernel raised for watched endpoints in this step, and the threads that these woke. */
static struct {
    const struct notification *notification;
    uint64_t bits;
    const struct thread *woken;
} raises[RAISES];
static uint32_t raise_count;
static uint64_t raise_total;
static bool in_watch;

/* The linker sends the kernel's calls here (-Wl,--wrap). */
void __wrap_watch_note_removal(const struct object *object, const struct cap_slot *slot,
                               const struct cap_slot *previous);
void __real_watch_note_removal(const struct object *object, const struct cap_slot *slot,
                               const struct cap_slot *previous);
void __wrap_notification_raise(struct notification *notification, uint64_t bits);
void __real_notification_raise(struct notification *notification, uint64_t bits);

void __wrap_watch_note_removal(const struct object *object, const struct cap_slot *slot,
                               const struct cap_slot *previous) {
    in_watch = true;
    __real_watch_note_removal(object, slot, previous);
    in_watch = false;
}

void __wrap_notification_raise(struct notification *notification, uint64_t bits) {
    if (in_watch && raise_count < RAISES) {
        struct thread *woken = queue_first(&notification->waiters), *bound = notification->bound;
        if (woken == NULL && bound != NULL && bound->state == THREAD_IN_WAIT)
            woken = bound;
        raises[raise_count].notification = notification;
        raises[raise_count].bits = bits;
        raises[raise_count++].woken = woken;
    }
    __real_notification_raise(notification, bits);
}

/* Make the same raises in the model, which has not reaped yet. */
static void play_raises(uint64_t *raised) {
    for (uint32_t i = 0; i < raise_count; i++) {
        for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
            if (model.objects[id].type != OBJECT_NOTIFICATION || model.objects[id].kernel != raises[i].notification)
                continue;
            raised[id] |= raises[i].bits;
            model_watch_raised(id, raises[i].bits, compare_thread(raises[i].woken));
        }
    }
    raise_total += raise_count;
    raise_count = 0;
}

static const char *const names[SYSCALL_COUNT] = {
#define SYSCALL(number, name, count, prototype) [number] = #name,
#define SYSCALL_MESSAGE(number, name) [number] = #name,
#include "kernel/abi/syscall.def"
#undef SYSCALL
#undef SYSCALL_MESSAGE
};

static const char *const statuses[STATUSES] = {
#define STATUS(number, name, text) [number] = #name,
#include "kernel/abi/status.def"
#undef STATUS
};

/* How often each call had each outcome. */
static uint32_t outcomes[SYSCALL_COUNT][STATUSES];

static void count_outcome(uint64_t number, uint64_t status) {
    if (number < SYSCALL_COUNT && status < STATUSES)
        outcomes[number][status]++;
}

uint32_t lockstep_print_outcomes(void) {
    uint32_t different = 0;
    for (uint32_t number = 0; number < SYSCALL_COUNT; number++) {
        if (names[number] != NULL)
            printf("# %-16s", names[number]);
        for (uint32_t status = 0; status < STATUSES && names[number] != NULL; status++) {
            different += outcomes[number][status] > 0;
            if (outcomes[number][status] > 0)
                printf(" %s %u", statuses[status], outcomes[number][status]);
        }
        if (names[number] != NULL)
            printf("\n");
    }
    printf("# %" PRIu64 " times a watched endpoint's notification was raised\n", raise_total);
    return different;
}

uint64_t lockstep_random(uint64_t below) { return random_step(&lockstep.seed) % below; }

void lockstep_print_history(void) {
    for (uint64_t i = history_count < HISTORY ? 0 : history_count - HISTORY; i < history_count; i++) {
        const struct lockstep_call *call = &history[i % HISTORY].call;
        printf("# step %" PRIu64 ": thread %u: %s(", history[i % HISTORY].step, history[i % HISTORY].thread,
               history[i % HISTORY].what);
        for (uint32_t j = 0; j < 6; j++)
            printf("%s0x%" PRIx64, j == 0 ? "" : ", ", call->a[j]);
        printf(") = %" PRIu64 "\n", history[i % HISTORY].status);
    }
    fflush(stdout);
}

static void note(const char *what, const struct lockstep_call *call) {
    uint64_t i = history_count++ % HISTORY;
    history[i].step = lockstep.step;
    history[i].thread = model.current;
    history[i].what = what;
    history[i].call = *call;
    history[i].status = MODEL_BLOCKED;
}

static bool slice_is_over(void) { return machine.cpu.slice_end_ns != 0 && machine.now_ns >= machine.cpu.slice_end_ns; }

/* The hardware's part of a timer interrupt: it is one-shot. */
static bool timer_fires(void) {
    if (machine.armed_ns > machine.now_ns)
        return false;
    machine.armed_ns = DEADLINE_NEVER;
    return true;
}

static void idle(void) {
    if (machine.armed_ns == DEADLINE_NEVER || idle_count == IDLE_EVENTS) {
        lockstep.failure = "the kernel idles, and no timer will end it";
        printf("# %s\n", lockstep.failure);
        lockstep_print_history();
        panic("idle for ever");
    }
    if (machine.armed_ns > machine.now_ns)
        machine.now_ns = machine.armed_ns;
    timer_fires();
    idle_events[idle_count].now_ns = machine.now_ns;
    idle_events[idle_count++].slice_is_over = slice_is_over();
    kernel_lock();
    timer_interrupt(&machine.cpu);
    kernel_unlock();
}

static uint32_t add(enum object_type type, uint32_t payer, const void *kernel, uint32_t table, uint32_t slot,
                    uint64_t data) {
    uint32_t id = model_add_object(type, payer);
    model.objects[id].kernel = kernel;
    if (table != 0)
        model_set_first(model_place(table, slot), id, RIGHTS_ALL, data);
    return id;
}

/* Describe to the model the objects that machine_start has made. */
static void describe_machine(void) {
    struct cap_slot *slots = machine.table->slots;
    uint32_t pool = add(OBJECT_POOL, 0, machine.pool, 0, 0, 0);
    uint32_t table = add(OBJECT_TABLE, pool, machine.table, 0, 0, 0);
    model.objects[pool].pool.frame_count = MACHINE_FIRST_FREE - 2;
    model.objects[table].table.slot_count = machine.table->slot_count;
    model_set_first(model_place(table, MACHINE_CAP_TABLE), table, RIGHTS_ALL, 0);
    model_set_first(model_place(table, MACHINE_CAP_POOL), pool, RIGHTS_ALL, 0);
    add(OBJECT_SPACE, pool, cap_object(&slots[MACHINE_CAP_SPACE]), table, MACHINE_CAP_SPACE, 0);
    lockstep.first = add(OBJECT_THREAD, pool, machine.self, table, MACHINE_CAP_THREAD, 0);
    add(OBJECT_MEMORY, 0, cap_object(&slots[MACHINE_CAP_MEMORY]), table, MACHINE_CAP_MEMORY,
        slots[MACHINE_CAP_MEMORY].data);
    lockstep.irq = add(OBJECT_IRQ, 0, &all_lines, table, LOCKSTEP_CAP_IRQ, RANGE(0, MODEL_LINES));
    add(OBJECT_PORTS, 0, &all_ports, table, LOCKSTEP_CAP_PORTS, RANGE(0, PORTS));
    model_derive(model_place(lockstep.first, PLACE_TABLE), model_place(table, MACHINE_CAP_TABLE), RIGHTS_ALL, 0);
    model_derive(model_place(lockstep.first, PLACE_SPACE), model_place(table, MACHINE_CAP_SPACE), RIGHTS_ALL, 0);
    struct model_thread *thread = model_thread(lockstep.first);
    thread->state = THREAD_RUNNING;
    thread->priority = machine.self->priority;
    thread->message_frame = 0;
    thread->regs.rip = LOCKSTEP_CALL_RIP;
    model.frames[0].count = 1;
    model.current = lockstep.first;
    for (uint32_t i = 0; i < MODEL_FRAMES; i++)
        memcpy(model.frames[i].words, arch_pointer((model.first_frame + i) * PAGE_BYTES), sizeof model.frames[i].words);
}

void lockstep_start(uint64_t seed) {
    machine_start();
    machine.idle = idle;
    machine.armed_ns = DEADLINE_NEVER;
    machine.now_ns = 1000000000;
    log_limit = LOG_ERROR;
    /* all calls must have the same results, barred from the fast path or not */
    fastpath_bar(FASTPATH_BAR_TEST, seed % 2 != 0);
    memset(&lockstep, 0, sizeof lockstep);
    memset(&all_lines, 0, sizeof all_lines);
    memset(&all_ports, 0, sizeof all_ports);
    history_count = 0;
    lockstep.seed = seed * 0x9e3779b97f4a7c15ULL + 1;
    object_init(&all_lines, OBJECT_IRQ, NULL, 0);
    cap_set_first(&machine.table->slots[LOCKSTEP_CAP_IRQ], &all_lines, RIGHTS_ALL, RANGE(0, MODEL_LINES));
    object_init(&all_ports, OBJECT_PORTS, NULL, 0);
    cap_set_first(&machine.table->slots[LOCKSTEP_CAP_PORTS], &all_ports, RIGHTS_ALL, RANGE(0, PORTS));
    thread_hold_message_frame(machine.self, MACHINE_FIRST_FREE);
    machine.self->arch.frame.rip = LOCKSTEP_CALL_RIP;
    model_start(MACHINE_FIRST_FREE);
    model.now_ns = machine.now_ns;
    describe_machine();
    lockstep.failure = compare_states(true);
}

static void play_idle_events(void) {
    for (uint32_t i = 0; i < idle_count; i++) {
        if (!model_is_idle())
            model.objection = "the kernel idled, and a thread was ready";
        model_timer(idle_events[i].now_ns, idle_events[i].slice_is_over);
    }
    idle_count = 0;
}

/* Do the work of an idle CPU, and what the hardware does before a user's next instruction; then compare. */
static bool finish_step(void) {
    struct cpu *cpu = &machine.cpu;
    uint64_t raised[MODEL_OBJECTS] = {0};
    kernel_lock();
    while (!reaper_run(1)) {
    }
    kernel_unlock();
    play_raises(raised);
    model_reap();
    model_watch_end(raised);
    play_idle_events();
    kernel_lock();
    if (cpu->unsettled)
        sched_leave(cpu);
    kernel_unlock();
    play_idle_events();
    model_leave(compare_thread(cpu->current));
    while (timer_fires()) {
        bool over = slice_is_over();
        kernel_lock();
        timer_interrupt(cpu);
        if (cpu->unsettled)
            sched_leave(cpu);
        kernel_unlock();
        model_timer(machine.now_ns, over);
        play_idle_events();
        model_leave(compare_thread(cpu->current));
    }
    lockstep.step++;
    bool all = lockstep.step % FULL_CHECK_EVERY == 0;
    lockstep.failure = compare_states(all);
    if (lockstep.failure == NULL && all && check_invariants() != INVARIANT_NONE) {
        static char text[64];
        snprintf(text, sizeof text, "invariant %" PRIu64 " is broken", check_invariants());
        lockstep.failure = text;
    }
    return lockstep.failure == NULL;
}

/* Another step of the call is to come: what it has done so far is told by the slots that are empty now. */
static void follow_restart(uint32_t self) {
    const struct model_regs *regs = &model_thread(self)->regs;
    model_thread(self)->regs.rip = RESTART_RIP;
    if (regs->status == SYS_cap_delete) {
        uint64_t status;
        uint32_t victim = model_victim(self, regs->target, regs->info, &status);
        if (victim != 0 && model.caps[victim].object != 0 && compare_is_empty(victim))
            model_remove(victim);
    } else if (regs->status == SYS_cap_revoke) {
        uint32_t root = model_slot(self, regs->target);
        const struct model_object *object = &model.objects[model.caps[root].object];
        for (uint32_t at = object->first_cap; at != 0;) {
            bool gone = compare_is_empty(at);
            uint32_t next = model.caps[at].next;
            if (gone && !model_descends(at, root))
                model.objection = "a revoke took what was not derived from there";
            if (gone)
                model_take_away(at);
            at = gone ? object->first_cap : next;
        }
    }
}

/* E_BUSY from a list with much to correct means: try again. The driver does not let it come to that. */
static void settle_lists(void) {
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        if (model.objects[id].cap_total > STEPS_MAX)
            while (!cap_settle(((struct object *)(uintptr_t)model.objects[id].kernel), STEPS_MAX)) {
            }
    }
}

static bool enter(void) {
    uint32_t self = model.current;
    struct thread *thread = machine.cpu.current;
    const struct frame *frame = &thread->arch.frame;
    uint64_t number = frame->status;
    if (number >= SYS_ep_call && number <= SYS_ep_reply_wait)
        settle_lists();
    machine_enter();
    bool again = frame->rip == RESTART_RIP;
    model.memory_failed = !again && frame->status == E_MEMORY;
    history[(history_count - 1) % HISTORY].status = again ? CALL_RESTART : frame->status;
    if (!again)
        count_outcome(number, frame->status);
    if (again) {
        follow_restart(self);
    } else {
        model_call();
        if (model.created != 0) {
            struct model_object *object = &model.objects[model.created];
            object->kernel = cap_object(compare_slot(object->first_cap));
            if (object->kernel == NULL) {
                lockstep.failure = "the model made an object, the kernel did not";
                return false;
            }
        }
    }
    return finish_step();
}

bool lockstep_make_call(const struct lockstep_call *call) {
    struct frame *frame = &machine.cpu.current->arch.frame;
    note(call->number < SYSCALL_COUNT && names[call->number] != NULL ? names[call->number] : "?", call);
    frame->status = call->number;
    frame->target = call->a[0];
    frame->info = call->a[1];
    memcpy(frame->words, &call->a[2], sizeof frame->words);
    frame->rip = LOCKSTEP_CALL_RIP;
    struct model_regs *regs = &model_thread(model.current)->regs;
    *regs =
        (struct model_regs){.status = call->number, .target = call->a[0], .info = call->a[1], .rip = LOCKSTEP_CALL_RIP};
    memcpy(regs->words, &call->a[2], sizeof regs->words);
    return enter();
}

bool lockstep_must_restart(void) { return machine.cpu.current->arch.frame.rip == RESTART_RIP; }

bool lockstep_restart(void) {
    struct model_regs *regs = &model_thread(model.current)->regs;
    struct lockstep_call call = {.number = regs->status, .a = {regs->target, regs->info}};
    memcpy(&call.a[2], regs->words, sizeof regs->words);
    note("again", &call);
    machine.cpu.current->arch.frame.rip = LOCKSTEP_CALL_RIP;
    regs->rip = LOCKSTEP_CALL_RIP;
    return enter();
}

bool lockstep_fault(uint64_t kind, uint64_t address, uint64_t access) {
    struct lockstep_call call = {.a = {kind, address, access}};
    struct cpu *cpu = &machine.cpu;
    note("fault", &call);
    uint32_t self = model.current;
    kernel_lock();
    fault_raise(cpu->current, (enum fault_kind)kind, address, access);
    if (cpu->unsettled)
        sched_leave(cpu);
    kernel_unlock();
    model_fault(self, kind, address, access);
    return finish_step();
}

bool lockstep_irq(uint32_t line) {
    struct lockstep_call call = {.a = {line}};
    struct cpu *cpu = &machine.cpu;
    note("irq", &call);
    kernel_lock();
    irq_fire(line);
    if (cpu->unsettled)
        sched_leave(cpu);
    kernel_unlock();
    uint32_t bound = model.caps[model_place(lockstep.irq, line)].object;
    if (bound != 0)
        model_raise(bound, model.objects[lockstep.irq].irq.bits[line]);
    return finish_step();
}

bool lockstep_tick(uint64_t ns) {
    machine.now_ns += ns;
    model.now_ns = machine.now_ns;
    if (machine.armed_ns > machine.now_ns)
        return true;
    struct lockstep_call call = {.a = {machine.now_ns}};
    note("timer", &call);
    return finish_step();
}
