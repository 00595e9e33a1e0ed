#define _GNU_SOURCE /* REG_... */
#include "test/host/server_lives.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "kernel/abi/system.h"
#include "libsys/program/keep.h"
#include "libsys/program/program.h"
#include "libsys/wire/journal.h"
#include "libsys/wire/protocol.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define TRAP_FLAG 0x100ULL
#define CAP_SERVE 1U
#define CAP_TABLE 2U
#define PROGRAMS_MAX 20000U
#define OWN_FAULTS_MAX 2U /* at one message; the third would be told to its client */

struct lives_message lives_messages[LIVES_MESSAGES_MAX];
struct lives_answer lives_answers[LIVES_MESSAGES_MAX];
struct lives_record lives_record;
struct program program;

/* commit_on_host.S, server_on_host.c */
extern const char lives_syscall[], lives_syscall_end[];
uint64_t lives_enter(struct thread_registers *registers);
void server_start_over(void);

static struct message_page page;
static struct {
    enum object_type type;
    uint32_t object; /* of a Reply: the message's number */
} table[LIVES_SLOT_LIMIT];
static bool holds_reply; /* the thread does, to message `held` */
static uint32_t held;
static uint32_t message_count, next_message;
static bool is_cancelled; /* the wait for the next message was, already */
static uint32_t own_faults, busy_count;

static struct lives_fate fate;
static uint64_t luck, steps_left;
static volatile sig_atomic_t in_kernel; /* this file's code runs, and nobody ends */
static sigjmp_buf next_program;
static struct thread_registers dead;
static bool failed;

static struct keep_head *head(void) { return (struct keep_head *)(uintptr_t)KEEP_AT; }

static void record(uint32_t message, uint64_t status) {
    lives_answers[message].count++;
    lives_answers[message].status = status;
}

/* ---- how programs end ---- */

static bool happens(uint64_t limit) { return random_step(&luck) % limit == 0; }

_Noreturn static void end_program(const struct thread_registers *registers, bool is_own) {
    in_kernel = true;
    steps_left = 0;
    dead = *registers;
    failed = is_own;
    own_faults += is_own;
    if (holds_reply && lives_messages[held].goes_at_end) {
        record(held, E_CANCEL);
        holds_reply = false;
    }
    siglongjmp(next_program, 1);
}

/* Whose fault is it, where chance decides? */
static bool draw_own(void) { return !fate.is_killed_only && own_faults < OWN_FAULTS_MAX && happens(2); }

static bool end_is_own(const struct lives_end *end) { return end != NULL ? end->is_own : draw_own(); }

static const struct lives_end *end_now(bool is_before) {
    for (unsigned i = 0; i < 2; i++)
        if (fate.ends[i].call == lives_record.call_count && fate.ends[i].is_before == is_before)
            return &fate.ends[i];
    return NULL;
}

static bool steps_own;

/* Returns what the program's flags get. */
static uint64_t resume(void) {
    in_kernel = false;
    return steps_left > 0 ? TRAP_FLAG : 0;
}

static void go_on(void) {
    uint64_t flags = resume();
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | flags);
}

/* The program has made its system call. It may have some instructions left. */
static void leave(const struct thread_registers *registers) {
    const struct lives_end *end = end_now(false);
    bool ends = end != NULL || (fate.mean != 0 && happens(fate.mean));
    if (ends) {
        steps_left = end != NULL ? end->steps : random_step(&luck) % (1ULL << random_step(&luck) % 11);
        steps_own = end_is_own(end);
        if (steps_left == 0)
            end_program(registers, steps_own);
    }
}

static void enter(const struct thread_registers *registers) {
    in_kernel = true;
    lives_record.call_count++;
    const struct lives_end *end = end_now(true);
    if (end != NULL || (fate.mean != 0 && happens(2 * fate.mean)))
        end_program(registers, end_is_own(end));
}

/* System calls that are C functions: their registers tell nothing. */
static const struct thread_registers elsewhere = {.rip = 1};

