/*
 * Targets: each makes calls or faults of one kind, and checks the outcome each time. Whatever the dealer does to it, no
 * call may fail and no register may change.
 */
#include "kernel/abi/rights.h"
#include "libsys/program/program.h"
#include "libsys/proto/console.h"
#include "libsys/runtime/print.h"
#include "libsys/runtime/signal.h"
#include "libsys/runtime/stream.h"
#include "libsys/runtime/threads.h"
#include "libsys/text/string.h"
#include "userland/dealtest/board.h"
#include "userland/lib/file.h"
#include "userland/lib/launch.h"
#include "userland/lib/pipe.h"

#define PATTERN 0x5eed00000000ULL
#define NOWHERE 0x1000U
#define PAGES 6U
#define PARKED 6U
#define SHORT_NS 200000U
#define PIECE 500U
#define PIPED (PIPE_BYTES / PIECE * PIECE + 10U * PIECE) /* more than a pipe takes */
#define FILE_PATH "/etc/manifest.json"

static struct board *board;

static void complain(uint64_t line, uint64_t status) {
    board->line = line;
    board->status = status;
    board->wrong++;
}
#define WANT(condition, status)           \
    do {                                  \
        if (!(condition))                 \
            complain(__LINE__, (status)); \
    } while (0)

/* Check that the call has this outcome. A call that ended with P_INTERRUPTED was not made, so it is repeated. */
#define WANT_STATUS(call, wanted)           \
    do {                                    \
        uint32_t outcome;                   \
        do                                  \
            outcome = (call);               \
        while (outcome == P_INTERRUPTED);   \
        WANT(outcome == (wanted), outcome); \
    } while (0)

/*
 * Put known values into RBX, RDX and R8..R15, run `body`, which may use RAX and RCX, and add the values up: the sum is
 * HELD if none has changed.
 */
