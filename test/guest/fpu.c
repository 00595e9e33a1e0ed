/*
 * FPU, SSE and AVX registers: every thread's are its own, whoever runs in between, and a new program finds them clean.
 */
#include "kernel/abi/system.h"
#include "libsys/program.h"
#include "test/guest/fpu_registers.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/test.h"
#include "test/guest/lib/world.h"

/* in[0] = seed, in[1] = rounds, in[2] = sleep now and then. out[0] = rounds done, out[1] = rounds that found a wrong value. */
static void keep_canaries(struct worker_view *view) {
    struct fpu_registers mine, found;
    fpu_fill(&mine, view->in[0]);
    fpu_load(&mine);
    for (uint64_t i = 0; i < view->in[1]; i++) {
        for (uint32_t k = 0; k < 2000; k++)
            __asm__ volatile("");
        if (view->in[2] != 0 && i % 4 == 0)
            (void)sys_signal_wait(view->caps[0], world_now() + 20000);
        memset(&found, 0, sizeof(found));
        fpu_store(&found);
        view->out[0]++;
        view->out[1] += memcmp(&mine, &found, sizeof(mine)) != 0;
    }
}

/* Wakes every in[0] ns, so that whoever runs is interrupted at any place; uses the FPU itself if in[1]. */
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
        memset(&found, 0, sizeof(found));
        fpu_store(&found);
        view->out[0] += memcmp(&mine, &found, sizeof(mine)) == 0;
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

/* ---- what a new program finds ---- */

static void leave_canaries(struct worker_view *view) {
    struct fpu_registers mine;
    fpu_fill(&mine, view->in[0]);
    fpu_load(&mine);
}

/* out[] = the state words, then what is in the registers. */
static void look_around(struct worker_view *view) {
    uint64_t words[WORDS];
    fpu_state_words(words);
    for (uint32_t i = 0; i < WORDS; i++)
        view->out[i] = words[i];
    struct fpu_registers found;
    memset(&found, 0, sizeof(found));
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

/* The same thread with a new program: nothing of the old one is left. */
static void thread_handover_cleans_registers(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = leave_canaries, .own_space = true});
    worker.view->in[0] = random_next();
    worker_resume(&worker);
    worker_join(&worker);
    for (uint32_t other_between = 0; other_between < 2; other_between++) {
        struct worker other;
        if (other_between == 1) { /* the state goes to memory and comes back from there */
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

/* The state is still in the CPU when the thread itself asks for another program. */
static void thread_handover_of_oneself_cleans_registers(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = start_over_with_canaries, .own_space = true});
    struct thread_registers entry = worker_entry_state(&worker, look_around);
    worker.view->caps[0] = worker.thread;
    worker.view->caps[1] = worker.space;
    worker.view->in[0] = random_next();
    memcpy(worker.view->kept, &entry, sizeof(entry));
    worker_resume(&worker);
    worker_join(&worker);
    check_clean(&worker);
}

/* ---- thread_read and thread_write ---- */

#define XMM_OFFSET 128U /* in struct thread_fpu's registers */

static uint64_t last_cpu(void) { return sys_system_info(INFO_CPUS, 0).value - 1; }

/* A worker on the last CPU. */
static void make_far(struct worker *worker, worker_code *code, uint64_t seed) {
    worker_make(worker, (struct worker_plan){.code = code, .own_space = true, .own_table = true, .cpu = last_cpu()});
    worker->view->caps[0] = worker_give(worker, 1, world.silence, RIGHTS_ALL, 0);
    worker->view->in[0] = seed;
}

/* Let it run until it has counted on. */
static bool goes_on(const struct worker *worker) {
    uint64_t before = worker->view->out[0];
    for (uint32_t i = 0; i < 1000 && worker->view->out[0] <= before; i++)
        worker_let_run(100000);
    return CHECK(worker->view->out[0] > before);
}

