/*
 * Is a message of the wrong shape, with any length and any capabilities, only an error for its sender? And a message of
 * the right shape with any values?
 */
#include "libsys/text/string.h"
#include "libsys/wire/message.h"
#include "test/process/child.h"

#define CODE_LIVES 95
#define RANDOM_REQUESTS "3000"

static const struct protocol_operation operations[] = {[0] = {"counter", {8, 8, 0}, {8, 8, 0}},
                                                       PROCESS_OPERATIONS(PROTOCOL_ROW_OPERATION)};

/* Send words of `pattern` and copies of `tap`. Returns the status: the kernel's if that failed, else the server's. */
static uint32_t send(uint32_t number, uint32_t words, uint32_t caps, uint64_t pattern) {
    struct message message = {MESSAGE_INFO(number, words, caps), {pattern, pattern, pattern, pattern}};
    for (uint32_t i = 0; i < MESSAGE_WORDS; i++)
        program.message->words[i] = pattern;
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++) {
        program.message->send_caps[i] = program_cap("tap");
        program.message->receive_caps[i] = 0;
    }
    uint64_t status;
    do
        status = ep_call(process, &message);
    while (status == E_BUSY);
    return status == OK ? message_label(message.info) : (uint32_t)status;
}

/* Every length and every count of capabilities but those that the operation takes. A tail's length is far too long. */
static void send_every_shape(uint32_t number) {
    static uint64_t ones[MESSAGE_WORDS];
    bool known = number < OPERATION_LIMIT;
    uint32_t wanted = known && has_operations(1ULL << number) ? P_MESSAGE : 0;
    memset(ones, 0xff, sizeof ones);
    for (uint32_t words = 0; words <= MESSAGE_WORDS; words++) {
        for (uint32_t caps = 0; caps <= MESSAGE_CAPS; caps++) {
            if (known && protocol_fits(&operations[number].request, words, caps, ones))
                continue;
            uint32_t status = send(number, words, caps, UINT64_MAX);
            if (!CHECK(wanted != 0 ? status == wanted : status == P_OPERATION || status == P_MESSAGE)) {
                test_note("operation %u with %u words and %u capabilities: status %u", number, words, caps, status);
                return;
            }
        }
    }
    CHECK_EQUAL(own_pid(), 1);
}

#define ROW_CASE(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) \
    static void garbage_for_##name(void) { send_every_shape(number); }
PROCESS_OPERATIONS(ROW_CASE)

static void garbage_for_the_counter(void) { send_every_shape(0); }

static void garbage_for_operations_there_are_not(void) {
    static const uint32_t numbers[] = {
        OPERATION_LIMIT, OPERATION_LIMIT + 1, 31,         32,         33,        63, 64, 255, 256,
        65536,           0x7fffffff,          0x80000000, 0xfffffffe, 0xffffffff};
    for (uint32_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i] < OPERATION_LIMIT)
            continue;
        CHECK_STATUS(send(numbers[i], 1, 0, 0), P_OPERATION);
        send_every_shape(numbers[i]);
    }
}

/* ---- the right shape, any values ---- */

/* Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014 (SplitMix64). */
static uint64_t next_random(uint64_t *state) {
    uint64_t value = *state += 0x9e3779b97f4a7c15ULL;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
    return value ^ value >> 31;
}

/* Small numbers, limits, and anything. */
static uint64_t random_word(uint64_t *state) {
    uint64_t value = next_random(state);
    switch (value >> 61) {
    case 0:
        return value & 0xf;
    case 1:
        return UINT64_MAX - (value & 0xf);
    case 2:
        return 1ULL << (value & 63);
    case 3:
        return value & 0x1ff;
    default:
        return value;
    }
}

