/*
 * Faults as messages: is each reported with its kind and every register, and does the answer
 * decide how the thread goes on?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/raw.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define SOMEWHERE 0x4000000000ULL
#define NON_CANONICAL 0x0000800000000000ULL
#define ENTRY_ADDRESS 0x000ffffffffff000ULL
/* Error code: about a gate of the IDT. The bits above say which one; there emulators differ from the manual. */
#define GATE_ERROR 2ULL
#define GATE_ERROR_MASK 7ULL
#define FLAG_TRAP 0x100ULL

/* ---- reports ---- */

static void ep_wait_gets_page_faults(void) {
    cap_t space = worker_space(), memory = world_memory(4);
    CHECK_STATUS(sys_space_map(space, memory, 0, 1, SOMEWHERE, MEMORY_READ), OK);
    CHECK_STATUS(sys_space_map(space, memory, 1, 1, SOMEWHERE + PAGE_BYTES, READ_WRITE), OK);
    const struct {
        uaddr_t at;
        enum touch_kind kind;
        uint64_t access, levels, present; /* levels of the walk that are present */
    } rows[] = {
        {SOMEWHERE + 2 * PAGE_BYTES + 0x123, TOUCH_READ, 0, 4, 3},
        {SOMEWHERE + (1ULL << 21), TOUCH_WRITE, FAULT_ACCESS_WRITE, 3, 2},
        {SOMEWHERE + (1ULL << 30), TOUCH_RUN, FAULT_ACCESS_FETCH, 2, 1},
        {SOMEWHERE + (1ULL << 39), TOUCH_READ, 0, 1, 0},
        {SOMEWHERE + 8, TOUCH_WRITE, FAULT_ACCESS_PRESENT | FAULT_ACCESS_WRITE, 4, 4},
        {SOMEWHERE, TOUCH_RUN, FAULT_ACCESS_PRESENT | FAULT_ACCESS_FETCH, 4, 4},
        {SOMEWHERE + PAGE_BYTES, TOUCH_RUN, FAULT_ACCESS_PRESENT | FAULT_ACCESS_FETCH, 4, 4},
        {8, TOUCH_READ, 0, 1, 0},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct touch result = role_touch(space, rows[i].kind, rows[i].at);
        const struct space_walk *walk = &result.fault.walk;
        uint64_t present = 0;
        CHECK(result.faulted);
        CHECK_EQUAL(result.fault.kind, FAULT_PAGE);
        CHECK_EQUAL(result.fault.address, rows[i].at);
        CHECK_EQUAL(result.fault.access, rows[i].access);
        CHECK_EQUAL(result.fault.rip, result.fault.registers.rip);
        if (rows[i].kind == TOUCH_RUN)
            CHECK_EQUAL(result.fault.rip, rows[i].at);
        if (rows[i].levels > 1) /* a low address may share tables with the program's code */
            CHECK_EQUAL(walk->levels, rows[i].levels);
        for (uint32_t level = 0; level < 4; level++) {
            present += walk->entry[level] & 1;
            if (level < 3)
                CHECK_EQUAL(walk->entry[level] & ENTRY_ADDRESS, 0);
        }
        if (rows[i].levels > 1)
            CHECK_EQUAL(present, rows[i].present);
    }
}

/* The kernel half looks unmapped, whatever is mapped there. */
static void ep_wait_gets_page_faults_at_kernel_addresses(void) {
    const uaddr_t kernel[] = {0xffff800000000000, 0xffff800000200000, 0xffffff0000000000, 0xffffff0000004f00,
                              0xffffffff80000000, 0xffffffff80010000, 0xfffffffffffffff8};
    for (uint32_t i = 0; i < sizeof kernel / sizeof kernel[0]; i++) {
        for (uint32_t kind = TOUCH_READ; kind <= TOUCH_RUN; kind++) {
            struct touch result = role_touch(0, (enum touch_kind)kind, kernel[i]);
            CHECK(result.faulted);
            CHECK_EQUAL(result.fault.kind, FAULT_PAGE);
            CHECK_EQUAL(result.fault.address, kernel[i]);
            CHECK_EQUAL(result.fault.access & FAULT_ACCESS_PRESENT, 0); /* users must not learn what is mapped there */
            CHECK_EQUAL(result.fault.walk.entry[0], 0);
            CHECK(result.fault.walk.levels <= 1);
        }
    }
}

