/*
 * Threads of processes, with every single call failing: a failed operation leaves no trace, and a successful one gives
 * everything back in the end. And signals to threads: if a thread can't be made to run a handler, its process ends.
 */
#include <string.h>

#include "kernel/abi/rights.h"
#include "servers/process/delivery/delivery.h"
#include "test/host/process_world.h"
#include "test/host/suite.h"

#define PAGES 500U

static struct server_context *const context = &served_context;
static uaddr_t handler; /* in the image's code */

static struct process_thread *thread_of(uint64_t badge) {
    return thread_at(world_process(OBJECTS_BADGE_PID(badge)), OBJECTS_BADGE_NUMBER(badge));
}
static uint32_t living_count(uint64_t pid) { return (uint32_t)__builtin_popcount(world_process(pid)->living); }

/* ---- operations ---- */

/* At the entry of the image, with a stack in the stack's region. */
static uint32_t create_as(uint64_t badge, uint64_t *ret_id) {
    struct thread_registers entry;
    struct process_thread_create_reply reply = {0};
    CHECK(fake_thread_runs(thread_of(badge)->object, &entry));
    struct process_thread_create_request request = {.entry = entry.rip,
                                                    .stack = (entry.rsp & ~(PAGE_BYTES - 1)) - 4 * PAGE_BYTES,
                                                    .argument = 7,
                                                    .pointer = WORLD_BASE};
    uint32_t status = world_call(badge, 29, &request, &reply, NULL);
    *ret_id = reply.thread;
    return status;
}

static uint32_t exit_as(uint64_t badge, uint64_t value) {
    struct process_thread_exit_request request = {value, 0, 0};
    struct process_thread_exit_reply reply;
    return world_call(badge, 30, &request, &reply, NULL);
}

static uint32_t join_as(uint64_t badge, uint64_t id, uint64_t *ret_value) {
    struct process_thread_join_request request = {id};
    struct process_thread_join_reply reply = {0};
    uint32_t status = world_call(badge, 31, &request, &reply, NULL);
    *ret_value = reply.value;
    return status;
}

static uint32_t sleep_as(uint64_t badge, uint64_t duration_ns) {
    struct process_sleep_request request = {program_time_in(duration_ns)};
    struct process_sleep_reply reply;
    return world_call(badge, 13, &request, &reply, NULL);
}

static uint32_t word_wait_as(uint64_t badge, uaddr_t at) {
    uint64_t seen = world_word(thread_of(badge)->object, at);
    struct process_word_wait_request request = {at, (uint32_t)seen, UINT64_MAX};
    struct process_word_wait_reply reply;
    return world_call(badge, 34, &request, &reply, NULL);
}

static uint32_t signal_as(uint64_t badge, uint64_t id, uint64_t signal) {
    struct process_thread_signal_request request = {id, signal};
    struct process_thread_signal_reply reply;
    return world_call(badge, 36, &request, &reply, NULL);
}

static uint32_t kill_as(uint64_t badge, uint64_t pid, uint64_t signal) {
    struct process_kill_request request = {pid, signal};
    struct process_kill_reply reply;
    return world_call(badge, 7, &request, &reply, NULL);
}

static void mask_as(uint64_t badge, uint64_t mask) {
    struct process_signal_mask_request request = {mask, PROCESS_MASK_SET};
    struct process_signal_mask_reply reply;
    CHECK_EQUAL(world_call(badge, 22, &request, &reply, NULL), OK);
}

static void handle_as(uint64_t badge, uint64_t signal) {
    struct process_signal_entry_request entry = {handler, handler + 16};
    struct process_signal_entry_reply entered;
    struct process_signal_action_request action = {signal, PROCESS_SIGNAL_HANDLE, 0};
    struct process_signal_action_reply acted;
    CHECK_EQUAL(world_call(badge, 20, &entry, &entered, NULL), OK);
    CHECK_EQUAL(world_call(badge, 21, &action, &acted, NULL), OK);
}

static void start(struct world_trace *ret_before) {
    world_start(PAGES);
    CHECK_EQUAL(world_start_first(), OK);
    struct thread_registers entry;
    CHECK(fake_thread_runs(world_thread(PROCESS_FIRST), &entry));
    handler = entry.rip + 16;
    *ret_before = world_look();
}

