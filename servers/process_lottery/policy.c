/*
 * A lottery: for each quantum a ticket is drawn among the processes that could run, on each CPU by itself, and the
 * winner's threads there run before all others. A process has as many tickets as a nice value leaves of its priority.
 * Source: Waldspurger and Weihl, "Lottery Scheduling: Flexible Proportional-Share Resource Management", OSDI 1994.
 *
 * Threads that win nothing keep the priorities that their nice values stand for. So if the winner waits, its time goes
 * to others at once, and servers, which have higher priorities than any program, are not delayed.
 *
 * Nothing of this outlives the program: its successor resets all priorities, and draws anew.
 */
#include "servers/process/policy.h"

#include "kernel/abi/system.h"
#include "libsys/maker/random.h"
#include "libsys/maker/stack.h"
#include "libsys/program/auxiliary.h"
#include "libsys/program/keep.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "servers/process/loop.h"
#include "servers/process_lottery/lottery.h"

static struct server_context *const context = &served_context;

static uint64_t quantum_ns = LOTTERY_QUANTUM_MS * NS_PER_MS;
static uint64_t seed; /* 0: a random one */
static struct random drawn;
static uint32_t winners[LOTTERY_CPUS]; /* pids; 0: nobody has won */
static uint64_t quantum_end_ns = DEADLINE_NEVER;

int policy_take_option(int count, char **options) {
    bool is_quantum = strcmp(options[0], "--quantum-ms") == 0;
    uint64_t value = 0;
    if (!is_quantum && strcmp(options[0], "--seed") != 0)
        return 0;
    bool is_number = count >= 2 && text_to_number(options[1], &value);
    if (!is_number || value == 0 || (is_quantum && value > LOTTERY_QUANTUM_MS_MAX)) {
        log_print("process: want a whole number from 1 to %lu behind %s",
                  is_quantum ? LOTTERY_QUANTUM_MS_MAX : UINT64_MAX, options[0]);
        return -1;
    }
    if (is_quantum)
        quantum_ns = value * NS_PER_MS;
    else
        seed = value;
    return 2;
}

/* Another program of the same seed draws other tickets: else one that is ended often would always begin alike. */
static void start_random(void) {
    uint64_t key[2] = {seed, keep_generation()};
    if (seed != 0)
        random_start(&drawn, key, sizeof key);
    else
        random_start(&drawn, (const void *)program_auxiliary(AT_RANDOM), STACK_RANDOM_BYTES);
}

/* ---- who takes part ---- */

/* Could a process run, for all that this server knows? One of its threads waits for no answer of this server. */
static bool competes(struct process *process) {
    if (process->ended || process->halted)
        return false;
    for (const struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at))
        if (at->waits == THREAD_RUNS)
            return true;
    return false;
}

/* Are there two processes that compete? The look-up ends at the second one. */
static bool is_contested(void) {
    uint32_t seen = 0, found = 0;
    for (uint32_t i = 0; seen < context->processes.count && i < PROCESS_MAX && found < 2; i++) {
        struct process *process = context->processes.entries[i];
        seen += process != NULL;
        found += process != NULL && competes(process);
    }
    return found == 2;
}

/*
 * On which CPUs has a process a thread that is ready? Bit n: on CPU n. A process that waits for another server, as for
 * a key or a pipe, has none, and its tickets are not in the draw.
 */
static uint32_t ready_on(struct process *process) {
    uint32_t mask = 0;
    for (const struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at)) {
        struct thread_state state;
        if (at->waits != THREAD_RUNS || sys_thread_read(at->object, 0).status != OK)
            continue;
        memcpy(&state, program.message->data, sizeof state);
        if (state.run_state == THREAD_READY || state.run_state == THREAD_RUNNING)
            mask |= 1U << state.cpu;
    }
    return mask;
}

/* ---- the draw ---- */

static void set_priorities(uint32_t pid, uint32_t cpu, bool wins) {
    struct process *process = process_find(&context->processes, pid);
    if (pid == 0 || process == NULL || process->ended)
        return;
    for (const struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at))
        if (objects_cpu(context, at) == cpu)
            (void)(wins ? objects_put_priority(context, at, context->priority + LOTTERY_RAISE)
                        : objects_set_priority(context, at));
}

/*
 * Draw a winner for each CPU, in one pass over the processes: each takes the place of the winner so far with the
 * probability of its tickets among all tickets so far.
 */
static void draw(uint32_t *ret_winners) {
    uint64_t tickets[LOTTERY_CPUS] = {0};
    for (uint32_t i = 0, seen = 0; seen < context->processes.count && i < PROCESS_MAX; i++) {
        struct process *process = context->processes.entries[i];
        seen += process != NULL;
        if (process == NULL || !competes(process))
            continue;
        uint32_t mask = ready_on(process);
        for (uint32_t cpu = 0; cpu < LOTTERY_CPUS; cpu++) {
            if ((mask >> cpu & 1) == 0)
                continue;
            uint64_t own = context->priority - process->nice;
            tickets[cpu] += own;
            if (random_next(&drawn) % tickets[cpu] < own)
                ret_winners[cpu] = process->pid;
        }
    }
}

/* End the quantum. The next one begins if there is anybody to win it from. */
static void turn(bool contested) {
    uint32_t next[LOTTERY_CPUS] = {0};
    if (contested)
        draw(next);
    for (uint32_t cpu = 0; cpu < LOTTERY_CPUS; cpu++)
        set_priorities(winners[cpu], cpu, false);
    for (uint32_t cpu = 0; cpu < LOTTERY_CPUS; cpu++)
        set_priorities(next[cpu], cpu, true);
    memcpy(winners, next, sizeof winners);
    quantum_end_ns = contested ? program_time_in(quantum_ns) : DEADLINE_NEVER;
}

/*
 * After an event: has the quantum ended, or does one begin? No process competes now that did not before if the event
 * was a page that was brought, as most events are.
 */
static void update(void) {
    enum message_kind kind = server_event_kind(&served_server);
    bool page = kind == MESSAGE_FAULT && serve_badge(served_server.event.badge) != NULL;
    if (quantum_end_ns == DEADLINE_NEVER && !page && is_contested())
        quantum_end_ns = program_time_in(quantum_ns);
    else if (kind == MESSAGE_NOTIFICATION && quantum_end_ns <= sys_clock_read().value)
        turn(is_contested());
    uint64_t next_ns = smaller(wakes_next(&context->processes.wakes), quantum_end_ns);
    if (next_ns != timer_at_ns) {
        timer_at_ns = next_ns;
        (void)sys_signal_timer(context->caps.events, EVENT_TIMER, next_ns);
    }
}

uint32_t policy_serve(void) {
    start_random();
    if (is_contested()) /* all may be computing, and then no message comes */
        turn(true);
    update();
    for (;;) {
        uint32_t status = loop_serve();
        if (status != OK)
            return status;
        update();
    }
}
