/*
 * Is ring 3 refused every privileged instruction and every port, and do registers carry nothing out of the kernel?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/raw.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define IS_KERNEL_ADDRESS(value) ((value) >= 0xffff800000000000ULL && (value) < 0xfffffffffffff000ULL)

/* The first kernel address found in the page; 0: none. */
static uint64_t kernel_address_in(const void *page) {
    const uint64_t *words = page;
    for (uint32_t i = 0; i < PAGE_BYTES / 8; i++) {
        if (IS_KERNEL_ADDRESS(words[i]))
            return words[i];
    }
    return 0;
}

/* ---- instructions ---- */

extern const char privileged_code[]; /* privileged.S: pieces of PRIVILEGED_BYTES each, one instruction at its start */
#define PRIVILEGED_BYTES 32U

/* In the order of privileged.S. */
static const struct {
    const char *name;
    uint64_t kind;
} privileged[] = {
    {"cli", FAULT_PROTECTION},
    {"sti", FAULT_PROTECTION},
    {"hlt", FAULT_PROTECTION},
    {"in al, dx", FAULT_PROTECTION},
    {"in eax, imm", FAULT_PROTECTION},
    {"out dx, al", FAULT_PROTECTION},
    {"insb", FAULT_PROTECTION},
    {"outsb", FAULT_PROTECTION},
    {"rdmsr", FAULT_PROTECTION},
    {"wrmsr", FAULT_PROTECTION},
    {"mov rax, cr0", FAULT_PROTECTION},
    {"mov rax, cr2", FAULT_PROTECTION},
    {"mov rax, cr3", FAULT_PROTECTION},
    {"mov rax, cr4", FAULT_PROTECTION},
    {"mov rax, cr8", FAULT_PROTECTION},
    {"mov cr0, rax", FAULT_PROTECTION},
    {"mov cr2, rax", FAULT_PROTECTION},
    {"mov cr3, rax", FAULT_PROTECTION},
    {"mov cr4, rax", FAULT_PROTECTION},
    {"mov cr8, rax", FAULT_PROTECTION},
    {"mov rax, dr7", FAULT_PROTECTION},
    {"mov dr7, rax", FAULT_PROTECTION},
    {"mov dr0, rax", FAULT_PROTECTION},
    {"lgdt", FAULT_PROTECTION},
    {"lidt", FAULT_PROTECTION},
    {"lldt", FAULT_PROTECTION},
    {"ltr", FAULT_PROTECTION},
    {"lmsw", FAULT_PROTECTION},
    {"clts", FAULT_PROTECTION},
    {"invd", FAULT_PROTECTION},
    {"wbinvd", FAULT_PROTECTION},
    {"invlpg", FAULT_PROTECTION},
    {"sgdt", FAULT_PROTECTION}, /* these five by UMIP */
    {"sidt", FAULT_PROTECTION},
    {"sldt", FAULT_PROTECTION},
    {"str", FAULT_PROTECTION},
    {"smsw", FAULT_PROTECTION},
    {"swapgs", FAULT_PROTECTION},
    {"sysret", FAULT_PROTECTION},
    {"xsetbv", FAULT_PROTECTION},
    {"rdpmc", FAULT_PROTECTION},
    {"iretq to ring 0", 0}, /* some emulators fault on the stack first, as if the access were the kernel's */
    {"lretq to ring 0", 0},
    {"int 13", FAULT_PROTECTION},
    {"wrfsbase", FAULT_INSTRUCTION},
    {"wrgsbase", FAULT_INSTRUCTION},
    {"rdgsbase", FAULT_INSTRUCTION},
    {"stac", FAULT_INSTRUCTION},
    {"clac", FAULT_INSTRUCTION},
    {"vmcall", FAULT_INSTRUCTION},
    {"rsm", FAULT_INSTRUCTION},
    {"monitor", FAULT_INSTRUCTION},
};

