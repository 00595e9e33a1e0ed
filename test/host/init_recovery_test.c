/*
 * Init's policy: when, how often and how soon does a program that ended come back? If it does not, what do its clients
 * find? When does init take a program for one that hangs? The clock, the kernel and the programs are this test's.
 */
#include "servers/init/recovery.h"

#include <stdio.h>
#include <string.h>

#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/number.h"
#include "servers/init/report.h"
#include "servers/init/storm.h"
#include "servers/init/swap.h"
#include "test/host/suite.h"

#define CLOCK_STEP_NS 1000U /* each look at the clock takes as long */
#define FATAL_RIP 0x4711U

struct world the_world;
struct manifest the_manifest;
struct child the_children[MANIFEST_PROGRAMS_MAX];
struct program program;

static struct message_page page;
static struct init_info *info;
static uint64_t now_ns, timer_ns;
static char last_line[LOG_BYTES_MAX];

/* What was done to each program, by its place in the manifest. */
static struct seen {
    uint32_t builds, gone_builds, starts, stops, swaps;
    uint64_t build_ns, dead_rip;
} seen[MANIFEST_PROGRAMS_MAX];
static uint32_t power_offs, revoked_count;
static cap_t deleted[8];
static uint32_t deleted_count;

/* What happens next. */
static bool build_fails, gone_build_fails, start_fails;
static uint64_t heard[MANIFEST_PROGRAMS_MAX], run_state[MANIFEST_PROGRAMS_MAX];
static uint32_t taken_back;
static bool is_starved; /* other programs have the CPU */
static uint64_t cpu_time_ns;

static const struct thread_registers fault = {.rip = FATAL_RIP};

/* ---- what recovery.c calls ---- */

static size_t place_of(const struct child *child) { return (size_t)(child - the_children); }

bool child_rebuild(struct child *child, const char *path, struct world *world, const struct thread_registers *dead) {
    struct seen *one = &seen[place_of(child)];
    bool is_gone = strcmp(path, "bin/gone") == 0;
    CHECK(world == &the_world && (is_gone || strcmp(path, "bin/x") == 0));
    one->gone_builds += is_gone;
    one->builds += !is_gone;
    one->build_ns = now_ns;
    one->dead_rip = dead->rip;
    return is_gone ? !gone_build_fails : !build_fails;
}

bool child_start(const struct child *child) {
    seen[place_of(child)].starts++;
    return !start_fails;
}

uint64_t child_kept_word(const struct child *child, const struct world *world, uint64_t offset_bytes) {
    (void)world, (void)offset_bytes;
    return heard[place_of(child)];
}

cap_t world_object(struct world *world, const char *name, enum object_type type) {
    (void)world;
    CHECK(type == OBJECT_NOTIFICATION || type == OBJECT_ENDPOINT);
    return type == OBJECT_NOTIFICATION ? 50 : 60 + (cap_t)name[0];
}

uint32_t world_power_off(uint64_t status) {
    CHECK_EQUAL(status, STATUS_VITAL_ENDED);
    power_offs++;
    return E_RIGHTS;
}

void log_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)format_into_list(last_line, sizeof last_line, format, arguments);
    va_end(arguments);
}

void report_hang(const struct world *world, const struct child *child, uint64_t silent_ms) {
    CHECK(world == &the_world);
    log_print("%s hangs for %lu ms at 0x%lx", child->program->name, silent_ms, child->fault.registers.rip);
}

struct result sys_clock_read(void) {
    return (struct result){OK, now_ns += CLOCK_STEP_NS};
}

struct result sys_signal_timer(cap_t notification, uint64_t bits, uint64_t deadline_ns) {
    CHECK(notification == 50 && bits == 1);
    timer_ns = deadline_ns;
    return (struct result){OK, 0};
}

struct result sys_thread_configure(cap_t thread, uint64_t fields) {
    CHECK(thread == INIT_CAP_THREAD && fields == THREAD_NOTIFICATION);
    return (struct result){OK, 0};
}

static uint64_t dead_rax, resume_count;

