/*
 * thread_configure, thread_resume, thread_suspend, thread_read, thread_write: control over a
 * thread in each of its states.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/arguments.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/raw.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define SHORT_NS 3000000ULL
#define FLAGS_USER 0x240dd5ULL /* CF PF AF ZF SF TF DF OF AC ID */
#define FLAG_TRAP 0x100ULL
#define FLAG_DIRECTION 0x400ULL
#define FLAG_RESUME 0x10000ULL
#define FLAGS_FIXED 0x202ULL /* IF and the bit that is always 1 */

/* ---- configure ---- */

static void thread_configure_refuses_each_field(void) {
    cap_t thread = world_create(OBJECT_THREAD, 0), endpoint = world_create(OBJECT_ENDPOINT, 0);
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), memory = world_memory(2), empty = world_slot();
    const struct {
        struct thread_config config;
        uint64_t fields, status;
    } rows[] = {
        {{.table = 0}, THREAD_TABLE, E_CAP}, /* a thread always has a table */
        {{.table = empty}, THREAD_TABLE, E_CAP},
        {{.table = endpoint}, THREAD_TABLE, E_TYPE},
        {{.table = world_copy(INIT_CAP_TABLE, TABLE_WRITE, 0)}, THREAD_TABLE, E_RIGHTS},
        {{.fault_endpoint = empty}, THREAD_FAULT_ENDPOINT, E_CAP},
        {{.fault_endpoint = notification}, THREAD_FAULT_ENDPOINT, E_TYPE},
        {{.fault_endpoint = world_copy(endpoint, ENDPOINT_WAIT, 0)}, THREAD_FAULT_ENDPOINT, E_RIGHTS},
        {{.fault_endpoint = 0}, THREAD_FAULT_ENDPOINT, OK},
        {{.message_memory = empty}, THREAD_MESSAGE_PAGE, E_CAP},
        {{.message_memory = endpoint}, THREAD_MESSAGE_PAGE, E_TYPE},
        {{.message_memory = world_copy(memory, MEMORY_READ, 0)}, THREAD_MESSAGE_PAGE, E_RIGHTS},
        {{.message_memory = world_copy(memory, MEMORY_WRITE, 0)}, THREAD_MESSAGE_PAGE, E_RIGHTS},
        {{.message_memory = memory, .message_offset_pages = 2}, THREAD_MESSAGE_PAGE, E_ARG},
        {{.message_memory = memory, .message_offset_pages = UINT64_MAX}, THREAD_MESSAGE_PAGE, E_ARG},
        {{.message_memory = INIT_CAP_DEVICES, .message_offset_pages = 0xfed00}, THREAD_MESSAGE_PAGE, E_TYPE},
        {{.message_memory = INIT_CAP_DEVICES, .message_offset_pages = 0x1000}, THREAD_MESSAGE_PAGE, E_TYPE},
        {{.message_memory = INIT_CAP_VOLUME}, THREAD_MESSAGE_PAGE, E_RIGHTS},
        {{.notification = empty}, THREAD_NOTIFICATION, E_CAP},
        {{.notification = endpoint}, THREAD_NOTIFICATION, E_TYPE},
        {{.notification = world_copy(notification, NOTIFICATION_RAISE, 0)}, THREAD_NOTIFICATION, E_RIGHTS},
        {{.priority = PRIORITY_MAIN + 1}, THREAD_PRIORITY, E_RIGHTS},
        {{.priority = 64}, THREAD_PRIORITY, E_RIGHTS},
        {{.priority = 256}, THREAD_PRIORITY, E_RIGHTS},
        {{.priority = UINT64_MAX}, THREAD_PRIORITY, E_RIGHTS},
        {{.cpu = sys_system_info(INFO_CPUS, 0).value}, THREAD_CPU, E_ARG},
        {{.cpu = UINT64_MAX}, THREAD_CPU, E_ARG},
        {{.foreign = 2}, THREAD_FOREIGN, E_ARG},
        {{0}, 1 << 7, E_ARG},
        {{0}, UINT64_MAX, E_ARG},
        {{0}, 0, OK},
        {{.cpu = 0, .foreign = 1, .priority = PRIORITY_MAIN}, THREAD_CPU | THREAD_FOREIGN | THREAD_PRIORITY, OK},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!CHECK_STATUS(worker_configure(thread, &rows[i].config, rows[i].fields), rows[i].status))
            test_note("row %u, fields 0x%lx", i, rows[i].fields);
    }
}

