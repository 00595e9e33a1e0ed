/*
 * Do threads begin, end and get joined as the protocol says, and has each its own message page, capability, mask,
 * alternate stack and thread-local storage?
 */
#include "test/process/threads.h"
#include "kernel/abi/rights.h"

#define OFTEN 1000U

static uint64_t give_back(void *argument) { return (uint64_t)argument; }

/* ---- begin, end, join ---- */

IN_CHILD(thread_runs_and_its_value_comes_back) {
    for (uint64_t i = 0; i < 10; i++)
        CHECK_EQUAL(join(begin(give_back, UINT64_MAX - i)), UINT64_MAX - i);
    return CODE_SIGNALLED;
}

static uint64_t exit_early(void *argument) { threads_exit((uint64_t)argument + 1); }

IN_CHILD(thread_exit_by_call_gives_its_value) {
    CHECK_EQUAL(join(begin(exit_early, 41)), 42);
    return CODE_SIGNALLED;
}

static volatile uint64_t ended;

static uint64_t end_at_once(void *argument) {
    ended++;
    return (uint64_t)argument;
}

IN_CHILD(thread_that_has_ended_can_be_joined_later) {
    uint64_t first = begin(end_at_once, 1), second = begin(end_at_once, 2);
    CHECK(becomes(&ended, 2));
    CHECK_STATUS(doze(SHORT_NS), OK);
    CHECK_EQUAL(join(second), 2);
    CHECK_EQUAL(join(first), 1);
    return CODE_SIGNALLED;
}

static volatile uint64_t released;

static uint64_t end_when_released(void *argument) {
    while (released == 0)
        (void)doze(1000000);
    ended++;
    return (uint64_t)argument;
}

IN_CHILD(thread_join_waits_for_the_end) {
    uint64_t thread = begin(end_when_released, 7);
    CHECK_STATUS(doze(SHORT_NS), OK);
    CHECK_EQUAL(ended, 0);
    released = 1;
    CHECK_EQUAL(join(thread), 7);
    CHECK_EQUAL(ended, 1);
    return CODE_SIGNALLED;
}

static uint64_t join_that(void *argument) { return join_once((uint64_t)argument); }

IN_CHILD(thread_that_is_being_joined_is_busy) {
    uint64_t target = begin(end_when_released, 7), joiner = begin(join_that, target);
    CHECK_STATUS(doze(SHORT_NS), OK);
    CHECK_STATUS(join_once(target), P_BUSY);
    CHECK_STATUS(threads_detach(target), P_BUSY);
    released = 1;
    CHECK_EQUAL(join(joiner), OK);
    CHECK_STATUS(join_once(target), P_NO_THREAD);
    return CODE_SIGNALLED;
}

IN_CHILD(thread_cannot_join_itself) {
    CHECK_STATUS(join_once(threads_self()), P_ARGUMENT);
    uint64_t id;
    CHECK_STATUS(threads_start(sleep_on_and_on, NULL, &id), OK);
    CHECK_EQUAL(threads_self(), 0);
    return CODE_SIGNALLED;
}

IN_CHILD(thread_that_is_not_there) {
    static const uint64_t ids[] = {1, 31, 32, 33, 1ULL << 31, 1ULL << 32, 1ULL << 63, UINT64_MAX};
    uint64_t thread = begin(give_back, 0);
    CHECK_EQUAL(thread, 1);
    CHECK_EQUAL(join(thread), 0);
    for (uint32_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        CHECK_STATUS(join_once(ids[i]), P_NO_THREAD);
        CHECK_STATUS(threads_detach(ids[i]), P_NO_THREAD);
        CHECK_STATUS(signal_thread(ids[i], 0), P_NO_THREAD);
    }
    return CODE_SIGNALLED;
}

/* A number is used again; its id is not. */
IN_CHILD(thread_ids_do_not_come_again) {
    uint64_t newest = 0;
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t thread = begin(give_back, i);
        if (!CHECK(thread != NO_THREAD && thread > newest))
            break;
        CHECK_EQUAL(join(thread), i);
        CHECK_STATUS(join_once(thread), P_NO_THREAD);
        CHECK_STATUS(join_once(newest), newest == 0 ? P_ARGUMENT : P_NO_THREAD);
        newest = thread;
    }
    return CODE_SIGNALLED;
}

/* ---- detached ---- */