struct result sys_thread_suspend(cap_t thread, uint64_t flags) {
    CHECK_EQUAL(flags, SUSPEND_WITHDRAW | SUSPEND_ABANDON);
    seen[thread - 1].stops++;
    return (struct result){OK, SUSPEND_STOPPED};
}

struct result sys_thread_read(cap_t thread, uint64_t parts) {
    if (!is_starved)
        cpu_time_ns = now_ns;
    const struct thread_state state = {.registers = {.rip = FATAL_RIP + thread, .rax = dead_rax},
                                       .run_state = run_state[thread - 1],
                                       .cpu_time_ns = cpu_time_ns};
    CHECK(parts == 0 || parts == THREAD_REGISTERS);
    memcpy(page.data, &state, sizeof state);
    return (struct result){OK, 0};
}

struct result sys_thread_resume(cap_t thread) {
    (void)thread;
    resume_count++;
    return (struct result){OK, 0};
}

struct result sys_cap_revoke(cap_t slot) {
    revoked_count += slot > 60;
    return (struct result){OK, 0};
}

struct result sys_cap_delete(cap_t table, cap_t slot) {
    if (CHECK(table == 0 && deleted_count < 8))
        deleted[deleted_count++] = slot;
    return (struct result){OK, 0};
}

/* init_swap_test has the swaps. Here none is under way but if it concerns the program that is named. */
static const struct child *swapped;
static uint64_t swap_ns; /* when the swap is to be looked at */

bool swap_concerns(const struct child *child) { return child == swapped; }
uint32_t swap_begin(struct child *child, const char *path, const char **ret_reason) {
    CHECK(path == child->path);
    *ret_reason = "it is this test";
    seen[place_of(child)].swaps++;
    return P_BUSY;
}
uint64_t swap_tick(uint64_t at_ns) { return at_ns < swap_ns ? swap_ns : DEADLINE_NEVER; }
void swap_take_back(struct child *child, uint64_t at_ns) {
    (void)at_ns;
    taken_back++;
    memcpy(child->path, "bin/x", 6);
}

/* ---- a machine with some programs ---- */

static void begin(const char *command, uint32_t count, struct manifest_restart rule, uint64_t heartbeat_ms) {
    static uint64_t room[(sizeof(struct init_info) + 64) / 8];
    info = (struct init_info *)(void *)room;
    (void)snprintf(info->command, sizeof info->command, "%s", command);
    the_world.info = info;
    program.message = &page;
    memset(seen, 0, sizeof seen);
    memset(heard, 0, sizeof heard);
    memset(the_children, 0, sizeof the_children);
    memset(&the_manifest, 0, sizeof the_manifest);
    is_starved = false;
    dead_rax = resume_count = 0;
    power_offs = revoked_count = deleted_count = taken_back = 0;
    swapped = NULL;
    swap_ns = 0;
    build_fails = gone_build_fails = start_fails = false;
    the_manifest.program_count = count;
    now_ns = 100 * NS_PER_MS;
    last_line[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        struct manifest_program *one = &the_manifest.programs[i];
        *one =
            (struct manifest_program){.image = "bin/x", .restart = rule, .heartbeat_ms = heartbeat_ms, .cap_count = 3};
        one->name[0] = (char)('a' + i);
        one->caps[0] = (struct manifest_cap){.kind = MANIFEST_ENDPOINT, .right = MANIFEST_SERVE, .object = "e"};
        one->caps[1] = (struct manifest_cap){.kind = MANIFEST_ENDPOINT, .right = MANIFEST_CALL, .object = "f"};
        one->caps[2] = (struct manifest_cap){.kind = MANIFEST_NOTIFICATION, .right = MANIFEST_OWN, .object = "g"};
        the_children[i] =
            (struct child){.program = one, .thread = i + 1, .pool = 40 + i, .path = "bin/x", .state = INIT_RUNNING};
        run_state[i] = THREAD_IN_WAIT;
    }
    CHECK(recovery_start());
}

static void pass(uint64_t ms) { now_ns += ms * NS_PER_MS; }

/* Let the timer do what it was set to. */
static void tick(void) {
    now_ns = timer_ns > now_ns ? timer_ns : now_ns;
    recovery_tick();
}

static struct child *const a = &the_children[0];

