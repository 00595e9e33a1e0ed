/*
 * FPU, SSE and AVX registers: does every thread keep its own, whoever runs in between, and does a new
 * program find them clean?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/fpu_registers.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

/* Keep values in the registers. in[0] = seed, in[1] = rounds, in[2] = whether to sleep now and then; out[0] = rounds
 * done, out[1] = rounds that found a wrong value. */
static void keep_canaries(struct worker_view *view) {
    struct fpu_registers mine, found;
    fpu_fill(&mine, view->in[0]);
    fpu_load(&mine);
    for (uint64_t i = 0; i < view->in[1]; i++) {
        for (uint32_t k = 0; k < 2000; k++)
            __asm__ volatile("");
        if (view->in[2] != 0 && i % 4 == 0)
            (void)sys_signal_wait(view->caps[0], world_now() + 20000);
        memset(&found, 0, sizeof found);
        fpu_store(&found);
        view->out[0]++;
        view->out[1] += memcmp(&mine, &found, sizeof mine) != 0;
    }
}

/* Wake every in[0] ns, so that the running thread is interrupted at any place. Use the FPU if in[1]. */
static void disturb(struct worker_view *view) {
    struct fpu_registers noise;
    for (uint64_t i = 0;; i++) {
        (void)sys_signal_wait(view->caps[0], world_now() + view->in[0]);
        if (view->in[1] != 0) {
            fpu_fill(&noise, i + 1);
            fpu_load(&noise);
        }
        view->out[0]++;
    }
}

static void check_canaries(uint64_t disturber_uses_fpu, uint64_t sleepers) {
    enum { THREADS = 4, ROUNDS = 600 };
    static struct worker workers[THREADS], disturber;
    for (uint32_t i = 0; i < THREADS; i++) {
        worker_make(&workers[i],
                    (struct worker_plan){.code = keep_canaries, .own_space = i % 2 == 1, .own_table = true});
        workers[i].view->caps[0] = worker_give(&workers[i], 1, world.silence, RIGHTS_ALL, 0);
        workers[i].view->in[0] = random_next();
        workers[i].view->in[1] = ROUNDS;
        workers[i].view->in[2] = i < sleepers;
    }
    worker_make(
        &disturber,
        (struct worker_plan){.code = disturb, .own_space = true, .own_table = true, .priority = PRIORITY_WORKER + 1});
    disturber.view->caps[0] = worker_give(&disturber, 1, world.silence, RIGHTS_ALL, 0);
    disturber.view->in[0] = 50000;
    disturber.view->in[1] = disturber_uses_fpu;
    worker_resume(&disturber);
    for (uint32_t i = 0; i < THREADS; i++)
        worker_resume(&workers[i]);
    for (uint32_t i = 0; i < THREADS; i++) {
        worker_join(&workers[i]);
        CHECK_EQUAL(workers[i].view->out[0], ROUNDS);
        CHECK_EQUAL(workers[i].view->out[1], 0);
    }
    CHECK(disturber.view->out[0] > 10);
}

static void thread_resume_keeps_canaries_under_a_timer(void) { check_canaries(0, 0); }
static void thread_resume_keeps_canaries_under_a_timer_that_uses_them(void) { check_canaries(1, 0); }
static void signal_wait_keeps_canaries(void) { check_canaries(1, 4); }

/* caps[0] = endpoint. A server that uses the registers all the time. */
static void serve_with_fpu(struct worker_view *view) {
    struct fpu_registers noise;
    struct message message;
    uint64_t badge, status = ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge);
    for (uint64_t i = 1; status == OK; i++) {
        fpu_fill(&noise, i);
        fpu_load(&noise);
        status = ep_reply_wait(view->caps[0], &message, &badge);
    }
}

static void call_with_canaries(struct worker_view *view) {
    struct fpu_registers mine, found;
    fpu_fill(&mine, view->in[0]);
    fpu_load(&mine);
    for (uint32_t i = 0; i < 200; i++) {
        struct message message = {0};
        (void)ep_call(view->caps[0], &message);
        memset(&found, 0, sizeof found);
        fpu_store(&found);
        view->out[0] += memcmp(&mine, &found, sizeof mine) == 0;
    }
}