/* After each instruction of the program, while its steps are counted. */
static void step(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    greg_t *seen = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t rip = (uint64_t)seen[REG_RIP];
    if (in_kernel) {
        seen[REG_EFL] &= ~(greg_t)TRAP_FLAG;
        return;
    }
    if ((rip >= (uintptr_t)lives_syscall && rip < (uintptr_t)lives_syscall_end) || --steps_left > 0)
        return;
    const struct thread_registers registers = {
        .rax = (uint64_t)seen[REG_RAX],
        .rbx = (uint64_t)seen[REG_RBX],
        .rdx = (uint64_t)seen[REG_RDX],
        .rsi = (uint64_t)seen[REG_RSI],
        .rdi = (uint64_t)seen[REG_RDI],
        .r8 = (uint64_t)seen[REG_R8],
        .r9 = (uint64_t)seen[REG_R9],
        .r10 = (uint64_t)seen[REG_R10],
        .r12 = (uint64_t)seen[REG_R12],
        .rip = rip,
    };
    end_program(&registers, steps_own);
}

static void fall(int number) {
    (void)number;
    lives_fail();
}

void lives_fail(void) { end_program(&elsewhere, true); }

/* ---- capabilities and answers ---- */

void lives_place(uint64_t slot, uint32_t object) {
    table[slot].type = OBJECT_MEMORY;
    table[slot].object = object;
}

uint32_t lives_look(uint64_t slot) {
    return slot < LIVES_SLOT_LIMIT && table[slot].type == OBJECT_MEMORY ? table[slot].object : 0;
}

static void empty(uint64_t slot) { memset(&table[slot], 0, sizeof table[slot]); }

/* The answer to a call, from the registers and the page. */
static uint64_t answer(uint32_t message, const struct thread_registers *registers) {
    const struct lives_message *call = &lives_messages[message];
    struct lives_answer *got = &lives_answers[message];
    uint64_t info = registers->rsi,
             words[MESSAGE_WORDS] = {registers->rdx, registers->r10, registers->r8, registers->r9};
    if (message_words(info) > MESSAGE_WORDS || message_caps(info) > MESSAGE_CAPS || (info & 0xfffff000) != 0)
        return E_ARG;
    if (call->kind != MESSAGE_CALL && message_label(info) > FAULT_STOP)
        return E_ARG;
    for (uint32_t i = 0; i < message_caps(info); i++)
        if (page.send_caps[i] >= LIVES_SLOT_LIMIT || table[page.send_caps[i]].type == OBJECT_NONE)
            return E_CAP;
    if (message_caps(info) > 0 && busy_count++ < call->busy_count)
        return E_BUSY;
    busy_count = 0;
    if (message_caps(info) > 0 && call->is_refusing)
        return E_RECEIVE;
    for (uint32_t i = MESSAGE_REGISTERS; i < message_words(info); i++)
        words[i] = page.words[i];
    for (uint32_t i = 0; i < MESSAGE_WORDS; i++)
        got->words_sum = got->words_sum * 31 + words[i];
    for (uint32_t i = 0; i < message_caps(info); i++)
        got->caps[i] = table[page.send_caps[i]].object;
    got->word_count = message_words(info);
    record(message, message_label(info));
    return OK;
}

/* Some clients go just before they would get their answer, so that their calls have an effect wherever programs end. */
static void let_go(uint64_t slot) {
    bool is_reply = slot == 0 ? holds_reply : slot < LIVES_SLOT_LIMIT && table[slot].type == OBJECT_REPLY;
    uint32_t message = slot == 0 ? held : is_reply ? table[slot].object : 0;
    if (!is_reply || !lives_messages[message].is_gone)
        return;
    record(message, E_CANCEL);
    if (slot == 0)
        holds_reply = false;
    else
        empty(slot);
}

static uint64_t reply(const struct thread_registers *registers) {
    uint64_t slot = registers->rdi;
    let_go(slot);
    if (slot == 0 ? !holds_reply : slot >= LIVES_SLOT_LIMIT || table[slot].type == OBJECT_NONE)
        return E_CAP;
    if (slot != 0 && table[slot].type != OBJECT_REPLY)
        return E_TYPE;
    uint64_t status = answer(slot == 0 ? held : table[slot].object, registers);
    if (status != OK)
        return status;
    if (slot == 0)
        holds_reply = false;
    else
        empty(slot);
    return OK;
}

static uint64_t move(uint64_t to, uint64_t from) {
    if (from == 0 ? !holds_reply : from >= LIVES_SLOT_LIMIT || table[from].type == OBJECT_NONE)
        return E_CAP;
    if (to == 0 || to >= LIVES_SLOT_LIMIT)
        return E_CAP;
    if (table[to].type != OBJECT_NONE)
        return E_EXISTS;
    if (from != 0) {
        table[to] = table[from];
        empty(from);
        return OK;
    }
    table[to].type = OBJECT_REPLY;
    table[to].object = held;
    holds_reply = false;
    return OK;
}