static const struct manifest_restart three = {.limit = 3, .window_ms = 1000};

/* ---- how often ---- */

static void a_program_comes_back_so_often(void) {
    begin("", 1, three, 0);
    CHECK_EQUAL(timer_ns, DEADLINE_NEVER);
    for (uint32_t i = 1; i <= 3; i++) {
        recovery_of(a, INIT_FAULT, &fault);
        CHECK(a->state == INIT_RUNNING && a->end == INIT_FAULT && a->restart_count == i);
        CHECK(seen[0].builds == i && seen[0].starts == i && seen[0].dead_rip == FATAL_RIP);
    }
    recovery_of(a, INIT_FAULT, &fault);
    CHECK(a->state == INIT_GONE && a->restart_count == 3);
    CHECK(seen[0].builds == 3 && seen[0].gone_builds == 1 && seen[0].starts == 4);
    CHECK_TEXT(last_line, "init: a: restarted 3 times within 1000 ms: it stays away");
    CHECK(revoked_count == 0 && deleted_count == 0 && power_offs == 0);
    CHECK_EQUAL(recovery_request(a), P_BUSY);
    pass(2000);
    recovery_of(a, INIT_FAULT, &fault); /* even the program in its place fails: there is no third */
    CHECK(a->state == INIT_GONE && seen[0].builds == 3 && seen[0].gone_builds == 1 && seen[0].starts == 4);
    CHECK(revoked_count == 1 && deleted_count == 2);
}

/* The window begins with the first end in it. One that ends slowly goes on for ever. */
static void a_window_is_counted_from_its_first_end(void) {
    begin("", 1, three, 0);
    for (uint32_t i = 0; i < 20; i++) {
        recovery_of(a, INIT_FAULT, &fault);
        pass(400);
    }
    CHECK(a->state == INIT_RUNNING && a->restart_count == 20);

    begin("", 1, three, 0);
    recovery_of(a, INIT_FAULT, &fault);
    pass(900);
    recovery_of(a, INIT_FAULT, &fault);
    recovery_of(a, INIT_FAULT, &fault);
    pass(99);
    recovery_of(a, INIT_FAULT, &fault);
    CHECK_EQUAL(a->state, INIT_GONE);

    begin("", 1, three, 0);
    recovery_of(a, INIT_FAULT, &fault);
    pass(900);
    recovery_of(a, INIT_FAULT, &fault);
    recovery_of(a, INIT_FAULT, &fault);
    pass(101);
    recovery_of(a, INIT_FAULT, &fault);
    CHECK_EQUAL(a->state, INIT_RUNNING);
}

/* Requests are nobody's fault, and don't wait. */
static void requests_do_not_count(void) {
    begin("", 2, (struct manifest_restart){.limit = 1, .window_ms = 1000, .backoff_ms = 500}, 0);
    for (uint32_t i = 1; i <= 10; i++) {
        CHECK_EQUAL(recovery_request(&the_children[1]), OK);
        CHECK(seen[1].stops == i && seen[1].builds == i && seen[1].dead_rip == FATAL_RIP + 2);
    }
    CHECK(the_children[1].state == INIT_RUNNING && the_children[1].end == INIT_REQUESTED);
    CHECK(seen[0].stops == 0 && seen[0].builds == 0);
    recovery_of(&the_children[1], INIT_FAULT, &fault);
    CHECK_EQUAL(the_children[1].state, INIT_FAULTED);
    CHECK_EQUAL(recovery_request(&the_children[1]), P_BUSY); /* it comes back already */
    CHECK_EQUAL(seen[1].stops, 10);
    tick();
    CHECK_EQUAL(recovery_request(&the_children[1]), OK);

    begin("", 1, (struct manifest_restart){0}, 0);
    CHECK_EQUAL(recovery_request(a), P_OPERATION);
    CHECK(seen[0].stops == 0 && a->state == INIT_RUNNING);
}

/* ---- how soon ---- */