/* One instruction each that faults, entered directly. */
static __attribute__((naked)) void do_undefined(struct worker_view *view __attribute__((unused))) { __asm__("ud2"); }
static __attribute__((naked)) void do_halt(struct worker_view *view __attribute__((unused))) { __asm__("hlt"); }
static __attribute__((naked)) void do_divide(struct worker_view *view __attribute__((unused))) {
    __asm__("xor %eax, %eax; xor %edx, %edx; xor %ecx, %ecx; 1: div %ecx; jmp 1b");
}
static __attribute__((naked)) void do_divide_overflow(struct worker_view *view __attribute__((unused))) {
    __asm__("mov $-1, %edx; mov $1, %ecx; div %ecx");
}
static __attribute__((naked)) void do_breakpoint(struct worker_view *view __attribute__((unused))) {
    __asm__("int3; ret");
}
static __attribute__((naked)) void do_int_overflow(struct worker_view *view __attribute__((unused))) {
    __asm__("int $4; ret");
}
static __attribute__((naked)) void do_int_0x80(struct worker_view *view __attribute__((unused))) {
    __asm__("int $0x80");
}
static __attribute__((naked)) void do_int_page_fault(struct worker_view *view __attribute__((unused))) {
    __asm__("int $14");
}
static __attribute__((naked)) void do_int_double_fault(struct worker_view *view __attribute__((unused))) {
    __asm__("int $8");
}
static __attribute__((naked)) void do_non_canonical(struct worker_view *view __attribute__((unused))) {
    __asm__("mov $0x0000800000000000, %rax; mov (%rax), %rax");
}
static __attribute__((naked)) void do_non_canonical_stack(struct worker_view *view __attribute__((unused))) {
    __asm__("mov $0x0000800000000000, %rsp; sub $8, %rsp; mov $0x8000000000000000, %rsp; push %rax");
}
static __attribute__((naked)) void do_load_selector(struct worker_view *view __attribute__((unused))) {
    __asm__("mov $0x10, %eax; mov %eax, %ds");
}
static __attribute__((naked)) void do_no_stack(struct worker_view *view __attribute__((unused))) {
    __asm__("mov $0x1000, %esp; push %rax");
}
static void ep_wait_gets_each_kind_of_fault(void) {
    static const struct {
        const char *name;
        worker_code *code;
        uint64_t kind, access;
    } rows[] = {
        {"ud2", do_undefined, FAULT_INSTRUCTION, 0},
        {"hlt", do_halt, FAULT_PROTECTION, 0},
        {"div by 0", do_divide, FAULT_DIVIDE, 0},
        {"div overflow", do_divide_overflow, FAULT_DIVIDE, 0},
        {"int3", do_breakpoint, FAULT_BREAKPOINT, 0},
        {"int 4", do_int_overflow, FAULT_OVERFLOW, 0},
        {"int 0x80", do_int_0x80, FAULT_PROTECTION, GATE_ERROR}, /* the gate is reserved to the kernel */
        {"int 14", do_int_page_fault, FAULT_PROTECTION, GATE_ERROR},
        {"int 8", do_int_double_fault, FAULT_PROTECTION, GATE_ERROR},
        {"non-canonical", do_non_canonical, FAULT_PROTECTION, 0},
        {"non-canonical stack", do_non_canonical_stack, FAULT_PROTECTION, 0},
        {"kernel's selector", do_load_selector, FAULT_PROTECTION, 0x10},
        {"no stack", do_no_stack, FAULT_PAGE, FAULT_ACCESS_WRITE},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct worker worker;
        struct fault_message fault;
        test_row(rows[i].name);
        worker_start(&worker, (struct worker_plan){.code = rows[i].code, .own_space = true, .own_table = true});
        if (!worker_fault(&worker, &fault))
            continue;
        CHECK_EQUAL(fault.kind, rows[i].kind);
        CHECK_EQUAL(fault.access & (rows[i].access == GATE_ERROR ? GATE_ERROR_MASK : UINT64_MAX), rows[i].access);
        CHECK_EQUAL(fault.address, rows[i].kind == FAULT_PAGE ? 0xff8 : 0);
        CHECK_EQUAL(fault.walk.levels != 0, rows[i].kind == FAULT_PAGE);
        CHECK_EQUAL(fault.rip, fault.registers.rip);
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
}

/* The message itself (label, length, kind, badge) is the same whether the handler waited or came later. */
static void ep_wait_gets_the_fault_message(void) {
    for (uint32_t handler_first = 0; handler_first < 2; handler_first++) {
        struct worker worker;
        struct message message;
        uint64_t badge;
        cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), badged = world_copy(endpoint, ENDPOINT_CALL, 0xbad6e);
        worker_start(&worker, (struct worker_plan){.code = do_undefined, .own_space = true, .fault_endpoint = badged});
        if (handler_first == 0)
            CHECK(worker_await(&worker, THREAD_IN_FAULT));
        CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
        CHECK_EQUAL(badge, 0xbad6e);
        CHECK_EQUAL(message.info, MESSAGE_INFO(FAULT_INSTRUCTION, FAULT_WORDS, 0) | (uint64_t)MESSAGE_FAULT << 12);
        CHECK_EQUAL(message.words[0], FAULT_INSTRUCTION);
        CHECK_EQUAL(message.words[3], (uaddr_t)do_undefined);
        CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_IN_FAULT);
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
}