/* A client is told that nobody answers. */
static void delete (uint64_t slot) {
    if (slot == 0 && holds_reply)
        record(held, E_PEER);
    if (slot == 0)
        holds_reply = false;
    else if (table[slot].type == OBJECT_REPLY)
        record(table[slot].object, E_PEER);
    if (slot != 0)
        empty(slot);
}

/* ---- messages ---- */

static void leave_at(uint32_t message) {
    for (uint64_t slot = LIVES_SLOT_FIRST; slot < LIVES_SLOT_LIMIT; slot++)
        if (table[slot].type == OBJECT_REPLY && lives_messages[table[slot].object].leaves_at == message) {
            record(table[slot].object, E_CANCEL);
            empty(slot);
        }
}

/* The page's old words are gone, as if other calls had used it. */
static void deliver(uint32_t number, struct thread_registers *registers) {
    const struct lives_message *message = &lives_messages[number];
    uint64_t info = MESSAGE_INFO(message->label, message->word_count, message->cap_count);
    memset(page.words, 0xa5, sizeof page.words);
    memcpy(page.words + MESSAGE_REGISTERS, message->words + MESSAGE_REGISTERS,
           sizeof message->words - MESSAGE_REGISTERS * sizeof message->words[0]);
    for (uint32_t i = 0; i < message->cap_count; i++)
        if (CHECK(page.receive_caps[i] != 0 && table[page.receive_caps[i]].type == OBJECT_NONE))
            lives_place(page.receive_caps[i], LIVES_CAP(number, i));
    registers->rdi = number + 1;
    registers->rsi = info | (uint64_t)message->kind << 12;
    registers->rdx = message->words[0];
    registers->r10 = message->words[1];
    registers->r8 = message->words[2];
    registers->r9 = message->words[3];
    holds_reply = message->kind != MESSAGE_NOTIFICATION;
    held = number;
}

static uint64_t wait(struct thread_registers *registers) {
    if (next_message == message_count) {
        lives_record.is_over = true;
        return E_PEER;
    }
    leave_at(next_message);
    if (lives_messages[next_message].follows_cancel && !is_cancelled) {
        is_cancelled = true;
        return E_CANCEL;
    }
    is_cancelled = false;
    own_faults = 0;
    deliver(next_message++, registers);
    return OK;
}

static uint64_t write_port(const struct thread_registers *registers) {
    lives_record.written_count++;
    lives_record.written_sum = lives_record.written_sum * 31 + registers->r10;
    return OK;
}

uint64_t lives_enter(struct thread_registers *registers) {
    uint64_t status = E_ARG;
    registers->rip -= 1; /* in the instruction itself */
    enter(registers);
    registers->rip += 1;
    if (registers->rax == SYS_ep_reply || registers->rax == SYS_ep_reply_wait) {
        bool waits = registers->rax == SYS_ep_reply_wait;
        if (waits) {
            registers->rdi = 0;
            let_go(0);
        }
        status = waits && !holds_reply ? OK : reply(registers);
        if (waits && status == OK)
            status = wait(registers);
    } else if (registers->rax == SYS_ep_wait) {
        status = holds_reply ? E_BUSY : wait(registers);
    } else if (registers->rax == SYS_cap_move) {
        let_go(registers->rdx);
        status = move(registers->rsi, registers->rdx);
    } else if (registers->rax == SYS_port_write) {
        status = write_port(registers);
    } else if (registers->rax == SYS_port_read) {
        registers->rdx = ++lives_record.read_count;
        status = OK;
    }
    registers->rax = status;
    leave(registers);
    return resume();
}

/* ---- the other system calls ---- */

static struct result finish(uint64_t status, uint64_t value) {
    leave(&elsewhere);
    go_on();
    return (struct result){status, value};
}

struct result sys_cap_move(cap_t to_table, cap_t slot, cap_t source) {
    enter(&elsewhere);
    CHECK_EQUAL(to_table, 0);
    return finish(move(slot, source), 0);
}

struct result sys_cap_delete(cap_t of_table, cap_t slot) {
    enter(&elsewhere);
    CHECK(of_table == 0 && slot < LIVES_SLOT_LIMIT);
    delete (slot);
    return finish(OK, 0);
}

