/*
 * Random operations of the threads of one process, compared with a model of the answers and of the woken
 * threads: create, exit, join, detach, words, sleep and masked signals, with single calls failing now and
 * then. In the end all is given back.
 */
#include <string.h>

#include "servers/process/delivery/delivery.h"
#include "test/host/process_world.h"
#include "test/host/suite.h"

#define SEEDS 60U
#define STEPS 1500U
#define WORDS_AT (WORLD_BASE + 0x2000) /* of the image's variables */

enum life { FREE, RUNS, JOINS, SLEEPS, WAITS, ENDED };
struct thread_model {
    enum life life;
    uint64_t id, uses; /* how often the number was given */
    uint64_t value;
    bool detached;
    uint64_t target; /* JOINS: number; WAITS: word */
    uint64_t since;  /* WAITS: how many waits there were before */
    uint64_t until_ns;
    cap_t answer;
};

static struct server_context *const context = &served_context;
static struct thread_model models[PROCESS_THREADS_MAX];
static uint64_t pid, state, now_ns, waits_count;
static uint32_t created, at_the_limit, made_to_fail;
static struct thread_registers begin; /* of the process's first thread */

static uint64_t below(uint64_t limit) { /* xorshift; Marsaglia, "Xorshift RNGs" */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % limit;
}

static uint32_t call(uint64_t number, uint32_t operation, const void *request, void *reply) {
    return world_call(OBJECTS_BADGE(pid, number), operation, request, reply, NULL);
}

static struct thread_model *joiner_of(uint64_t number) {
    for (uint32_t i = 0; i < PROCESS_THREADS_MAX; i++)
        if (models[i].life == JOINS && models[i].target == number)
            return &models[i];
    return NULL;
}

static uint32_t running_count(void) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PROCESS_THREADS_MAX; i++)
        count += models[i].life == RUNS;
    return count;
}

static void create(uint64_t number) {
    struct process_thread_create_reply reply = {0};
    struct process_thread_create_request request = {begin.rip, (begin.rsp & ~(PAGE_BYTES - 1)) - PAGE_BYTES, 0,
                                                    WORLD_BASE};
    bool fails = below(6) == 0;
    fake_fail_at(fails ? (uint32_t)below(14) + 1 : 0);
    uint32_t status = call(number, 29, &request, &reply), free = 0;
    bool failed = fake_failed();
    fake_fail_at(0);
    while (free < PROCESS_THREADS_MAX && models[free].life != FREE)
        free++;
    if (free == PROCESS_THREADS_MAX || status != OK) {
        at_the_limit += free == PROCESS_THREADS_MAX;
        made_to_fail += failed;
        CHECK(status == OK ? false : failed || (status == P_LIMIT && free == PROCESS_THREADS_MAX));
        if (free < PROCESS_THREADS_MAX && thread_at(world_process(pid), free) != NULL &&
            thread_at(world_process(pid), free)->process != NULL) /* the number was used again, so its old id is gone */
            models[free].uses = thread_at(world_process(pid), free)->id / PROCESS_THREADS_MAX + 1;
        return;
    }
    CHECK_EQUAL(reply.thread, models[free].uses * PROCESS_THREADS_MAX + free);
    created++;
    models[free] = (struct thread_model){.life = RUNS, .id = reply.thread, .uses = models[free].uses + 1};
}

static void end(uint64_t number) {
    struct process_thread_exit_request request = {state & 0xffff, 0, 0};
    struct process_thread_exit_reply reply;
    struct thread_model *self = &models[number], *joiner = joiner_of(number);
    uint32_t told = world_late.count;
    if (running_count() == 1)
        return; /* somebody has to go on */
    CHECK_EQUAL(call(number, 30, &request, &reply), SERVER_DEFERRED);
    CHECK_EQUAL(world_late.count, told + (joiner != NULL ? 1 : 0));
    self->life = joiner != NULL || self->detached ? FREE : ENDED;
    self->value = request.value;
    if (joiner == NULL)
        return;
    CHECK(world_late.slot == joiner->answer && world_late.status == OK && world_late.value == request.value);
    joiner->life = RUNS;
}

static uint64_t some_id(struct thread_model **ret_target) {
    struct thread_model *target = &models[below(PROCESS_THREADS_MAX)];
    bool there = target->life != FREE && below(8) != 0;
    *ret_target = there ? target : NULL;
    return there ? target->id : 1000000 * PROCESS_THREADS_MAX + below(PROCESS_THREADS_MAX);
}

