#include "test/guest/sweep_stage.h"

#include "kernel/abi/system.h"
#include "libsys/text/string.h"
#include "libsys/wire/message.h"
#include "test/guest/lib/guard.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define POINTS 1000U
#define NMI_POINTS 3000U
#define CHECK_EVERY 128U /* rounds between checks of the kernel's invariants */
#define FAR_NS 1000000000ULL
#define MARGIN_NS 64U
#define CASE_LIMIT_MS 600000U /* of virtual time */

#define COM1_IDENTIFY 0x3faU

extern const char sweep_store_instruction[], sweep_store_next[];
void sweep_store(struct raw_registers *registers);

/* Slots of the server's table. */
enum { SERVER_ENDPOINT = 1, SERVER_RECEIVE };

static struct client_view *client_view(struct worker_view *view) { return (void *)(uintptr_t)view->out; }

/* ---- the threads. In a space of their own they have no variables but those on the stack and in the view. ---- */

/* Fill all registers that a system call keeps, each with its own value. */
static void fill_registers(struct raw_registers *registers, uint64_t value) {
    uint64_t step = 0x0101010101010101;
    *registers = (struct raw_registers){.rbx = value,
                                        .rbp = value + step,
                                        .rcx = value + 2 * step,
                                        .r11 = value + 3 * step,
                                        .r12 = value + 4 * step,
                                        .r13 = value + 5 * step,
                                        .r14 = value + 6 * step,
                                        .r15 = value + 7 * step,
                                        .r8 = value + 8 * step,
                                        .r9 = value + 9 * step,
                                        .r10 = value + 10 * step,
                                        .rdx = value + 11 * step,
                                        .rsi = value + 12 * step,
                                        .rdi = value + 13 * step,
                                        .rflags = 0x8d5};
}

static bool kept(const struct raw_registers *before, const struct raw_registers *after) {
    return after->rbx == before->rbx && after->rbp == before->rbp && after->r12 == before->r12 &&
           after->r13 == before->r13 && after->r14 == before->r14 && after->r15 == before->r15;
}

static void order_interrupt(const struct worker_view *view, uint64_t now_ns) {
    uint64_t delay_ns = view->in[IN_DELAY_NS];
    if (view->in[IN_INTERRUPT] == INTERRUPT_TIMER)
        (void)sys_signal_timer(CLIENT_TICK, 1, now_ns + delay_ns);
    else if (view->in[IN_INTERRUPT] == INTERRUPT_NMI)
        (void)sys_system_control(CLIENT_PORTS, CONTROL_TEST, CONTROL_TEST_ARGUMENT(CONTROL_TEST_NMI, delay_ns));
}

static void client(struct worker_view *view) {
    struct client_view *mine = client_view(view);
    while (sys_signal_wait(CLIENT_GO, DEADLINE_NEVER).status == OK) {
        memcpy(mine->found, mine->given, sizeof mine->found);
        uint64_t start_ns = sys_clock_read().value;
        order_interrupt(view, start_ns);
        for (uint64_t i = 0; i < view->in[IN_STEPS]; i++) {
            if ((view->in[IN_STORES] >> i & 1) != 0)
                sweep_store(&mine->found[i]);
            else
                raw_syscall(&mine->found[i]);
        }
        mine->took_ns = sys_clock_read().value - start_ns;
        (void)sys_signal_raise(CLIENT_DONE, 1);
    }
}

/* Answer a call with each word plus one, and a fault by resuming after the store. */
static uint64_t answer(const struct worker_view *view, struct raw_registers *registers) {
    struct message_page *message = view->message;
    if (message_kind(registers->rsi) == MESSAGE_FAULT) {
        struct fault_message *fault = (void *)message->words;
        fault->registers.rip += (uint64_t)(sweep_store_next - sweep_store_instruction);
        return MESSAGE_INFO(FAULT_WRITE, FAULT_WORDS, 0);
    }
    if (message_caps(registers->rsi) > 0 && sys_cap_delete(0, SERVER_RECEIVE).status != OK)
        return MESSAGE_INFO(1, 0, 0);
    registers->rdx++, registers->r10++, registers->r8++, registers->r9++;
    for (uint64_t i = MESSAGE_REGISTERS; i < message_words(registers->rsi); i++)
        message->words[i]++;
    return MESSAGE_INFO(0, message_words(registers->rsi), 0);
}

static void server(struct worker_view *view) {
    struct raw_registers given, found;
    view->message->receive_caps[0] = SERVER_RECEIVE;
    fill_registers(&given, 0x5e5e);
    given.rax = SYS_ep_wait;
    given.rdi = SERVER_ENDPOINT;
    given.rsi = DEADLINE_NEVER;
    for (;;) {
        found = given;
        raw_syscall(&found);
        view->out[OUT_COUNT]++;
        view->out[OUT_LOST] += !kept(&given, &found) || found.rax != OK;
        uint64_t info = answer(view, &found);
        given = found;
        given.rax = SYS_ep_reply_wait;
        given.rdi = SERVER_ENDPOINT;
        given.rsi = info;
    }
}