static void thread_configure_applies_all_or_nothing(void) {
    cap_t thread = world_create(OBJECT_THREAD, 0), memory = world_memory(1);
    uint64_t frames = sys_system_info(INFO_FRAMES_MAPPED, 0).value, caps = sys_system_info(INFO_CAPABILITIES, 0).value;
    struct thread_config config = {.table = INIT_CAP_TABLE, .message_memory = memory, .priority = 7, .foreign = 9};
    uint64_t fields = THREAD_TABLE | THREAD_MESSAGE_PAGE | THREAD_PRIORITY | THREAD_FOREIGN;
    CHECK_STATUS(worker_configure(thread, &config, fields), E_ARG);
    CHECK_EQUAL(worker_read(thread).priority, 0);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames);
    CHECK_EQUAL(sys_system_info(INFO_CAPABILITIES, 0).value, caps);
    config.foreign = 0;
    CHECK_STATUS(worker_configure(thread, &config, fields), OK);
    CHECK_EQUAL(worker_read(thread).priority, 7);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames + 1);
    CHECK_EQUAL(sys_system_info(INFO_CAPABILITIES, 0).value, caps + 2);
    CHECK_STATUS(worker_configure(thread, &config, fields), OK); /* once more: bindings are replaced, not added */
    CHECK_EQUAL(sys_system_info(INFO_CAPABILITIES, 0).value, caps + 2);
    config.message_memory = 0;
    CHECK_STATUS(worker_configure(thread, &config, THREAD_MESSAGE_PAGE), OK);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames);
}

static cap_t tested_space;
static uint64_t call_configure(cap_t cap) { return sys_thread_configure(cap, 0).status; }
static uint64_t call_resume(cap_t cap) { return sys_thread_resume(cap).status; }
static uint64_t call_suspend(cap_t cap) { return sys_thread_suspend(cap, 0).status; }
static uint64_t call_read(cap_t cap) { return sys_thread_read(cap, 0).status; }
static uint64_t call_write(cap_t cap) { return sys_thread_write(cap, THREAD_REGISTERS).status; }
static uint64_t call_handover(cap_t cap) { return sys_thread_handover(cap, tested_space, 0).status; }
static uint64_t call_handover_space(cap_t cap) { return sys_thread_handover(INIT_CAP_THREAD, cap, 0).status; }

static void thread_calls_refuse_wrong_capabilities(void) {
    cap_t thread = world_create(OBJECT_THREAD, 0);
    tested_space = world_create(OBJECT_SPACE, 0);
    cap_t no_control = world_copy(thread, THREAD_READ, 0), no_read = world_copy(thread, THREAD_CONTROL, 0);
    argument_check("thread_configure", call_configure, no_control);
    argument_check("thread_resume", call_resume, no_control);
    argument_check("thread_suspend", call_suspend, no_control);
    argument_check("thread_read", call_read, no_read);
    argument_check("thread_write", call_write, no_control);
    argument_check("thread_handover", call_handover, no_control);
    argument_check("thread_handover space", call_handover_space, world_copy(tested_space, SPACE_MAP | SPACE_QUERY, 0));
}