/* A child of process 1 with `count` threads. */
static uint64_t spawn_with(uint32_t count) {
    uint64_t pid = 0, id;
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    for (uint32_t i = 1; i < count; i++)
        CHECK_EQUAL(create_as(pid, &id), OK);
    return pid;
}

static void end_and_wait(uint64_t pid) {
    struct process_wait_reply end;
    CHECK_EQUAL(world_exit(pid | (uint64_t)__builtin_ctz(world_process(pid)->living) << 32, 0), SERVER_DEFERRED);
    CHECK_EQUAL(world_wait(1, pid, 1, &end), OK);
}

/* ---- create, join, exit ---- */

static void thread_begins_with_what_was_asked_for(void) {
    struct world_trace before;
    uint64_t id;
    struct thread_registers parent, entry;
    start(&before);
    uint64_t pid = spawn_with(1);
    mask_as(pid, 0xf0);
    CHECK_EQUAL(create_as(pid, &id), OK);
    CHECK_EQUAL(id, 1);
    const struct process_thread *thread = thread_of(OBJECTS_BADGE(pid, 1));
    CHECK(fake_thread_runs(thread_of(pid)->object, &parent) && fake_thread_runs(thread->object, &entry));
    CHECK(entry.rip == parent.rip && entry.rsp % 16 == 8 && entry.fs_base == WORLD_BASE);
    CHECK(entry.rdi == 7 && entry.rcx == 1 && entry.rdx == objects_process_slot(1));
    CHECK(entry.rsi % PAGE_BYTES == 0 && fake_may_access(thread->object, entry.rsi, MEMORY_WRITE));
    CHECK(fake_table_has(world_objects(pid)->table, entry.rdx));
    CHECK_EQUAL(thread->masked, 0xf0);
    CHECK(fake_thread_config(thread->object).message_offset_pages !=
          fake_thread_config(thread_of(pid)->object).message_offset_pages);
    end_and_wait(pid);
    CHECK(world_same(&before));
}

static void create_fails_at_every_call(void) {
    uint32_t k = 1;
    for (bool failed = true; failed; k++) {
        struct world_trace before;
        uint64_t id, value;
        start(&before);
        uint64_t pid = spawn_with(1);
        fake_fail_at(k);
        uint32_t status = create_as(pid, &id);
        failed = fake_failed();
        fake_fail_at(0);
        if (failed && !CHECK(status != OK && living_count(pid) == 1 && context->processes.thread_count == 2))
            printf("#   after call %u failed\n", k);
        if (failed)
            CHECK_EQUAL(create_as(pid, &id), OK); /* the next one finds nothing in its way */
        CHECK(fake_table_has(world_objects(pid)->table, objects_process_slot(1)));
        CHECK_EQUAL(exit_as(OBJECTS_BADGE(pid, 1), 5), SERVER_DEFERRED);
        CHECK(join_as(pid, id, &value) == OK && value == 5);
        struct world_trace with_number = world_look();
        fake_fail_at(k); /* ... and with a number that was used */
        status = create_as(pid, &id);
        bool failed_again = fake_failed();
        fake_fail_at(0);
        if (failed_again)
            CHECK(status != OK && world_same(&with_number));
        end_and_wait(pid);
        CHECK(world_same(&before));
    }
    printf("# thread_create makes %u calls that can fail\n", k - 2);
    CHECK(k > 15);
}

static void create_with_every_number_of_frames(void) {
    uint32_t refused = 0;
    struct world_trace before;
    for (uint64_t left = 0; left < 16; left++) {
        uint64_t id;
        struct memory_run rest;
        start(&before);
        uint64_t pid = spawn_with(1);
        while (context->frames.free_count > left && frames_take(&context->frames, 1, 1, &rest))
            continue;
        uint32_t status = create_as(pid, &id);
        CHECK(status == OK || status == P_NO_MEMORY);
        refused += status == OK ? 0 : 1;
        if (status != OK)
            CHECK_EQUAL(living_count(pid), 1);
        struct process_wait_reply end;
        CHECK_EQUAL(world_exit(pid, 0), SERVER_DEFERRED);
        CHECK_EQUAL(world_wait(1, pid, 1, &end), OK);
        before.free_frames = world_look().free_frames; /* the rest is ours */
        CHECK(world_same(&before));
    }
    CHECK(refused > 3 && refused < 16);
}