static uint64_t mapping_count(void) {
    struct process_maps_request request = {.pid = 0, .index = 0};
    struct process_maps_reply reply;
    while (process_maps(program_process(), &request, &reply, NULL) == OK)
        request.index++;
    return request.index;
}

IN_CHILD(thread_detached_cannot_be_joined) {
    uint64_t thread = begin(end_when_released, 0);
    CHECK_STATUS(threads_detach(thread), OK);
    CHECK_STATUS(threads_detach(thread), P_ARGUMENT);
    CHECK_STATUS(join_once(thread), P_ARGUMENT);
    released = 1;
    CHECK(becomes(&ended, 1));
    CHECK_STATUS(doze(SHORT_NS), OK);
    CHECK_STATUS(join_once(thread), P_NO_THREAD);
    CHECK_STATUS(threads_detach(thread), P_NO_THREAD);
    return CODE_SIGNALLED;
}

IN_CHILD(thread_detached_takes_its_stack_along) {
    CHECK_EQUAL(join(begin(give_back, 1)), 1); /* its message page stays with the number, its stack with the library */
    uint64_t before = mapping_count();
    for (uint32_t i = 1; i <= 20; i++) {
        released = 0;
        uint64_t thread = begin(end_when_released, 0);
        CHECK_STATUS(threads_detach(thread), OK);
        released = 1;
        CHECK(becomes(&ended, i));
        for (uint32_t turn = 0; turn < 100 && signal_thread(thread, 0) == OK; turn++)
            (void)doze(1000000);
    }
    CHECK_EQUAL(mapping_count(), before - 1); /* the first of them had that stack */
    return CODE_SIGNALLED;
}

IN_CHILD(thread_detached_after_its_end_is_forgotten) {
    for (uint32_t i = 1; i <= 40; i++) {
        uint64_t thread = begin(end_at_once, 0);
        CHECK(becomes(&ended, i));
        CHECK_STATUS(doze(1000000), OK);
        CHECK_STATUS(threads_detach(thread), OK);
        CHECK_STATUS(join_once(thread), P_NO_THREAD);
    }
    return CODE_SIGNALLED;
}

static uint64_t detach_oneself(void *argument) {
    (void)argument;
    CHECK_STATUS(threads_detach(threads_self()), OK);
    ended++;
    return 0;
}

IN_CHILD(thread_can_detach_itself) {
    for (uint32_t i = 1; i <= 40; i++) {
        if (begin(detach_oneself, 0) == NO_THREAD)
            break;
        CHECK(becomes(&ended, i));
        CHECK_STATUS(doze(1000000), OK);
    }
    return CODE_SIGNALLED;
}

/* ---- limits ---- */

IN_CHILD(thread_limit_is_told_and_passes) {
    uint64_t threads[PROCESS_THREADS_MAX], one_more;
    for (uint32_t turn = 0; turn < 3; turn++) {
        released = 0;
        for (uint32_t i = 1; i < PROCESS_THREADS_MAX; i++)
            threads[i] = begin(end_when_released, i);
        CHECK_STATUS(threads_start(give_back, NULL, &one_more), P_LIMIT);
        released = 1;
        for (uint32_t i = PROCESS_THREADS_MAX - 1; i > 0; i--)
            CHECK_EQUAL(join(threads[i]), i);
    }
    return CODE_SIGNALLED;
}

/* Ended threads count until they are joined. */
IN_CHILD(thread_limit_counts_the_unjoined) {
    uint64_t threads[PROCESS_THREADS_MAX], one_more;
    for (uint32_t i = 1; i < PROCESS_THREADS_MAX; i++)
        threads[i] = begin(end_at_once, i);
    CHECK(becomes(&ended, PROCESS_THREADS_MAX - 1));
    CHECK_STATUS(threads_start(give_back, NULL, &one_more), P_LIMIT);
    CHECK_EQUAL(join(threads[5]), 5);
    CHECK_EQUAL(join(begin(give_back, 6)), 6);
    return CODE_SIGNALLED;
}

IN_CHILD(thread_1000_times_leaves_nothing) {
    CHECK_EQUAL(join(begin(give_back, 1)), 1);
    struct process_memory_reply before = memory_now();
    for (uint64_t i = 0; i < OFTEN; i++)
        if (!CHECK_EQUAL(join(begin(give_back, i)), i))
            break;
    struct process_memory_reply after = memory_now();
    CHECK(memcmp(&before, &after, sizeof after) == 0);
    CHECK_EQUAL(after.frames_free, before.frames_free);
    CHECK_EQUAL(after.slots_used, before.slots_used);
    CHECK_EQUAL(after.kernel_capabilities, before.kernel_capabilities);
    return CODE_SIGNALLED;
}