/* These calls read or write the caller's message page; this worker has none. */
static void call_without_message_page(struct worker_view *view) {
    view->out[0] = sys_thread_configure(INIT_CAP_THREAD, 0).status;
    view->out[1] = sys_thread_read(INIT_CAP_THREAD, 0).status;
    view->out[2] = sys_thread_write(INIT_CAP_THREAD, THREAD_REGISTERS).status;
    view->out[3] = sys_thread_handover(INIT_CAP_THREAD, INIT_CAP_SPACE, 0).status;
    view->out[4] = sys_log_write(1).status;
}

static void thread_calls_need_a_message_page(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = call_without_message_page});
    struct thread_config config = {0};
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_MESSAGE_PAGE), OK);
    worker_resume(&worker);
    worker_join(&worker);
    for (uint32_t i = 0; i < 5; i++)
        CHECK_STATUS(worker.view->out[i], E_STATE);
}

/* ---- resume and suspend ---- */

static void thread_resume_refuses_what_cannot_run(void) {
    cap_t thread = world_create(OBJECT_THREAD, 0);
    CHECK_STATUS(sys_thread_resume(thread), E_STATE);
    CHECK_STATUS(sys_thread_resume(INIT_CAP_THREAD), OK); /* it runs already */
    struct worker worker;
    worker_start(&worker, (struct worker_plan){.code = role_spin});
    CHECK_STATUS(sys_thread_resume(worker.thread), OK); /* it is ready already */
    worker_let_run(SHORT_NS);
    CHECK(worker.view->out[0] > 0);
}

static void thread_suspend_of_a_ready_thread(void) {
    struct worker worker;
    worker_start(&worker, (struct worker_plan){.code = role_spin, .own_space = true, .own_table = true});
    for (uint32_t i = 0; i < 3; i++) {
        worker_let_run(SHORT_NS);
        CHECK_STATUS(sys_thread_suspend(worker.thread, 0), OK);
        CHECK_STATUS(sys_thread_suspend(worker.thread, 0), OK); /* it is stopped already */
        CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_STOPPED);
        uint64_t count = worker.view->out[0];
        worker_let_run(SHORT_NS);
        CHECK_EQUAL(worker.view->out[0], count);
        CHECK_STATUS(sys_thread_resume(worker.thread), OK);
        CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_READY);
        worker_let_run(SHORT_NS);
        CHECK(worker.view->out[0] > count);
    }
}

/* caps[0] = its own thread. */
static void suspend_self(struct worker_view *view) {
    view->out[0] = 1 + sys_thread_suspend(view->caps[0], 0).status;
    view->out[1] = 1;
}

static void thread_suspend_of_oneself(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = suspend_self, .own_space = true, .own_table = true});
    worker.view->caps[0] = worker_give(&worker, 1, worker.thread, RIGHTS_ALL, 0);
    worker_resume(&worker);
    CHECK(worker_await(&worker, THREAD_STOPPED));
    CHECK_EQUAL(worker.view->out[1], 0);
    CHECK_STATUS(sys_thread_resume(worker.thread), OK);
    worker_join(&worker);
    CHECK_EQUAL(worker.view->out[0], 1 + OK);
}

/* A waiting thread that is suspended goes on waiting. It stops when the wait is over, and gets the
 * result when it is resumed. */
