/*
 * What may a process do with its own memory, and what does a fork do with that memory? Each check runs in a child made
 * by fork, so that it may end badly: the parent knows the expected end.
 *
 *     memtest            exits with the number of failed checks
 */
#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/print.h"
#include "libsys/wire/status_text.h"
#include "userland/exectest/forked.h"
#include "userland/exectest/measure.h"

#define READ_WRITE (MEMORY_READ | MEMORY_WRITE)
#define PAGES 64U
#define STACK_BYTES (4U << 20)

static cap_t process;
static volatile uint64_t variable = 7; /* in .data: copied on write */
static volatile uint64_t zeroes[1024]; /* in .bss */

static struct process_wait_reply wait_for(uint64_t pid) {
    struct process_wait_request request = {.pid = pid};
    struct process_wait_reply end = {0};
    if (process_wait(process, &request, &end, NULL) != OK)
        print("memtest: wait for %lu failed\n", pid);
    return end;
}

static uint32_t map_at(uaddr_t at, uint64_t pages, uint64_t rights, uint64_t flags, uaddr_t *ret_at) {
    struct process_map_request request = {
        .at = at, .length_bytes = pages * PAGE_BYTES, .rights = rights, .flags = flags};
    struct process_map_reply reply = {0};
    uint32_t status = process_map(process, &request, &reply, NULL);
    *ret_at = reply.at;
    return status;
}

static volatile uint64_t *map(uint64_t pages, uint64_t flags) {
    uaddr_t at;
    uint32_t status = map_at(0, pages, READ_WRITE, flags, &at);
    if (status != OK) {
        print("memtest: map: %s\n", status_name(status));
        program_exit(98);
    }
    return (volatile uint64_t *)at;
}

static uint32_t protect(volatile uint64_t *at, uint64_t pages, uint64_t rights) {
    struct process_protect_request request = {(uaddr_t)at, pages * PAGE_BYTES, rights};
    struct process_protect_reply reply;
    return process_protect(process, &request, &reply, NULL);
}

static uint32_t unmap(volatile uint64_t *at, uint64_t pages) {
    struct process_unmap_request request = {(uaddr_t)at, pages * PAGE_BYTES};
    struct process_unmap_reply reply;
    return process_unmap(process, &request, &reply, NULL);
}

/* ---- checks: each returns 0 if all was well, or ends by the fault that its row names ---- */

static int fork_copies_on_write(void) {
    volatile uint64_t *memory = map(PAGES, 0);
    for (uint32_t i = 0; i < PAGES; i++)
        memory[i * 512] = i;
    uint64_t child = fork_here();
    if (child == 0) {
        for (uint32_t i = 0; i < PAGES; i += 2) {
            if (memory[i * 512] != i)
                return 1;
            memory[i * 512] = 1000 + i;
        }
        variable = 8;
        return 0;
    }
    for (uint32_t i = 1; i < PAGES; i += 2)
        memory[i * 512] = 2000 + i;
    if (wait_for(child).value != 0)
        return 2;
    for (uint32_t i = 0; i < PAGES; i++)
        if (memory[i * 512] != (i % 2 == 0 ? i : 2000 + i))
            return 3;
    return variable == 7 ? 0 : 4;
}

static int fork_of_fork(void) {
    uint64_t depth = 0;
    uint64_t child = 0;
    while (depth < 6 && (child = fork_here()) == 0) {
        depth++;
        variable += depth;
    }
    uint64_t wanted = 7 + depth * (depth + 1) / 2;
    if (variable != wanted)
        return 1;
    return child == 0 ? 0 : (int)wait_for(child).value;
}

static int shared_memory_is_shared(void) {
    volatile uint64_t *memory = map(8, PROCESS_MAP_TOGETHER);
    uint64_t child = fork_here();
    if (child == 0) {
        memory[512] = 55;
        return memory[0] == 0 ? 0 : 1;
    }
    if (wait_for(child).value != 0)
        return 1;
    return memory[512] == 55 ? 0 : 2;
}