static void exit_and_join_fail_at_every_call(void) {
    struct world_trace before;
    start(&before);
    uint64_t pid = spawn_with(1);
    for (uint32_t k = 0; k < 12; k++) {
        uint64_t id, value;
        CHECK_EQUAL(create_as(pid, &id), OK);
        fake_fail_at(k);
        uint32_t status = join_as(pid, id, &value);
        fake_fail_at(0);
        if (status != SERVER_DEFERRED) {
            CHECK_EQUAL(status, P_LIMIT);
            CHECK_EQUAL(join_as(pid, id, &value), SERVER_DEFERRED);
        }
        uint32_t told = world_late.count;
        fake_fail_at(k);
        CHECK_EQUAL(exit_as(OBJECTS_BADGE(pid, id % PROCESS_THREADS_MAX), 50 + k), SERVER_DEFERRED);
        fake_fail_at(0);
        CHECK(world_late.count == told + 1 && world_late.status == OK && world_late.value == 50 + k);
        CHECK_EQUAL(join_as(pid, id, &value), P_NO_THREAD);
        CHECK_EQUAL(living_count(pid), 1);
    }
    end_and_wait(pid);
    CHECK(world_same(&before));
}

/* ---- fork and exec ---- */

static void fork_from_a_thread_fails_at_every_call(void) {
    uint32_t k = 1;
    uint64_t child;
    struct world_trace first_trace;
    start(&first_trace);
    uint64_t pid = spawn_with(7), badge = OBJECTS_BADGE(pid, 5), ignored;
    CHECK_EQUAL(exit_as(badge, 0), SERVER_DEFERRED);
    CHECK_EQUAL(join_as(pid, 5, &ignored), OK);
    CHECK_EQUAL(create_as(pid, &ignored), OK); /* number 5 has another id now */
    struct world_trace before = world_look();
    for (;; k++) {
        fake_fail_at(k);
        uint32_t status = world_fork(badge, &child);
        if (!fake_failed())
            break;
        fake_fail_at(0);
        if (!CHECK(status != OK && world_same(&before) && living_count(pid) == 7))
            printf("#   after call %u failed\n", k);
    }
    fake_fail_at(0);
    printf("# fork from a thread makes %u calls that can fail\n", k - 1);
    CHECK(k > 24);
    CHECK_EQUAL(world_process(child)->living, 1U << 5);
    CHECK_EQUAL(thread_of(OBJECTS_BADGE(child, 5))->id, 5 + PROCESS_THREADS_MAX);
    CHECK(fake_table_has(world_objects(child)->table, objects_process_slot(5)));
    CHECK(!fake_table_has(world_objects(child)->table, objects_process_slot(0)));
    CHECK_EQUAL(create_as(OBJECTS_BADGE(child, 5), &ignored), OK);
    struct process_wait_reply end;
    CHECK_EQUAL(world_exit(OBJECTS_BADGE(child, 5), 0), SERVER_DEFERRED);
    CHECK_EQUAL(world_wait(pid, child, 1, &end), OK);
    CHECK(world_same(&before));
    end_and_wait(pid);
    CHECK(world_same(&first_trace));
}

