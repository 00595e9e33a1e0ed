/*
 * A handler has to run in a thread whose call another server serves: it waits for the answer, is not forgotten, and
 * does not wait for ever. And where does its frame go?
 */
#include <string.h>

#include "kernel/abi/rights.h"
#include "servers/process/delivery/delivery.h"
#include "test/host/process_world.h"
#include "test/host/suite.h"

#define LEAST_NS 100000U
#define STACK_BYTES PROCESS_SIGNAL_STACK_MIN

static struct server_context *const context = &served_context;
static uaddr_t handler; /* in the image's code */
static uint64_t pid;
static cap_t thread;

static uint32_t raise(uint64_t signal) {
    struct process_kill_request request = {pid, signal};
    struct process_kill_reply reply;
    return world_call(1, 7, &request, &reply, NULL);
}

static void act(uint64_t signal, uint64_t disposition) {
    struct process_signal_action_request action = {signal, disposition, 0};
    struct process_signal_action_reply acted;
    CHECK_EQUAL(world_call(pid, 21, &action, &acted, NULL), OK);
}

/* A child that handles USR1. */
static void start(void) {
    struct thread_registers entry;
    struct process_signal_entry_reply entered;
    world_start(500);
    world_now_ns = 1000;
    CHECK_EQUAL(world_start_first(), OK);
    CHECK_EQUAL(world_spawn(1, &pid, NULL), OK);
    thread = world_thread(pid);
    CHECK(fake_thread_runs(thread, &entry));
    handler = entry.rip + 16;
    struct process_signal_entry_request request = {handler, handler + 16};
    CHECK_EQUAL(world_call(pid, 20, &request, &entered, NULL), OK);
    act(PROCESS_SIGUSR1, PROCESS_SIGNAL_HANDLE);
}

/* Let the server's timer run out, and nothing else. */
static void look(void) {
    uint64_t at_ns = wakes_next(&context->processes.wakes);
    CHECK(at_ns != DEADLINE_NEVER && at_ns > world_now_ns);
    world_now_ns = at_ns;
    serve_events(EVENT_TIMER);
    delivery_run();
}

static bool is_handled(struct thread_registers *ret_registers) {
    return fake_thread_runs(thread, ret_registers) && ret_registers->rip == handler && !fake_is_suspended(thread);
}

static void handler_waits_for_the_answer(void) {
    struct thread_registers registers;
    start();
    fake_set_served(thread, true);
    CHECK_EQUAL(raise(PROCESS_SIGUSR1), OK);
    CHECK(fake_is_suspended(thread) && !is_handled(&registers));
    CHECK_EQUAL(wakes_next(&context->processes.wakes), world_now_ns + LEAST_NS);
    look();
    look();
    CHECK(!is_handled(&registers));
    CHECK_EQUAL(world_process(pid)->signals.pending, signal_bit(PROCESS_SIGUSR1));
    fake_set_served(thread, false);
    look();
    CHECK(is_handled(&registers));
    CHECK_EQUAL(world_process(pid)->signals.pending, 0);
    CHECK_EQUAL(wakes_next(&context->processes.wakes), DEADLINE_NEVER);
}

/* At the timeout its call ends with a status that says that its outcome is unknown. */
static void handler_waits_so_long_and_no_longer(void) {
    struct thread_registers registers;
    start();
    fake_set_served(thread, true);
    CHECK_EQUAL(raise(PROCESS_SIGUSR1), OK);
    uint64_t since_ns = world_now_ns, looks = 0;
    for (; !is_handled(&registers) && looks < 1000; looks++)
        look();
    CHECK(world_now_ns - since_ns >= PROCESS_SERVED_MOST_NS && world_now_ns - since_ns < 2 * PROCESS_SERVED_MOST_NS);
    CHECK(looks < 200);
    uint64_t rax = world_word(thread, registers.rsi);
    CHECK_EQUAL(rax, E_CANCEL);
    CHECK_EQUAL(wakes_next(&context->processes.wakes), DEADLINE_NEVER);
}

/* The signal is ignored meanwhile: the thread gets its answer, and goes on. */
static void thread_goes_on_when_its_signal_is_ignored(void) {
    start();
    fake_set_served(thread, true);
    CHECK_EQUAL(raise(PROCESS_SIGUSR1), OK);
    act(PROCESS_SIGUSR1, PROCESS_SIGNAL_IGNORE);
    fake_set_served(thread, false);
    CHECK(fake_is_suspended(thread));
    look();
    CHECK(!fake_is_suspended(thread));
    CHECK_EQUAL(wakes_next(&context->processes.wakes), DEADLINE_NEVER);
}

/* A signal that ends or stops the process does not wait for the server. */
static void end_and_stop_wait_for_nobody(void) {
    struct process_wait_reply news;
    start();
    fake_set_served(thread, true);
    CHECK_EQUAL(raise(PROCESS_SIGUSR1), OK);
    CHECK_EQUAL(raise(PROCESS_SIGSTOP), OK);
    CHECK(world_process(pid)->halted);
    CHECK_EQUAL(wakes_next(&context->processes.wakes), DEADLINE_NEVER); /* a stopped one is left alone */
    CHECK(fake_is_suspended(thread));
    CHECK_EQUAL(raise(PROCESS_SIGKILL), OK);
    CHECK_EQUAL(world_wait(1, pid, 1, &news), OK);
    CHECK(news.end == PROCESS_KILLED && news.value == PROCESS_SIGKILL);
}

