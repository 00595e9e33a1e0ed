/*
 * Four CPUs at once do everything that can be done to threads and memory, as the seed decides. Does any thread ever see
 * another's data, lose its own, or wait for ever? Run with four CPUs that the emulator runs at once.
 *
 * In each round members of two kinds live for a while. The first kind keep values, call, answer, wait, touch pages,
 * and check what they see. The second kind stop, move, restart and kill the first, and pass their pages on to
 * others. Then the second kind end, each of the first must go on, all are destroyed while they run, and not a frame,
 * capability or byte may leak.
 *
 * Words on the command line: seconds=N or minutes=N, how long; first=N, the round to begin with; rounds=N, how many at
 * most; unit_us=N, the unit of all times.
 */
#include "test/guest/stress.h"

#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/roles.h"

#define SLICE_UNITS 20U  /* how long a stopped thread stays so */
#define BLOW_UNITS 1000U /* a round */
#define PACE_UNITS 2U
#define REST_PACE_UNITS 50U /* the pace of all at a round's end, which relieves the lock where it is the bottleneck */
#define HOT_ONE_IN 16U      /* in one of this many rounds members never sleep */
#define POOL_PAGES 400U

struct stress stress;

static struct { uint64_t rounds, turns, faults, kills, meddling, longest_stay, stay_cause; } total;

/* The unit of all sleeps and slices; smaller where time is counted in instructions. */
static uint64_t unit_ns(void) { return world_command_number("unit_us", 1000) * 1000; }

/* ---- members ---- */

static struct member *add(const char *name, worker_code *code, struct worker_plan plan, uint32_t flags) {
    struct member *member = &stress.members[stress.member_count];
    *member = (struct member){.code = code, .name = name, .flags = flags};
    cap_t faults = world_copy(stress.faults, RIGHTS_ALL, ++stress.member_count);
    plan.code = code;
    plan.cpu = random_below(STRESS_CPUS);
    plan.priority = plan.priority != 0 ? plan.priority : STRESS_PRIORITY;
    plan.pool = plan.pool != 0 ? plan.pool : stress.pool;
    if (plan.space == 0 && random_below(2) == 0)
        plan.space = worker_space_from(plan.pool);
    plan.fault_endpoint = faults;
    worker_make(&member->worker, plan);
    member->worker.view->in[STRESS_RANDOM] = random_next();
    member->worker.view->in[STRESS_CANARY] = random_next();
    member->worker.view->in[STRESS_PACE_NS] =
        random_below(HOT_ONE_IN) == 0 ? 0 : (1 + random_below(8)) * PACE_UNITS * unit_ns();
    member->worker.view->in[STRESS_UNIT_NS] = unit_ns();
    member->worker.view->caps[STRESS_SILENCE] = world.silence;
    return member;
}

#define PLAYED (MEMBER_RESTARTS | MEMBER_FLEXIBLE)
static const struct worker_plan anywhere = {0};
static const struct worker_plan player = {.space = INIT_CAP_SPACE, .priority = PRIORITY_WORKER};

static cap_t from_pool(enum object_type type) {
    cap_t slot = world_slot();
    CHECK_STATUS(sys_object_create(stress.pool, type, 0, slot), OK);
    return slot;
}

static void add_alone(uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        (void)add("keep_registers", stress_keep_registers, anywhere, PLAYED);
        add("make_calls", stress_make_calls, anywhere, PLAYED)->worker.view->caps[0] = world.silence;
        add("time", stress_time, anywhere, PLAYED)->worker.view->caps[0] = from_pool(OBJECT_NOTIFICATION);
        (void)add("break", stress_break, anywhere, MEMBER_FLEXIBLE);
        struct member *member = add("wander", stress_wander, anywhere, PLAYED);
        member->worker.view->caps[0] = member->worker.thread;
    }
}

static void add_ping(void) {
    struct worker_view *one = add("ping", stress_ping, anywhere, MEMBER_FLEXIBLE)->worker.view;
    struct worker_view *other = add("pong", stress_ping, anywhere, MEMBER_FLEXIBLE)->worker.view;
    one->caps[0] = other->caps[1] = from_pool(OBJECT_NOTIFICATION);
    one->caps[1] = other->caps[0] = from_pool(OBJECT_NOTIFICATION);
}