/* ---- answers ---- */

/* A pager: it maps the page, and the instruction is repeated. */
static void ep_reply_resumes_after_a_page_was_supplied(void) {
    cap_t space = worker_space(), memory = world_memory(1);
    for (uint32_t i = 0; i < 3; i++) {
        uaddr_t at = SOMEWHERE + i * 0x40201000ULL;
        struct worker worker;
        struct fault_message fault;
        worker_make(&worker, (struct worker_plan){.code = role_nothing, .space = space});
        struct thread_registers entry = worker_entry_state(&worker, (worker_code *)at);
        *(volatile uint8_t *)world_map(memory, 1) = ROLE_RETURN;
        CHECK_STATUS(worker_write(worker.thread, &entry), OK);
        worker_resume(&worker);
        if (!worker_fault(&worker, &fault))
            continue;
        CHECK_EQUAL(fault.address, at);
        CHECK_STATUS(sys_space_map(space, memory, 0, 1, at, READ_EXECUTE), OK);
        worker_answer(FAULT_RESUME, NULL);
        worker_join(&worker);
    }
}

/* Answer and wait in one call: the thread goes on with its registers, up to the breakpoint that is there now. */
static void ep_reply_wait_resumes_with_the_same_registers(void) {
    struct worker worker;
    struct message message;
    uint64_t badge;
    const struct fault_message *fault = (void *)program.message->words;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), space = worker_space(), memory = world_memory(1);
    *(volatile uint8_t *)world_map(memory, 1) = 0xcc;
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .space = space, .fault_endpoint = endpoint});
    struct thread_registers registers = {.rax = 1,
                                         .rbx = 2,
                                         .rcx = 3,
                                         .rdx = 4,
                                         .rsi = 5,
                                         .rdi = 6,
                                         .rbp = 7,
                                         .r8 = 8,
                                         .r9 = 9,
                                         .r10 = 10,
                                         .r11 = 11,
                                         .r12 = 12,
                                         .rip = SOMEWHERE,
                                         .rsp = worker.stack_top};
    CHECK_STATUS(worker_write(worker.thread, &registers), OK);
    worker_resume(&worker);
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    CHECK_EQUAL(message.words[0], FAULT_PAGE);
    CHECK_STATUS(sys_space_map(space, memory, 0, 1, SOMEWHERE, READ_EXECUTE), OK);
    message = (struct message){.info = MESSAGE_INFO(FAULT_RESUME, 0, 0), .words = {91, 92, 93, 94}};
    CHECK_STATUS(ep_reply_wait(endpoint, &message, &badge), OK);
    CHECK_EQUAL(message.words[0], FAULT_BREAKPOINT);
    registers.rip++;
    registers.rflags = fault->registers.rflags;
    CHECK(memcmp(&fault->registers, &registers, sizeof registers) == 0);
    CHECK_STATUS(sys_cap_delete(0, 0), OK);
}