static void thread_suspend_of_a_thread_that_waits(void) {
    for (uint32_t resumed_early = 0; resumed_early < 2; resumed_early++) {
        struct worker signal, wait;
        cap_t notification = world_create(OBJECT_NOTIFICATION, 0), endpoint = world_create(OBJECT_ENDPOINT, 0);
        role_start_wait(&signal, (struct worker_plan){0}, role_signal_wait, notification);
        role_start_wait(&wait, (struct worker_plan){0}, role_wait, endpoint);
        CHECK(worker_await(&wait, THREAD_IN_WAIT));
        CHECK_STATUS(sys_thread_suspend(signal.thread, 0), OK);
        CHECK_STATUS(sys_thread_suspend(wait.thread, 0), OK);
        CHECK_EQUAL(worker_read(signal.thread).run_state, THREAD_IN_SIGNAL);
        CHECK_EQUAL(worker_read(wait.thread).run_state, THREAD_IN_WAIT);
        if (resumed_early == 1) {
            CHECK_STATUS(sys_thread_resume(signal.thread), OK);
            CHECK_STATUS(sys_thread_resume(wait.thread), OK);
        }
        CHECK_STATUS(sys_signal_raise(notification, 5), OK);
        struct worker client;
        role_start_call(&client, (struct worker_plan){0}, endpoint, MESSAGE_INFO(6, 0, 0));
        worker_let_run(SHORT_NS);
        if (resumed_early == 0) {
            CHECK_EQUAL(worker_read(signal.thread).run_state, THREAD_STOPPED);
            CHECK_EQUAL(worker_read(wait.thread).run_state, THREAD_STOPPED);
            CHECK_EQUAL(worker_read(client.thread).run_state, THREAD_IN_CALL);
            CHECK_EQUAL(signal.view->out[SIGNAL_ENDED_NS], 0);
            CHECK_STATUS(sys_thread_resume(signal.thread), OK);
            CHECK_STATUS(sys_thread_resume(wait.thread), OK);
        }
        worker_join(&signal);
        worker_join(&wait);
        CHECK_EQUAL(signal.view->out[SIGNAL_BITS], 5);
        CHECK_EQUAL(message_label(wait.view->out[WAIT_INFO]), 6);
    }
}

static void thread_suspend_of_a_thread_in_a_fault(void) {
    struct worker worker;
    struct fault_message fault;
    worker_make(&worker, (struct worker_plan){.code = role_nothing});
    struct thread_registers entry = {.rip = (uaddr_t)raw_trap, .rsp = worker.stack_top};
    CHECK_STATUS(worker_write(worker.thread, &entry), OK);
    worker_resume(&worker);
    worker_fault(&worker, &fault);
    CHECK_STATUS(sys_thread_suspend(worker.thread, 0), OK);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_IN_FAULT);
    worker_answer(FAULT_RESUME, NULL);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_STOPPED);
    CHECK_STATUS(sys_thread_resume(worker.thread), OK);
    worker_fault(&worker, &fault); /* it comes round to the breakpoint again */
}

/* ---- read and write ---- */

static void thread_read_tells_state_and_time(void) {
    struct worker worker;
    CHECK_EQUAL(worker_read(INIT_CAP_THREAD).run_state, THREAD_RUNNING);
    CHECK_EQUAL(worker_read(INIT_CAP_THREAD).priority, PRIORITY_MAIN);
    worker_make(&worker, (struct worker_plan){.code = role_spin, .priority = 11});
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_STOPPED);
    CHECK_EQUAL(worker_read(worker.thread).priority, 11);
    CHECK_EQUAL(worker_read(worker.thread).cpu_time_ns, 0);
    worker_resume(&worker);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_READY);
    worker_let_run(10 * SHORT_NS);
    uint64_t time_ns = worker_read(worker.thread).cpu_time_ns;
    CHECK(time_ns > 5 * SHORT_NS);
    CHECK(time_ns < 1000 * SHORT_NS);
}

/* Write all registers by thread_write, and read them back from a fault message and by thread_read. */
static void thread_write_sets_all_registers(void) {
    struct worker worker;
    struct fault_message fault;
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    for (uint32_t round = 0; round < 8; round++) {
        struct thread_registers registers;
        uint64_t words[sizeof registers / 8];
        for (uint32_t i = 0; i < sizeof words / 8; i++)
            words[i] = random_next();
        memcpy(&registers, words, sizeof registers);
        registers.rip = (uaddr_t)raw_trap;
        registers.rsp = random_below(USER_LIMIT);
        registers.rflags = (registers.rflags & FLAGS_USER & ~0x100ULL) | FLAGS_FIXED; /* no single steps */
        registers.fs_base = random_below(USER_LIMIT);
        CHECK_STATUS(worker_write(worker.thread, &registers), OK);
        struct thread_state state = worker_read(worker.thread);
        CHECK(memcmp(&state.registers, &registers, sizeof registers) == 0);
        if (round == 0)
            worker_resume(&worker);
        else
            worker_answer(FAULT_RESUME, NULL);
        worker_fault(&worker, &fault);
        registers.rip++; /* behind the breakpoint */
        CHECK(memcmp(&fault.registers, &registers, sizeof registers) == 0);
        state = worker_read(worker.thread);
        CHECK_EQUAL(state.run_state, THREAD_IN_FAULT);
        CHECK(memcmp(&state.registers, &registers, sizeof registers) == 0);
    }
}