static void join(uint64_t number) {
    struct thread_model *target;
    struct process_thread_join_request request = {some_id(&target)};
    struct process_thread_join_reply reply = {0};
    bool last = running_count() == 1;
    if (last && (target == NULL || target->life != ENDED))
        return;
    uint32_t status = call(number, 31, &request, &reply);
    if (target == NULL) {
        CHECK_EQUAL(status, P_NO_THREAD);
    } else if (target == &models[number] || target->detached) {
        CHECK_EQUAL(status, P_ARGUMENT);
    } else if (target->life == ENDED) {
        CHECK(status == OK && reply.value == target->value);
        target->life = FREE;
    } else if (joiner_of((uint64_t)(target - models)) != NULL) {
        CHECK_EQUAL(status, P_BUSY);
    } else {
        CHECK_EQUAL(status, SERVER_DEFERRED);
        models[number].life = JOINS;
        models[number].target = (uint64_t)(target - models);
        models[number].answer = world_deferred;
    }
}

static void detach(uint64_t number) {
    struct thread_model *target;
    struct process_thread_detach_request request = {some_id(&target)};
    struct process_thread_detach_reply reply = {0};
    uint32_t status = call(number, 32, &request, &reply);
    if (target == NULL) {
        CHECK_EQUAL(status, P_NO_THREAD);
    } else if (target->detached) {
        CHECK_EQUAL(status, P_ARGUMENT);
    } else if (joiner_of((uint64_t)(target - models)) != NULL) {
        CHECK_EQUAL(status, P_BUSY);
    } else {
        CHECK(status == OK && reply.had_ended == (target->life == ENDED ? 1 : 0));
        target->detached = true;
        if (target->life == ENDED)
            target->life = FREE;
    }
}

/* Words hold 0. */
static void wait_at_word(uint64_t number) {
    uint64_t word = below(3), changed = below(4) == 0 ? 1 : 0,
             until_ns = below(3) == 0 ? now_ns + 50 + below(500) : UINT64_MAX;
    struct process_word_wait_request request = {WORDS_AT + 4 * word, changed, until_ns};
    struct process_word_wait_reply reply = {0};
    if (running_count() == 1 && changed == 0)
        return;
    uint32_t status = call(number, 34, &request, &reply);
    if (changed != 0) {
        CHECK(status == OK && reply.changed == 1);
        return;
    }
    CHECK_EQUAL(status, SERVER_DEFERRED);
    models[number].life = WAITS;
    models[number].target = word;
    models[number].since = waits_count++;
    models[number].until_ns = until_ns;
    models[number].answer = world_deferred;
}

static void wake_word(uint64_t number) {
    uint64_t word = below(3), most = below(4), woken = 0;
    struct process_word_wake_request request = {WORDS_AT + 4 * word, most};
    struct process_word_wake_reply reply = {0};
    CHECK_EQUAL(call(number, 35, &request, &reply), OK);
    for (; woken < most; woken++) { /* the longest waiting first */
        uint32_t first = PROCESS_THREADS_MAX;
        for (uint32_t i = 0; i < PROCESS_THREADS_MAX; i++)
            if (models[i].life == WAITS && models[i].target == word &&
                (first == PROCESS_THREADS_MAX || models[i].since < models[first].since))
                first = i;
        if (first == PROCESS_THREADS_MAX)
            break;
        CHECK_EQUAL(thread_at(world_process(pid), first)->waits, THREAD_RUNS);
        models[first].life = RUNS;
    }
    CHECK_EQUAL(reply.woken, woken);
}

static void sleep_a_little(uint64_t number) {
    struct process_sleep_request request = {now_ns + below(1000)};
    struct process_sleep_reply reply;
    if (running_count() == 1)
        return;
    CHECK_EQUAL(call(number, 13, &request, &reply), SERVER_DEFERRED);
    models[number].life = SLEEPS;
    models[number].until_ns = request.until_ns;
    models[number].answer = world_deferred;
}

static void let_time_pass(void) {
    uint32_t due = 0, told = world_late.count;
    now_ns = world_now_ns += below(300);
    for (uint32_t i = 0; i < PROCESS_THREADS_MAX; i++) {
        if ((models[i].life != SLEEPS && models[i].life != WAITS) || models[i].until_ns > now_ns)
            continue;
        models[i].life = RUNS;
        due++;
    }
    serve_events(EVENT_TIMER);
    CHECK_EQUAL(world_late.count, told + due);
}

