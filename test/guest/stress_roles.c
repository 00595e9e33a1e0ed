/*
 * Suite stress: threads that check whether all is right, whatever is done to them.
 */
#include "kernel/abi/system.h"
#include "test/guest/lib/random.h"
#include "test/guest/stress.h"

#define DEFER (1U << 16) /* label: answer this one later than the next */

/* Start a random generator for this run of the role, which may not be the first. */
static uint64_t begin_random(const struct worker_view *view) {
    return (view->in[STRESS_RANDOM] ^ (view->out[STRESS_TURNS] + 1) * 0x9e3779b97f4a7c15ULL) | 1;
}

/*
 * Sleep for a moment now and then. If all emulated CPUs were busy and the host had fewer, the lock would change hands
 * only as fast as the host switches between them, and little would happen.
 */
static void pace(struct worker_view *view) {
    uint64_t random = begin_random(view), pace_ns = view->in[STRESS_PACE_NS];
    if (pace_ns == 0 || view->out[STRESS_TURNS] % 4 != 0)
        return;
    uint64_t until_ns = world_now() + random_step(&random) % pace_ns;
    stress_expect(view, sys_signal_wait(view->caps[STRESS_SILENCE], until_ns), E_TIMEOUT);
}

/* Hold `value` for a while in every register but RAX, RCX and those of the stack. Returns the bits that changed; 0:
 * none. */