static void thread_write_refuses_addresses(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing});
    const uint64_t kernel[] = {0x0000800000000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffff7fffffffffff,
                               0xffff800000000000, 0xffffffff80000000, UINT64_MAX};
    for (uint32_t i = 0; i < sizeof kernel / sizeof kernel[0]; i++) {
        struct thread_registers good = {.rip = (uaddr_t)raw_trap, .rsp = worker.stack_top}, bad = good;
        bad.rip = kernel[i];
        CHECK_STATUS(worker_write(worker.thread, &bad), E_ARG);
        bad = good;
        bad.fs_base = kernel[i];
        CHECK_STATUS(worker_write(worker.thread, &bad), E_ARG);
        bad = good;
        bad.rsp = kernel[i];
        CHECK_STATUS(worker_write(worker.thread, &bad), E_ARG);
    }
    struct thread_registers bad = {.rip = USER_LIMIT, .rsp = worker.stack_top};
    CHECK_STATUS(worker_write(worker.thread, &bad), E_ARG);
    bad.rip = 0;
    CHECK_STATUS(worker_write(worker.thread, &bad), E_ARG);
}

/* Whatever is written to RFLAGS, the thread runs with interrupts on, without I/O privilege, and not as a nested
 * task. */
static void thread_write_sanitises_flags(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing});
    for (uint32_t round = 0; round < 64 + 24; round++) { /* each bit alone, then many */
        struct fault_message fault;
        uint64_t flags = round < 64 ? 1ULL << round : round == 64 ? UINT64_MAX : round == 65 ? 0 : random_next();
        flags &= ~0x100ULL; /* single steps are another case */
        struct thread_registers registers = {.rip = (uaddr_t)raw_flags, .rsp = worker.stack_top, .rflags = flags};
        CHECK_STATUS(worker_write(worker.thread, &registers), OK);
        CHECK_EQUAL(worker_read(worker.thread).registers.rflags, (flags & FLAGS_USER) | FLAGS_FIXED);
        worker_resume(&worker);
        worker_fault(&worker, &fault);
        CHECK_EQUAL(fault.registers.rax, (flags & FLAGS_USER) | FLAGS_FIXED); /* as the CPU had them */
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
}

/* A number at which something may go wrong: near an edge of either half, a single bit, a small number, or any. */
static uint64_t edgy_number(void) {
    static const uint64_t edges[] = {0,          USER_LOWEST,        USER_LIMIT,        1ULL << 47,
                                     1ULL << 48, 0xffff800000000000, 0xffffffff80000000};
    switch (random_below(4)) {
    case 0:
        return edges[random_below(sizeof edges / sizeof edges[0])] + random_below(17) - 8;
    case 1:
        return 1ULL << random_below(64);
    case 2:
        return random_below(USER_LIMIT);
    default:
        return random_next();
    }
}

/*
 * Random registers, by each way of setting them: only addresses in the user half and user flags are accepted, all else
 * is refused, and the thread runs with exactly the accepted ones.
 */