/* ---- what the protocol takes ---- */

static uint32_t create(uaddr_t entry, uaddr_t stack, uaddr_t pointer) {
    struct process_thread_create_request request = {entry, stack, 0, pointer};
    struct process_thread_create_reply reply;
    return process_thread_create(program_process(), &request, &reply, NULL);
}

IN_CHILD(thread_create_refuses_places) {
    static _Alignas(16) uint8_t stack[4096];
    uaddr_t top = (uaddr_t)(stack + sizeof stack), there = (uaddr_t)spin_on_and_on, half = 1ULL << 47;
    CHECK_STATUS(create(there, top - 8, top), P_ADDRESS);
    CHECK_STATUS(create(there, top - 1, top), P_ADDRESS);
    CHECK_STATUS(create(there, 0, top), P_ADDRESS);
    CHECK_STATUS(create(there, half, top), P_ADDRESS);
    CHECK_STATUS(create(there, UINT64_MAX - 15, top), P_ADDRESS);
    CHECK_STATUS(create(there, (uaddr_t)there & ~15ULL, top), P_ADDRESS); /* code */
    CHECK_STATUS(create(half, top, top), P_ADDRESS);
    CHECK_STATUS(create((uaddr_t)stack, top, top), P_ADDRESS); /* not code */
    CHECK_STATUS(create(UINT64_MAX, top, top), P_ADDRESS);
    CHECK_STATUS(create(there, top, half), P_ADDRESS);
    CHECK_STATUS(create(there, top, UINT64_MAX), P_ADDRESS);
    for (uint32_t i = 1; i < PROCESS_THREADS_MAX; i++) /* none of them has kept a number */
        CHECK(begin(sleep_on_and_on, 0) != NO_THREAD);
    return CODE_SIGNALLED;
}

/* The child of a fork may not write to its stacks' pages before it has copies; a thread can begin there
 * nevertheless. */
static uint64_t first_word(void *argument) { return *(uint64_t *)argument; }