static void ep_call_keeps_canaries(void) {
    struct worker server, clients[2];
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_wait(&server, (struct worker_plan){.own_space = true, .own_table = true}, serve_with_fpu, endpoint);
    for (uint32_t i = 0; i < 2; i++) {
        worker_make(&clients[i],
                    (struct worker_plan){.code = call_with_canaries, .own_space = true, .own_table = true});
        clients[i].view->caps[0] = worker_give(&clients[i], 1, endpoint, RIGHTS_ALL, 0);
        clients[i].view->in[0] = random_next();
        worker_resume(&clients[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        worker_join(&clients[i]);
        CHECK_EQUAL(clients[i].view->out[0], 200);
    }
}

/* ---- the state of a new program ---- */

static void leave_canaries(struct worker_view *view) {
    struct fpu_registers mine;
    fpu_fill(&mine, view->in[0]);
    fpu_load(&mine);
}

/* out[] = the state words, then the registers' contents. */
static void look_around(struct worker_view *view) {
    uint64_t words[WORDS];
    fpu_state_words(words);
    for (uint32_t i = 0; i < WORDS; i++)
        view->out[i] = words[i];
    struct fpu_registers found;
    memset(&found, 0, sizeof found);
    fpu_store(&found);
    uint64_t used = 0;
    for (uint32_t i = 0; i < 64; i++)
        used += found.ymm[i / 4][i % 4] != 0;
    view->out[WORDS] = used;
}

static void check_clean(const struct worker *worker) {
    CHECK_EQUAL(worker->view->out[WORD_CONTROL], CONTROL_INITIAL);
    CHECK_EQUAL(worker->view->out[WORD_STATUS], 0);
    CHECK_EQUAL(worker->view->out[WORD_TAGS], 0);
    CHECK_EQUAL(worker->view->out[WORD_MXCSR], MXCSR_INITIAL);
    CHECK_EQUAL(worker->view->out[WORDS], 0);
}

/* A new thread, after another that filled all registers and is still there, or is gone. */
static void object_create_thread_has_clean_registers(void) {
    for (uint32_t gone = 0; gone < 2; gone++) {
        struct worker before, after;
        worker_make(&before, (struct worker_plan){.code = leave_canaries, .own_space = true});
        before.view->in[0] = random_next();
        worker_resume(&before);
        worker_join(&before);
        if (gone == 1)
            CHECK_STATUS(sys_cap_delete(0, before.thread), OK);
        worker_start(&after, (struct worker_plan){.code = look_around, .own_space = true});
        worker_join(&after);
        check_clean(&after);
    }
}

/* A thread starts a new program: nothing of the old program's state is left. */
static void thread_handover_cleans_registers(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = leave_canaries, .own_space = true});
    worker.view->in[0] = random_next();
    worker_resume(&worker);
    worker_join(&worker);
    for (uint32_t other_between = 0; other_between < 2; other_between++) {
        struct worker other;
        if (other_between == 1) { /* the state is saved to memory and loaded again */
            worker_make(&other, (struct worker_plan){.code = leave_canaries, .own_space = true});
            other.view->in[0] = random_next();
            worker_resume(&other);
            worker_join(&other);
        }
        struct thread_registers entry = worker_entry_state(&worker, look_around);
        worker.ended = false;
        CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, HANDOVER_RESUME), OK);
        worker_join(&worker);
        check_clean(&worker);
        entry = worker_entry_state(&worker, leave_canaries);
        worker.ended = false;
        CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, HANDOVER_RESUME), OK);
        worker_join(&worker);
    }
}

/* caps[0] = its own thread, caps[1] = its own space, kept = the entry state. Fills all registers and starts over. */
static void start_over_with_canaries(struct worker_view *view) {
    struct fpu_registers mine;
    fpu_fill(&mine, view->in[0]);
    memcpy(view->message->data, view->kept, sizeof(struct thread_registers));
    fpu_load(&mine);
    view->out[0] = 100 + sys_thread_handover(view->caps[0], view->caps[1], HANDOVER_RESUME).status;
}

/* The state is still in the CPU when the thread itself asks for a new program. */
static void thread_handover_of_oneself_cleans_registers(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = start_over_with_canaries, .own_space = true});
    struct thread_registers entry = worker_entry_state(&worker, look_around);
    worker.view->caps[0] = worker.thread;
    worker.view->caps[1] = worker.space;
    worker.view->in[0] = random_next();
    memcpy(worker.view->kept, &entry, sizeof entry);
    worker_resume(&worker);
    worker_join(&worker);
    check_clean(&worker);
}

/* ---- faults ---- */

static void divide_x87(struct worker_view *view) {
    uint16_t control = CONTROL_INITIAL & ~CONTROL_DIVIDE_MASK;
    __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(control));
    view->out[0] = 1;
}

/* Only the x87: not every emulator has SIMD exceptions. */
static void ep_wait_gets_float_faults(void) {
    struct worker worker, after;
    struct fault_message fault;
    worker_start(&worker, (struct worker_plan){.code = divide_x87, .own_space = true});
    if (!worker_fault(&worker, &fault))
        return;
    CHECK_EQUAL(fault.kind, FAULT_FLOAT);
    CHECK_EQUAL(worker.view->out[0], 0);
    worker_start(&after, (struct worker_plan){.code = look_around, .own_space = true});
    CHECK_STATUS(sys_cap_delete(0, 0), OK);
    worker_join(&after);
    check_clean(&after); /* a pending exception must not reach another thread */
}

/* A thread that dies with its state in the CPU: nobody inherits it. */
static void cap_delete_of_a_thread_that_holds_the_registers(void) {
    for (uint32_t i = 0; i < 4; i++) {
        struct worker worker;
        worker_make(&worker, (struct worker_plan){.code = keep_canaries, .own_space = true});
        worker.view->in[0] = random_next();
        worker.view->in[1] = UINT64_MAX;
        worker_resume(&worker);
        for (uint32_t k = 0; k < 100 && worker.view->out[0] == 0; k++)
            worker_let_run(1000000);
        CHECK(worker.view->out[0] > 0);
        CHECK_STATUS(sys_cap_delete(0, worker.thread), OK);
    }
    struct worker after;
    worker_start(&after, (struct worker_plan){.code = look_around, .own_space = true});
    worker_join(&after);
    check_clean(&after);
}

SUITE(CASE(thread_resume_keeps_canaries_under_a_timer), CASE(thread_resume_keeps_canaries_under_a_timer_that_uses_them),
      CASE(signal_wait_keeps_canaries), CASE(ep_call_keeps_canaries), CASE(object_create_thread_has_clean_registers),
      CASE(thread_handover_cleans_registers), CASE(thread_handover_of_oneself_cleans_registers),
      CASE(ep_wait_gets_float_faults), CASE(cap_delete_of_a_thread_that_holds_the_registers));