/* Signals that came while a process was stopped are delivered before its next instruction, which may never come. */
static void stopped_process_runs_behind_what_is_due(void) {
    struct process_wait_reply news;
    start();
    CHECK_EQUAL(raise(PROCESS_SIGSTOP), OK);
    uint64_t resumed = fake_resume_count;
    CHECK_EQUAL(raise(PROCESS_SIGTERM), OK);
    CHECK_EQUAL(raise(PROCESS_SIGCONT), OK);
    CHECK_EQUAL(fake_resume_count, resumed);
    CHECK_EQUAL(world_wait(1, pid, 1, &news), OK);
    CHECK(news.end == PROCESS_KILLED && news.value == PROCESS_SIGTERM);
    start();
    CHECK_EQUAL(raise(PROCESS_SIGSTOP), OK);
    CHECK(fake_is_suspended(thread));
    CHECK_EQUAL(raise(PROCESS_SIGCONT), OK);
    CHECK(!fake_is_suspended(thread) && !world_process(pid)->halted);
}

/* A call that was queued or put off is taken back: the thread finds it not done, and may repeat it. */
static void call_that_nobody_serves_has_no_effect(void) {
    struct thread_registers registers;
    start();
    fake_set_run_state(thread, THREAD_IN_CALL);
    CHECK_EQUAL(raise(PROCESS_SIGUSR1), OK);
    CHECK(is_handled(&registers));
    CHECK_EQUAL(world_word(thread, registers.rsi), P_INTERRUPTED); /* RAX of the frame */
}

/* A stopped process does not fork; its call is repeated when it continues. */
static void stopped_process_does_not_fork(void) {
    uint64_t child;
    start();
    CHECK_EQUAL(raise(PROCESS_SIGSTOP), OK);
    CHECK_EQUAL(world_fork(pid, &child), P_INTERRUPTED);
    CHECK_EQUAL(world_spawn(pid, &child, NULL), P_INTERRUPTED);
    CHECK_EQUAL(raise(PROCESS_SIGCONT), OK);
    CHECK_EQUAL(world_fork(pid, &child), OK);
}

/* The frame goes onto the alternate stack, as long as the guaranteed room for a handler is left below. */
static void frame_has_room_or_the_process_ends(void) {
    static const struct {
        uint64_t rsp_offset; /* from the bottom of the stack */
        bool fits;
        uint64_t frame_end; /* where its end is then */
    } rows[] = {
        {STACK_BYTES + 8, true, STACK_BYTES},   /* it is elsewhere: from the top on */
        {STACK_BYTES, true, STACK_BYTES - 128}, /* the stack is in use, and empty: below the red zone */
        {3000, true, (3000 - 128) & ~15U},
        {PROCESS_SIGNAL_ROOM + 128 + sizeof(struct process_signal_frame), true,
         PROCESS_SIGNAL_ROOM + sizeof(struct process_signal_frame)},
        {PROCESS_SIGNAL_ROOM + 112 + sizeof(struct process_signal_frame), false, 0},
        {100, false, 0},
        {8, false, 0},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct thread_registers registers;
        struct process_signal_stack_reply set;
        start();
        uaddr_t bottom;
        CHECK(fake_thread_runs(thread, &registers));
        CHECK_EQUAL(world_map(pid, 0, STACK_BYTES / PAGE_BYTES, MEMORY_READ | MEMORY_WRITE, 0, &bottom), OK);
        struct process_signal_stack_request stack = {bottom, STACK_BYTES};
        CHECK_EQUAL(world_call(pid, 23, &stack, &set, NULL), OK);
        registers.rsp = bottom + rows[i].rsp_offset;
        memcpy(program.message->data, &registers, sizeof registers);
        CHECK_EQUAL(sys_thread_write(thread, THREAD_REGISTERS).status, OK);
        CHECK_EQUAL(raise(PROCESS_SIGUSR1), OK);
        CHECK_EQUAL(world_process(pid)->ended, !rows[i].fits);
        if (rows[i].fits) {
            CHECK(is_handled(&registers));
            CHECK_EQUAL(registers.rsi + sizeof(struct process_signal_frame), bottom + rows[i].frame_end);
        } else {
            CHECK_EQUAL(world_process(pid)->end.value, PROCESS_SIGSEGV);
            CHECK(strstr(world_log, "no room on the stack of process") != NULL);
        }
    }
}

SUITE(CASE(handler_waits_for_the_answer), CASE(handler_waits_so_long_and_no_longer),
      CASE(thread_goes_on_when_its_signal_is_ignored), CASE(end_and_stop_wait_for_nobody),
      CASE(stopped_process_runs_behind_what_is_due), CASE(call_that_nobody_serves_has_no_effect),
      CASE(stopped_process_does_not_fork), CASE(frame_has_room_or_the_process_ends));