static int memory_is_zero_and_lazy(void) {
    struct measure before, after;
    if (!measure_take(process, &before))
        return 1;
    volatile uint64_t *memory = map(20000, 0);
    for (uint32_t i = 0; i < 512; i++)
        if (memory[777 * 512 + i] != 0)
            return 2;
    if (!measure_take(process, &after))
        return 3;
    uint64_t taken = before.figures[MEASURE_FRAMES_FREE] - after.figures[MEASURE_FRAMES_FREE];
    return taken < 60 && unmap(memory, 20000) == OK ? 0 : 4; /* a page, its tables, the server's records */
}

static int write_to_read_only(void) {
    volatile uint64_t *memory = map(2, 0);
    memory[0] = 5;
    if (protect(memory, 1, MEMORY_READ) != OK || memory[0] != 5)
        return 1;
    memory[512] = 6; /* the neighbour stays as it was */
    memory[0] = 6;
    return 2;
}

static int protect_back_and_forth(void) {
    volatile uint64_t *memory = map(3, 0);
    for (uint32_t round = 0; round < 50; round++) {
        memory[512] = round;
        if (protect(memory + 512, 1, round % 2 == 0 ? MEMORY_READ : 0) != OK)
            return 1;
        memory[0] = memory[1024] = round;
        if (protect(memory + 512, 1, READ_WRITE) != OK || memory[512] != round)
            return 2;
    }
    return 0;
}

static int touch_no_access(void) {
    volatile uint64_t *memory = map(1, 0);
    memory[0] = 5;
    if (protect(memory, 1, 0) != OK)
        return 1;
    return (int)memory[0];
}

static int touch_unmapped(void) {
    volatile uint64_t *memory = map(3, 0);
    memory[0] = memory[512] = memory[1024] = 1;
    if (unmap(memory + 512, 1) != OK || memory[0] + memory[1024] != 2)
        return 1;
    return (int)memory[512];
}

static int run_data(void) {
    volatile uint8_t *memory = (volatile uint8_t *)map(1, 0);
    memory[0] = 0xc3;
    ((void (*)(void))(uintptr_t)memory)();
    return 1;
}

static int run_made_code(void) {
    volatile uint64_t *words = map(1, 0);
    volatile uint8_t *memory = (volatile uint8_t *)words;
    static const uint8_t code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */
    for (size_t i = 0; i < sizeof code; i++)
        memory[i] = code[i];
    if (protect(words, 1, MEMORY_READ | MEMORY_EXECUTE) != OK)
        return 1;
    return ((int (*)(void))(uintptr_t)memory)() == 42 ? 0 : 2;
}

static int write_execute_is_refused(void) {
    uaddr_t at;
    volatile uint64_t *memory = map(1, 0);
    uint64_t all = READ_WRITE | MEMORY_EXECUTE;
    return map_at(0, 1, all, 0, &at) == P_ARGUMENT && protect(memory, 1, all) == P_ARGUMENT ? 0 : 1;
}

static int map_at_an_address(void) {
    uaddr_t at, wanted = 0x5000000000;
    if (map_at(wanted, 4, READ_WRITE, PROCESS_MAP_AT, &at) != OK || at != wanted)
        return 1;
    *(volatile uint64_t *)wanted = 3;
    if (map_at(wanted + PAGE_BYTES, 1, READ_WRITE, PROCESS_MAP_AT, &at) != E_EXISTS)
        return 2;
    if (map_at(wanted, 1, READ_WRITE, PROCESS_MAP_AT | PROCESS_MAP_REPLACE, &at) != OK)
        return 3;
    return *(volatile uint64_t *)wanted == 0 ? 0 : 4;
}

static int map_refuses_bad_arguments(void) {
    uaddr_t at;
    if (map_at(5, 1, READ_WRITE, PROCESS_MAP_AT, &at) != P_ARGUMENT || map_at(0, 0, READ_WRITE, 0, &at) != P_ARGUMENT)
        return 1;
    if (map_at(0x1000, 1, READ_WRITE, PROCESS_MAP_AT, &at) != P_ADDRESS ||
        map_at(1ULL << 47, 1, READ_WRITE, PROCESS_MAP_AT, &at) != P_ADDRESS ||
        map_at(~0xfffULL, 1, READ_WRITE, PROCESS_MAP_AT, &at) != P_ADDRESS)
        return 2;
    if (map_at(0, 1ULL << 50, READ_WRITE, 0, &at) == OK || map_at(0, 1, READ_WRITE, 1 << 9, &at) != P_ARGUMENT)
        return 3;
    return 0;
}

