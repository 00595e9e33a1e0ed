/*
 * Does a pipe lose, repeat or reorder no byte, let both ends wait in order, and tell each end that the other is gone?
 */
#include "servers/pipes/pipe.h"

#include <string.h>

#include "test/host/check.h"

#define ANSWERS_MAX 16U

static struct pipe pipe;

static struct {
    struct {
        cap_t reply;
        uint32_t status;
        size_t length;
        uint8_t bytes[STREAM_BYTES_MAX];
    } answers[ANSWERS_MAX];
    size_t count;
    cap_t dead[2]; /* callers that do not wait any more */
} world;

static bool waits(cap_t reply) { return reply != world.dead[0] && reply != world.dead[1]; }

static bool answer_read(cap_t reply, const struct stream_read_reply *answer) {
    if (!waits(reply))
        return false;
    world.answers[world.count].reply = reply;
    world.answers[world.count].status = OK;
    world.answers[world.count].length = answer->length_bytes;
    memcpy(world.answers[world.count++].bytes, answer->bytes, answer->length_bytes);
    return true;
}

static void answer_write(cap_t reply, uint32_t status, size_t written) {
    if (!waits(reply))
        return;
    world.answers[world.count].reply = reply;
    world.answers[world.count].status = status;
    world.answers[world.count++].length = written;
}

static void start(void) {
    static const struct pipe_clients clients = {waits, answer_read, answer_write};
    memset(&world, 0, sizeof world);
    pipe_start(&pipe, &clients);
}

static void check_answer(size_t i, cap_t reply, uint32_t status, size_t length) {
    CHECK(i < world.count);
    CHECK_EQUAL(world.answers[i].reply, reply);
    CHECK_EQUAL(world.answers[i].status, status);
    CHECK_EQUAL(world.answers[i].length, length);
}

static void write_some(const char *text) {
    size_t written;
    CHECK_EQUAL(pipe_write(&pipe, (const uint8_t *)text, strlen(text), &written), PIPE_DONE);
    CHECK_EQUAL(written, strlen(text));
    pipe_progress(&pipe);
}

static void fill_up(void) {
    static const uint8_t some[STREAM_BYTES_MAX];
    size_t written;
    while (pipe_write(&pipe, some, sizeof some, &written) == PIPE_DONE) {
    }
}

static bool hand_over(const void *bytes, size_t length) {
    struct stream_write_request request = {.length_bytes = length};
    memcpy(request.bytes, bytes, length);
    return pipe_hand_over(&pipe, &request);
}

/* Random amounts in and out, with waiting on both sides: byte number n is always the same function of n. */
static uint8_t byte_at(uint64_t number) { return (uint8_t)(number * 167 + (number >> 8)); }

static void carries_all_bytes_in_order(void) {
    uint64_t seed = 7, sent = 0, got = 0;
    start();
    for (uint32_t step = 0; step < 200000; step++) {
        uint8_t bytes[STREAM_BYTES_MAX];
        size_t limit = 1 + check_random(&seed) % sizeof bytes, length;
        bool writes = check_random(&seed) % 100 < (step / 5000 % 2 == 0 ? 60 : 40); /* it fills, and empties */
        world.count = 0;
        if (writes && pipe.writer_count == 0) {
            for (size_t i = 0; i < limit; i++)
                bytes[i] = byte_at(sent + i);
            if (check_random(&seed) % 2 == 0 && hand_over(bytes, limit))
                length = limit;
            else if (pipe_write(&pipe, bytes, limit, &length) == PIPE_WAIT)
                pipe_park_writer(&pipe, 1000, bytes, limit);
            sent += length;
        } else if (!writes && pipe.reader_count == 0) {
            if (pipe_read(&pipe, bytes, limit, &length) == PIPE_WAIT)
                pipe_park_reader(&pipe, 2000, limit);
            for (size_t i = 0; i < length; i++)
                CHECK_EQUAL(bytes[i], byte_at(got + i));
            got += length;
        }
        pipe_progress(&pipe);
        for (size_t a = 0; a < world.count; a++) {
            if (world.answers[a].reply == 1000)
                sent += world.answers[a].length;
            for (size_t i = 0; world.answers[a].reply == 2000 && i < world.answers[a].length; i++)
                CHECK_EQUAL(world.answers[a].bytes[i], byte_at(got++));
        }
        if (!CHECK(sent - got <= PIPE_BYTES))
            return;
    }
    CHECK(got > 10 * PIPE_BYTES);
}

static void readers_wait_in_order(void) {
    uint8_t byte;
    size_t length;
    start();
    for (cap_t reply = 1; reply <= PIPE_WAITERS_MAX; reply++) {
        CHECK_EQUAL(pipe_read(&pipe, &byte, 1, &length), PIPE_WAIT);
        pipe_park_reader(&pipe, reply, 2);
    }
    CHECK_EQUAL(pipe_read(&pipe, &byte, 1, &length), PIPE_FULL_UP);
    write_some("abc");
    CHECK_EQUAL(world.count, 2);
    check_answer(0, 1, OK, 2);
    check_answer(1, 2, OK, 1);
    CHECK_EQUAL(world.answers[1].bytes[0], 'c');
}