#define HOLDING(body, ret_sum)                                                                                    \
    __asm__ volatile("mov %[pattern], %%rbx; lea 1(%%rbx), %%rdx; lea 2(%%rbx), %%r8; lea 3(%%rbx), %%r9\n"       \
                     "lea 4(%%rbx), %%r10; lea 5(%%rbx), %%r11; lea 6(%%rbx), %%r12; lea 7(%%rbx), %%r13\n"       \
                     "lea 8(%%rbx), %%r14; lea 9(%%rbx), %%r15\n" body                                            \
                     "add %%rdx, %%rbx; add %%r8, %%rbx; add %%r9, %%rbx; add %%r10, %%rbx; add %%r11, %%rbx\n"   \
                     "add %%r12, %%rbx; add %%r13, %%rbx; add %%r14, %%rbx; add %%r15, %%rbx; mov %%rbx, %%rax\n" \
                     : "=a"(ret_sum)                                                                              \
                     : [pattern] "D"(PATTERN), [steps] "S"(&board->steps)                                         \
                     : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc")
#define HELD (10 * PATTERN + 45)

static void counts(void) {
    uint64_t sum;
    HOLDING("mov $500, %%ecx; 1: incq (%[steps]); dec %%ecx; jnz 1b\n", sum);
    WANT(sum == HELD, sum);
}

extern const uint8_t deal_fault[], deal_behind[];
static void faults(void) {
    uint64_t sum;
    HOLDING("mov $0x1000, %%eax\n.globl deal_fault, deal_behind\ndeal_fault: mov %%rax, (%%rax)\ndeal_behind:\n", sum);
    WANT(sum == HELD, sum);
}

static void on_fault(uint64_t signal, const struct process_signal_frame *frame) {
    struct thread_registers *registers = (struct thread_registers *)(uintptr_t)frame->registers;
    (void)signal;
    board->steps++;
    WANT(frame->address == NOWHERE && registers->rax == NOWHERE && registers->rbx == PATTERN, registers->rbx);
    WANT(registers->rip == (uaddr_t)deal_fault, registers->rip);
    registers->rip = (uaddr_t)deal_behind;
}

static void on_signal(uint64_t signal, const struct process_signal_frame *frame) {
    (void)signal, (void)frame;
    board->handled++;
}

static void pages(void) {
    struct process_map_request request = {.length_bytes = PAGES * PAGE_BYTES, .rights = MEMORY_READ | MEMORY_WRITE};
    struct process_map_reply reply = {0};
    WANT_STATUS(process_map(program_process(), &request, &reply, NULL), OK);
    volatile uint64_t *words = (volatile uint64_t *)reply.at;
    for (uint64_t i = 0; i < PAGES; i++)
        words[i * PAGE_BYTES / 8] = i + PATTERN;
    for (uint64_t i = 0; i < PAGES; i++)
        WANT(words[i * PAGE_BYTES / 8] == i + PATTERN, i);
    struct process_unmap_request unmap = {reply.at, PAGES * PAGE_BYTES};
    struct process_unmap_reply unmapped;
    WANT_STATUS(process_unmap(program_process(), &unmap, &unmapped, NULL), OK);
}

static void calls(void) {
    static uint64_t own;
    struct process_get_pid_request request = {0};
    struct process_get_pid_reply reply = {0};
    WANT_STATUS(process_get_pid(program_process(), &request, &reply, NULL), OK);
    WANT(own == 0 || reply.pid == own, reply.pid);
    own = reply.pid;
}

static void sleeps(void) {
    struct process_sleep_request request = {program_time_in(SHORT_NS)};
    struct process_sleep_reply reply = {0};
    WANT_STATUS(process_sleep(program_process(), &request, &reply, NULL), OK);
    WANT(sys_clock_read().value >= request.until_ns, 0);
}

static void forks(void) {
    struct process_fork_request request = {0};
    struct process_fork_reply reply = {0};
    struct process_wait_reply end = {0};
    WANT_STATUS(process_fork(program_process(), &request, &reply, NULL), OK);
    if (reply.pid == 0)
        program_exit(7);
    struct process_wait_request wait = {.pid = reply.pid};
    WANT_STATUS(process_wait(program_process(), &wait, &end, NULL), OK);
    WANT(end.end == PROCESS_EXITED && end.value == 7, end.value);
}

static uint64_t steps_once(void *argument) {
    board->steps++;
    return (uint64_t)(uintptr_t)argument + 1;
}

static void starts_threads(void) {
    uint64_t thread = 0, value = 0;
    WANT_STATUS(threads_start(steps_once, (void *)PATTERN, &thread), OK);
    WANT_STATUS(threads_join(thread, &value), OK);
    WANT(value == PATTERN + 1, value);
}

static void waits_at_words(void) {
    static uint32_t word;
    struct process_word_wait_request request = {(uaddr_t)&word, 0, program_time_in(SHORT_NS)};
    struct process_word_wait_reply reply;
    WANT_STATUS(process_word_wait(program_process(), &request, &reply, NULL), E_TIMEOUT);
}

static void uses_pipes(void) {
    static struct pipe_ends ends;
    static uint8_t next;
    static struct stream_write_request request = {.length_bytes = 1}; /* too large for the stack, with the reply */
    struct stream_write_reply written;
    struct stream_read_request read = {.most_bytes = 8};
    struct stream_read_reply reply = {0};
    if (ends.reader == 0)
        WANT_STATUS(pipe_make(&ends), OK);
    request.bytes[0] = ++next;
    WANT_STATUS(stream_write(ends.writer, &request, &written, NULL), OK);
    WANT_STATUS(stream_read(ends.reader, &read, &reply, NULL), OK);
    WANT(reply.length_bytes == 1 && reply.bytes[0] == next, reply.bytes[0]);
}

/* ---- parked at a pipe, whose other end is slow ---- */

static uint8_t byte_at(uint64_t place) { return (uint8_t)(place + (place >> 8)); }

/* Write PIPED bytes. False: nobody reads them any more. */
static bool give(cap_t writer, void (*behind_each)(void)) {
    uint8_t bytes[PIECE];
    for (uint64_t at = 0; at < PIPED; at += sizeof bytes) {
        for (uint64_t i = 0; i < sizeof bytes; i++)
            bytes[i] = byte_at(at + i);
        uint32_t status = stream_write_all(writer, bytes, sizeof bytes, NULL);
        WANT(status == OK || status == P_BROKEN, status);
        if (status != OK)
            return false;
        behind_each();
    }
    return true;
}

/* Read to the end, in parts of different lengths, and check each byte. False: the end came too early. */
static bool take(cap_t reader, void (*behind_each)(void)) {
    uint8_t bytes[PIECE];
    uint64_t at = 0;
    for (size_t length = 1; length != 0; behind_each()) {
        WANT_STATUS(stream_read_some(reader, bytes, at % 2 == 0 ? sizeof bytes : 1 + at % sizeof bytes, &length), OK);
        for (uint64_t i = 0; i < length; i++, at++)
            WANT(bytes[i] == byte_at(at), at);
    }
    WANT(at <= PIPED, at);
    return at == PIPED;
}

static void goes_on(void) { board->steps++; }

/* Wait at a pipe again and again: a child at the other end sleeps after each part. Both check that all bytes come. */
static void is_parked(bool writes) {
    struct process_fork_request request = {0};
    struct process_fork_reply reply = {0};
    struct process_wait_reply end = {0};
    struct pipe_ends ends;
    WANT_STATUS(pipe_make(&ends), OK);
    WANT_STATUS(process_fork(program_process(), &request, &reply, NULL), OK);
    bool slow = reply.pid == 0, gives = writes != slow, whole;
    pipe_drop(gives ? &ends.reader : &ends.writer);
    whole = gives ? give(ends.writer, slow ? sleeps : goes_on) : take(ends.reader, slow ? sleeps : goes_on);
    pipe_drop(gives ? &ends.writer : &ends.reader);
    if (slow)
        program_exit(whole ? 7 : 8); /* the target may have been killed */
    WANT(whole, 0);
    struct process_wait_request wait = {.pid = reply.pid};
    WANT_STATUS(process_wait(program_process(), &wait, &end, NULL), OK);
    WANT(end.end == PROCESS_EXITED && end.value == 7, end.value);
}

static void is_parked_in_a_read(void) { is_parked(false); }
static void is_parked_in_a_write(void) { is_parked(true); }

static void reads_files(void) {
    static uint64_t file, first[8];
    uint64_t words[8] = {0}, length = 0;
    if (file == 0) {
        WANT_STATUS(file_open(FILE_PATH, false, &file), OK);
        WANT_STATUS(file_read(file, 0, first, sizeof first, &length), OK);
    }
    WANT_STATUS(file_read(file, 0, words, sizeof words, &length), OK);
    WANT(memcmp(words, first, sizeof first) == 0, length);
}

/* Write no bytes, so that nobody sees them. */
static void calls_the_console(void) {
    struct console_write_request request = {0};
    struct console_write_reply reply;
    WANT_STATUS(console_write(program_cap("console"), &request, &reply, NULL), OK);
}

/* Threads that wait forever: when the process ends, none of them may return from its call. */
static uint64_t sleeps_for_ever(void *argument) {
    struct process_sleep_request request = {UINT64_MAX};
    struct process_sleep_reply reply;
    (void)argument;
    WANT(false, process_sleep(program_process(), &request, &reply, NULL));
    return 0;
}

static uint64_t waits_for_ever(void *argument) {
    static uint32_t word;
    struct process_word_wait_request request = {(uaddr_t)&word, 0, UINT64_MAX};
    struct process_word_wait_reply reply;
    (void)argument;
    WANT(false, process_word_wait(program_process(), &request, &reply, NULL));
    return 0;
}

static void has_parked_threads(void) {
    static uint32_t count;
    for (uint64_t thread; count < PARKED; count++)
        WANT_STATUS(threads_start(count % 2 == 0 ? sleeps_for_ever : waits_for_ever, NULL, &thread), OK);
    counts();
}

/* ---- a program after the other ---- */

static void set_mask(uint64_t mask) {
    struct process_signal_mask_request request = {mask, PROCESS_MASK_SET};
    struct process_signal_mask_reply reply;
    WANT_STATUS(process_signal_mask(program_process(), &request, &reply, NULL), OK);
}

/* A signal has a handler in each program, but not between two of them: there it is masked. */
static void executes(void) {
    static const char *const arguments[] = {"dealtest", TARGET_AGAIN, NULL}, *const nothing[] = {NULL};
    const struct launch launch = {.path = "/bin/dealtest", .arguments = arguments, .environment = nothing};
    struct launch_failure failure;
    set_mask(1ULL << (PROCESS_SIGUSR1 - 1));
    launch_exec(program_process(), &launch, &failure);
    WANT(false, failure.status);
}

static void tell(uint64_t signal) {
    struct process_get_pid_request request = {0};
    struct process_get_pid_reply own = {0};
    struct process_kill_reply killed;
    WANT_STATUS(process_get_pid(program_process(), &request, &own, NULL), OK);
    struct process_kill_request kill = {own.parent, signal};
    WANT_STATUS(process_kill(program_process(), &kill, &killed, NULL), OK);
}

static void tell_of_signal(uint64_t signal, const struct process_signal_frame *frame) {
    (void)signal, (void)frame;
    tell(SIGNAL_HANDLED);
}

_Noreturn void target_run_again(void) {
    static struct board own;
    board = &own;
    WANT_STATUS(signal_handle(PROCESS_SIGUSR1, tell_of_signal, 0), OK);
    tell(SIGNAL_STEP);
    set_mask(0);
    if (board->wrong == 0)
        executes();
    print("dealtest: a program after the other: line %lu, status or value %lu\n", board->line, board->status);
    program_exit(1);
}

const struct target targets[TARGETS] = {
    {"counts", counts, false},
    {"faults", faults, false},
    {"uses pages", pages, false},
    {"calls", calls, false},
    {"sleeps", sleeps, false},
    {"forks", forks, false},
    {"starts threads", starts_threads, false},
    {"waits at words", waits_at_words, false},
    {"uses pipes", uses_pipes, false},
    {"reads files", reads_files, false},
    {"calls the console", calls_the_console, false},
    {"has parked threads", has_parked_threads, false},
    {"is parked in a read", is_parked_in_a_read, false},
    {"is parked in a write", is_parked_in_a_write, false},
    {"executes", executes, true},
};

void target_run(struct board *shared, const struct target *target) {
    board = shared;
    WANT_STATUS(signal_handle(PROCESS_SIGUSR1, on_signal, 0), OK);
    WANT_STATUS(signal_handle(PROCESS_SIGSEGV, on_fault, 0), OK);
    board->ready = 1;
    for (; board->done == 0; board->steps++)
        target->turn();
    program_exit(board->wrong == 0 ? 0 : 1);
}