static void set_slots(struct worker_view *view, cap_t endpoint) {
    view->caps[0] = endpoint;
    view->caps[1] = world_slot();
    view->caps[2] = world_slot();
}

static void add_clients(uint64_t count, cap_t endpoint, bool mortal) {
    for (uint64_t i = 0; i < count; i++) {
        struct worker_view *view = add(mortal ? "call_mortal" : "call", stress_call, anywhere, PLAYED)->worker.view;
        set_slots(view, endpoint);
        CHECK_STATUS(sys_cap_copy(0, view->caps[2], world.silence, NOTIFICATION_WAIT, 0), OK);
        view->in[STRESS_MORTAL] = mortal;
    }
}

static void add_server(uint64_t clients) {
    cap_t endpoint = from_pool(OBJECT_ENDPOINT);
    set_slots(add("serve", stress_serve, anywhere, MEMBER_FLEXIBLE | MEMBER_SERVES)->worker.view, endpoint);
    add_clients(clients, endpoint, false);
}

/* Of each pair one serves mortal clients. The other is a client of the permanent server, or has another role. */
static void add_doomed(uint64_t index, uint64_t clients) {
    static const struct {
        const char *name;
        worker_code *code;
    } roles[] = {{"doomed_keep", stress_keep_registers},
                 {"doomed_calls", stress_make_calls},
                 {"doomed_wander", stress_wander},
                 {"doomed_break", stress_break}};
    struct doomed *doomed = &stress.doomed[index];
    uint64_t role = random_below(4);
    bool serves = index % 2 == 0;
    doomed->frame = world_frames(STRESS_POOL_PAGES);
    doomed->pool = world_slot();
    doomed->endpoint = world_slot();
    CHECK_STATUS(sys_pool_create(world.region, doomed->frame, STRESS_POOL_PAGES, doomed->pool), OK);
    CHECK_STATUS(sys_object_create(doomed->pool, OBJECT_ENDPOINT, 0, doomed->endpoint), OK);
    struct worker_plan plan = {.pool = doomed->pool, .space = worker_space_from(doomed->pool)};
    doomed->member = add(serves ? "doomed_serve" : roles[role].name, serves ? stress_serve : roles[role].code, plan,
                         MEMBER_DOOMED | (serves ? MEMBER_SERVES : 0));
    struct worker *worker = &doomed->member->worker;
    if (serves) {
        set_slots(worker->view, doomed->endpoint);
        worker->view->in[STRESS_MORTAL] = 1;
        add_clients(clients, doomed->endpoint, true);
    } else {
        worker->view->caps[0] = roles[role].code == stress_wander ? worker->thread : world.silence;
    }
}

/* Add threads that touch pages, threads that unmap them, and a pager that answers the faults. */
static void add_touchers(uint64_t count) {
    stress.frames = world_memory(STRESS_FRAMES);
    stress.seen = world_map(stress.frames, STRESS_FRAMES);
    stress.pages = world_addresses(STRESS_PAGES);
    for (uint64_t space = 0; space < STRESS_SPACES; space++) {
        stress.spaces[space] = worker_space_from(stress.pool);
        for (uint64_t i = 0; i < count; i++) {
            struct worker_plan plan = {.space = stress.spaces[space]};
            struct worker_view *view = add("touch", stress_touch, plan, PLAYED)->worker.view;
            view->in[STRESS_AT] = stress.pages;
            view->in[STRESS_CANARY] = stress_canary(space);
            if (random_below(2) == 0)
                view->in[STRESS_PACE_NS] = 0; /* never sleep: a sleep, and so another root, would flush its TLB */
        }
    }
    (void)add("map", stress_map, player, MEMBER_PLAYS);
}

static struct worker_view *add_pager(void) {
    struct worker_plan plan = {.priority = PRIORITY_WORKER};
    struct worker_view *view = add("pager", stress_page, plan, MEMBER_SERVES)->worker.view;
    view->caps[0] = stress.faults;
    view->in[STRESS_AT] = stress.pages;
    return view;
}