static void exec_with_siblings_fails_at_every_call(void) {
    uint32_t k = 1;
    uint64_t value, id;
    struct world_trace first_trace;
    start(&first_trace);
    uint64_t pid = spawn_with(6), badge = OBJECTS_BADGE(pid, 2);
    CHECK_EQUAL(join_as(pid, 1, &value), SERVER_DEFERRED);
    CHECK_EQUAL(sleep_as(OBJECTS_BADGE(pid, 3), 1000), SERVER_DEFERRED);
    CHECK_EQUAL(word_wait_as(OBJECTS_BADGE(pid, 4), WORLD_BASE + 0x2000), SERVER_DEFERRED);
    CHECK_EQUAL(exit_as(OBJECTS_BADGE(pid, 5), 8), SERVER_DEFERRED);
    struct world_trace before = world_look();
    uint32_t told = world_late.count;
    for (;; k++) {
        fake_fail_at(k);
        uint32_t status = world_exec(badge);
        bool failed = fake_failed();
        fake_fail_at(0);
        if (!failed || status == SERVER_DEFERRED) /* what fails behind the handover changes nothing */
            break;
        world_unstage(pid);
        if (!CHECK(world_same(&before) && living_count(pid) == 5 && world_late.count == told))
            printf("#   after call %u failed\n", k);
        for (uint32_t i = 0; i < 5; i++)
            CHECK(!fake_is_suspended(thread_of(OBJECTS_BADGE(pid, i))->object));
        CHECK(thread_of(pid)->waits == THREAD_JOINS && thread_of(OBJECTS_BADGE(pid, 3))->waits == THREAD_SLEEPS);
    }
    printf("# exec with siblings makes %u calls that can fail\n", k - 1);
    CHECK(k > 24);
    CHECK_EQUAL(world_process(pid)->living, 1U << 2);
    CHECK_EQUAL(wakes_next(&context->processes.wakes), DEADLINE_NEVER);
    CHECK_EQUAL(join_as(badge, 5, &value), P_NO_THREAD);
    for (uint32_t i = 0; i < PROCESS_THREADS_MAX; i++) /* nothing is in the way of new ones */
        if (i != 2)
            CHECK_EQUAL(fake_table_has(world_objects(pid)->table, objects_process_slot(i)), false);
    CHECK_EQUAL(create_as(badge, &id), OK);
    CHECK_EQUAL(id, PROCESS_THREADS_MAX);
    CHECK(world_process(pid)->past_time_ns >= 30);
    end_and_wait(pid);
    CHECK(world_same(&first_trace));
}

/* ---- two threads that wait for one child ---- */

static void last_child_is_told_to_one_and_no_child_to_the_others(void) {
    struct world_trace before;
    struct process_wait_reply end;
    start(&before);
    uint64_t pid = spawn_with(3), child;
    CHECK_EQUAL(world_fork(pid, &child), OK);
    CHECK_EQUAL(world_wait(pid, child, 0, &end), SERVER_DEFERRED);
    CHECK_EQUAL(world_wait(OBJECTS_BADGE(pid, 1), PROCESS_ANY, 0, &end), SERVER_DEFERRED);
    CHECK_EQUAL(world_wait(OBJECTS_BADGE(pid, 2), child, 0, &end), SERVER_DEFERRED);
    CHECK_EQUAL(world_exit(child, 6), SERVER_DEFERRED);
    CHECK_EQUAL(world_late.count, 3);
    CHECK_EQUAL(world_late.end.value, 6);
    CHECK_EQUAL(world_late.status, P_NO_CHILD);
    end_and_wait(pid);
    CHECK(world_same(&before));
}

/* ---- signals ---- */

enum doing { RUNS, CALLS, SLEEPS, JOINS, WAITS_SIGNAL, DOINGS };

static void let_do(uint64_t badge, enum doing doing) {
    struct process_signal_wait_request request = {0};
    struct process_signal_wait_reply reply;
    uint64_t value;
    if (doing == CALLS)
        fake_set_run_state(thread_of(badge)->object, THREAD_IN_CALL);
    if (doing == SLEEPS)
        CHECK_EQUAL(sleep_as(badge, 1000), SERVER_DEFERRED);
    if (doing == JOINS)
        CHECK_EQUAL(join_as(badge, 0, &value), SERVER_DEFERRED);
    if (doing == WAITS_SIGNAL)
        CHECK_EQUAL(world_call(badge, 24, &request, &reply, NULL), SERVER_DEFERRED);
}