static void ep_reply_writes_registers(void) {
    struct worker worker;
    struct fault_message fault;
    worker_start(&worker, (struct worker_plan){.code = do_undefined, .own_space = true, .own_table = true});
    if (!worker_fault(&worker, &fault))
        return;
    fault.registers.rip = (uaddr_t)raw_flags;
    fault.registers.rflags = UINT64_MAX & ~FLAG_TRAP; /* sanitised, as by thread_write */
    fault.registers.rbx = 0x1234;
    worker_answer(FAULT_WRITE, &fault);
    if (!worker_fault(&worker, &fault))
        return;
    CHECK_EQUAL(fault.rip, (uaddr_t)raw_trap + 1);
    CHECK_EQUAL(fault.registers.rbx, 0x1234);
    CHECK_EQUAL(fault.registers.rax, 0x240ed7);
}

static void ep_reply_refuses_wrong_answers(void) {
    struct worker worker;
    struct fault_message fault, bad;
    worker_start(&worker, (struct worker_plan){.code = do_breakpoint, .own_space = true, .own_table = true});
    if (!worker_fault(&worker, &fault))
        return;
    struct message reply = {.info = MESSAGE_INFO(3, 0, 0)};
    CHECK_STATUS(ep_reply(0, &reply), E_ARG);
    reply.info = MESSAGE_INFO(UINT32_MAX, 0, 0);
    CHECK_STATUS(ep_reply(0, &reply), E_ARG);
    reply.info = MESSAGE_INFO(FAULT_WRITE, FAULT_WORDS - 1, 0);
    CHECK_STATUS(ep_reply(0, &reply), E_ARG);
    reply.info = MESSAGE_INFO(FAULT_WRITE, 0, 0);
    CHECK_STATUS(ep_reply(0, &reply), E_ARG);
    reply.info = MESSAGE_INFO(FAULT_WRITE, FAULT_WORDS, 0);
    bad = fault;
    bad.registers.rip = 0xffff800000000000;
    memcpy(program.message->words, &bad, sizeof bad);
    CHECK_STATUS(ep_reply(0, &reply), E_ARG);
    bad = fault;
    bad.registers.rsp = NON_CANONICAL;
    memcpy(program.message->words, &bad, sizeof bad);
    CHECK_STATUS(ep_reply(0, &reply), E_ARG);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_IN_FAULT); /* and its fault can still be answered */
    worker_answer(FAULT_RESUME, NULL);
    worker_join(&worker);
}

static void ep_reply_leaves_the_thread_stopped(void) {
    struct worker worker;
    struct fault_message fault;
    worker_start(&worker, (struct worker_plan){.code = do_breakpoint, .own_space = true, .own_table = true});
    if (!worker_fault(&worker, &fault))
        return;
    worker_answer(FAULT_STOP, NULL);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_STOPPED);
    CHECK_STATUS(sys_thread_resume(worker.thread), OK); /* after the breakpoint */
    worker_join(&worker);
}

/* Deleting the reply is also an answer: the thread stays stopped. So it does when the handler or its endpoint dies. */
static void cap_delete_of_a_fault_reply_stops_the_thread(void) {
    struct worker worker, handler;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    struct worker_plan plan = {.code = do_breakpoint, .own_space = true, .fault_endpoint = endpoint};
    worker_start(&worker, plan);
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    CHECK_STATUS(sys_cap_delete(0, 0), OK);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_STOPPED);
    role_start_wait(&handler, (struct worker_plan){0}, role_wait, endpoint);
    worker_start(&worker, plan);
    worker_join(&handler);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_IN_FAULT);
    CHECK_STATUS(sys_cap_delete(0, handler.thread), OK);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_STOPPED);
    worker_start(&worker, plan);
    CHECK(worker_await(&worker, THREAD_IN_FAULT));
    CHECK_STATUS(sys_cap_revoke(endpoint), OK);
    CHECK_STATUS(sys_cap_delete(0, endpoint), OK);
    CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_STOPPED);
}