/* Choose the round's members; with fewer of them, each gets more done. */
static struct worker_view *gather(void) {
    memset(&stress, 0, sizeof stress);
    stress.pool = world_pool(POOL_PAGES);
    stress.faults = from_pool(OBJECT_ENDPOINT);
    stress.doomed_count = random_below(STRESS_KILLERS + 1) * STRESS_SHARE;
    add_alone(random_below(3));
    if (random_below(2) == 0)
        add_ping();
    if (random_below(2) == 0)
        add_server(1 + random_below(3));
    for (uint64_t i = 0; i < stress.doomed_count; i++)
        add_doomed(i, 1 + random_below(2));
    if (random_below(2) == 0)
        add_touchers(1 + random_below(3));
    for (uint64_t i = 0; i < stress.doomed_count / STRESS_SHARE; i++)
        add("kill", stress_kill, player, MEMBER_PLAYS)->worker.view->in[STRESS_KILLER] = i;
    for (uint64_t i = 1 + random_below(2); i > 0; i--)
        (void)add("meddle", stress_meddle, player, MEMBER_PLAYS);
    return add_pager();
}

/* ---- a round ---- */

/* Resume all stopped threads and give them some time, even where the lock makes this slow. A doomed
 * thread may not exist now. */
static void let_all_run(void) {
    uint64_t started_ns = world_now();
    for (uint32_t i = 0; i < stress.member_count; i++) {
        const struct member *member = &stress.members[i];
        uint64_t status = sys_thread_resume(member->worker.thread).status;
        if (status != OK && (member->flags & MEMBER_DOOMED) == 0)
            test_fail("%s %u cannot be resumed: status %lu", member->name, i, status);
    }
    worker_let_run(SLICE_UNITS * unit_ns() + 4 * (world_now() - started_ns));
}

static void report_standstill(uint32_t index) {
    uint64_t cpu = worker_read(stress.members[index].worker.thread).cpu;
    test_fail("%s %u does not go on", stress.members[index].name, index);
    for (uint32_t i = 0; i < stress.member_count; i++) {
        const struct member *member = &stress.members[i];
        if ((member->flags & MEMBER_DOOMED) != 0 && sys_cap_query(member->worker.thread).status != OK)
            continue;
        struct thread_state state = worker_read(member->worker.thread);
        if (state.cpu == cpu)
            test_note("%s %u: turn %lu, state %lu, priority %lu, ran %lu us, on CPU %lu at rip 0x%lx", member->name, i,
                      member->worker.view->out[STRESS_TURNS], state.run_state, state.priority, state.cpu_time_ns / 1000,
                      cpu, state.registers.rip);
    }
}

static bool comes_to(uint32_t index, uint64_t what, uint64_t at_least) {
    for (uint64_t end = world_soon(); stress.members[index].worker.view->out[what] < at_least;) {
        if (world_now() > end) {
            report_standstill(index);
            return false;
        }
        let_all_run(); /* members of the second kind that have not ended yet may have stopped it */
    }
    return true;
}

/* End the members of the second kind. Then all others must still go on. */
static void come_to_rest(void) {
    uint64_t turns[STRESS_MEMBERS_MAX];
    stress.stop = 1;
    for (uint32_t i = 0; i < stress.member_count; i++)
        stress.members[i].worker.view->in[STRESS_PACE_NS] = REST_PACE_UNITS * unit_ns();
    for (uint32_t i = 0; i < stress.member_count; i++) {
        if ((stress.members[i].flags & MEMBER_PLAYS) != 0 && !comes_to(i, STRESS_ENDED, 1))
            return;
    }
    struct thread_config config = {.priority = STRESS_PRIORITY};
    for (uint32_t i = 0; i < stress.member_count; i++) {
        const struct member *member = &stress.members[i];
        if ((member->flags & MEMBER_FLEXIBLE) != 0)
            CHECK_STATUS(worker_configure(member->worker.thread, &config, THREAD_PRIORITY), OK);
        turns[i] = member->worker.view->out[STRESS_TURNS];
    }
    for (uint32_t i = 0; i < stress.member_count; i++) {
        if ((stress.members[i].flags & (MEMBER_PLAYS | MEMBER_SERVES)) == 0 && !comes_to(i, STRESS_TURNS, turns[i] + 1))
            return;
    }
}

static uint64_t sum(uint64_t what) {
    uint64_t result = 0;
    for (uint32_t i = 0; i < stress.member_count; i++)
        result += stress.members[i].worker.view->out[what];
    return result;
}