/* Either the handler is entered, or the process ends; nothing leaks in either case. */
static void handler_with_every_call_failing(void) {
    uint32_t entered = 0, ended = 0;
    for (enum doing doing = RUNS; doing < DOINGS; doing++) {
        bool failed = true;
        for (uint32_t k = 1; failed; k++) {
            struct world_trace before;
            struct process_wait_reply end;
            struct thread_registers registers;
            start(&before);
            uint64_t pid = spawn_with(3), badge = OBJECTS_BADGE(pid, 2);
            handle_as(pid, PROCESS_SIGUSR1);
            let_do(badge, doing);
            fake_fail_at(k);
            CHECK_EQUAL(signal_as(pid, 2, PROCESS_SIGUSR1), OK);
            failed = fake_failed();
            fake_fail_at(0);
            if (world_wait(1, pid, 1, &end) == OK) {
                CHECK(failed && end.end == PROCESS_KILLED && end.value == PROCESS_SIGSEGV);
                ended++;
            } else {
                entered++;
                CHECK(fake_thread_runs(thread_of(badge)->object, &registers) && registers.rip == handler);
                CHECK(!fake_is_suspended(thread_of(badge)->object) && thread_of(badge)->waits == THREAD_RUNS);
                CHECK_EQUAL(thread_of(badge)->masked, signal_bit(PROCESS_SIGUSR1));
                CHECK_EQUAL(thread_of(pid)->masked, 0);
                end_and_wait(pid);
            }
            if (!CHECK(world_same(&before)))
                printf("#   thread does %u, after call %u failed\n", doing, k);
        }
    }
    CHECK(entered >= DOINGS && ended > 4 * DOINGS);
}

/* A handler's frame that just fits above a page shared by fork. */
static void handler_above_a_shared_page_runs(void) {
    struct world_trace before;
    struct thread_registers registers;
    start(&before);
    uint64_t pid = spawn_with(1), child;
    cap_t thread = world_thread(pid);
    handle_as(pid, PROCESS_SIGUSR1);
    CHECK(fake_thread_runs(thread, &registers));
    uaddr_t page = (registers.rsp & ~(PAGE_BYTES - 1)) - 4 * PAGE_BYTES;
    uint64_t frame_bytes = (sizeof(struct process_signal_frame) + 15) & ~15ULL;
    registers.rsp = page + 128 + frame_bytes;
    CHECK(world_set_word(thread, page - 8, 1) && world_set_word(thread, page, 1));
    memcpy(program.message->data, &registers, sizeof registers);
    CHECK_EQUAL(sys_thread_write(thread, THREAD_REGISTERS).status, OK);
    CHECK_EQUAL(world_fork(pid, &child), OK);
    CHECK_EQUAL(world_word(thread, page - 8), 1); /* it is mapped, and may not be written */
    CHECK(!fake_may_access(thread, page - 8, MEMORY_WRITE));
    fake_set_run_state(thread, THREAD_IN_CALL);
    CHECK_EQUAL(signal_as(pid, 0, PROCESS_SIGUSR1), OK);
    CHECK(!world_process(pid)->ended);
    CHECK(fake_thread_runs(thread, &registers) && registers.rip == handler && registers.rsp == page - 8);
    end_and_wait(pid);
}

static void signal_goes_to_the_first_that_does_not_mask_it(void) {
    struct world_trace before;
    struct thread_registers registers;
    start(&before);
    uint64_t pid = spawn_with(4);
    handle_as(pid, PROCESS_SIGUSR1);
    for (uint32_t i = 0; i < 4; i++)
        mask_as(OBJECTS_BADGE(pid, i), i == 2 ? 0 : UINT64_MAX);
    CHECK_EQUAL(kill_as(1, pid, PROCESS_SIGUSR1), OK);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(fake_thread_runs(thread_of(OBJECTS_BADGE(pid, i))->object, &registers));
        CHECK_EQUAL(registers.rip == handler, i == 2);
    }
    CHECK_EQUAL(kill_as(1, pid, PROCESS_SIGUSR1), OK); /* its handler masks it: it waits for whoever is first */
    CHECK_EQUAL(world_process(pid)->signals.pending, signal_bit(PROCESS_SIGUSR1));
    mask_as(OBJECTS_BADGE(pid, 3), 0);
    CHECK(fake_thread_runs(thread_of(OBJECTS_BADGE(pid, 3))->object, &registers) && registers.rip == handler);
    CHECK_EQUAL(world_process(pid)->signals.pending, 0);
    end_and_wait(pid);
    CHECK(world_same(&before));
}