static void a_program_comes_back_after_a_while(void) {
    begin("", 3, (struct manifest_restart){.limit = 3, .window_ms = 100000, .backoff_ms = 500}, 0);
    uint64_t ended_ns = now_ns;
    run_state[2] = THREAD_READY; /* nobody looks whether it hangs */
    recovery_of(a, INIT_FAULT, &fault);
    CHECK(a->state == INIT_FAULTED && seen[0].builds == 0);
    CHECK(timer_ns >= ended_ns + 500 * NS_PER_MS && timer_ns < ended_ns + 501 * NS_PER_MS);
    pass(200);
    recovery_of(&the_children[1], INIT_FAULT, &fault); /* its turn is later; the timer stays */
    CHECK(timer_ns < ended_ns + 501 * NS_PER_MS && seen[0].builds == 0);
    tick();
    CHECK(a->state == INIT_RUNNING && a->due_ns == 0 && seen[0].builds == 1 && seen[1].builds == 0);
    CHECK(seen[0].build_ns >= ended_ns + 500 * NS_PER_MS);
    CHECK(timer_ns >= ended_ns + 700 * NS_PER_MS && timer_ns < ended_ns + 701 * NS_PER_MS);
    tick();
    CHECK(seen[1].builds == 1 && timer_ns == DEADLINE_NEVER);
    CHECK(seen[2].builds == 0 && the_children[2].state == INIT_RUNNING);
}

/* ---- when it does not ---- */

static void a_program_without_a_rule_is_gone(void) {
    begin("", 1, (struct manifest_restart){0}, 0);
    recovery_of(a, INIT_FAULT, &fault);
    CHECK_TEXT(last_line, "");
    CHECK(a->state == INIT_GONE && seen[0].builds == 0 && seen[0].gone_builds == 1 && seen[0].starts == 1);
    recovery_of(a, INIT_FAULT, &fault); /* the program in its place fails, too */
    CHECK(a->state == INIT_GONE && seen[0].gone_builds == 1 && seen[0].starts == 1);
    CHECK_EQUAL(revoked_count, 1); /* the one endpoint that it served */
    CHECK(deleted_count == 2 && deleted[0] == 60 + 'e' && deleted[1] == 40);
}

/* Neither an image that can't be built, nor a thread that can't be started, leaves its clients waiting. */
static void what_cannot_be_built_is_gone(void) {
    for (int i = 0; i < 2; i++) {
        begin("", 1, three, 0);
        build_fails = i == 0;
        start_fails = i == 1;
        recovery_of(a, INIT_FAULT, &fault);
        CHECK(a->state == INIT_GONE && seen[0].builds == 1 && seen[0].gone_builds == 1);
        CHECK_EQUAL(deleted_count, i == 0 ? 0 : 2); /* with i == 1 the program in its place can't be started either */
    }
    begin("", 1, three, 0);
    build_fails = gone_build_fails = true;
    recovery_of(a, INIT_FAULT, &fault);
    CHECK(a->state == INIT_GONE && revoked_count == 1 && deleted_count == 2 && seen[0].starts == 0);
}

static void a_vital_program_switches_off_when_it_is_gone(void) {
    begin("", 1, three, 0);
    the_manifest.programs[0].vital = true;
    for (uint32_t i = 1; i <= 3; i++)
        recovery_of(a, INIT_FAULT, &fault);
    CHECK_EQUAL(power_offs, 0);
    recovery_of(a, INIT_FAULT, &fault);
    CHECK_EQUAL(power_offs, 1);
    CHECK_TEXT(last_line, "init: a is vital: switching off");
    CHECK_EQUAL(seen[0].gone_builds, 1); /* the kernel has refused */
}

/* ---- programs that hang ---- */

static void a_program_that_takes_no_message_is_ended(void) {
    begin("", 2, three, 800);
    CHECK(timer_ns > now_ns + 390 * NS_PER_MS && timer_ns <= now_ns + 400 * NS_PER_MS);
    run_state[0] = THREAD_READY;
    heard[0] = 5;
    recovery_tick();
    uint64_t began_ns = now_ns;
    for (uint32_t i = 0; i < 10 && seen[0].stops == 0; i++)
        tick();
    CHECK(a->end == INIT_HUNG && a->state == INIT_RUNNING && seen[0].builds == 1);
    CHECK_EQUAL(seen[0].dead_rip, FATAL_RIP + 1);
    CHECK(now_ns >= began_ns + 800 * NS_PER_MS && now_ns <= began_ns + 1201 * NS_PER_MS);
    CHECK(strncmp(last_line, "a hangs for ", 12) == 0);
    CHECK(seen[1].stops == 0 && seen[1].builds == 0); /* it waits */
}