/* in[0]: whether it waits for the serial line's interrupt, and has to silence the device. */
static void intruder(struct worker_view *view) {
    struct raw_registers given, found;
    for (;;) {
        fill_registers(&given, 0xa11a + view->out[OUT_COUNT]);
        given.rax = SYS_signal_wait;
        given.rdi = INTRUDER_TICK;
        given.rsi = DEADLINE_NEVER;
        found = given;
        raw_syscall(&found);
        view->out[OUT_COUNT]++;
        view->out[OUT_LOST] += !kept(&given, &found) || found.rax != OK || found.rdx != 1;
        if (view->in[0] != 0) {
            (void)sys_port_read(INTRUDER_PORTS, COM1_IDENTIFY, 1);
            (void)sys_port_write(INTRUDER_PORTS, COM1_ENABLE, 1, 0);
            (void)sys_irq_ack(INTRUDER_LINE);
        }
    }
}

/* ---- the stage ---- */

struct worker_plan stage_own(worker_code *code) {
    return (struct worker_plan){.code = code, .own_space = true, .own_table = true};
}

static void bystander_make(struct sweep_stage *stage) {
    struct worker_plan plan = stage_own(role_nothing);
    uint64_t words[sizeof(struct thread_registers) / 8];
    plan.priority = 1;
    worker_make(&stage->bystander, plan);
    for (uint32_t i = 0; i < sizeof words / 8; i++)
        words[i] = random_next();
    memcpy(&stage->bystander_registers, words, sizeof words);
    stage->bystander_registers.rip = (uaddr_t)raw_spin;
    stage->bystander_registers.rsp = stage->bystander.stack_top;
    stage->bystander_registers.rflags = 0xad7;
    stage->bystander_registers.fs_base = 0x1234567890;
    CHECK_STATUS(
        worker_handover(stage->bystander.thread, stage->bystander.space, &stage->bystander_registers, HANDOVER_RESUME),
        OK);
}

/* A non-maskable interrupt uses the timer, so nothing else may need that, not even the guard. */
static void quiet_guard(void) {
    guard_watch_until(DEADLINE_NEVER);
    /* until its wait for an earlier limit is over */
    worker_let_run(test_limit_default_ns() + CASE_LIMIT_MS * 1000000ULL);
}

void stage_init(struct sweep_stage *stage, enum interrupt interrupt) {
    memset(stage, 0, sizeof *stage);
    stage->interrupt = interrupt;
    if (interrupt == INTERRUPT_NMI)
        quiet_guard();
    else
        test_limit_ms(CASE_LIMIT_MS);
    stage->go = world_create(OBJECT_NOTIFICATION, 0);
    stage->done = world_create(OBJECT_NOTIFICATION, 0);
    stage->tick = world_create(OBJECT_NOTIFICATION, 0);
    stage->endpoint = world_create(OBJECT_ENDPOINT, 0);
    struct worker_plan plan = stage_own(client);
    plan.fault_endpoint = world_copy(stage->endpoint, RIGHTS_ALL, 7);
    worker_make(&stage->client, plan);
    worker_make(&stage->server, stage_own(server));
    plan = stage_own(intruder);
    plan.priority = PRIORITY_MAIN;
    worker_make(&stage->intruder, plan);
    worker_give(&stage->client, CLIENT_GO, stage->go, RIGHTS_ALL, 0);
    worker_give(&stage->client, CLIENT_DONE, stage->done, RIGHTS_ALL, 0);
    worker_give(&stage->client, CLIENT_TICK, stage->tick, RIGHTS_ALL, 0);
    worker_give(&stage->client, CLIENT_PORTS, INIT_CAP_PORTS, RIGHTS_ALL, 0);
    worker_give(&stage->client, CLIENT_SERVER, stage->endpoint, RIGHTS_ALL, 0);
    worker_give(&stage->server, SERVER_ENDPOINT, stage->endpoint, RIGHTS_ALL, 0);
    worker_give(&stage->intruder, INTRUDER_TICK, stage->tick, RIGHTS_ALL, 0);
    bystander_make(stage);
    worker_resume(&stage->server);
    worker_resume(&stage->intruder);
    worker_resume(&stage->client);
}

struct raw_registers *stage_add_step(struct sweep_stage *stage, enum syscall_number number) {
    uint64_t index = stage->client.view->in[IN_STEPS]++;
    struct raw_registers *registers = &stage_view(stage)->given[index];
    fill_registers(registers, 0xc11e + (index << 20));
    registers->rax = number;
    return registers;
}

void stage_add_call(struct sweep_stage *stage, enum syscall_number number, const uint64_t arguments[static 6]) {
    struct raw_registers *registers = stage_add_step(stage, number);
    registers->rdi = arguments[0];
    registers->rsi = arguments[1];
    registers->rdx = arguments[2];
    registers->r10 = arguments[3];
    registers->r8 = arguments[4];
    registers->r9 = arguments[5];
}