static int file_mapping(void) {
    static struct process_map_file_request request = {
        .length_bytes = 11, .size_bytes = 2 * PAGE_BYTES, .rights = READ_WRITE, .path = "bin/memtest"};
    struct process_map_file_reply reply;
    if (process_map_file(process, &request, &reply, NULL) != OK)
        return 1;
    volatile uint8_t *first = (volatile uint8_t *)reply.at;
    request.rights = MEMORY_READ;
    struct process_map_file_reply again;
    if (process_map_file(process, &request, &again, NULL) != OK || again.file_bytes != reply.file_bytes)
        return 2;
    const volatile uint8_t *second = (const volatile uint8_t *)again.at;
    if (first[0] != 0x7f || first[1] != 'E' || second[2] != 'L' || second[PAGE_BYTES + 9] != first[PAGE_BYTES + 9])
        return 3;
    first[0] = 1; /* private: the file does not change */
    return second[0] == 0x7f ? 0 : 4;
}

static int heap(void) {
    struct process_set_break_request request = {0};
    struct process_set_break_reply reply;
    if (process_set_break(process, &request, &reply, NULL) != OK || reply.start == 0 || reply.end != reply.start)
        return 1;
    uaddr_t start = reply.start;
    request.end = start + 100 * PAGE_BYTES + 5;
    if (process_set_break(process, &request, &reply, NULL) != OK || reply.end != request.end)
        return 2;
    for (uint32_t i = 0; i < 100; i++)
        *(volatile uint64_t *)(start + i * PAGE_BYTES) = i;
    request.end = start + PAGE_BYTES;
    if (process_set_break(process, &request, &reply, NULL) != OK)
        return 3;
    request.end = start + 2 * PAGE_BYTES;
    if (process_set_break(process, &request, &reply, NULL) != OK || *(volatile uint64_t *)(start + PAGE_BYTES) != 0)
        return 4; /* pages that were given back return as zeroes */
    request.end = start - PAGE_BYTES;
    return process_set_break(process, &request, &reply, NULL) == P_ADDRESS ? 0 : 5;
}

__attribute__((noinline)) static uint64_t use_stack(uint64_t left) {
    volatile uint64_t page[512];
    page[0] = left;
    return left == 0 ? 0 : use_stack(left - 1) + (page[0] == left ? 0 : 1);
}
static int stack_grows(void) { return (int)use_stack(STACK_BYTES / PAGE_BYTES / 2); }
static int stack_overflow(void) { return (int)use_stack(1U << 20); }

static int variables_start_as_the_image_says(void) {
    for (uint32_t i = 0; i < 1024; i++)
        if (zeroes[i] != 0)
            return 1;
    return variable == 7 ? 0 : 2;
}

static int write_to_text(void) {
    *(volatile uint8_t *)(uintptr_t)write_to_text = 0;
    return 1;
}

static const struct forked_check checks[] = {
    {"variables start as the image says", variables_start_as_the_image_says, 0},
    {"fork copies pages on write", fork_copies_on_write, 0},
    {"fork in a forked process", fork_of_fork, 0},
    {"shared memory is one with the child's", shared_memory_is_shared, 0},
    {"mapped memory is zero and takes no frames before it is touched", memory_is_zero_and_lazy, 0},
    {"writing to read-only memory", write_to_read_only, PROCESS_SIGSEGV},
    {"rights change back and forth", protect_back_and_forth, 0},
    {"reading memory without access", touch_no_access, PROCESS_SIGSEGV},
    {"reading what was unmapped", touch_unmapped, PROCESS_SIGSEGV},
    {"running data", run_data, PROCESS_SIGSEGV},
    {"running code that was made", run_made_code, 0},
    {"nothing is writable and executable", write_execute_is_refused, 0},
    {"mapping at an address, and in place of something", map_at_an_address, 0},
    {"bad arguments of map are refused", map_refuses_bad_arguments, 0},
    {"a file mapped private", file_mapping, 0},
    {"the heap grows and shrinks", heap, 0},
    {"the stack grows", stack_grows, 0},
    {"the stack ends", stack_overflow, PROCESS_SIGSEGV},
    {"writing to code", write_to_text, PROCESS_SIGSEGV},
};
int main(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    process = program_process();
    return forked_run("memtest", checks, sizeof checks / sizeof checks[0]);
}