IN_CHILD(thread_begins_on_a_stack_that_fork_shares) {
    uint64_t value = 5;
    CHECK_EQUAL(join(begin(first_word, (uint64_t)&value)), 5);
    static _Alignas(PAGE_BYTES) uint8_t stack[4 * PAGE_BYTES];
    memset(stack, 1, sizeof stack);
    uint64_t child = fork_here();
    uaddr_t pointer = (uaddr_t)thread_block(); /* it spins, and needs none */
    for (uint32_t i = 2; i <= 4; i++)
        CHECK_STATUS(create((uaddr_t)spin_on_and_on, (uaddr_t)stack + i * PAGE_BYTES, pointer), OK);
    CHECK_EQUAL(join(begin(first_word, (uint64_t)&value)), 5);
    if (child != 0)
        CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* ---- what is a thread's own ---- */

#define MANY 8U
static struct {
    uint64_t id;
    cap_t process;
    struct message_page *message;
    const struct thread_block *block;
} own[MANY];

/* Calls with long answers, while the others make theirs: each has to find its own in its message page. */
static uint64_t note_what_is_own(void *argument) {
    uint64_t i = (uint64_t)argument;
    own[i].id = threads_self();
    own[i].process = program_process();
    own[i].message = program_message();
    own[i].block = thread_block();
    ended++;
    while (ended < MANY)
        (void)doze(1000000);
    for (uint32_t turn = 0; turn < 50; turn++) {
        struct process_list_request request = {.pid = 1};
        struct process_list_reply reply;
        struct process_maps_request map_request = {.pid = 0, .index = turn % 4};
        struct process_maps_reply map;
        CHECK_STATUS(process_list(program_process(), &request, &reply, NULL), OK);
        CHECK_EQUAL(reply.pid, 1);
        CHECK_TEXT(reply.name, "process_conformance");
        CHECK_STATUS(process_maps(program_process(), &map_request, &map, NULL), OK);
        CHECK(map.at >= PROCESS_MAP_LOWEST && map.page_count > 0);
        if (turn % 8 == i)
            (void)doze(1000);
    }
    return 0;
}

IN_CHILD(thread_has_message_page_and_capability_of_its_own) {
    uint64_t threads[MANY];
    for (uint64_t i = 1; i < MANY; i++)
        threads[i] = begin(note_what_is_own, i);
    (void)note_what_is_own(NULL);
    for (uint64_t i = 1; i < MANY; i++) {
        CHECK_EQUAL(join(threads[i]), 0);
        CHECK_EQUAL(own[i].id, threads[i]);
        for (uint64_t j = 0; j < i; j++)
            CHECK(own[i].message != own[j].message && own[i].process != own[j].process && own[i].block != own[j].block);
    }
    return CODE_SIGNALLED;
}

static uint64_t change_mask(void *argument) {
    (void)argument;
    uint64_t inherited = mask_own(BIT(PROCESS_SIGUSR2), PROCESS_MASK_SET);
    CHECK_EQUAL(mask_own(0, PROCESS_MASK_ASK), BIT(PROCESS_SIGUSR2));
    return inherited;
}

IN_CHILD(thread_has_its_creators_mask_and_then_its_own) {
    (void)mask_own(BIT(PROCESS_SIGUSR1), PROCESS_MASK_SET);
    CHECK_EQUAL(join(begin(change_mask, 0)), BIT(PROCESS_SIGUSR1));
    CHECK_EQUAL(mask_own(0, PROCESS_MASK_ASK), BIT(PROCESS_SIGUSR1));
    (void)mask_own(0, PROCESS_MASK_SET);
    CHECK_EQUAL(join(begin(change_mask, 0)), 0);
    return CODE_SIGNALLED;
}

static uint64_t handle_elsewhere(void *argument) {
    static uint8_t stacks[2][4096];
    uint8_t *stack = stacks[(uint64_t)argument];
    struct process_signal_stack_request request = {(uaddr_t)stack, sizeof stacks[0]};
    struct process_signal_stack_reply reply;
    if (argument == NULL)
        CHECK_STATUS(process_signal_stack(program_process(), &request, &reply, NULL), OK);
    CHECK_STATUS(signal_thread(threads_self(), PROCESS_SIGUSR1), OK);
    bool is_there = last_at - (uintptr_t)stack < sizeof stacks[0];
    CHECK(is_there == (argument == NULL));
    return 0;
}

IN_CHILD(thread_has_its_own_alternate_stack) {
    handle(PROCESS_SIGUSR1);
    CHECK_EQUAL(join(begin(handle_elsewhere, 0)), 0);
    CHECK_EQUAL(join(begin(handle_elsewhere, 1)), 0);
    CHECK_EQUAL(seen[PROCESS_SIGUSR1], 2);
    return CODE_SIGNALLED;
}

/* ---- the block at the FS base, and thread-local storage ---- */

/* The storage is tested by separate programs, since this one has to run on servers without such storage, too. They end
 * with 0, or with the line in storage.c that failed. */
static void check_storage(const char *path) {
    const char *const arguments[] = {path, NULL};
    const struct child_start start = {path, arguments, NULL, NULL};
    uint64_t pid = 0;
    for (uint32_t i = 0; i < 3; i++)
        if (CHECK_STATUS(start_spawn(&start, &pid), OK))
            CHECK_EXIT(pid, 0);
}

static void thread_local_storage_is_the_images_and_ones_own(void) { check_storage("test/process/storage"); }
static void thread_local_storage_of_an_image_that_moves(void) { check_storage("test/process/storage_moved"); }

static uint64_t block_is_right(void *argument) {
    const struct thread_block *block = thread_block();
    CHECK_EQUAL((uint64_t)block->self, (uint64_t)block);
    CHECK_EQUAL(block->id, threads_self());
    CHECK_EQUAL((uint64_t)block->message, (uint64_t)program_message());
    CHECK(block->id == (uint64_t)argument ? block->memory == 0 : block->memory % PAGE_BYTES == 0);
    CHECK_EQUAL((uintptr_t)block % THREAD_BLOCK_ALIGN, 0);
    return block->id;
}

IN_CHILD(thread_block_lies_at_the_fs_base) {
    CHECK_EQUAL(block_is_right(NULL), 0);
    uint64_t thread = begin(block_is_right, 0);
    CHECK_EQUAL(join(thread), thread);
    return CODE_SIGNALLED;
}

static uint32_t set_pointer(uaddr_t pointer) {
    struct process_set_pointer_request request = {pointer};
    struct process_set_pointer_reply reply;
    return process_set_pointer(program_process(), &request, &reply, NULL);
}

static uint64_t move_pointer(void *argument) {
    uint64_t words[16];
    const struct thread_block *block = thread_block();
    cap_t mine = program_process();
    (void)argument;
    CHECK_STATUS(set_pointer((uaddr_t)1 << 47), P_ADDRESS);
    CHECK_STATUS(set_pointer(UINT64_MAX), P_ADDRESS);
    CHECK_EQUAL((uint64_t)thread_block(), (uint64_t)block);
    /* Nothing of libsys that asks for the block can be called meanwhile: its words stand in for it. */
    memcpy(words, block, sizeof *block);
    words[0] = (uint64_t)words;
    CHECK_STATUS(set_pointer((uaddr_t)words), OK);
    uint64_t there = (uint64_t)thread_block();
    CHECK_EQUAL(program_process(), mine);
    CHECK_STATUS(set_pointer((uaddr_t)block), OK);
    CHECK_EQUAL(there, (uint64_t)words);
    CHECK_EQUAL((uint64_t)thread_block(), (uint64_t)block);
    return 0;
}

IN_CHILD(thread_pointer_can_be_set) {
    CHECK_STATUS(set_pointer((uaddr_t)thread_block()), OK);
    CHECK_EQUAL(join(begin(move_pointer, 0)), 0);
    return CODE_SIGNALLED;
}

static int role_takes_a_slot(int argc, char **argv) {
    (void)argc, (void)argv;
    cap_t slot = slot_take();
    CHECK_STATUS(sys_cap_copy(0, slot, process, RIGHTS_ALL, 0).status, OK);
    return CODE_SIGNALLED;
}

IN_CHILD(exec_empties_the_slots_that_are_the_programs) {
    cap_t slot = slot_take();
    CHECK_STATUS(sys_cap_copy(0, slot, process, RIGHTS_ALL, 0).status, OK);
    (void)EXEC_ROLE("takes_a_slot");
    return 0;
}

#define CASES(ROW)                                                                                         \
    ROW(exec_empties_the_slots_that_are_the_programs, 0)                                                   \
    ROW(thread_runs_and_its_value_comes_back, 0)                                                           \
    ROW(thread_exit_by_call_gives_its_value, 0)                                                            \
    ROW(thread_that_has_ended_can_be_joined_later, 0)                                                      \
    ROW(thread_join_waits_for_the_end, 0)                                                                  \
    ROW(thread_that_is_being_joined_is_busy, 0)                                                            \
    ROW(thread_cannot_join_itself, 0)                                                                      \
    ROW(thread_that_is_not_there, OPERATION(thread_signal))                                                \
    ROW(thread_ids_do_not_come_again, 0)                                                                   \
    ROW(thread_detached_cannot_be_joined, 0)                                                               \
    ROW(thread_detached_takes_its_stack_along, OPERATION(maps) | OPERATION(thread_signal))                 \
    ROW(thread_detached_after_its_end_is_forgotten, 0)                                                     \
    ROW(thread_can_detach_itself, 0)                                                                       \
    ROW(thread_limit_is_told_and_passes, 0)                                                                \
    ROW(thread_limit_counts_the_unjoined, 0)                                                               \
    ROW(thread_1000_times_leaves_nothing, OPERATION(memory))                                               \
    ROW(thread_create_refuses_places, 0)                                                                   \
    ROW(thread_begins_on_a_stack_that_fork_shares, OPERATION(fork))                                        \
    ROW(thread_has_message_page_and_capability_of_its_own, OPERATION(list) | OPERATION(maps))              \
    ROW(thread_has_its_creators_mask_and_then_its_own, OPERATION(signal_mask))                             \
    ROW(thread_has_its_own_alternate_stack, HANDLERS | OPERATION(signal_stack) | OPERATION(thread_signal)) \
    ROW(thread_block_lies_at_the_fs_base, 0)                                                               \
    ROW(thread_pointer_can_be_set, OPERATION(set_pointer))

static const struct test_case cases[] = {
    CASES(AS_CASE) /* and what needs no role */
    CASE_NEEDS(thread_local_storage_is_the_images_and_ones_own, THREADS | OPERATION(fork)),
    CASE_NEEDS(thread_local_storage_of_an_image_that_moves, THREADS | OPERATION(fork)),
};
static const struct role roles[] = {CASES(AS_ROLE) ROLE(takes_a_slot)};
GROUP(threads);
