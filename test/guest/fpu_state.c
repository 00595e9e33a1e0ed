/*
 * Can another program read and write a thread's FPU state, completely, and without breaking the kernel? And does a
 * program see any of another's state?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/fpu_registers.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define XMM_OFFSET 128U /* in struct thread_fpu's registers */

static uint64_t last_cpu(void) { return sys_system_info(INFO_CPUS, 0).value - 1; }

/* Make a worker on the last CPU. */
static void make_far(struct worker *worker, worker_code *code, uint64_t seed) {
    worker_make(worker, (struct worker_plan){.code = code, .own_space = true, .own_table = true, .cpu = last_cpu()});
    worker->view->caps[0] = worker_give(worker, 1, world.silence, RIGHTS_ALL, 0);
    worker->view->in[0] = seed;
}

/* Let it run until its count has grown. */
static bool goes_on(const struct worker *worker) {
    uint64_t before = worker->view->out[0];
    for (uint32_t i = 0; i < 1000 && worker->view->out[0] <= before; i++)
        worker_let_run(100000);
    return CHECK(worker->view->out[0] > before);
}

static struct thread_fpu read_fpu(cap_t thread) {
    struct thread_fpu fpu;
    memset(program.message->data, 0xa5, sizeof program.message->data);
    CHECK_STATUS(sys_thread_read(thread, THREAD_FPU), OK);
    memcpy(&fpu, thread_fpu_in(program.message), sizeof fpu);
    return fpu;
}

static struct result write_fpu(cap_t thread, const struct thread_fpu *fpu) {
    memcpy(thread_fpu_in(program.message), fpu, sizeof *fpu);
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

static void look_around(struct worker_view *view) { view->out[0] = fpu_is_clean(); }

/* Fill the registers (in[0] = seed) and keep checking them: out[0] = checks, out[1] = wrong ones. */
static void hold(struct worker_view *view) {
    struct fpu_registers mine;
    fpu_fill(&mine, view->in[0]);
    fpu_load(&mine);
    for (;; view->out[0]++)
        view->out[1] += !fpu_holds(view->in[0]);
}

/* Keep checking, like hold(), registers that were already filled. */
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
    CHECK_STATUS(sys_thread_suspend(worker.thread, 0), OK);
    struct thread_fpu fpu = read_fpu(worker.thread);
    check_fpu(&fpu, worker.view->in[0]);
    worker_resume(&worker);
    CHECK(goes_on(&worker));
    CHECK_EQUAL(worker.view->out[1], 0);
    make_far(&unused, hold, 1);
    CHECK_EQUAL(read_fpu(unused.thread).components, 0);
}

/* One thread's state is copied to another, wherever each of them was. The initial state can be written, too. */
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
    uint64_t seed = random_next(); /* other values, while its own are still in a CPU */
    make_far(&one, hold, seed);
    worker_resume(&one);
    CHECK(goes_on(&one));
    fpu = read_fpu(one.thread);
    CHECK_STATUS(sys_thread_suspend(other.thread, 0), OK);
    CHECK_STATUS(write_fpu(other.thread, &fpu), OK);
    other.view->in[0] = seed;
    worker_resume(&other);
    CHECK(goes_on(&other));
    CHECK(other.view->out[1] <= 1); /* a check that had begun before */
    CHECK_STATUS(write_fpu(clean.thread, &fpu), OK);
    fpu.components = 0;
    CHECK_STATUS(write_fpu(clean.thread, &fpu), OK);
    CHECK_EQUAL(read_fpu(clean.thread).components, 0);
    worker_resume(&clean);
    worker_join(&clean);
    CHECK_EQUAL(clean.view->out[0], 1);
}

static void thread_write_refuses_fpu_state_that_no_cpu_loads(void) {
    struct worker worker;
    make_far(&worker, hold, random_next());
    worker_resume(&worker);
    if (!goes_on(&worker))
        return;
    CHECK_STATUS(sys_thread_suspend(worker.thread, 0), OK);
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

/* Any bytes in the fields that may have any: the kernel loads them, and another thread sees no trace of them. */
static void thread_write_takes_any_bytes_into_the_fpu(void) {
    struct worker worker, after;
    make_far(&worker, hold, random_next());
    worker_resume(&worker);
    if (!goes_on(&worker))
        return;
    struct thread_fpu good = read_fpu(worker.thread);
    CHECK_STATUS(sys_thread_suspend(worker.thread, 0), OK);
    struct thread_registers entry = worker_entry_state(&worker, open_fpu);
    CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, 0), OK);
    for (uint32_t round = 0; round < 200; round++) {
        struct thread_fpu fpu;
        for (uint64_t i = 0; i < sizeof fpu / 8; i++)
            ((uint64_t *)(void *)&fpu)[i] = random_next();
        fpu.components = good.components;
        fpu.mxcsr &= good.mxcsr_mask != 0 ? good.mxcsr_mask : 0xffbf;
        CHECK_STATUS(sys_thread_suspend(worker.thread, 0), OK);
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
    CHECK_EQUAL(after.view->out[0], 1);
}

/* As hold(), and out[2] = `fpu_opened` in its message page at the start. */
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
            CHECK_STATUS(sys_thread_suspend(worker.thread, 0), OK);
        entry = worker_entry_state(&worker, hold_what_is_there);
        CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, HANDOVER_RESUME | HANDOVER_KEEP_FPU), OK);
        CHECK(goes_on(&worker));
    }
    CHECK_EQUAL(worker.view->out[1], 0);
}

/*
 * The x87 unit keeps the addresses of its last instruction and operand. Without XSAVE some CPUs, and QEMU, save and
 * load these only while an exception is pending. So they may be another program's, unless the kernel clears them.
 */
extern const uint8_t x87_begin[], x87_end[];
__attribute__((noinline)) static void use_x87(struct worker_view *view) {
    for (uint64_t i = 0; i < 50; i++) {
        __asm__ volatile("x87_begin: fldl (%0); fstp %%st(0); x87_end:" : : "r"(view->kept));
        (void)sys_signal_wait(view->caps[0], world_now() + 3000);
    }
}

/* in[0] = the address of the other program's operand; out[0], out[1] = how often its instruction, its operand was
 * seen. */
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

SUITE(CASE(thread_read_brings_the_fpu), CASE(thread_write_takes_the_fpu),
      CASE(thread_write_refuses_fpu_state_that_no_cpu_loads), CASE(thread_write_takes_any_bytes_into_the_fpu),
      CASE(thread_handover_keeps_the_fpu_on_request), CASE(signal_wait_hides_where_the_x87_was));