/* random_requests SEED COUNT: of operations that neither end nor stop this process. */
static int role_random_requests(int argc, char **argv) {
    static const uint32_t numbers[] = {OPERATION_stage,       OPERATION_spawn,       OPERATION_exec,
                                       OPERATION_wait,        OPERATION_get_pid,     OPERATION_set_foreground,
                                       OPERATION_list,        OPERATION_memory,      OPERATION_maps,
                                       OPERATION_set_pointer, OPERATION_thread_join, OPERATION_thread_detach,
                                       OPERATION_word_wait,   OPERATION_word_wake};
    static uint64_t request[MESSAGE_WORDS], reply[MESSAGE_WORDS];
    CHECK_EQUAL(argc, 3);
    uint64_t state = number_of(argv[1]);
    for (uint64_t i = number_of(argv[2]); i > 0; i--) {
        uint32_t number = numbers[next_random(&state) % (sizeof numbers / sizeof numbers[0])];
        const struct protocol_shape *shape = &operations[number].request;
        struct protocol_extra with = {.send = {program_cap("tap")}};
        for (uint32_t word = 0; word < MESSAGE_WORDS; word++)
            request[word] = random_word(&state);
        if (shape->fixed_bytes < shape->most_bytes)
            request[0] %= shape->most_bytes - shape->fixed_bytes + 1U;
        if (number == OPERATION_wait)
            request[1] |= 1;
        if (number == OPERATION_word_wait)
            request[2] &= 0xffff;
        (void)protocol_call(process, number, &operations[number], request, reply, &with);
    }
    CHECK_EQUAL(own_pid() & 0, 0);
    CHECK_EQUAL(parent_pid(), 1);
    return CODE_LIVES;
}

static void garbage_as_values(void) {
    for (uint64_t seed = 1; seed <= 3; seed++)
        CHECK_ROLE(CODE_LIVES, "random_requests", text_of(seed), RANDOM_REQUESTS);
}

/* random_threads SEED: start threads with random entries and stacks, some of them in memory that is in use. */
static int role_random_threads(int argc, char **argv) {
    static _Alignas(16) uint8_t stack[PAGE_BYTES];
    CHECK_EQUAL(argc, 2);
    uint64_t state = number_of(argv[1]);
    for (uint32_t i = 0; i < 100; i++) {
        struct process_thread_create_request request = {random_word(&state), random_word(&state), random_word(&state),
                                                        random_word(&state)};
        struct process_thread_create_reply reply;
        if (next_random(&state) % 2 == 0)
            request.stack = (uaddr_t)(stack + sizeof stack);
        if (next_random(&state) % 2 == 0)
            request.entry = (uaddr_t)role_random_threads + next_random(&state) % 64;
        (void)process_thread_create(process, &request, &reply, NULL);
    }
    return CODE_LIVES;
}

/* Threads that run away may end their process, but nothing else. */
static void garbage_as_threads(void) {
    struct process_wait_reply end;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t pid = START_ROLE("random_threads", text_of(seed));
        CHECK_STATUS(wait_for(pid, &end), OK);
        CHECK(end.end == PROCESS_KILLED ? end.fault != 0 : end.value == CODE_LIVES || end.value == ROLE_FAILED);
    }
}

static void garbage_of_every_length_in_a_stage(void) {
    static struct process_stage_request request;
    struct process_stage_reply reply;
    for (uint64_t length = 0; length <= PROTOCOL_TAIL_MAX; length++) {
        request.length_bytes = length;
        CHECK_STATUS(process_stage(process, &request, &reply, NULL), OK);
        CHECK_EQUAL(reply.staged_bytes, length);
    }
    CHECK_STATUS(stage_bytes(0, NULL, 0), OK);
}

static const struct test_case cases[] = {
    CASE(garbage_for_the_counter),
#define ROW_ENTRY(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) CASE(garbage_for_##name),
    PROCESS_OPERATIONS(ROW_ENTRY) CASE(garbage_for_operations_there_are_not),
    CASE(garbage_as_values),
    CASE_NEEDS(garbage_as_threads, OPERATION(thread_create)),
    CASE(garbage_of_every_length_in_a_stage),
};
static const struct role roles[] = {ROLE(random_requests), ROLE(random_threads)};
GROUP(garbage);