static void thread_write_fuzzed(void) {
    enum { ROUNDS = 3000 };
    struct worker worker;
    uint64_t taken = 0, ran = 0;
    test_limit_ms(60000);
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct thread_registers registers;
        uint64_t words[sizeof registers / 8];
        for (uint32_t i = 0; i < sizeof words / 8; i++)
            words[i] = edgy_number();
        memcpy(&registers, words, sizeof registers);
        if (round % 8 == 0)
            registers.rip = (uaddr_t)raw_trap;
        bool right = registers.rip >= USER_LOWEST && registers.rip < USER_LIMIT &&
                     registers.rsp < USER_LIMIT + PAGE_BYTES && registers.fs_base < USER_LIMIT;
        if (!CHECK_STATUS(worker_write(worker.thread, &registers), right ? OK : E_ARG)) {
            test_note("rip 0x%lx rsp 0x%lx fs 0x%lx", registers.rip, registers.rsp, registers.fs_base);
            return;
        }
        taken += right;
        struct thread_registers now = worker_read(worker.thread).registers;
        registers.rflags = (registers.rflags & FLAGS_USER) | FLAGS_FIXED;
        if (right && !CHECK(memcmp(&now, &registers, sizeof now) == 0))
            return;
        CHECK(now.rip < USER_LIMIT && now.rsp <= USER_LIMIT + PAGE_BYTES && now.fs_base < USER_LIMIT);
        CHECK_EQUAL(now.rflags & ~FLAGS_USER, FLAGS_FIXED);
        if (!right || (registers.rflags & FLAG_TRAP) != 0)
            continue;
        /* nothing is mapped there, or a breakpoint is there: it faults at once, wherever it runs */
        struct fault_message fault;
        worker_resume(&worker);
        if (!worker_fault(&worker, &fault))
            return;
        ran++;
        CHECK_EQUAL(fault.registers.rsp, registers.rsp);
        CHECK_EQUAL(fault.registers.rflags & ~FLAG_RESUME, registers.rflags);
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
    CHECK(taken > ROUNDS / 100 && ran > 0);
    test_note("%u register sets: %lu taken, %lu of them run", (unsigned int)ROUNDS, taken, ran);
}

static void thread_write_refuses_threads_that_run_or_wait(void) {
    struct worker spin, wait, signal, call;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), other = world_create(OBJECT_ENDPOINT, 0);
    worker_start(&spin, (struct worker_plan){.code = role_spin, .priority = 1});
    role_start_wait(&wait, (struct worker_plan){0}, role_wait, endpoint);
    role_start_wait(&signal, (struct worker_plan){0}, role_signal_wait, world_create(OBJECT_NOTIFICATION, 0));
    role_start_call(&call, (struct worker_plan){0}, other, 0);
    CHECK(worker_await(&call, THREAD_IN_CALL));
    struct thread_registers registers = {.rip = (uaddr_t)raw_trap, .rsp = spin.stack_top};
    CHECK_STATUS(worker_write(INIT_CAP_THREAD, &registers), E_STATE);
    CHECK_STATUS(worker_write(spin.thread, &registers), E_STATE);
    CHECK_STATUS(worker_write(wait.thread, &registers), E_STATE);
    CHECK_STATUS(worker_write(signal.thread, &registers), E_STATE);
    CHECK_STATUS(worker_write(call.thread, &registers), E_STATE);
}

/* A thread keeps its FS base, whoever runs in between. */
static void read_fs(struct worker_view *view) {
    for (uint32_t i = 0; i < 4; i++) {
        __asm__ volatile("mov %%fs:0, %0" : "=r"(view->out[i]));
        (void)sys_signal_wait(world.silence, world_now() + SHORT_NS / 3);
    }
}