static struct thread_fpu read_fpu(cap_t thread) {
    struct thread_fpu fpu;
    memset(program.message->data, 0xa5, sizeof(program.message->data));
    CHECK_STATUS(sys_thread_read(thread, THREAD_FPU), OK);
    memcpy(&fpu, thread_fpu_in(program.message), sizeof(fpu));
    return fpu;
}

static struct result write_fpu(cap_t thread, const struct thread_fpu *fpu) {
    memcpy(thread_fpu_in(program.message), fpu, sizeof(*fpu));
    return sys_thread_write(thread, THREAD_FPU);
}

static void check_fpu(const struct thread_fpu *fpu, uint64_t seed) {
    struct fpu_registers expected;
    fpu_fill(&expected, seed);
    CHECK_EQUAL(fpu->components & 3, 3);
    CHECK_EQUAL(fpu->components >> 2 & 1, fpu_words() == 4);
    CHECK_EQUAL(fpu->control_word, expected.control);
    CHECK_EQUAL(fpu->mxcsr, expected.mxcsr);
    for (uint32_t i = 0; i < 16; i++) {
        CHECK(memcmp(fpu->registers + XMM_OFFSET + 16 * i, expected.ymm[i], 16) == 0);
        CHECK(fpu_words() == 2 || memcmp(fpu->avx + 16 * i, expected.ymm[i] + 2, 16) == 0);
    }
}

/* in[0] = seed. Counts looks in out[0], wrong ones in out[1]. */
static void hold(struct worker_view *view) {
    struct fpu_registers mine;
    fpu_fill(&mine, view->in[0]);
    fpu_load(&mine);
    for (;; view->out[0]++)
        view->out[1] += !fpu_holds(view->in[0]);
}

/* The same in a thread that finds them so. */
static void hold_what_is_there(struct worker_view *view) {
    for (;; view->out[0]++)
        view->out[1] += !fpu_holds(view->in[0]);
}

/* A thread that runs, one that has stopped with its state in a CPU, and one that never had any. */
static void thread_read_brings_the_fpu(void) {
    struct worker worker, unused;
    make_far(&worker, hold, random_next());
    worker_resume(&worker);
    for (uint32_t i = 0; i < 20; i++) {
        if (!goes_on(&worker))
            return;
        struct thread_fpu fpu = read_fpu(worker.thread);
        check_fpu(&fpu, worker.view->in[0]);
    }
    CHECK_STATUS(sys_thread_suspend(worker.thread), OK);
    struct thread_fpu fpu = read_fpu(worker.thread);
    check_fpu(&fpu, worker.view->in[0]);
    worker_resume(&worker);
    CHECK(goes_on(&worker));
    CHECK_EQUAL(worker.view->out[1], 0);
    make_far(&unused, hold, 1);
    CHECK_EQUAL(read_fpu(unused.thread).components, 0);
}

/* What one thread has becomes another's, wherever either was; and the initial state can be written, too. */
static void thread_write_takes_the_fpu(void) {
    struct worker one, other, clean;
    make_far(&one, hold, random_next());
    make_far(&other, hold_what_is_there, one.view->in[0]);
    make_far(&clean, look_around, 0);
    worker_resume(&one);
    if (!goes_on(&one))
        return;
    struct thread_fpu fpu = read_fpu(one.thread);
    CHECK_STATUS(write_fpu(other.thread, &fpu), OK);
    worker_resume(&other);
    CHECK(goes_on(&other) && goes_on(&one));
    CHECK_EQUAL(other.view->out[1], 0);
    uint64_t seed = random_next(); /* others, while its own are still in a CPU */
    make_far(&one, hold, seed);
    worker_resume(&one);
    CHECK(goes_on(&one));
    fpu = read_fpu(one.thread);
    CHECK_STATUS(sys_thread_suspend(other.thread), OK);
    CHECK_STATUS(write_fpu(other.thread, &fpu), OK);
    other.view->in[0] = seed;
    worker_resume(&other);
    CHECK(goes_on(&other));
    CHECK(other.view->out[1] <= 1); /* a look that was begun before */
    CHECK_STATUS(write_fpu(clean.thread, &fpu), OK);
    fpu.components = 0;
    CHECK_STATUS(write_fpu(clean.thread, &fpu), OK);
    CHECK_EQUAL(read_fpu(clean.thread).components, 0);
    worker_resume(&clean);
    worker_join(&clean);
    check_clean(&clean);
}