void stage_add_store(struct sweep_stage *stage, uaddr_t at) {
    uint64_t index = stage->client.view->in[IN_STEPS];
    stage_add_step(stage, 0)->rax = at;
    stage->client.view->in[IN_STORES] |= 1ULL << index;
}

/* Run one round: the operation, with an interrupt `delay_ns` after its start. */
static uint64_t round_run(struct sweep_stage *stage, enum interrupt interrupt, uint64_t delay_ns) {
    struct worker_view *view = stage->client.view;
    uint64_t before = stage->intruder.view->out[OUT_COUNT];
    memset(view->message->words, 0x3d, sizeof view->message->words);
    if (stage->prepare != NULL)
        stage->prepare(stage);
    view->in[IN_INTERRUPT] = interrupt;
    view->in[IN_DELAY_NS] = delay_ns;
    CHECK_STATUS(sys_signal_raise(stage->go, 1), OK);
    CHECK_STATUS(sys_signal_wait(stage->done, DEADLINE_NEVER), OK);
    CHECK_STATUS(sys_signal_timer(stage->tick, 0, DEADLINE_NEVER), OK);
    if (interrupt == INTERRUPT_TIMER)
        stage->interrupted += stage->intruder.view->out[OUT_COUNT] != before;
    if (stage->check != NULL)
        stage->check(stage);
    return stage_view(stage)->took_ns;
}

/* Compare the round with one without an interrupt. False: something differs. */
static bool round_is_same(struct sweep_stage *stage) {
    const struct worker_view *view = stage->client.view;
    struct thread_registers seen = worker_read(stage->bystander.thread).registers;
    bool same = CHECK(memcmp(stage_view(stage)->found, stage->reference, sizeof stage->reference) == 0);
    size_t words_bytes = sizeof view->message->words;
    same = CHECK(memcmp(view->message->words, stage->reference_message.words, words_bytes) == 0) && same;
    same = CHECK(memcmp(&seen, &stage->bystander_registers, sizeof seen) == 0) && same;
    same = CHECK_EQUAL(stage->server.view->out[OUT_LOST], 0) && same;
    return CHECK_EQUAL(stage->intruder.view->out[OUT_LOST], 0) && same;
}

static bool counts_are(const struct hook_counts *expected) {
    struct hook_counts now = hook_counts(world.pool);
    return CHECK(memcmp(&now, expected, sizeof now) == 0);
}

/* Record the operation without an interrupt. Returns how long it takes, including setting the timer. */
static uint64_t measure(struct sweep_stage *stage) {
    for (uint32_t i = 0; i < 3; i++) /* the first few clear memory that was never used */
        (void)round_run(stage, INTERRUPT_NONE, 0);
    memcpy(stage->reference, stage_view(stage)->found, sizeof stage->reference);
    memcpy(&stage->reference_message, stage->client.message, sizeof stage->reference_message);
    uint64_t took_ns = round_run(stage, stage->interrupt, FAR_NS);
    if (stage->interrupt == INTERRUPT_NMI)
        CHECK_STATUS(hook_test(CONTROL_TEST_NMI, 0), OK);
    CHECK(round_is_same(stage));
    return took_ns + MARGIN_NS;
}

void stage_sweep(struct sweep_stage *stage, const char *name) {
    uint64_t length_ns = measure(stage);
    uint64_t points = world_command_number("points", stage->interrupt == INTERRUPT_NMI ? NMI_POINTS : POINTS);
    uint64_t step = (length_ns + points - 1) / points, rounds = 0;
    struct hook_counts counts = hook_counts(world.pool);
    stage->interrupted = 0;
    for (uint64_t delay_ns = 1 + random_below(step); delay_ns <= length_ns; delay_ns += step) {
        uint64_t nmis = sys_system_info(INFO_NMIS, 0).value;
        (void)round_run(stage, stage->interrupt, delay_ns);
        rounds++;
        if (stage->interrupt == INTERRUPT_NMI) {
            CHECK_STATUS(hook_test(CONTROL_TEST_NMI, 0), OK);
            stage->interrupted += sys_system_info(INFO_NMIS, 0).value == nmis + 1;
        }
        bool same = round_is_same(stage) && counts_are(&counts);
        if (rounds % CHECK_EVERY == 0)
            same = CHECK_STATUS(sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0), OK) && same;
        if (!same) {
            test_fail("%s: not the same when interrupted after %lu of %lu instructions", name, delay_ns, length_ns);
            break;
        }
    }
    CHECK(stage->interrupted + 2 >= rounds); /* the margin may end before the interrupt comes */
    test_note("%s: %lu instructions, %lu rounds, %lu interrupted", name, length_ns, rounds, stage->interrupted);
}
