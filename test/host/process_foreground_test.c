/*
 * The terminal's owner: which process may change it, which group owns it after the owner's end, and which processes get
 * keys while a job starts. First the rules, on a table; then the server's behaviour as callers see it.
 */
#include <string.h>

#include "servers/process/delivery/delivery.h"
#include "servers/process/delivery/raise.h"
#include "servers/process/records/foreground.h"
#include "test/host/process_world.h"
#include "test/host/suite.h"

static const struct process_wait_reply exited = {.end = PROCESS_EXITED};

static struct server_context *const context = &served_context;
static struct process_table *const table = &served_context.processes;

/* ---- rules ---- */

static struct process *begin(uint32_t parent, uint32_t group) {
    struct process *process = NULL;
    CHECK_EQUAL(process_begin(table, parent, &process), OK);
    if (group != 0)
        process_enter_group(table, process, group == 1 ? process->pid : group);
    return process;
}

static struct process *start_table(void) {
    world_start(400);
    struct process *first = begin(0, 0);
    CHECK_EQUAL(table->foreground, 1);
    return first;
}

static void end(struct process *process) { (void)process_end(table, process, &exited); }

static void only_the_foreground_gives_the_terminal_away(void) {
    struct process *first = start_table();
    struct process *shell = begin(1, 1), *other = begin(1, 1), *job = begin(shell->pid, 1);
    CHECK(foreground_may_name(table, first));
    CHECK(!foreground_may_name(table, shell));
    foreground_name(table, first, shell->group);
    CHECK(foreground_may_name(table, shell));
    foreground_name(table, shell, job->group);
    CHECK(foreground_may_name(table, job));
    CHECK(foreground_may_name(table, shell)); /* it takes it back */
    CHECK(foreground_may_name(table, first));
    CHECK(!foreground_may_name(table, other));
    foreground_name(table, job, other->group);
    CHECK(!foreground_may_name(table, shell)); /* that was not its doing ... */
    end(job);
    CHECK(foreground_may_name(table, shell)); /* ... but its child's, and now it answers for that */
    CHECK_EQUAL(table->foreground, other->group);
}

static void the_terminal_goes_back_to_whoever_gave_it(void) {
    struct process *first = start_table();
    struct process *shell = begin(1, 1), *inner = begin(shell->pid, 1), *job = begin(inner->pid, 1);
    struct process *member = begin(job->pid, job->group);
    foreground_name(table, first, shell->group);
    foreground_name(table, shell, inner->group);
    foreground_name(table, inner, job->group);
    end(job); /* `member` is left, an orphan */
    CHECK_EQUAL(table->foreground, job->group);
    end(member);
    CHECK_EQUAL(table->foreground, inner->group);
    end(inner);
    CHECK_EQUAL(table->foreground, shell->group);
    end(shell);
    CHECK_EQUAL(table->foreground, 1);
}

static void without_the_giver_it_is_the_first_ones(void) {
    struct process *first = start_table();
    struct process *shell = begin(1, 1), *job = begin(shell->pid, 1);
    foreground_name(table, first, shell->group);
    foreground_name(table, shell, job->group);
    end(shell);
    CHECK_EQUAL(table->foreground, job->group);
    CHECK_EQUAL(first->named, job->group); /* it answers for its child */
    end(job);
    CHECK_EQUAL(table->foreground, 1);

    shell = begin(1, 1);
    job = begin(shell->pid, 1);
    foreground_name(table, first, shell->group);
    foreground_name(table, shell, job->group);
    shell->session = shell->group; /* as set_session does */
    end(job);
    CHECK_EQUAL(table->foreground, 1); /* no terminal of that session */
}

static void a_group_that_is_left_has_ended(void) {
    struct process *first = start_table();
    struct process *shell = begin(1, 1), *job = begin(shell->pid, 1);
    foreground_name(table, first, shell->group);
    foreground_name(table, shell, job->group);
    process_enter_group(table, job, shell->group);
    CHECK_EQUAL(table->foreground, shell->group);
}

#define INTERRUPT signal_bit(PROCESS_SIGINT)
#define SUSPEND signal_bit(PROCESS_SIGTSTP)

static void keys_reach_all_of_a_job(void) {
    struct process *first = start_table();
    foreground_note_key(table, PROCESS_SIGINT); /* for the shell, which passes it on */
    struct process *a = begin(1, 1);
    CHECK_EQUAL(foreground_start(table, first, a), 0);
    foreground_note_key(table, PROCESS_SIGINT);
    struct process *b = begin(1, a->group);
    CHECK_EQUAL(foreground_start(table, first, b), INTERRUPT);
    end(a);
    end(b);
    CHECK_EQUAL(table->foreground, 1); /* all has ended by the key, but there is more to start */
    struct process *c = begin(1, a->group);
    CHECK_EQUAL(foreground_start(table, first, c), INTERRUPT);
    foreground_note_key(table, PROCESS_SIGTSTP);
    CHECK_EQUAL(foreground_start(table, first, begin(1, a->group)), INTERRUPT | SUSPEND);
    foreground_name(table, first, 1);
    foreground_name(table, first, a->group); /* it goes on: earlier keys do not count any more */
    CHECK_EQUAL(foreground_start(table, first, begin(1, a->group)), 0);
    CHECK_EQUAL(foreground_start(table, first, begin(1, 1)), 0);
}