/* Destroy all at once, while they run. Afterwards none of them may do anything. */
static void destroy(void) {
    CHECK_STATUS(sys_cap_delete(0, stress.pool), OK);
    for (uint32_t i = 0; i < stress.doomed_count; i++)
        CHECK_STATUS(sys_cap_delete(0, stress.doomed[i].pool), OK);
    uint64_t turns = sum(STRESS_TURNS);
    worker_let_run(SLICE_UNITS * unit_ns());
    CHECK_EQUAL(sum(STRESS_TURNS), turns);
    role_check_sleepers();
}

static void look_at_results(const struct worker_view *pager) {
    for (uint32_t i = 0; i < stress.member_count; i++) {
        const struct member *member = &stress.members[i];
        const struct worker_view *view = member->worker.view;
        if (view->out[STRESS_WRONG] != 0)
            test_fail("%s %u: %lu times wrong, first kind %lu: 0x%lx", member->name, i, view->out[STRESS_WRONG],
                      view->out[STRESS_WHAT], view->out[STRESS_VALUE]);
        uint64_t before = view->out[STRESS_TURNS], reported = pager->out[STRESS_BREAKS + i + 1];
        bool counts = member->code == stress_break && (member->flags & MEMBER_DOOMED) == 0;
        if (counts && (reported < before || reported > view->out[STRESS_TURNS] + 1))
            test_fail("break %u: %lu breakpoints, %lu of them reported", i, before, reported);
    }
    total.turns += sum(STRESS_TURNS);
    total.faults += pager->out[STRESS_TURNS];
    total.kills += stress.kills;
    total.meddling += stress.meddling;
}

static void blow(uint64_t seed, uint64_t round) {
    random_seed(seed * 1000003 + round);
    const struct worker_view *pager = gather();
    (void)sys_system_info(INFO_LONGEST_STAY, 1); /* leave out the invariant check */
    for (uint64_t end = world_now() + BLOW_UNITS * unit_ns(); world_now() < end;)
        let_all_run();
    come_to_rest();
    look_at_results(pager); /* while they still run: once destruction begins they find much that is wrong */
    destroy();
    uint64_t stay = sys_system_info(INFO_LONGEST_STAY, 0).value;
    if (stay > total.longest_stay) {
        total.longest_stay = stay;
        total.stay_cause = sys_system_info(INFO_LONGEST_CALL, 0).value;
    }
    total.rounds++;
}

/* ---- a report of the round, and of the lock's cost ---- */

static void report(void) {
    uint64_t per_us = sys_system_info(INFO_TICKS_PER_SECOND, 0).value / 1000000;
    test_note("%lu rounds: %lu turns, %lu faults answered, %lu kills, %lu threads meddled with", total.rounds,
              total.turns, total.faults, total.kills, total.meddling);
    for (uint64_t cpu = 0; cpu < STRESS_CPUS; cpu++) {
        uint64_t waits = sys_system_info(INFO_LOCK_WAITS, cpu).value;
        uint64_t ticks = sys_system_info(INFO_LOCK_WAIT_TICKS, cpu).value;
        uint64_t longest = sys_system_info(INFO_LOCK_LONGEST_WAIT, cpu).value;
        test_note("CPU %lu waited for the lock %lu times, %lu us on average, at most %lu us", cpu, waits,
                  waits == 0 ? 0 : ticks / waits / per_us, longest / per_us);
    }
    test_note("the longest stay in the kernel: %lu us, cause %lu", total.longest_stay / per_us, total.stay_cause);
}

/* All memory and capabilities from before a round are back after it, to the last byte. */
static void threads_on_four_cpus_are_played_with(void) {
    uint64_t seed = world_command_number("seed", 1), round = world_command_number("first", 0);
    uint64_t seconds = world_command_number("minutes", 0) * 60;
    uint64_t end_ns = world_now() + (seconds != 0 ? seconds : world_command_number("seconds", 15)) * 1000000000;
    world_end();
    struct hook_counts before = hook_counts(INIT_CAP_POOL);
    for (uint64_t end = round + world_command_number("rounds", UINT64_MAX / 2); world_now() < end_ns && round < end;
         round++) {
        test_limit_ms(4 * test_limit_default_ns() / 1000000);
        world_begin();
        blow(seed, round);
        world_end();
        hook_check_counts(INIT_CAP_POOL, &before);
        if (test_has_failed()) {
            test_note("this was round %lu of seed %lu: --append first=%lu begins there", round, seed, round);
            break;
        }
    }
    world_begin();
    report();
}

SUITE(CASE(threads_on_four_cpus_are_played_with));
