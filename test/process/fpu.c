/*
 * Does a program keep its FPU, SSE and AVX registers, over fork, exec, signals, and all else that the
 * server does to a thread?
 *
 * The suite is compiled without the use of any of them, so what a case loads stays there until it looks.
 */
#include "libsys/runtime/threads.h"
#include "test/guest/fpu_registers.h"
#include "test/process/signals.h"

#define SEED 77
#define OTHER_SEED 78

static void load(uint64_t seed) {
    struct fpu_registers registers;
    fpu_fill(&registers, seed);
    fpu_load(&registers);
}

/* Both sides go on with the caller's registers, and may change them separately. */
IN_CHILD(fork_copies_fpu_registers) {
    for (uint64_t i = 0; i < 5; i++) {
        load(SEED + i);
        uint64_t child = fork_here();
        CHECK(fpu_holds(SEED + i));
        load(i == 0 ? SEED : child);
        if (child == 0)
            return CODE_SIGNALLED;
        CHECK_EXIT(child, CODE_SIGNALLED);
        CHECK(fpu_holds(i == 0 ? SEED : child));
    }
    return CODE_SIGNALLED;
}

/* Many at once, which are interrupted by each other and end with their registers in the CPU. */
IN_CHILD(fork_of_many_that_use_fpu_registers) {
    enum { CHILDREN = 16 };
    uint64_t children[CHILDREN];
    for (uint64_t i = 0; i < CHILDREN; i++) {
        load(SEED + i);
        children[i] = fork_here();
        if (children[i] != 0)
            continue;
        for (uint32_t k = 0; k < 300; k++)
            CHECK(fpu_holds(SEED + i));
        __asm__ volatile(
            "fninit; fldz; fldz; fldz; fldz; fldz; fldz; fldz; fldz; fldz"); /* too many: an exception, masked */
        return CODE_SIGNALLED;
    }
    for (uint64_t i = 0; i < CHILDREN; i++)
        CHECK_EXIT(children[i], CODE_SIGNALLED);
    CHECK(fpu_holds(SEED + CHILDREN - 1));
    return CODE_SIGNALLED;
}

IN_CHILD(fork_of_a_program_without_fpu_registers) {
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK(fpu_is_clean());
        return CODE_SIGNALLED;
    }
    CHECK_EXIT(child, CODE_SIGNALLED);
    CHECK(fpu_is_clean());
    return CODE_SIGNALLED;
}

static int role_fpu_is_clean(int argc, char **argv) {
    (void)argc, (void)argv;
    CHECK(fpu_is_clean());
    return CODE_SIGNALLED;
}

IN_CHILD(exec_and_spawn_begin_with_clean_fpu_registers) {
    load(SEED);
    CHECK_EXIT(START_ROLE("fpu_is_clean"), CODE_SIGNALLED);
    CHECK(fpu_holds(SEED));
    (void)EXEC_ROLE("fpu_is_clean");
    return ROLE_FAILED;
}

/* ---- signals ---- */

static volatile uint64_t handled, wrong;

/* Finds them clean, and leaves other values. */
static void use_fpu(uint64_t signal, const struct process_signal_frame *frame) {
    (void)signal, (void)frame;
    wrong += !fpu_is_clean();
    load(OTHER_SEED);
    handled++;
}

/* Sends itself another signal in the middle. */
static void use_fpu_and_nest(uint64_t signal, const struct process_signal_frame *frame) {
    wrong += !fpu_is_clean();
    if (frame->signal % 2 == 0)
        load(signal);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR2), OK);
    wrong += frame->signal % 2 == 0 ? !fpu_holds(signal) : !fpu_is_clean();
}

static void handle_by(uint64_t signal, signal_handler handler) { CHECK_STATUS(signal_handle(signal, handler, 0), OK); }

/* In a call, with state to keep and without any. */
IN_CHILD(signal_handler_leaves_fpu_registers_alone) {
    handle_by(PROCESS_SIGUSR1, use_fpu);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    CHECK(fpu_is_clean());
    for (uint64_t i = 0; i < 10; i++) {
        load(SEED + i);
        CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
        CHECK(fpu_holds(SEED + i));
    }
    CHECK_EQUAL(handled, 11);
    CHECK_EQUAL(wrong, 0);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_handler_within_another_leaves_fpu_registers_alone) {
    handle_by(PROCESS_SIGUSR2, use_fpu);
    for (uint64_t signal = 40; signal < 44; signal++) { /* odd ones do not use them themselves */
        handle_by(signal, use_fpu_and_nest);
        if (signal >= 42)
            load(SEED);
        CHECK_STATUS(signal_self(signal), OK);
        CHECK(signal >= 42 ? fpu_holds(SEED) : fpu_is_clean());
    }
    CHECK_EQUAL(handled, 4);
    CHECK_EQUAL(wrong, 0);
    return CODE_SIGNALLED;
}