static uint64_t hold_registers(uint64_t value, uint64_t *ret_fpu) {
    uint64_t fpu;
    __asm__ volatile("movq %%rax, %%xmm0\n movq %%rax, %%xmm9\n movq %%rax, %%xmm15\n"
                     "mov %%rax, %%rbx\n mov %%rax, %%rdx\n mov %%rax, %%rsi\n mov %%rax, %%rdi\n"
                     "mov %%rax, %%r8\n mov %%rax, %%r9\n mov %%rax, %%r10\n mov %%rax, %%r11\n"
                     "mov %%rax, %%r12\n mov %%rax, %%r13\n mov %%rax, %%r14\n mov %%rax, %%r15\n"
                     "mov $16, %%ecx\n"
                     "1: pause\n dec %%ecx\n jnz 1b\n"
                     "xor %%rax, %%rbx\n xor %%rax, %%rdx\n xor %%rax, %%rsi\n xor %%rax, %%rdi\n"
                     "xor %%rax, %%r8\n xor %%rax, %%r9\n xor %%rax, %%r10\n xor %%rax, %%r11\n"
                     "xor %%rax, %%r12\n xor %%rax, %%r13\n xor %%rax, %%r14\n xor %%rax, %%r15\n"
                     "or %%rdx, %%rbx\n or %%rsi, %%rbx\n or %%rdi, %%rbx\n or %%r8, %%rbx\n or %%r9, %%rbx\n"
                     "or %%r10, %%rbx\n or %%r11, %%rbx\n or %%r12, %%rbx\n or %%r13, %%rbx\n or %%r14, %%rbx\n"
                     "or %%r15, %%rbx\n or %%rcx, %%rbx\n"
                     "movq %%xmm0, %%rdx\n movq %%xmm9, %%rsi\n movq %%xmm15, %%rdi\n"
                     "xor %%rax, %%rdx\n xor %%rax, %%rsi\n xor %%rax, %%rdi\n or %%rsi, %%rdx\n or %%rdi, %%rdx\n"
                     "mov %%rbx, %%rax\n"
                     : "+a"(value), "=d"(fpu)
                     :
                     : "rbx", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc");
    *ret_fpu = fpu;
    return value;
}

void stress_keep_registers(struct worker_view *view) {
    for (;; view->out[STRESS_TURNS]++) {
        uint64_t fpu, registers = hold_registers(view->in[STRESS_CANARY] + view->out[STRESS_TURNS], &fpu);
        if (registers != 0)
            stress_wrong(view, WRONG_REGISTERS, registers);
        if (fpu != 0)
            stress_wrong(view, WRONG_FPU, fpu);
        pace(view);
    }
}

void stress_make_calls(struct worker_view *view) {
    for (;; view->out[STRESS_TURNS]++) {
        uint64_t before = world_now();
        stress_expect(view, sys_signal_poll(view->caps[0]), E_EMPTY);
        stress_expect(view, sys_signal_wait(view->caps[0], before), E_TIMEOUT);
        stress_expect(view, sys_cap_delete(0, 9999), E_CAP);
        struct result cpus = sys_system_info(INFO_CPUS, 0);
        if (cpus.status != OK || cpus.value != STRESS_CPUS)
            stress_wrong(view, WRONG_VALUE, cpus.value);
        if (world_now() < before)
            stress_wrong(view, WRONG_TIME, before);
        pace(view);
    }
}

void stress_wander(struct worker_view *view) {
    uint64_t random = begin_random(view);
    struct thread_config config = {0};
    for (;; view->out[STRESS_TURNS]++) {
        config.cpu = random_step(&random) % STRESS_CPUS;
        __builtin_memcpy(view->message->data, &config, sizeof config);
        stress_expect(view, sys_thread_configure(view->caps[0], THREAD_CPU), OK);
        for (uint64_t i = random_step(&random) % 64; i > 0; i--)
            __asm__ volatile("pause");
        pace(view);
    }
}

void stress_break(struct worker_view *view) {
    for (;; view->out[STRESS_TURNS]++) {
        pace(view);
        __asm__ volatile("int3");
    }
}

void stress_ping(struct worker_view *view) {
    for (;; view->out[STRESS_TURNS]++) {
        stress_expect(view, sys_signal_raise(view->caps[0], 1), OK);
        struct result result = sys_signal_wait(view->caps[1], DEADLINE_NEVER);
        if (result.status != OK || result.value != 1)
            stress_wrong(view, WRONG_VALUE, result.status << 32 | result.value);
        pace(view);
    }
}

void stress_time(struct worker_view *view) {
    uint64_t random = begin_random(view);
    stress_expect(view, sys_signal_timer(view->caps[0], 0, DEADLINE_NEVER), OK);
    (void)sys_signal_poll(view->caps[0]); /* a bit left from an earlier run */
    for (;; view->out[STRESS_TURNS]++) {
        uint64_t value = random_step(&random), until_ns = world_now() + value % view->in[STRESS_UNIT_NS],
                 bits = 1ULL << value % 63;
        if (value >> 32 & 1) {
            stress_expect(view, sys_signal_timer(view->caps[0], bits, until_ns), OK);
            struct result result = sys_signal_wait(view->caps[0], DEADLINE_NEVER);
            if (result.status != OK || result.value != bits)
                stress_wrong(view, WRONG_VALUE, result.status << 32 | result.value);
        } else {
            stress_expect(view, sys_signal_wait(view->caps[0], until_ns), E_TIMEOUT);
        }
        if (world_now() < until_ns)
            stress_wrong(view, WRONG_TIME, until_ns);
    }
}

/* Check that each mapped page is ours, before and after a write. Pauses let others change it while
 * it is in this CPU's TLB. */
void stress_touch(struct worker_view *view) {
    uint64_t random = begin_random(view), canary = view->in[STRESS_CANARY];
    for (;; view->out[STRESS_TURNS]++) {
        uint64_t value = random_step(&random);
        for (uint64_t i = 0; i < STRESS_TOUCHES; i++) {
            volatile uint64_t *page =
                (volatile uint64_t *)(view->in[STRESS_AT] + stress_page_number(value >> i) * PAGE_BYTES);
            uint64_t at = (value >> 16) * (i + 1) % STRESS_COUNTER, found = page[at];
            if (found != canary)
                stress_wrong(view, WRONG_CANARY, found);
            page[at] = canary;
            page[STRESS_COUNTER] = value + i;
            __asm__ volatile("pause");
        }
        pace(view);
    }
}

void stress_page(struct worker_view *view) {
    struct message message;
    uint64_t badge, lowest = view->in[STRESS_AT], status = ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge);
    for (;; view->out[STRESS_TURNS]++) {
        bool is_right = false;
        if (status != OK) {
            if (status != E_CANCEL)
                stress_wrong(view, WRONG_STATUS, status);
        } else if (message.words[0] == FAULT_BREAKPOINT) {
            view->out[STRESS_BREAKS + badge]++;
            is_right = true;
        } else {
            is_right = message.words[0] == FAULT_PAGE && message.words[1] >= lowest &&
                       message.words[1] < lowest + STRESS_PAGES * PAGE_BYTES;
            if (!is_right)
                stress_wrong(view, WRONG_FAULT, message.words[3]);
        }
        message.info = MESSAGE_INFO(is_right ? FAULT_RESUME : FAULT_STOP, 0, 0);
        status = ep_reply_wait(view->caps[0], &message, &badge);
    }
}

/* Answer a call. The caller may be gone or have given up, and correcting a capability's list may take some time. */
static void answer(struct worker_view *view, cap_t reply, const struct message *message) {
    uint64_t status;
    do {
        status = ep_reply(reply, message);
    } while (status == E_BUSY);
    if (status != OK && status != E_CAP)
        stress_wrong(view, WRONG_ANSWER, status);
    stress_expect(view, sys_cap_delete(0, reply), OK);
}