static void thread_write_sets_the_fs_base(void) {
    struct worker workers[3];
    for (uint64_t i = 0; i < 3; i++) {
        worker_make(&workers[i], (struct worker_plan){.code = read_fs});
        struct thread_registers registers = worker_entry_state(&workers[i], read_fs);
        registers.fs_base = (uaddr_t)&workers[i].view->in[i];
        workers[i].view->in[i] = 0xf5 + i;
        CHECK_STATUS(worker_write(workers[i].thread, &registers), OK);
        worker_resume(&workers[i]);
    }
    for (uint64_t i = 0; i < 3; i++) {
        worker_join(&workers[i]);
        for (uint32_t k = 0; k < 4; k++)
            CHECK_EQUAL(workers[i].view->out[k], 0xf5 + i);
        CHECK_EQUAL(worker_read(workers[i].thread).registers.fs_base, (uaddr_t)&workers[i].view->in[i]);
    }
}

/* ... and a thread without an FS base has none, even right after a thread with one. */
static void thread_write_without_an_fs_base(void) {
    struct worker with, without;
    struct fault_message fault;
    worker_make(&with, (struct worker_plan){.code = read_fs});
    struct thread_registers registers = worker_entry_state(&with, read_fs);
    registers.fs_base = (uaddr_t)with.view->in;
    CHECK_STATUS(worker_write(with.thread, &registers), OK);
    worker_resume(&with);
    worker_start(&without, (struct worker_plan){.code = read_fs});
    if (worker_fault(&without, &fault)) {
        CHECK_EQUAL(fault.kind, FAULT_PAGE);
        CHECK_EQUAL(fault.address, 0);
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
    CHECK_STATUS(sys_thread_suspend(with.thread, 0), OK);
}

#define MOVED_BYTES 512U

/* caps[0] = memory: copies its third part of MOVED_BYTES to the second, with the flags in[0]. */
static void call_with_flags(struct worker_view *view) {
    struct raw_registers registers = {.rax = SYS_memory_copy,
                                      .rdi = view->caps[0],
                                      .rsi = MOVED_BYTES,
                                      .rdx = view->caps[0],
                                      .r10 = 2 * MOVED_BYTES,
                                      .r8 = MOVED_BYTES,
                                      .rflags = view->in[0]};
    raw_syscall(&registers);
    view->out[0] = registers.rax;
}

/* The kernel copies upwards, whatever the caller's direction flag. */
static void memory_copy_with_the_callers_flags(void) {
    static const uint64_t flags[] = {FLAGS_FIXED, FLAGS_FIXED | FLAG_DIRECTION};
    for (uint32_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        struct worker worker;
        cap_t memory = world_memory(1);
        volatile uint8_t *page = world_map(memory, 1);
        for (uint32_t k = 0; k < 4 * MOVED_BYTES; k++)
            page[k] = (uint8_t)(k / MOVED_BYTES);
        worker_make(&worker, (struct worker_plan){.code = call_with_flags});
        worker.view->caps[0] = memory;
        worker.view->in[0] = flags[i];
        worker_resume(&worker);
        worker_join(&worker);
        CHECK_STATUS(worker.view->out[0], OK);
        for (uint32_t k = 0; k < 4 * MOVED_BYTES; k++) {
            uint32_t part = k / MOVED_BYTES;
            if (!CHECK_EQUAL(page[k], part == 1 ? 2 : part))
                return;
        }
    }
}

SUITE(CASE(thread_configure_refuses_each_field), CASE(thread_configure_applies_all_or_nothing),
      CASE(thread_calls_refuse_wrong_capabilities), CASE(thread_calls_need_a_message_page),
      CASE(thread_resume_refuses_what_cannot_run), CASE(thread_suspend_of_a_ready_thread),
      CASE(thread_suspend_of_oneself), CASE(thread_suspend_of_a_thread_that_waits),
      CASE(thread_suspend_of_a_thread_in_a_fault), CASE(thread_read_tells_state_and_time),
      CASE(thread_write_sets_all_registers), CASE(thread_write_refuses_addresses), CASE(thread_write_sanitises_flags),
      CASE(thread_write_fuzzed), CASE(thread_write_refuses_threads_that_run_or_wait),
      CASE(thread_write_sets_the_fs_base), CASE(thread_write_without_an_fs_base),
      CASE(memory_copy_with_the_callers_flags));