static void thread_write_refuses_fpu_state_that_no_cpu_loads(void) {
    struct worker worker;
    make_far(&worker, hold, random_next());
    worker_resume(&worker);
    if (!goes_on(&worker))
        return;
    CHECK_STATUS(sys_thread_suspend(worker.thread), OK);
    struct thread_fpu fpu = read_fpu(worker.thread), bad = fpu;
    for (uint32_t bit = 16; bit < 32; bit++) {
        bad.mxcsr = fpu.mxcsr | 1U << bit;
        CHECK_STATUS(write_fpu(worker.thread, &bad), bit == 17 && (fpu.mxcsr_mask >> 17 & 1) != 0 ? OK : E_ARG);
    }
    bad = fpu;
    for (uint32_t bit = 0; bit < 64; bit++) {
        bad.components = fpu.components ^ 1ULL << bit;
        CHECK_STATUS(write_fpu(worker.thread, &bad), E_ARG);
    }
    for (uint32_t bit = 2; bit < 64; bit++) {
        CHECK_STATUS(sys_thread_write(worker.thread, 1ULL << bit), E_ARG);
        CHECK_STATUS(sys_thread_read(worker.thread, 1ULL << bit), E_ARG);
    }
    struct thread_fpu found = read_fpu(worker.thread);
    CHECK(memcmp(&found, &fpu, 416) == 0); /* the CPU's part; none of that has changed anything */
    worker_resume(&worker);
    CHECK(goes_on(&worker));
    CHECK_EQUAL(worker.view->out[1], 0);
}

/* Looks at the state by an instruction that raises nothing, whatever is there. */
static void open_fpu(struct worker_view *view) {
    uint64_t words[WORDS];
    for (;; view->out[0]++) {
        fpu_state_words(words);
        (void)sys_signal_wait(view->caps[0], world_now() + 1000);
    }
}

/* Any bytes where they may be any: the kernel loads them, and another thread finds nothing of it. */
static void thread_write_takes_any_bytes_into_the_fpu(void) {
    struct worker worker, after;
    make_far(&worker, hold, random_next());
    worker_resume(&worker);
    if (!goes_on(&worker))
        return;
    struct thread_fpu good = read_fpu(worker.thread);
    CHECK_STATUS(sys_thread_suspend(worker.thread), OK);
    struct thread_registers entry = worker_entry_state(&worker, open_fpu);
    CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, 0), OK);
    for (uint32_t round = 0; round < 200; round++) {
        struct thread_fpu fpu;
        for (uint64_t i = 0; i < sizeof(fpu) / 8; i++)
            ((uint64_t *)(void *)&fpu)[i] = random_next();
        fpu.components = good.components;
        fpu.mxcsr &= good.mxcsr_mask != 0 ? good.mxcsr_mask : 0xffbf;
        CHECK_STATUS(sys_thread_suspend(worker.thread), OK);
        for (uint32_t i = 0; i < 1000 && worker_read(worker.thread).run_state != THREAD_STOPPED; i++)
            worker_let_run(1000);
        CHECK_STATUS(write_fpu(worker.thread, &fpu), OK);
        worker_resume(&worker);
        if (!goes_on(&worker))
            return;
    }
    worker_make(&after, (struct worker_plan){.code = look_around, .own_space = true, .cpu = last_cpu()});
    worker_resume(&after);
    worker_join(&after);
    check_clean(&after);
}

/* ... and out[2] = the word of its message page that says so. */
static void hold_and_tell(struct worker_view *view) {
    view->out[2] = view->message->fpu_opened;
    hold(view);
}