/* If the kernel fails to suspend or resume a thread, nothing is lost. */
static void stop_and_continue_with_every_call_failing(void) {
    struct world_trace before;
    start(&before);
    for (uint32_t k = 0; k < 8; k++) {
        uint64_t pid = spawn_with(4);
        struct process_wait_reply news;
        CHECK_EQUAL(sleep_as(OBJECTS_BADGE(pid, 1), 1000), SERVER_DEFERRED);
        process_enter_group(&context->processes, world_process(pid), (uint32_t)pid); /* which its parent holds */
        CHECK_EQUAL(signal_as(pid, 3, PROCESS_SIGTSTP), OK);
        for (uint32_t i = 0; k == 0 && i < 4; i++)
            CHECK(fake_is_suspended(thread_of(OBJECTS_BADGE(pid, i))->object));
        CHECK(world_wait(1, pid, 1 | PROCESS_WAIT_STOPPED, &news) == OK && news.end == PROCESS_STOPPED);
        handle_as(pid, PROCESS_SIGUSR1);
        CHECK_EQUAL(kill_as(1, pid, PROCESS_SIGUSR1), OK);
        CHECK_EQUAL(world_process(pid)->signals.pending,
                    signal_bit(PROCESS_SIGUSR1)); /* it waits while that is stopped */
        fake_fail_at(k);
        CHECK_EQUAL(kill_as(1, pid, PROCESS_SIGCONT), OK);
        fake_fail_at(0);
        if (k == 0) {
            CHECK(world_wait(1, pid, 1 | PROCESS_WAIT_CONTINUED, &news) == OK && news.end == PROCESS_CONTINUED);
            CHECK_EQUAL(world_process(pid)->signals.pending, 0);
            for (uint32_t i = 0; i < 4; i++)
                CHECK(!fake_is_suspended(thread_of(OBJECTS_BADGE(pid, i))->object));
        }
        if (!world_process(pid)->ended)
            end_and_wait(pid);
        else
            CHECK_EQUAL(world_wait(1, pid, 1, &news), OK);
        CHECK(world_same(&before));
    }
}

static void alarm_reaches_a_thread(void) {
    struct world_trace before;
    struct thread_registers registers;
    struct process_alarm_request request = {500};
    struct process_alarm_reply reply;
    start(&before);
    uint64_t pid = spawn_with(3);
    handle_as(pid, PROCESS_SIGALRM);
    mask_as(pid, UINT64_MAX);
    CHECK_EQUAL(sleep_as(OBJECTS_BADGE(pid, 1), 1000), SERVER_DEFERRED);
    CHECK_EQUAL(world_call(OBJECTS_BADGE(pid, 2), 25, &request, &reply, NULL), OK);
    world_now_ns = 500;
    serve_events(EVENT_TIMER);
    delivery_run();
    CHECK(fake_thread_runs(thread_of(OBJECTS_BADGE(pid, 1))->object, &registers) && registers.rip == handler);
    CHECK(world_late.count == 1 && world_late.status == P_INTERRUPTED);
    CHECK_EQUAL(wakes_next(&context->processes.wakes), DEADLINE_NEVER);
    end_and_wait(pid);
    CHECK(world_same(&before));
}

SUITE(CASE(thread_begins_with_what_was_asked_for), CASE(create_fails_at_every_call),
      CASE(create_with_every_number_of_frames), CASE(exit_and_join_fail_at_every_call),
      CASE(fork_from_a_thread_fails_at_every_call), CASE(exec_with_siblings_fails_at_every_call),
      CASE(last_child_is_told_to_one_and_no_child_to_the_others), CASE(handler_with_every_call_failing),
      CASE(handler_above_a_shared_page_runs), CASE(signal_goes_to_the_first_that_does_not_mask_it),
      CASE(stop_and_continue_with_every_call_failing), CASE(alarm_reaches_a_thread));