static void ep_wait_gets_a_fault_for_each_privileged_instruction(void) {
    struct worker worker;
    struct fault_message fault;
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    for (uint32_t i = 0; i < sizeof privileged / sizeof privileged[0]; i++) {
        uaddr_t at = (uaddr_t)privileged_code + i * PRIVILEGED_BYTES;
        struct thread_registers entry = {.rip = at,
                                         .rsp = worker.stack_top - 256,
                                         .rbx = (uaddr_t)worker.view->out,
                                         .rsi = (uaddr_t)worker.view->out,
                                         .rdi = (uaddr_t)worker.view->out,
                                         .rcx = 0xc0000082,
                                         .rdx = 0x70};
        uint64_t to_ring_0[] = {at, 0x8, 0x202, entry.rsp, 0x10}; /* for IRET; a far return takes the first two */
        memcpy((void *)entry.rsp, to_ring_0, sizeof to_ring_0);
        test_row(privileged[i].name);
        CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, HANDOVER_RESUME), OK);
        if (!worker_fault(&worker, &fault))
            return;
        if (privileged[i].kind == 0)
            CHECK(fault.kind == FAULT_PROTECTION || fault.kind == FAULT_PAGE);
        else
            CHECK_EQUAL(fault.kind, privileged[i].kind);
        CHECK_EQUAL(fault.rip, at); /* it did nothing, and the table matches the pieces */
        CHECK_EQUAL(fault.registers.rax, 0);
        CHECK_EQUAL(kernel_address_in(program.message), 0);
        CHECK_EQUAL(worker.view->out[0], 0);
        CHECK_STATUS(sys_cap_delete(0, 0), OK);
    }
}

/* POPF is not privileged, but must have no effect here: interrupts stay on, and I/O stays forbidden. */
static void pop_flags(struct worker_view *view) {
    uint64_t flags;
    __asm__ volatile("push $0x3000; popfq; pushfq; pop %0; push $0x202; popfq" : "=r"(flags));
    view->out[0] = flags;
}

static void thread_resume_keeps_interrupts_on(void) {
    struct worker worker;
    worker_start(&worker, (struct worker_plan){.code = pop_flags, .own_space = true, .own_table = true});
    worker_join(&worker);
    CHECK_EQUAL(worker.view->out[0] & 0x3200, 0x200);
}

/* ---- ports ---- */

/*
 * Every port, in and out, from ring 3: 131072 faults. The answer steps over the instruction (one byte), with the next
 * port in DX. If an access did not fault, the worker would reach its final breakpoint too early.
 */
static void check_ports(const char *first_instruction) {
    struct worker worker;
    struct message message;
    uint64_t badge, port = 0;
    struct fault_message *fault = (void *)program.message->words;
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    struct thread_registers entry = {.rip = (uaddr_t)first_instruction, .rsp = worker.stack_top - 256};
    CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, HANDOVER_RESUME), OK);
    uint64_t status = ep_wait(world.faults, world_soon(), &message, &badge);
    while (status == OK && message.words[0] == FAULT_PROTECTION && message.words[3] == (uaddr_t)first_instruction &&
           fault->registers.rdx == port && ++port < 65536) {
        fault->registers.rdx = port;
        message.info = MESSAGE_INFO(FAULT_WRITE, FAULT_WORDS, 0);
        status = ep_reply_wait(world.faults, &message, &badge);
    }
    CHECK_STATUS(status, OK);
    CHECK_EQUAL(port, 65536);
    CHECK_STATUS(sys_cap_delete(0, 0), OK);
}

extern const char port_in[], port_out[];
static void port_read_is_the_only_way_to_read_a_port(void) {
    test_limit_ms(60000);
    check_ports(port_in);
}
static void port_write_is_the_only_way_to_write_a_port(void) {
    test_limit_ms(60000);
    check_ports(port_out);
}

/* ---- registers ---- */

/*
 * in[0] = seed, in[1] = calls. Make calls of every number with random registers, and check all registers
 * afterwards. out[0] = calls made; out[1] = 1 + which register was wrong; out[2] = number of the call, out[3]
 * = value, out[4] = before.
 */
