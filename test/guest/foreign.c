/*
 * Foreign threads: is every system call of theirs only a message to their fault endpoint?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/raw.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

/* Make the call with its registers on the stack, as the worker may have no variables; in[] = rax and the arguments. */
static void make_call(struct worker_view *view) {
    struct raw_registers r = {.rax = view->in[0],
                              .rdi = view->in[1],
                              .rsi = view->in[2],
                              .rdx = view->in[3],
                              .r10 = view->in[4],
                              .r8 = view->in[5],
                              .r9 = view->in[6],
                              .rbx = 0xb,
                              .rflags = 2};
    raw_syscall(&r);
    view->out[0] = r.rax;
    view->out[1] = r.rdx;
    view->out[2] = r.rbx;
    view->out[3] = r.rdi;
}

static void make_foreign(struct worker *worker) {
    worker_make(worker, (struct worker_plan){.code = make_call, .own_space = true, .own_table = true});
    struct thread_config config = {.foreign = 1};
    CHECK_STATUS(worker_configure(worker->thread, &config, THREAD_FOREIGN), OK);
}

static void thread_configure_foreign_turns_calls_into_messages(void) {
    struct worker worker;
    struct fault_message fault;
    for (uint64_t number = 0; number < SYSCALL_COUNT + 4; number++) {
        make_foreign(&worker);
        for (uint32_t i = 0; i < 7; i++)
            worker.view->in[i] = i == 0 ? number : random_next();
        worker_resume(&worker);
        if (!worker_fault(&worker, &fault))
            return;
        CHECK_EQUAL(fault.kind, FAULT_SYSCALL);
        CHECK_EQUAL(fault.address, 0);
        CHECK_EQUAL(fault.registers.rax, number);
        CHECK_EQUAL(fault.registers.rdi, worker.view->in[1]);
        CHECK_EQUAL(fault.registers.rsi, worker.view->in[2]);
        CHECK_EQUAL(fault.registers.rdx, worker.view->in[3]);
        CHECK_EQUAL(fault.registers.r10, worker.view->in[4]);
        CHECK_EQUAL(fault.registers.r8, worker.view->in[5]);
        CHECK_EQUAL(fault.registers.r9, worker.view->in[6]);
        CHECK_EQUAL(fault.registers.rbx, 0xb);
        CHECK_EQUAL(fault.rip, (uaddr_t)raw_syscall_instruction + RAW_SYSCALL_BYTES);
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
        CHECK_STATUS(sys_cap_delete(0, worker.thread), OK);
        CHECK_STATUS(sys_cap_delete(0, worker.space), OK);
    }
}

static void ep_wait_gets_the_syscall_message(void) {
    struct worker worker;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    worker_make(&worker, (struct worker_plan){.code = make_call, .fault_endpoint = endpoint});
    struct thread_config config = {.foreign = 1};
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_FOREIGN), OK);
    worker.view->in[0] = SYS_clock_read;
    worker_resume(&worker);
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    CHECK_EQUAL(message.info, MESSAGE_INFO(FAULT_SYSCALL, FAULT_WORDS, 0) | (uint64_t)MESSAGE_SYSCALL << 12);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_IN_FAULT);
}

/* The emulator writes its answer into the registers, as a kernel would. */
static void ep_reply_emulates_a_call(void) {
    struct worker worker;
    struct fault_message fault;
    make_foreign(&worker);
    worker.view->in[0] = 60;
    worker_resume(&worker);
    if (!worker_fault(&worker, &fault))
        return;
    fault.registers.rax = 0xa;
    fault.registers.rdx = 0xd;
    worker_answer(FAULT_WRITE, &fault);
    worker_join(&worker);
    CHECK_EQUAL(worker.view->out[0], 0xa);
    CHECK_EQUAL(worker.view->out[1], 0xd);
    CHECK_EQUAL(worker.view->out[2], 0xb);
}

/* After an answer without registers the thread goes on after the instruction, and the call has done nothing. */
static void ep_reply_resumes_behind_the_call(void) {
    struct worker worker;
    struct fault_message fault;
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    make_foreign(&worker);
    worker.view->in[0] = SYS_signal_raise;
    worker.view->in[1] = worker_give(&worker, 1, notification, RIGHTS_ALL, 0);
    worker.view->in[2] = 1;
    worker_resume(&worker);
    if (!worker_fault(&worker, &fault))
        return;
    worker_answer(FAULT_RESUME, NULL);
    worker_join(&worker);
    CHECK_EQUAL(worker.view->out[0], SYS_signal_raise);
    CHECK_STATUS(sys_signal_poll(notification), E_EMPTY);
}

/* A call that a waiting server would take at once is a message to the fault endpoint like any other. */
static void ep_call_of_a_foreign_thread_reaches_no_server(void) {
    struct worker worker, server;
    struct fault_message fault;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_wait(&server, (struct worker_plan){0}, role_wait, endpoint);
    CHECK(worker_await(&server, THREAD_IN_WAIT));
    make_foreign(&worker);
    worker.view->in[0] = SYS_ep_call;
    worker.view->in[1] = worker_give(&worker, 1, endpoint, RIGHTS_ALL, 0);
    worker.view->in[2] = MESSAGE_INFO(1, 1, 0);
    worker_resume(&worker);
    if (!worker_fault(&worker, &fault))
        return;
    CHECK_EQUAL(fault.kind, FAULT_SYSCALL);
    CHECK_EQUAL(fault.registers.rsi, MESSAGE_INFO(1, 1, 0));
    CHECK_EQUAL(worker_read(server.thread).run_state, THREAD_IN_WAIT);
}

static void thread_configure_foreign_is_undone(void) {
    struct worker worker;
    struct thread_config config = {.foreign = 0};
    make_foreign(&worker);
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_FOREIGN), OK);
    worker.view->in[0] = SYS_clock_read;
    worker_resume(&worker);
    worker_join(&worker);
    CHECK_EQUAL(worker.view->out[0], OK);
    CHECK(worker.view->out[1] > 0);
}

/* Without a fault endpoint, the thread stops at its first call. */
static void thread_configure_foreign_without_fault_endpoint(void) {
    struct worker worker;
    struct thread_config config = {.fault_endpoint = 0};
    make_foreign(&worker);
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_FAULT_ENDPOINT), OK);
    worker.view->in[0] = SYS_clock_read;
    worker_resume(&worker);
    CHECK(worker_await(&worker, THREAD_STOPPED));
    CHECK_EQUAL(worker.view->out[1], 0);
}

SUITE(CASE(thread_configure_foreign_turns_calls_into_messages), CASE(ep_wait_gets_the_syscall_message),
      CASE(ep_reply_emulates_a_call), CASE(ep_reply_resumes_behind_the_call),
      CASE(ep_call_of_a_foreign_thread_reaches_no_server), CASE(thread_configure_foreign_is_undone),
      CASE(thread_configure_foreign_without_fault_endpoint));
