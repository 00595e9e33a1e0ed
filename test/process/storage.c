/*
 * Has each thread the thread-local storage that the image asks for (values, zeroes, alignment), and its own copy:
 * even in memory that another thread has used, after fork and after exec? Ends with 0, or with the line of the
 * first thing that is wrong.
 */
#include "libsys/program/auxiliary.h"
#include "libsys/program/program.h"
#include "libsys/runtime/threads.h"
#include "libsys/text/string.h"

#define THREADS 4U
#define VALUE 0x1122334455667788ULL

static _Thread_local uint64_t with_value = VALUE;
static _Thread_local uint64_t without_value;
static _Thread_local _Alignas(64) uint8_t in_line[64] = {1, 2, 3};
static _Thread_local _Alignas(256) uint8_t far_apart[300];

static volatile uint64_t ready, released;
static volatile uint64_t *volatile const pointer = &released; /* a word that a moved image relocates */

_Static_assert(__LINE__ < 255, "an exit code tells the line");
#define WANT(condition)             \
    do {                            \
        if (!(condition))           \
            program_exit(__LINE__); \
    } while (0)

static void doze(void) {
    struct process_sleep_request request = {program_time_in(1000000)};
    struct process_sleep_reply reply;
    WANT(process_sleep(program_process(), &request, &reply, NULL) == OK);
}

static void check_fresh(void) {
    WANT(with_value == VALUE && without_value == 0);
    WANT(in_line[0] == 1 && in_line[1] == 2 && in_line[2] == 3);
    for (uint32_t i = 3; i < sizeof in_line; i++)
        WANT(in_line[i] == 0);
    for (uint32_t i = 0; i < sizeof far_apart; i++)
        WANT(far_apart[i] == 0);
    WANT((uintptr_t)in_line % 64 == 0);
    WANT((uintptr_t)far_apart % 256 == 0);
    WANT(thread_block()->self == thread_block());
    WANT((uintptr_t)far_apart < (uintptr_t)thread_block());
}

static void fill(uint8_t mark) {
    with_value = without_value = mark;
    memset(in_line, mark, sizeof in_line);
    memset(far_apart, mark, sizeof far_apart);
}

static void check_filled(uint8_t mark) {
    WANT(with_value == mark && without_value == mark && in_line[63] == mark && far_apart[0] == mark);
    WANT(far_apart[299] == mark);
}

static uint64_t use(void *argument) {
    uint8_t mark = (uint8_t)(uint64_t)argument;
    check_fresh();
    fill(mark);
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    while (released == 0)
        doze();
    check_filled(mark);
    return (uint64_t)&with_value;
}

static void use_in_threads(uint8_t mark) {
    uint64_t threads[THREADS], places[THREADS];
    ready = released = 0;
    for (uint64_t i = 0; i < THREADS; i++)
        WANT(threads_start(use, (void *)(mark + i), &threads[i]) == OK);
    while (ready < THREADS)
        doze();
    released = 1;
    for (uint32_t i = 0; i < THREADS; i++)
        WANT(threads_join(threads[i], &places[i]) == OK);
    for (uint32_t i = 0; i < THREADS; i++)
        WANT(places[i] != (uint64_t)&with_value && places[i] != places[(i + 1) % THREADS]);
}

static uint64_t fork_here(void *argument) {
    struct process_fork_request request = {0};
    struct process_fork_reply reply;
    fill((uint8_t)(uint64_t)argument);
    WANT(process_fork(program_process(), &request, &reply, NULL) == OK);
    check_filled((uint8_t)(uint64_t)argument);
    if (reply.pid == 0) {
        use_in_threads(30);
        check_filled((uint8_t)(uint64_t)argument);
        program_exit(0);
    }
    struct process_wait_request wait = {.pid = reply.pid};
    struct process_wait_reply end;
    WANT(process_wait(program_process(), &wait, &end, NULL) == OK);
    return end.value;
}

static uint64_t exec_here(void *argument) {
    static const struct process_stage_request stage = {14, 0, "storage\0again"};
    struct process_stage_reply staged;
    struct process_exec_request request = {.strings = {.argument_count = 2}};
    struct process_exec_reply reply;
    const char *path = argument;
    WANT(process_stage(program_process(), &stage, &staged, NULL) == OK);
    request.length_bytes = strlen(path);
    memcpy(request.path, path, strlen(path));
    WANT(process_exec(program_process(), &request, &reply, NULL) == OK);
    return 0;
}

int main(int argc, char **argv, char **envp) {
    uint64_t thread, value;
    (void)envp;
    check_fresh();
    WANT(pointer == &released);
    fill(9);
    for (uint8_t turn = 0; turn < 3; turn++)
        use_in_threads(10 + turn);
    check_filled(9);
    WANT(threads_start(fork_here, (void *)20, &thread) == OK && threads_join(thread, &value) == OK);
    WANT(value == 0);
    check_filled(9);
    WANT(threads_self() % PROCESS_THREADS_MAX == (argc == 1 ? 0 : 1));
    if (argc > 1)
        return 0;
    WANT(threads_start(exec_here, argv[0], &thread) == OK);
    for (;;)
        doze();
}