static void thread_configure_without_fault_endpoint(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = do_undefined, .own_space = true});
    struct thread_config config = {.fault_endpoint = 0};
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_FAULT_ENDPOINT), OK);
    worker_resume(&worker);
    CHECK(worker_await(&worker, THREAD_STOPPED));
    CHECK_EQUAL(worker_read(worker.thread).registers.rip, (uaddr_t)do_undefined);
}

/* ---- single steps ---- */

/* The trap flag by thread_write: one instruction, one fault, until the flag is cleared again. */
static void thread_write_single_steps(void) {
    static const uint64_t offsets[] = {1, 4, 7};
    struct worker worker;
    struct fault_message fault;
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    struct thread_registers registers = {.rip = (uaddr_t)raw_step, .rsp = worker.stack_top, .rflags = FLAG_TRAP};
    CHECK_STATUS(worker_write(worker.thread, &registers), OK);
    worker_resume(&worker);
    for (uint32_t i = 0; i < 3; i++) {
        if (!worker_fault(&worker, &fault))
            return;
        CHECK_EQUAL(fault.kind, FAULT_STEP);
        CHECK_EQUAL(fault.rip, (uaddr_t)raw_step + offsets[i]);
        CHECK_EQUAL(fault.registers.rax, i >= 1);
        CHECK_EQUAL(fault.registers.rbx, i >= 2);
        CHECK(fault.registers.rflags & FLAG_TRAP);
        fault.registers.rflags &= i == 2 ? ~FLAG_TRAP : UINT64_MAX;
        worker_answer(FAULT_WRITE, &fault);
    }
    if (worker_fault(&worker, &fault))
        CHECK_EQUAL(fault.kind, FAULT_BREAKPOINT);
}

/* A thread single-steps over its own system call: the kernel is not traced, and the trap comes after the call. */
static void step_over_a_call(struct worker_view *view) {
    struct raw_registers r = {.rax = SYS_memory_fill, .rdi = view->caps[0], .rdx = PAGE_BYTES, .rflags = FLAG_TRAP | 2};
    raw_syscall(&r);
    view->out[0] = r.rax;
}

/* A page has 512 words. If the kernel's loop were traced, each word would cost an exception, and
 * the stay would be too long. */
static void memory_fill_under_single_step(void) {
    struct worker worker;
    struct fault_message fault;
    uint64_t steps = 0, inside = 0;
    worker_make(&worker, (struct worker_plan){.code = step_over_a_call, .own_space = true, .own_table = true});
    worker.view->caps[0] = worker_give(&worker, 1, world_memory(1), RIGHTS_ALL, 0);
    (void)sys_system_info(INFO_LONGEST_STAY, 1);
    worker_resume(&worker);
    while (steps < 200 && worker_outcome(&worker, &fault)) {
        CHECK_EQUAL(fault.kind, FAULT_STEP);
        CHECK(fault.rip < USER_LIMIT);
        inside += fault.rip == (uaddr_t)raw_syscall_instruction + RAW_SYSCALL_BYTES;
        steps++;
        worker_answer(FAULT_RESUME, NULL);
    }
    CHECK(steps > 16);
    CHECK(inside <= 1); /* SYSRET with the flag set traps at once or after the next instruction: CPUs differ */
    CHECK_STATUS(worker.view->out[0], OK);
    struct result stay = sys_system_info(INFO_LONGEST_STAY, 0);
    /* checks make some stays longer, but not that much */
    CHECK(stay.status == E_CALL || stay.value < 2 * TEST_STAY_LIMIT);
}

SUITE(CASE(ep_wait_gets_page_faults), CASE(ep_wait_gets_page_faults_at_kernel_addresses),
      CASE(ep_wait_gets_each_kind_of_fault), CASE(ep_wait_gets_the_fault_message),
      CASE(ep_reply_resumes_after_a_page_was_supplied), CASE(ep_reply_wait_resumes_with_the_same_registers),
      CASE(ep_reply_writes_registers), CASE(ep_reply_refuses_wrong_answers), CASE(ep_reply_leaves_the_thread_stopped),
      CASE(cap_delete_of_a_fault_reply_stops_the_thread), CASE(thread_configure_without_fault_endpoint),
      CASE(thread_write_single_steps), CASE(memory_fill_under_single_step));