struct result sys_cap_query(cap_t slot) {
    enter(&elsewhere);
    bool is_empty = slot == 0 || slot >= LIVES_SLOT_LIMIT || table[slot].type == OBJECT_NONE;
    return is_empty ? finish(E_CAP, 0) : finish(OK, table[slot].type);
}

struct result sys_system_info(uint64_t topic, uint64_t argument) {
    enter(&elsewhere);
    CHECK(topic == INFO_NEXT_SLOT && (argument & UINT32_MAX) == CAP_TABLE);
    uint64_t slot = argument >> 32;
    while (slot < LIVES_SLOT_LIMIT && table[slot].type == OBJECT_NONE)
        slot++;
    return finish(OK, slot < LIVES_SLOT_LIMIT ? slot : 0);
}

/* ---- what the program's start gives it ---- */

cap_t program_need(const char *name) { return strcmp(name, "table") == 0 ? CAP_TABLE : CAP_SERVE; }

uint64_t program_cap_size(const char *name) { return strcmp(name, "keep") == 0 ? 1 : 0; }

uint64_t program_need_size(const char *name, uint64_t least_bytes) {
    (void)name;
    return least_bytes <= LIVES_KEEP_PAGES * (uint64_t)PAGE_BYTES ? LIVES_KEEP_PAGES * (uint64_t)PAGE_BYTES : 0;
}

uint32_t protocol_call(cap_t server, uint32_t number, const struct protocol_operation *operation, const void *request,
                       void *ret_reply, struct protocol_extra *extra) {
    (void)server, (void)number, (void)operation, (void)request, (void)ret_reply, (void)extra;
    return P_OPERATION; /* server.c's stub for its counters; nobody here has another server */
}

/* A slot is taken, or given back, only while it is empty. */
static void check_empty(cap_t slot) {
    in_kernel = true;
    CHECK(slot >= LIVES_SLOT_LIMIT || table[slot].type == OBJECT_NONE);
    go_on();
}

cap_t slot_take(void) {
    cap_t slot = slots_take(&program.slots);
    check_empty(slot);
    return slot;
}

void slot_free(cap_t slot) {
    check_empty(slot);
    slots_free(&program.slots, slot);
}

/* ---- one program after the other ---- */

static void begin_run(uint32_t count, const struct lives_fate *wanted) {
    fate = *wanted;
    luck = wanted->seed + 1;
    message_count = count;
    next_message = own_faults = busy_count = 0;
    is_cancelled = holds_reply = false;
    memset(table, 0, sizeof table);
    memset(lives_answers, 0, sizeof lives_answers);
    memset(&page, 0, sizeof page);
    lives_record = (struct lives_record){0};
    void *kept = mmap(head(), LIVES_KEEP_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(kept == head());
    struct sigaction on_step = {.sa_sigaction = step, .sa_flags = SA_SIGINFO | SA_NODEFER};
    struct sigaction on_fall = {.sa_handler = fall, .sa_flags = SA_NODEFER};
    CHECK(sigaction(SIGTRAP, &on_step, NULL) == 0 && sigaction(SIGILL, &on_fall, NULL) == 0);
}

/* What init does (servers/init/build.c, write_head). */
static void begin_program(void) {
    if (lives_record.generation != 0 && head()->recovered == lives_record.generation) {
        head()->failed = failed;
        head()->dead = dead;
    }
    head()->generation = ++lives_record.generation;
    server_start_over();
    journal = NULL;
    memset(&program, 0, sizeof program);
    program.message = &page;
    slots_init(&program.slots, LIVES_SLOT_FIRST, LIVES_SLOT_LIMIT);
}

void lives_run(uint32_t count, const struct lives_fate *wanted, void (*main)(void)) {
    in_kernel = true;
    begin_run(count, wanted);
    (void)sigsetjmp(next_program, 0);
    if (lives_record.generation == PROGRAMS_MAX)
        return; /* they get nowhere; is_over says so */
    begin_program();
    in_kernel = false;
    main();
    in_kernel = true;
    steps_left = 0;
    for (uint64_t slot = 0; slot < LIVES_SLOT_LIMIT; slot++)
        lives_record.occupied += table[slot].type != OBJECT_NONE;
    lives_record.taken = program.slots.used_count;
    (void)munmap(head(), LIVES_KEEP_PAGES * PAGE_BYTES);
}