static void a_busy_program_is_left_alone(void) {
    begin("", 1, three, 800);
    run_state[0] = THREAD_READY;
    for (uint32_t i = 0; i < 100; i++) {
        heard[0] += i % 2; /* with each second look */
        tick();
    }
    CHECK(seen[0].stops == 0);
    run_state[0] = THREAD_IN_WAIT;
    for (uint32_t i = 0; i < 10; i++)
        tick();
    CHECK(seen[0].stops == 0);
    run_state[0] = THREAD_READY; /* the time counts from the last look at which it was well */
    tick();
    CHECK(seen[0].stops == 0);
}

/* Neither time without a CPU counts nor a machine that stood still; waiting for somebody else's answer does. */
static void one_that_cannot_run_does_not_hang(void) {
    begin("", 1, three, 800);
    run_state[0] = THREAD_READY;
    is_starved = true;
    for (uint32_t i = 0; i < 100; i++)
        tick();
    CHECK(seen[0].stops == 0);
    is_starved = false;
    heard[0]++;
    tick();
    now_ns += 3600000 * NS_PER_MS;
    tick();
    CHECK(seen[0].stops == 0);
    heard[0]++;
    tick();
    CHECK(seen[0].stops == 0);
    run_state[0] = THREAD_IN_CALL;
    is_starved = true;
    for (uint32_t i = 0; i < 3; i++)
        tick();
    CHECK(seen[0].stops == 1 && a->end == INIT_HUNG);
}

/* A successor has all of its time, although it has heard nothing yet, and other programs are judged by their own. */
static void a_program_that_has_just_begun_does_not_hang(void) {
    begin("", 2, (struct manifest_restart){.limit = 9, .window_ms = 100000, .backoff_ms = 900}, 800);
    recovery_of(a, INIT_FAULT, &fault);
    run_state[0] = THREAD_READY;
    for (uint32_t i = 0; i < 10 && a->state == INIT_FAULTED; i++)
        tick();
    CHECK(a->state == INIT_RUNNING && seen[0].builds == 1 && seen[0].stops == 0);
    run_state[1] = THREAD_READY; /* busy, while its neighbour hangs */
    for (uint32_t i = 0; i < 10 && seen[0].stops == 0; i++) {
        heard[1]++;
        tick();
    }
    CHECK(seen[0].stops == 1 && seen[1].stops == 0);
}

/* Hanging counts as an end of its own fault. */
static void one_that_always_hangs_is_gone(void) {
    begin("", 1, (struct manifest_restart){.limit = 3, .window_ms = 100000}, 800);
    run_state[0] = THREAD_READY;
    for (uint32_t i = 0; i < 100 && a->state != INIT_GONE; i++)
        tick();
    CHECK(a->state == INIT_GONE && seen[0].stops == 4 && seen[0].builds == 3);
    recovery_tick();
    CHECK_EQUAL(timer_ns, DEADLINE_NEVER); /* nobody looks at it any more */
}

/* ---- programs that are being swapped ---- */

/* Nobody ends it on request meanwhile or says that it hangs. One that ends by itself may be the wrong one. */
static void a_program_that_is_swapped(void) {
    begin("", 2, three, 800);
    swapped = a;
    swap_ns = now_ns + 20 * NS_PER_MS;
    run_state[0] = THREAD_READY;
    CHECK_EQUAL(recovery_request(a), P_BUSY);
    recovery_tick();
    CHECK_EQUAL(timer_ns, swap_ns);
    for (uint32_t i = 0; i < 10; i++)
        tick();
    CHECK_EQUAL(seen[0].stops, 0);
    swapped = NULL;
    memcpy(a->path, "bin/y", 6);
    recovery_of(a, INIT_FAULT, &fault);
    CHECK(taken_back == 1 && seen[0].builds == 1);
    CHECK_EQUAL(recovery_request(a), OK);
    CHECK(taken_back == 1 && seen[0].builds == 2);
}