static void call_at_random(struct worker_view *view) {
    uint64_t random = view->in[0];
    for (uint64_t i = 0; i < view->in[1]; i++) {
        struct raw_registers r, before;
        uint64_t *words = (uint64_t *)(void *)&r, *old = (uint64_t *)(void *)&before;
        for (uint32_t k = 0; k < RAW_RFLAGS / 8; k++) /* half of them small, so that some name a capability */
            words[k] = random_step(&random) & (random & 1 ? 31 : 0x7fffffffffffffff);
        r.rax = random_step(&random) % (SYSCALL_COUNT + 3);
        bool is_message = r.rax >= SYS_ep_call && r.rax <= SYS_ep_reply_wait;
        r.rflags = 2 | (random_step(&random) & 0x8d5);
        if (r.rax == SYS_signal_wait || r.rax == SYS_ep_wait)
            r.rsi = 0; /* so that the call returns */
        if (r.rax == SYS_ep_call || r.rax == SYS_ep_reply_wait || r.rax == SYS_thread_suspend ||
            r.rax == SYS_thread_handover)
            r.rdi &= ~31ULL; /* no such capability, as a lone thread would wait for ever */
        before = r;
        raw_syscall(&r);
        view->out[0]++;
        uint64_t wrong = 0;
        for (uint32_t k = 0; k < RAW_RFLAGS / 8; k++) {
            uint32_t at = k * 8;
            bool result =
                at == RAW_RAX || at == RAW_RDX || at == RAW_RCX || at == RAW_R11 ||
                (is_message && (at == RAW_RDI || at == RAW_RSI || at == RAW_R8 || at == RAW_R9 || at == RAW_R10));
            if ((!result && words[k] != old[k]) || (IS_KERNEL_ADDRESS(words[k]) && words[k] != old[k]))
                wrong = k + 1;
        }
        if (r.rcx != (uaddr_t)raw_syscall_instruction + RAW_SYSCALL_BYTES)
            wrong = RAW_RCX / 8 + 1;
        if (r.r11 != (before.rflags | 0x202))
            wrong = RAW_R11 / 8 + 1;
        if (r.rax > E_CALL)
            wrong = RAW_RAX / 8 + 1;
        if (before.rax >= SYSCALL_COUNT && (r.rax != E_CALL || r.rdx != 0))
            wrong = RAW_RDX / 8 + 1;
        if (r.rax != E_CALL && kernel_address_in(view->message) != 0) {
            view->out[1] = RAW_RFLAGS / 8 + 1;
            view->out[2] = before.rax;
            view->out[3] = kernel_address_in(view->message);
            return;
        }
        if (wrong != 0) {
            view->out[1] = wrong;
            view->out[2] = before.rax;
            view->out[3] = words[wrong - 1];
            view->out[4] = old[wrong - 1];
            return;
        }
    }
}

/* The kernel writes into message pages: states of threads, walks, refusals, faults of each kind, numbers. */
static void system_calls_tell_no_kernel_address(void) {
    static const uaddr_t touched[] = {8, WORLD_ARENA - PAGE_BYTES, (uaddr_t)privileged_code, USER_LIMIT - 8};
    struct worker worker, waiting, caller;
    uint64_t pages = 0;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    memset(program.message, 0, sizeof *program.message);
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true, .own_table = true});
    role_start_wait(&waiting, (struct worker_plan){0}, role_signal_wait, world_create(OBJECT_NOTIFICATION, 0));
    role_start_call(&caller, (struct worker_plan){0}, endpoint, MESSAGE_INFO(1, MESSAGE_WORDS, 0));
    CHECK(worker_await(&caller, THREAD_IN_CALL));
    const cap_t threads[] = {INIT_CAP_THREAD, worker.thread, waiting.thread, caller.thread};
    for (uint32_t i = 0; i < sizeof threads / sizeof threads[0]; i++, pages++) {
        CHECK_STATUS(sys_thread_read(threads[i], 0), OK);
        CHECK_EQUAL(kernel_address_in(program.message), 0);
    }
    for (uint64_t bit = 12; bit < 64; bit++, pages++) {
        (void)sys_space_query(INIT_CAP_SPACE, 1ULL << bit);
        CHECK_EQUAL(kernel_address_in(program.message), 0);
    }
    for (uint32_t i = 0; i < sizeof touched / sizeof touched[0]; i++) {
        for (uint32_t kind = TOUCH_READ; kind <= TOUCH_WRITE; kind++, pages++) {
            struct touch touch = role_touch(worker.space, (enum touch_kind)kind, touched[i]);
            CHECK_EQUAL(kernel_address_in(program.message), 0);
            CHECK(!IS_KERNEL_ADDRESS(touch.fault.address));
        }
    }
    struct thread_registers entry = worker_entry_state(&worker, role_nothing);
    for (uint64_t at = 1; at != 0; at <<= 1, pages++) { /* E_AUDIT: what is wrong, and where */
        entry.rip = at;
        (void)worker_handover(worker.thread, worker.space, &entry, 0);
        CHECK_EQUAL(kernel_address_in(program.message), 0);
    }
    for (uint64_t topic = 0; topic < 64; topic++)
        CHECK(!IS_KERNEL_ADDRESS(sys_system_info(topic, 0).value));
    CHECK_EQUAL(kernel_address_in((const void *)program_auxiliary(AT_BATON_INIT)), 0);
    test_note("%lu answers and faults looked through", pages);
}

