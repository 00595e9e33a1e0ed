#include "kernel/machine/request.h"

#include "kernel/machine/lock.h"

#define ANSWER_NS 10000000000ULL /* the host may suspend a virtual CPU for long */
#define TURN_NS 1000000ULL

#define TICKET_LEAD (1U << 31)

enum request_kind { REQUEST_PARK, REQUEST_FLUSH, REQUEST_LEAVE, REQUEST_RELEASE };

/* There is one request at a time, since one CPU has the lock. */
static struct {
    enum request_kind kind;
    uint64_t root;
    uint64_t at, page_count;
    struct thread *thread;
} request;

struct ticket_lock kernel_ticket_lock;
static uint32_t lead; /* of the next ticket over the one being served, when no CPU waits */

uint64_t explore_seed;

/* Pause for up to three turns of the others, or not at all. Source: Marsaglia, Xorshift RNGs. */
void explore_pause(void) {
    uint64_t seed = __atomic_load_n(&explore_seed, __ATOMIC_RELAXED);
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    __atomic_store_n(&explore_seed, seed, __ATOMIC_RELAXED);
    uint64_t turns = (seed >> 32) % 8;
    for (uint64_t i = 0; turns < 4 && i < turns; i++)
        arch_relax();
}

void request_answer(struct cpu *cpu) {
    if (__atomic_load_n(&cpu->asked, __ATOMIC_ACQUIRE) == 0)
        return;
    sched_point();
    switch (request.kind) {
    case REQUEST_PARK:
        break;
    case REQUEST_FLUSH:
        arch_flush(request.root, request.at, request.page_count);
        break;
    case REQUEST_LEAVE:
        arch_root_leave(request.root);
        break;
    case REQUEST_RELEASE:
        arch_thread_release(request.thread);
        break;
    }
    sched_point();
    __atomic_store_n(&cpu->asked, 0, __ATOMIC_RELEASE);
}

void request_none(const struct cpu *cpu) {
    if (cpu_total == 1)
        return;
    arch_root_leave(cpu->arch.root);
    if (cpu->arch.fpu_owner != NULL)
        arch_thread_release(cpu->arch.fpu_owner);
}

static void ask(struct cpu *cpu) {
    sched_point();
    __atomic_store_n(&cpu->asked, 1, __ATOMIC_RELEASE);
    sched_point();
    arch_interrupt_cpu(cpu);
}

/*
 * A virtual machine can be suspended as a whole, and its clock has jumped when it goes on. So no turn of this loop
 * counts for more than TURN_NS: before ANSWER_NS are over, this CPU has looked ten thousand times.
 */
static void await(const struct cpu *cpu) {
    uint64_t waited_ns = 0, before = 0;
    while (__atomic_load_n(&cpu->asked, __ATOMIC_ACQUIRE) != 0) {
        uint64_t now = arch_clock_ns(), turn_ns = before == 0 ? 0 : now - before;
        before = now;
        waited_ns += turn_ns < TURN_NS ? turn_ns : TURN_NS;
        if (waited_ns >= ANSWER_NS)
            panic("a CPU does not answer another one's request");
        arch_relax();
    }
}

/*
 * Ask all others that have `root` loaded, together. A CPU that loads a root notes it under the lock, so none is missed.
 */
static void ask_users(uint64_t root) {
    const struct cpu *self = arch_this_cpu();
    for (uint32_t i = 0; i < cpu_total; i++) {
        if (cpus[i] != self && cpus[i]->arch.root == root)
            ask(cpus[i]);
    }
    for (uint32_t i = 0; i < cpu_total; i++)
        await(cpus[i]);
}

void request_flush_others(uint64_t root, uint64_t at, uint64_t page_count) {
    request.kind = REQUEST_FLUSH;
    request.root = root;
    request.at = at;
    request.page_count = page_count;
    ask_users(root);
}

void request_leave(uint64_t root) {
    arch_root_leave(root);
    request.kind = REQUEST_LEAVE;
    request.root = root;
    ask_users(root);
}

void request_release(struct cpu *cpu, struct thread *thread) {
    if (cpu->arch.fpu_owner != thread)
        return;
    if (cpu == arch_this_cpu()) {
        arch_thread_release(thread);
        return;
    }
    request.kind = REQUEST_RELEASE;
    request.thread = thread;
    ask(cpu);
    await(cpu);
}

void request_park(struct cpu *cpu) {
    request.kind = REQUEST_PARK;
    ask(cpu);
    await(cpu);
}

void kernel_lock_share(void) {
    lead = TICKET_LEAD;
    kernel_ticket_lock.next += lead;
}

static bool is_turn(uint32_t ticket) {
    return __atomic_load_n(&kernel_ticket_lock.serving, __ATOMIC_ACQUIRE) == ticket - lead;
}

static void wait_for_turn(struct cpu *cpu, uint32_t ticket) {
    uint64_t start = arch_ticks();
    while (!is_turn(ticket)) {
        request_answer(cpu);
        arch_relax();
    }
    uint64_t ticks = arch_ticks() - start;
    cpu->lock_waits++;
    cpu->lock_wait_ticks += ticks;
    if (ticks > cpu->longest_wait)
        cpu->longest_wait = ticks;
}

void kernel_lock_wait(uint32_t ticket) {
    struct cpu *cpu = arch_this_cpu();
    if (!is_turn(ticket))
        wait_for_turn(cpu, ticket);
    (void)__atomic_exchange_n(&kernel_ticket_lock.holder, ticket - lead, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < cpu_total; i++) {
        while (__atomic_load_n(&cpus[i]->arch.fast, __ATOMIC_ACQUIRE) != 0)
            arch_relax();
    }
    sched_point();
}