static void bytes_go_straight_to_a_reader(void) {
    start();
    CHECK(!hand_over("abc", 3)); /* nobody waits */
    pipe_park_reader(&pipe, 1, 3);
    pipe_park_reader(&pipe, 2, 2);
    pipe_park_reader(&pipe, 3, 9);
    world.dead[0] = 1;
    CHECK(!hand_over("abc", 3)); /* the dead one gets nothing, the next does not take all */
    CHECK_EQUAL(world.count, 0);
    write_some("abc");
    check_answer(0, 2, OK, 2);
    check_answer(1, 3, OK, 1);
    pipe_park_reader(&pipe, 4, 3);
    CHECK(hand_over("def", 3));
    CHECK_EQUAL(world.count, 3);
    check_answer(2, 4, OK, 3);
    CHECK_EQUAL(memcmp(world.answers[2].bytes, "def", 3), 0);
    CHECK_EQUAL(pipe.added, pipe.taken);
    pipe_park_reader(&pipe, 5, 3);
    pipe_end_gone(&pipe, PIPE_READER);
    CHECK(!hand_over("ghi", 3)); /* P_BROKEN is for pipe_write to say */
}

static void writers_wait_in_order(void) {
    size_t written;
    uint8_t bytes[100];
    start();
    fill_up();
    for (cap_t reply = 1; reply <= PIPE_WAITERS_MAX; reply++) {
        CHECK_EQUAL(pipe_write(&pipe, bytes, 60, &written), PIPE_WAIT);
        pipe_park_writer(&pipe, reply, bytes, 60);
    }
    CHECK_EQUAL(pipe_write(&pipe, bytes, 60, &written), PIPE_FULL_UP);
    CHECK_EQUAL(pipe_read(&pipe, bytes, 100, &written), PIPE_DONE);
    pipe_progress(&pipe);
    CHECK_EQUAL(world.count, 2);
    check_answer(0, 1, OK, 60);
    check_answer(1, 2, OK, 40); /* what there was room for */
}

static void end_comes_after_what_is_left(void) {
    uint8_t bytes[8];
    size_t length;
    start();
    write_some("xy");
    pipe_end_gone(&pipe, PIPE_WRITER);
    CHECK_EQUAL(pipe_read(&pipe, bytes, 8, &length), PIPE_DONE);
    CHECK_EQUAL(length, 2);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(pipe_read(&pipe, bytes, 8, &length), PIPE_DONE);
        CHECK_EQUAL(length, 0);
    }
    CHECK(!pipe_is_over(&pipe));
    pipe_end_gone(&pipe, PIPE_READER);
    CHECK(pipe_is_over(&pipe));
}

static void waiting_readers_learn_the_end(void) {
    start();
    pipe_park_reader(&pipe, 1, 5);
    pipe_park_reader(&pipe, 2, 5);
    pipe_end_gone(&pipe, PIPE_WRITER);
    CHECK_EQUAL(world.count, 2);
    check_answer(0, 1, OK, 0);
    check_answer(1, 2, OK, 0);
}

static void writers_learn_that_nobody_reads(void) {
    uint8_t bytes[8] = {0};
    size_t written;
    start();
    fill_up();
    pipe_park_writer(&pipe, 1, bytes, 8);
    pipe_end_gone(&pipe, PIPE_READER);
    CHECK_EQUAL(world.count, 1);
    check_answer(0, 1, P_BROKEN, 0);
    CHECK_EQUAL(pipe_write(&pipe, bytes, 8, &written), PIPE_BROKEN);
    CHECK_EQUAL(written, 0);
}

/* Who dies while waiting takes nothing along and keeps no place. */
static void the_dead_are_forgotten(void) {
    uint8_t bytes[8] = {1, 2, 3};
    size_t length;
    start();
    for (cap_t reply = 1; reply <= PIPE_WAITERS_MAX; reply++)
        pipe_park_reader(&pipe, reply, 8);
    world.dead[0] = 1;
    world.dead[1] = 3;
    CHECK_EQUAL(pipe_read(&pipe, bytes, 8, &length), PIPE_WAIT); /* there is room again */
    CHECK_EQUAL(pipe.reader_count, PIPE_WAITERS_MAX - 2);
    world.dead[0] = 2; /* this one only now */
    write_some("abc");
    CHECK_EQUAL(world.count, 1);
    check_answer(0, 4, OK, 3);

    start();
    fill_up();
    for (cap_t reply = 1; reply <= PIPE_WAITERS_MAX; reply++)
        pipe_park_writer(&pipe, reply, bytes, 3);
    world.dead[0] = 1;
    world.dead[1] = 2;
    CHECK_EQUAL(pipe_write(&pipe, bytes, 3, &length), PIPE_WAIT);
    CHECK_EQUAL(pipe.writer_count, PIPE_WAITERS_MAX - 2);
    world.dead[0] = 3;
    size_t before = pipe.added;
    CHECK_EQUAL(pipe_read(&pipe, bytes, 8, &length), PIPE_DONE);
    pipe_progress(&pipe);
    CHECK_EQUAL(world.count, 1);
    check_answer(0, 4, OK, 3);
    CHECK_EQUAL(pipe.added - before, 3); /* nothing of the dead one's */
}

int main(void) {
    static const struct check_case cases[] = {
        {"pipe_carries_all_bytes_in_order", carries_all_bytes_in_order},
        {"pipe_readers_wait_in_order", readers_wait_in_order},
        {"pipe_bytes_go_straight_to_a_reader", bytes_go_straight_to_a_reader},
        {"pipe_writers_wait_in_order", writers_wait_in_order},
        {"pipe_end_comes_after_what_is_left", end_comes_after_what_is_left},
        {"pipe_waiting_readers_learn_the_end", waiting_readers_learn_the_end},
        {"pipe_writers_learn_that_nobody_reads", writers_learn_that_nobody_reads},
        {"pipe_the_dead_are_forgotten", the_dead_are_forgotten},
    };
    return check_run(cases, sizeof(cases) / sizeof(cases[0]));
}