static void groups_without_a_minder_are_orphaned(void) {
    struct process *first = start_table();
    struct process *shell = begin(1, 1), *job = begin(shell->pid, 1), *member = begin(job->pid, job->group);
    CHECK(process_group_is_orphaned(table, first->group));
    CHECK(!process_group_is_orphaned(table, shell->group));
    CHECK(!process_group_is_orphaned(table, job->group));
    shell->session = shell->pid;
    CHECK(process_group_is_orphaned(table, shell->group));
    CHECK(process_group_is_orphaned(table, job->group));
    shell->session = 1;
    end(job); /* only the process that has ended has such a parent */
    CHECK(process_group_is_orphaned(table, member->group));
}

/* ---- what callers see ---- */

static uint32_t set_foreground(uint64_t caller, uint64_t pid) {
    struct process_set_foreground_request request = {.pid = pid};
    struct process_set_foreground_reply reply;
    return world_call(caller, 9, &request, &reply, NULL);
}

static uint32_t bring_back(uint64_t caller, uint64_t pid) {
    struct process_set_foreground_request request = {.pid = pid, .goes_on = 1};
    struct process_set_foreground_reply reply;
    return world_call(caller, 9, &request, &reply, NULL);
}

static uint32_t await_foreground(uint64_t caller, uint64_t signal) {
    struct process_await_foreground_request request = {signal};
    struct process_await_foreground_reply reply;
    return world_call(caller, 39, &request, &reply, NULL);
}

static uint32_t spawn_into(uint64_t parent, uint64_t group, uint64_t *ret_pid) {
    static struct process_spawn_request request;
    struct process_spawn_reply reply = {0};
    CHECK_EQUAL(world_stage(parent), OK);
    request = (struct process_spawn_request){8, world_strings, group, "bin/prog"};
    uint32_t status = world_call(parent, 3, &request, &reply, NULL);
    *ret_pid = reply.pid;
    return status;
}

static void start_world(uint64_t *ret_shell, uint64_t *ret_background) {
    world_start(900);
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_EQUAL(spawn_into(1, PROCESS_GROUP_OWN | PROCESS_GROUP_FOREGROUND, ret_shell), OK);
    CHECK_EQUAL(spawn_into(1, PROCESS_GROUP_OWN, ret_background), OK);
    CHECK_EQUAL(table->foreground, *ret_shell);
    CHECK_EQUAL(world_told_foreground, *ret_shell);
}

static void a_spawn_takes_the_terminal_with_it(void) {
    uint64_t shell, other, job, none;
    start_world(&shell, &other);
    CHECK_EQUAL(spawn_into(other, PROCESS_GROUP_OWN | PROCESS_GROUP_FOREGROUND, &none), P_BACKGROUND);
    CHECK_EQUAL(spawn_into(other, UINT64_MAX, &none), P_PERMISSION);
    CHECK_EQUAL(table->foreground, shell);
    CHECK_EQUAL(spawn_into(shell, PROCESS_GROUP_OWN | PROCESS_GROUP_FOREGROUND, &job), OK);
    CHECK_EQUAL(table->foreground, job);
    serve_events(EVENT_INTERRUPT);
    delivery_run();
    CHECK(world_process(job)->ended);
    CHECK_EQUAL(table->foreground, shell);
    CHECK_EQUAL(world_told_foreground, shell);
    CHECK_EQUAL(spawn_into(shell, PROCESS_GROUP_FOREGROUND | job, &none), OK); /* the next stage of that job */
    delivery_run();
    CHECK(world_process(none)->ended && world_process(none)->end.value == PROCESS_SIGINT);
    world_process(other)->session = (uint32_t)other;
    CHECK_EQUAL(spawn_into(other, PROCESS_GROUP_OWN | PROCESS_GROUP_FOREGROUND, &none), P_PERMISSION);
    CHECK_EQUAL(set_foreground(other, other), P_PERMISSION);
    CHECK_EQUAL(set_foreground(1, other), P_PERMISSION);
}