/* A handler interrupts a waiting thread, unless the thread masks the signal. */
static void signal_one(uint64_t number) {
    struct thread_model *target;
    struct process_thread_signal_request request = {some_id(&target), PROCESS_SIGUSR1};
    struct process_thread_signal_reply reply;
    uint32_t status = call(number, 36, &request, &reply);
    bool alive = target != NULL && target->life != ENDED;
    CHECK_EQUAL(status, alive ? (uint32_t)OK : (uint32_t)P_NO_THREAD);
    if (!alive)
        return;
    struct process_thread *thread = thread_at(world_process(pid), (uint32_t)(target - models));
    CHECK(thread->waits == THREAD_RUNS && thread->masked == signal_bit(PROCESS_SIGUSR1) && thread->pending == 0);
    thread->masked = 0; /* as when the handler has left */
    memcpy(program.message->data, &begin, sizeof begin);
    CHECK_EQUAL(sys_thread_write(thread->object, THREAD_REGISTERS).status, OK);
    target->life = RUNS;
}

static void check_all(void) {
    const struct process *process = world_process(pid);
    static const uint16_t waits[] = {
        [RUNS] = THREAD_RUNS, [JOINS] = THREAD_JOINS, [SLEEPS] = THREAD_SLEEPS, [WAITS] = THREAD_WAITS_WORD};
    for (uint32_t i = 0; i < PROCESS_THREADS_MAX; i++) {
        enum life life = models[i].life;
        bool alive = life != FREE && life != ENDED;
        CHECK_EQUAL(process->living >> i & 1, alive);
        CHECK_EQUAL(process->joinable >> i & 1, life == ENDED);
        if (alive)
            CHECK_EQUAL(thread_at(world_process(pid), i)->waits, waits[life]);
    }
}

static void start(void) {
    memset(models, 0, sizeof models);
    models[0] = (struct thread_model){.life = RUNS, .uses = 1};
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    CHECK(fake_thread_runs(world_thread(pid), &begin));
    CHECK(world_set_word(world_thread(pid), WORDS_AT, 0) && world_set_word(world_thread(pid), WORDS_AT + 8, 0));
    struct process_signal_entry_request where = {begin.rip, begin.rip + 16};
    struct process_signal_entry_reply entered;
    struct process_signal_action_request action = {PROCESS_SIGUSR1, PROCESS_SIGNAL_HANDLE, 0};
    struct process_signal_action_reply acted;
    CHECK_EQUAL(call(0, 20, &where, &entered), OK);
    CHECK_EQUAL(call(0, 21, &action, &acted), OK);
}

static void run(void) {
    static void (*const operations[])(uint64_t) = {create, create, create,    end,          end,        join,
                                                   join,   detach, wake_word, wait_at_word, signal_one, sleep_a_little};
    for (uint32_t i = 0; i < STEPS; i++) {
        uint64_t number = below(PROCESS_THREADS_MAX);
        while (models[number].life != RUNS)
            number = (number + 1) % PROCESS_THREADS_MAX;
        operations[below(sizeof operations / sizeof operations[0])](number);
        if (below(4) == 0 || running_count() == 0)
            let_time_pass();
        check_all();
        if (test_has_failed()) {
            printf("#   step %u\n", i);
            return;
        }
    }
}

static void threads_against_a_model(void) {
    struct process_wait_reply ended;
    for (uint64_t seed = 1; seed <= SEEDS && !test_has_failed(); seed++) {
        world_start(900);
        CHECK_EQUAL(world_start_first(), OK);
        struct world_trace before = world_look();
        state = seed * 0x9e3779b97f4a7c15ULL;
        now_ns = 0;
        start();
        run();
        uint64_t number = (uint64_t)__builtin_ctz(world_process(pid)->living);
        CHECK_EQUAL(world_exit(OBJECTS_BADGE(pid, number), 0), SERVER_DEFERRED);
        CHECK_EQUAL(world_wait(1, pid, 1, &ended), OK);
        CHECK_EQUAL(wakes_next(&context->processes.wakes), DEADLINE_NEVER);
        CHECK_EQUAL(context->processes.thread_count, 1);
        if (!CHECK(world_same(&before)))
            printf("#   seed %lu\n", (unsigned long)seed);
    }
    printf("# %u threads created, %u refused at the limit, %u made to fail\n", created, at_the_limit, made_to_fail);
    CHECK(created > 1000 && at_the_limit > 50 && made_to_fail > 100);
}

SUITE(CASE(threads_against_a_model));