/* Put capabilities of every kind into the worker's table, from slot 1 on, for the random calls. */
static void give_one_of_each(struct worker *worker) {
    cap_t memory = world_memory(8), ports = world_copy(INIT_CAP_PORTS, PORTS_READ, RANGE(0x70, 2));
    const cap_t caps[] = {
        world_create(OBJECT_ENDPOINT, 0),
        world_create(OBJECT_NOTIFICATION, 0),
        world_create(OBJECT_TABLE, 16),
        world_create(OBJECT_SPACE, 0),
        world_create(OBJECT_THREAD, 0),
        world_pool(16),
        memory,
        ports,
        world_memory(1),
    };
    for (uint32_t i = 0; i < sizeof caps / sizeof caps[0]; i++)
        CHECK_STATUS(sys_cap_copy(worker->table, 1 + i, caps[i], RIGHTS_ALL, 0), OK);
}

static void every_system_call_keeps_registers(void) {
    enum { ROUNDS = 12, CALLS = 1500 };
    test_limit_ms(60000);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct worker worker;
        uint64_t seed = random_next();
        worker_make(&worker, (struct worker_plan){.code = call_at_random, .own_space = true, .own_table = true});
        give_one_of_each(&worker);
        worker.view->in[0] = seed;
        worker.view->in[1] = CALLS;
        worker_resume(&worker);
        worker_join(&worker);
        CHECK_EQUAL(worker.view->out[0], CALLS);
        if (!CHECK_EQUAL(worker.view->out[1], 0))
            test_note("call %lu, word %lu of raw_registers: 0x%lx, before 0x%lx (seed %lu)", worker.view->out[2],
                      worker.view->out[1] - 1, worker.view->out[3], worker.view->out[4], seed);
        CHECK(sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0).status != E_STATE);
        CHECK_STATUS(sys_cap_delete(0, worker.thread), OK);
        CHECK_STATUS(sys_cap_delete(0, worker.table), OK);
        CHECK_STATUS(sys_cap_delete(0, worker.space), OK);
    }
    test_note("%u calls, all registers looked at after each", (unsigned int)(ROUNDS * CALLS));
}

static void every_undefined_number_is_refused(void) {
    enum { REMOVED = 12 }; /* the number of a call that is gone */
    const uint64_t numbers[] = {0,
                                REMOVED,
                                SYSCALL_COUNT,
                                SYSCALL_COUNT + 1,
                                254,
                                255,
                                256 + SYS_clock_read,
                                1ULL << 32 | 35,
                                1ULL << 63 | 35,
                                UINT64_MAX};
    for (uint32_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct raw_registers r = {.rax = numbers[i], .rdx = 5, .rflags = 2};
        raw_syscall(&r);
        CHECK_STATUS(r.rax, E_CALL);
        CHECK_EQUAL(r.rdx, 0);
    }
}

SUITE(CASE(ep_wait_gets_a_fault_for_each_privileged_instruction), CASE(thread_resume_keeps_interrupts_on),
      CASE(port_read_is_the_only_way_to_read_a_port), CASE(port_write_is_the_only_way_to_write_a_port),
      CASE(every_system_call_keeps_registers), CASE(system_calls_tell_no_kernel_address),
      CASE(every_undefined_number_is_refused));