/* At any instruction: a child that never calls, and looks at its registers all the time. */
IN_CHILD(signal_at_any_time_leaves_fpu_registers_alone) {
    handle_by(PROCESS_SIGUSR1, use_fpu);
    handle_by(PROCESS_SIGUSR2, use_fpu);
    uint64_t child = fork_here();
    if (child == 0) {
        load(SEED);
        while (handled < 8)
            CHECK(fpu_holds(SEED));
        CHECK_EQUAL(wrong, 0);
        return CODE_SIGNALLED;
    }
    for (uint32_t i = 0; i < 12; i++) {
        CHECK_STATUS(sleep_ns(SHORT_NS / 4), OK);
        (void)kill_process(child, i % 2 == 0 ? PROCESS_SIGUSR1 : PROCESS_SIGUSR2);
    }
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* Use the FPU, and resume after the faulting instruction. */
static void use_fpu_and_skip(uint64_t signal, const struct process_signal_frame *frame) {
    use_fpu(signal, frame);
    ((struct thread_registers *)(uintptr_t)frame->registers)->rip += 2;
}

IN_CHILD(signal_of_a_fault_leaves_fpu_registers_alone) {
    handle_by(PROCESS_SIGILL, use_fpu_and_skip);
    __asm__ volatile("ud2" : : : "memory");
    CHECK(fpu_is_clean());
    load(SEED);
    __asm__ volatile("ud2" : : : "memory");
    CHECK(fpu_holds(SEED));
    CHECK_EQUAL(handled, 2);
    CHECK_EQUAL(wrong, 0);
    return CODE_SIGNALLED;
}

static void change_registers(uint64_t signal, const struct process_signal_frame *frame) {
    struct fpu_registers registers;
    struct thread_fpu *fpu = (void *)(uintptr_t)(frame + 1);
    fpu_fill(&registers, OTHER_SEED);
    for (uint32_t i = 0; i < 16; i++) {
        memcpy(fpu->registers + 128 + 16 * i, registers.ymm[i], 16);
        memcpy(fpu->avx + 16 * i, registers.ymm[i] + 2, 16);
    }
    memcpy(fpu->registers, registers.x87, sizeof registers.x87);
    fpu->control_word = (uint16_t)registers.control;
    fpu->mxcsr = registers.mxcsr | (signal == PROCESS_SIGUSR2 ? 1U << 31 : 0);
}

/* The program goes on with what is in the frame then; what no CPU loads is the end of it. */
IN_CHILD(signal_handler_may_change_fpu_registers) {
    handle_by(PROCESS_SIGUSR1, change_registers);
    handle_by(PROCESS_SIGUSR2, change_registers);
    load(SEED);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    CHECK(fpu_holds(OTHER_SEED));
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(signal_self(PROCESS_SIGUSR2), OK);
        return ROLE_FAILED;
    }
    CHECK_KILLED(child, PROCESS_SIGILL);
    return CODE_SIGNALLED;
}

IN_CHILD(set_pointer_leaves_fpu_registers_alone) {
    struct process_set_pointer_request request = {(uintptr_t)thread_block()};
    struct process_set_pointer_reply reply;
    load(SEED);
    CHECK_STATUS(process_set_pointer(process, &request, &reply, NULL), OK);
    CHECK(fpu_holds(SEED));
    return CODE_SIGNALLED;
}

static const struct test_case cases[] = {
    CASE_NEEDS(fork_copies_fpu_registers, OPERATION(fork)),
    CASE_NEEDS(fork_of_many_that_use_fpu_registers, OPERATION(fork)),
    CASE_NEEDS(fork_of_a_program_without_fpu_registers, OPERATION(fork)),
    CASE(exec_and_spawn_begin_with_clean_fpu_registers),
    SIGNAL(signal_handler_leaves_fpu_registers_alone),
    SIGNAL(signal_handler_within_another_leaves_fpu_registers_alone),
    SIGNAL(signal_at_any_time_leaves_fpu_registers_alone),
    SIGNAL(signal_of_a_fault_leaves_fpu_registers_alone),
    SIGNAL(signal_handler_may_change_fpu_registers),
    CASE_NEEDS(set_pointer_leaves_fpu_registers_alone, OPERATION(set_pointer)),
};

static const struct role roles[] = {
    ROLE(fork_copies_fpu_registers),
    ROLE(fork_of_many_that_use_fpu_registers),
    ROLE(fork_of_a_program_without_fpu_registers),
    ROLE(exec_and_spawn_begin_with_clean_fpu_registers),
    ROLE(fpu_is_clean),
    ROLE(signal_handler_leaves_fpu_registers_alone),
    ROLE(signal_handler_within_another_leaves_fpu_registers_alone),
    ROLE(signal_at_any_time_leaves_fpu_registers_alone),
    ROLE(signal_of_a_fault_leaves_fpu_registers_alone),
    ROLE(signal_handler_may_change_fpu_registers),
    ROLE(set_pointer_leaves_fpu_registers_alone),
};

GROUP(fpu);