/* ---- ends at random, for tests ---- */

static void storms_are_asked_for(void) {
    static const char *const none[] = {"",         "storm",     "storm=",    "storm=7",
                                       "storm=7,", "storm=7,0", "storm=x,7", "storm=7 7"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        begin(none[i], 2, three, 0);
        CHECK(storm_draw(STORM_ENDS, now_ns) == NULL && storm_next_ns(now_ns) == DEADLINE_NEVER);
    }
}

/* Of three, the second alone is named. The times are around the mean. */
static void a_storm_ends_whom_it_names(void) {
    uint64_t waited_ns = 0;
    begin("trace storm=7,4000,b quiet", 3, three, 0);
    the_manifest.programs[2].name[0] = 'b';
    the_manifest.programs[2].name[1] = 'c';
    CHECK_EQUAL(seen[1].stops, 0);
    CHECK(timer_ns > now_ns + 3 * NS_PER_MS && timer_ns <= now_ns + 4 * NS_PER_MS);
    for (uint32_t i = 1; i <= 1000; i++) {
        uint64_t before_ns = now_ns;
        tick();
        CHECK_EQUAL(seen[1].stops, i);
        CHECK(now_ns <= before_ns + 8 * NS_PER_MS + 10 * CLOCK_STEP_NS);
        waited_ns += now_ns - before_ns;
    }
    CHECK(waited_ns > 3500 * NS_PER_MS && waited_ns < 4500 * NS_PER_MS);
    CHECK(seen[1].builds == 1000 && the_children[1].state == INIT_RUNNING);
    CHECK(seen[0].stops == 0 && seen[2].stops == 0);
    CHECK(storm_draw(STORM_ENDS, now_ns) == NULL && storm_next_ns(now_ns) == timer_ns); /* it is not time yet */
    the_manifest.programs[1].restart.limit = 0;
    CHECK(storm_draw(STORM_ENDS, timer_ns) == NULL &&
          storm_next_ns(timer_ns) > timer_ns); /* nobody is meant any more */
}

/* Two storms at once: each has its own seed, times and server. */
static void a_storm_swaps_whom_it_names(void) {
    begin("swaps=7,4000,b storm=8,16000,c", 3, three, 0);
    for (uint32_t i = 0; i < 1000; i++)
        tick();
    CHECK(seen[0].swaps == 0 && seen[0].stops == 0 && seen[1].stops == 0 && seen[2].swaps == 0);
    CHECK(seen[1].swaps > 700 && seen[2].stops > 150);
    CHECK_EQUAL(seen[1].swaps + seen[2].stops, 1000);
}

/* A program that deletes a large object goes on: nobody else would take the rest apart. */
static void deletions_are_not_interrupted(void) {
    begin("", 1, (struct manifest_restart){.limit = 1, .window_ms = 1000}, 0);
    dead_rax = SYS_cap_delete;
    CHECK_EQUAL(recovery_request(a), P_BUSY);
    CHECK(resume_count == 1 && seen[0].builds == 0 && a->state == INIT_RUNNING);
    dead_rax = OK;
    CHECK_EQUAL(recovery_request(a), OK);
    CHECK(resume_count == 1 && seen[0].builds == 1);
}

SUITE(CASE(deletions_are_not_interrupted), CASE(a_program_comes_back_so_often),
      CASE(a_window_is_counted_from_its_first_end), CASE(requests_do_not_count),
      CASE(a_program_comes_back_after_a_while), CASE(a_program_without_a_rule_is_gone),
      CASE(what_cannot_be_built_is_gone), CASE(a_vital_program_switches_off_when_it_is_gone),
      CASE(a_program_that_takes_no_message_is_ended), CASE(a_busy_program_is_left_alone),
      CASE(one_that_cannot_run_does_not_hang), CASE(a_program_that_has_just_begun_does_not_hang),
      CASE(one_that_always_hangs_is_gone), CASE(a_program_that_is_swapped), CASE(storms_are_asked_for),
      CASE(a_storm_ends_whom_it_names), CASE(a_storm_swaps_whom_it_names));