static void the_terminal_is_not_taken(void) {
    uint64_t shell, other, job;
    start_world(&shell, &other);
    CHECK_EQUAL(set_foreground(other, other), P_BACKGROUND);
    CHECK_EQUAL(set_foreground(other, shell), P_BACKGROUND);
    CHECK_EQUAL(set_foreground(1, 0), P_NO_PROCESS);
    CHECK_EQUAL(spawn_into(shell, PROCESS_GROUP_OWN, &job), OK);
    CHECK_EQUAL(set_foreground(shell, job), OK);
    CHECK_EQUAL(set_foreground(shell, shell), OK);
    CHECK_EQUAL(set_foreground(1, 1), OK);
    CHECK_EQUAL(world_told_foreground, 1);
    CHECK_EQUAL(set_foreground(shell, shell), P_BACKGROUND);
}

/* Of the console's answers, some are lost. Only if all are, all may read the terminal. */
static void the_console_is_told_again(void) {
    uint64_t shell, other;
    start_world(&shell, &other);
    world_lost_answers = 2;
    CHECK_EQUAL(set_foreground(1, 1), OK);
    CHECK(world_told_foreground == 1 && world_lost_answers == 0 && served_context.caps.console == FAKE_CAP_CONSOLE);
    world_lost_answers = 3;
    CHECK_EQUAL(set_foreground(1, shell), OK);
    CHECK(world_lost_answers == 0 && served_context.caps.console == 0);
}

/* A stopped job that is brought back goes on before any key can reach it, so that none is lost. */
static void a_job_goes_on_as_it_gets_the_terminal(void) {
    uint64_t shell, other, job, member;
    struct process_set_foreground_reply reply;
    start_world(&shell, &other);
    CHECK_EQUAL(spawn_into(shell, PROCESS_GROUP_OWN, &job), OK);
    CHECK_EQUAL(spawn_into(shell, job, &member), OK);
    (void)raise_for_group((uint32_t)job, PROCESS_SIGSTOP, NULL);
    delivery_run();
    CHECK(world_process(job)->halted && world_process(member)->halted);
    CHECK_EQUAL(bring_back(other, job), P_BACKGROUND);
    struct process_set_foreground_request wrong = {.pid = job, .goes_on = 2};
    CHECK_EQUAL(world_call(shell, 9, &wrong, &reply, NULL), P_ARGUMENT);
    CHECK(world_process(job)->halted);
    CHECK_EQUAL(table->foreground, shell);
    CHECK_EQUAL(bring_back(shell, job), OK);
    CHECK(!world_process(job)->halted && !world_process(member)->halted);
    CHECK_EQUAL(table->foreground, job);
    serve_events(EVENT_SUSPEND);
    delivery_run();
    CHECK(world_process(job)->halted && world_process(member)->halted);
}

static void background_stops_until_it_is_let_go_on(void) {
    uint64_t shell, other;
    start_world(&shell, &other);
    CHECK_EQUAL(await_foreground(shell, PROCESS_SIGTTIN), OK);
    CHECK_EQUAL(await_foreground(shell, PROCESS_SIGSTOP), P_ARGUMENT);
    delivery_run();
    CHECK(!world_process(shell)->halted);
    struct process *process = world_process(other);
    for (uint64_t signal = PROCESS_SIGTTIN; signal <= PROCESS_SIGTTOU; signal++) {
        CHECK_EQUAL(await_foreground(other, signal), OK);
        delivery_run();
        CHECK(process->halted);
        CHECK_EQUAL(process->tells, PROCESS_STOPPED);
        CHECK_EQUAL(process->tells_signal, signal);
        raise_for_process(process, PROCESS_SIGCONT, 1);
        delivery_run();
        CHECK(!process->halted);
    }
    process->signals.ignored = signal_bit(PROCESS_SIGTTIN);
    CHECK_EQUAL(await_foreground(other, PROCESS_SIGTTIN), P_PERMISSION);
    process->signals.ignored = 0;
    process->first.masked = signal_bit(PROCESS_SIGTTOU);
    CHECK_EQUAL(await_foreground(other, PROCESS_SIGTTOU), P_PERMISSION);
    CHECK_EQUAL(await_foreground(1, PROCESS_SIGTTIN), P_PERMISSION); /* who would let process 1 go on? */
    CHECK_EQUAL(context->processes.foreground, shell);
    process->session = process->pid;
    CHECK_EQUAL(await_foreground(other, PROCESS_SIGTTIN), P_PERMISSION);
}

SUITE(CASE(only_the_foreground_gives_the_terminal_away), CASE(the_terminal_goes_back_to_whoever_gave_it),
      CASE(without_the_giver_it_is_the_first_ones), CASE(a_group_that_is_left_has_ended), CASE(keys_reach_all_of_a_job),
      CASE(groups_without_a_minder_are_orphaned), CASE(a_spawn_takes_the_terminal_with_it),
      CASE(the_terminal_is_not_taken), CASE(the_console_is_told_again), CASE(a_job_goes_on_as_it_gets_the_terminal),
      CASE(background_stops_until_it_is_let_go_on));