/* Send back each message; some of them later. */
void stress_serve(struct worker_view *view) {
    cap_t endpoint = view->caps[0], received = view->caps[1], later = view->caps[2];
    struct message message = {0}, deferred = {0};
    bool is_deferred = false, is_open = false;
    stress_expect(view, sys_cap_delete(0, received), OK); /* from an earlier life */
    stress_expect(view, sys_cap_delete(0, later), OK);
    view->message->receive_caps[0] = view->message->send_caps[0] = received;
    for (;; view->out[STRESS_TURNS]++) {
        uint64_t badge, until_ns = is_deferred ? world_now() + view->in[STRESS_UNIT_NS] : DEADLINE_NEVER;
        uint64_t status =
            is_open ? ep_reply_wait(endpoint, &message, &badge) : ep_wait(endpoint, until_ns, &message, &badge);
        is_open = false;
        if (status == OK && (message_label(message.info) & DEFER) != 0 && !is_deferred) {
            is_deferred = sys_cap_move(0, later, 0).status == OK; /* E_CAP: the caller has given up */
            deferred = message;
            continue;
        }
        if (is_deferred)
            answer(view, later, &deferred);
        if (status == OK && message_caps(message.info) == 0 && !is_deferred) {
            is_open = true;
        } else if (status == OK) {
            answer(view, 0, &message);
            stress_expect(view, sys_cap_delete(0, received), OK);
        } else if (view->in[STRESS_MORTAL] != 0 && (status == E_PEER || status == E_CAP)) {
            (void)sys_signal_wait(view->caps[STRESS_SILENCE], DEADLINE_NEVER); /* the endpoint died before its server */
        } else if (status != E_CANCEL && !(status == E_TIMEOUT && is_deferred)) {
            stress_wrong(view, WRONG_STATUS, status);
        }
        is_deferred = false;
    }
}

/* Make a distinguishable message; some long, some with a capability, some with a deadline. */
static struct message compose(struct worker_view *view, uint64_t value) {
    uint64_t words = (value >> 8) % 8 == 0 ? (value >> 16) % (MESSAGE_WORDS + 1) : (value >> 16) % 5;
    uint64_t caps = (value >> 12) % 8 == 0, label = value & 0xffff;
    if (caps == 0 && words <= MESSAGE_REGISTERS && (value >> 24) % 8 == 0)
        label |= DEFER;
    struct message message = {.info = MESSAGE_INFO(label, words, caps), .words = {value, ~value, value * 3, 5}};
    for (uint64_t i = MESSAGE_REGISTERS; i < words; i++)
        view->message->words[i] = value + i;
    if ((value >> 32) % 8 == 0) {
        message.info |= MESSAGE_DEADLINE;
        view->message->deadline_ns = world_now() + (value >> 40) % view->in[STRESS_UNIT_NS];
    }
    return message;
}

static void check_answer(struct worker_view *view, const struct message *message, uint64_t info, uint64_t value) {
    bool same = message->info == (info & ~MESSAGE_DEADLINE) && message->words[0] == value &&
                message->words[1] == ~value && message->words[2] == value * 3 && message->words[3] == 5;
    for (uint64_t i = MESSAGE_REGISTERS; i < message_words(info); i++)
        same = same && view->message->words[i] == value + i;
    if (!same)
        stress_wrong(view, WRONG_ANSWER, message->info);
    if (message_caps(info) == 0)
        return;
    struct result sent = sys_cap_query(view->caps[2]), back = sys_cap_query(view->caps[1]);
    if (back.status != OK || (back.value | QUERY_DERIVED) != (sent.value | QUERY_DERIVED))
        stress_wrong(view, WRONG_CAPABILITY, back.status << 32 | back.value);
}

static bool may_fail(uint64_t status, uint64_t info, bool mortal) {
    return status == E_BUSY || (status == E_TIMEOUT && (info & MESSAGE_DEADLINE) != 0) ||
           (mortal && (status == E_PEER || status == E_CAP));
}

void stress_call(struct worker_view *view) {
    uint64_t random = begin_random(view);
    view->message->receive_caps[0] = view->caps[1];
    view->message->send_caps[0] = view->caps[2];
    for (;; view->out[STRESS_TURNS]++) {
        uint64_t value = random_step(&random);
        stress_expect(view, sys_cap_delete(0, view->caps[1]), OK);
        struct message message = compose(view, value);
        uint64_t info = message.info, status = ep_call(view->caps[0], &message);
        if (status == OK)
            check_answer(view, &message, info, value);
        else if (!may_fail(status, info, view->in[STRESS_MORTAL] != 0))
            stress_wrong(view, WRONG_STATUS, status);
        pace(view);
    }
}