static void thread_handover_keeps_the_fpu_on_request(void) {
    struct worker worker;
    make_far(&worker, hold_and_tell, random_next());
    for (uint32_t stopped = 0; stopped < 2; stopped++) {
        struct thread_registers entry = worker_entry_state(&worker, hold_and_tell);
        worker.message->fpu_opened = 0;
        CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, HANDOVER_RESUME), OK);
        CHECK(goes_on(&worker));
        CHECK_EQUAL(worker.view->out[2], 0);
        CHECK_EQUAL(worker.message->fpu_opened, 1);
        if (stopped == 1)
            CHECK_STATUS(sys_thread_suspend(worker.thread), OK);
        entry = worker_entry_state(&worker, hold_what_is_there);
        CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, HANDOVER_RESUME | HANDOVER_KEEP_FPU), OK);
        CHECK(goes_on(&worker));
    }
    CHECK_EQUAL(worker.view->out[1], 0);
}

/*
 * The x87 unit keeps where its last instruction was and what that read. Without XSAVE some CPUs, and QEMU, save and load those only
 * while an exception is pending: they are the other program's, unless the kernel wipes them.
 */
extern const uint8_t x87_begin[], x87_end[];
__attribute__((noinline)) static void use_x87(struct worker_view *view) {
    for (uint64_t i = 0; i < 50; i++) {
        __asm__ volatile("x87_begin: fldl (%0); fstp %%st(0); x87_end:" : : "r"(view->kept));
        (void)sys_signal_wait(view->caps[0], world_now() + 3000);
    }
}

/* out[0], out[1] = how often it found the other program's instruction or operand. in[0] = where that operand is. */
static void look_for_x87_pointers(struct worker_view *view) {
    struct {
        uint32_t control, status, tag, ip, cs, dp, ds;
    } found;
    __asm__ volatile("fninit; fld1; fstp %st(0)"); /* state of its own */
    for (uint64_t i = 0; i < 50; i++) {
        __asm__ volatile("fnstenv %0; fldenv %0" : "=m"(found));
        view->out[0] += found.ip >= (uint32_t)(uintptr_t)x87_begin && found.ip < (uint32_t)(uintptr_t)x87_end;
        view->out[1] += found.dp == (uint32_t)view->in[0];
        (void)sys_signal_wait(view->caps[0], world_now() + 2000);
    }
}

static void signal_wait_hides_where_the_x87_was(void) {
    struct worker other, mine;
    for (uint32_t cpu = 0; cpu <= last_cpu(); cpu += 1) {
        worker_make(&other, (struct worker_plan){.code = use_x87, .own_space = true, .own_table = true, .cpu = cpu});
        worker_make(&mine, (struct worker_plan){
                               .code = look_for_x87_pointers, .own_space = true, .own_table = true, .cpu = cpu});
        other.view->caps[0] = worker_give(&other, 1, world.silence, RIGHTS_ALL, 0);
        mine.view->caps[0] = worker_give(&mine, 1, world.silence, RIGHTS_ALL, 0);
        mine.view->in[0] = (uintptr_t)other.view->kept;
        worker_resume(&other);
        worker_resume(&mine);
        worker_join(&other);
        worker_join(&mine);
        CHECK_EQUAL(mine.view->out[0], 0);
        CHECK_EQUAL(mine.view->out[1], 0);
    }
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
    check_clean(&after); /* a pending exception is not somebody else's */
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
      CASE(ep_wait_gets_float_faults), CASE(cap_delete_of_a_thread_that_holds_the_registers),
      CASE(thread_read_brings_the_fpu), CASE(thread_write_takes_the_fpu),
      CASE(thread_write_refuses_fpu_state_that_no_cpu_loads), CASE(thread_write_takes_any_bytes_into_the_fpu),
      CASE(thread_handover_keeps_the_fpu_on_request), CASE(signal_wait_hides_where_the_x87_was));
