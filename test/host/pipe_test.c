/*
 * Does a pipe neither lose, repeat nor reorder bytes, keep writes whole, let both ends wait in order, and tell each end
 * when the other is gone? And does a caller that is interrupted while it waits leave no trace?
 */
#include "servers/pipes/pipe.h"

#include <string.h>

#include "test/host/suite.h"
#include "test/lib/random.h"

#define ANSWERS_MAX 16U
#define OWNER 7U

static struct pipe pipe;
static struct pipe_waiters waiters;

static struct {
    struct {
        cap_t reply;
        uint32_t status;
        size_t length;
        uint8_t bytes[STREAM_BYTES_MAX];
    } answers[ANSWERS_MAX];
    size_t count;
    cap_t dead[2];     /* callers that do not wait any more */
    cap_t next;        /* the next waiting caller; 0: no slot is free */
    uint32_t fails_in; /* after this many answers one is not taken; 0 = all are taken */
} world;

static cap_t take(void) { return world.next; }

static void defer(cap_t reply) { CHECK_EQUAL(reply, world.next); }

static bool waits(cap_t reply) { return reply != world.dead[0] && reply != world.dead[1]; }

static bool is_taken(cap_t reply) { return waits(reply) && (world.fails_in == 0 || --world.fails_in != 0); }

static bool answer_read(cap_t reply, const struct stream_read_reply *answer, bool decides) {
    (void)decides;
    if (!is_taken(reply))
        return false;
    world.answers[world.count].reply = reply;
    world.answers[world.count].status = OK;
    world.answers[world.count].length = answer->length_bytes;
    memcpy(world.answers[world.count++].bytes, answer->bytes, answer->length_bytes);
    return true;
}

static bool answer_write(cap_t reply, uint32_t status, size_t written) {
    if (!is_taken(reply))
        return false;
    world.answers[world.count].reply = reply;
    world.answers[world.count].status = status;
    world.answers[world.count++].length = written;
    return true;
}

static const struct pipe_clients clients = {take, defer, waits, answer_read, answer_write};

static void start(void) {
    memset(&world, 0, sizeof world);
    pipe_waiters_begin(&waiters);
    pipe_waiters_end(&waiters);
    pipe_start(&pipe, &clients, &waiters, OWNER);
}

static bool park(enum pipe_end end, cap_t reply, const void *bytes, size_t length) {
    world.next = reply;
    return pipe_park(&pipe, end, bytes, length);
}

static uint32_t waiting(enum pipe_end end) {
    uint32_t count = 0;
    for (const struct pipe_waiter *waiter = pipe.queues[end]; waiter != NULL; waiter = waiter->next)
        count++;
    return count;
}

static void check_answer(size_t i, cap_t reply, uint32_t status, size_t length) {
    CHECK(i < world.count);
    CHECK_EQUAL(world.answers[i].reply, reply);
    CHECK_EQUAL(world.answers[i].status, status);
    CHECK_EQUAL(world.answers[i].length, length);
}

static void write_some(const char *text) {
    CHECK_EQUAL(pipe_write(&pipe, (const uint8_t *)text, strlen(text)), PIPE_DONE);
    pipe_progress(&pipe);
}

/* But for `room` bytes. */
static void fill_up(size_t room) {
    static const uint8_t some[STREAM_BYTES_MAX];
    for (size_t left = PIPE_BYTES - room; left > 0;) {
        size_t length = left < sizeof some ? left : sizeof some;
        CHECK_EQUAL(pipe_write(&pipe, some, length), PIPE_DONE);
        left -= length;
    }
}

static bool hand_over(const void *bytes, size_t length) {
    struct stream_write_request request = {.length_bytes = length};
    memcpy(request.bytes, bytes, length);
    return pipe_hand_over(&pipe, &request);
}

/* Random amounts in and out, with waiting on both sides: byte number n is always the same function of n. */
static uint8_t byte_at(uint64_t number) { return (uint8_t)(number * 167 + (number >> 8)); }

static void pipe_carries_all_bytes_in_order(void) {
    uint64_t seed = 7, sent = 0, got = 0;
    start();
    for (uint32_t step = 0; step < 200000; step++) {
        uint8_t bytes[STREAM_BYTES_MAX];
        size_t limit = 1 + random_step(&seed) % sizeof bytes, length;
        bool writes = random_step(&seed) % 100 < (step / 5000 % 2 == 0 ? 60 : 40); /* it fills, and empties */
        world.count = 0;
        if (writes && waiting(PIPE_WRITER) == 0) {
            for (size_t i = 0; i < limit; i++)
                bytes[i] = byte_at(sent + i);
            if ((random_step(&seed) % 2 == 0 && hand_over(bytes, limit)) ||
                pipe_write(&pipe, bytes, limit) == PIPE_DONE)
                sent += limit;
            else
                CHECK(park(PIPE_WRITER, 1000, bytes, limit));
        } else if (!writes && waiting(PIPE_READER) == 0) {
            if (pipe_read(&pipe, bytes, limit, &length) == PIPE_WAIT)
                CHECK(park(PIPE_READER, 2000, NULL, limit));
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

static void pipe_readers_wait_in_order(void) {
    uint8_t byte;
    size_t length;
    start();
    for (cap_t reply = 1; reply <= 4; reply++) {
        CHECK_EQUAL(pipe_read(&pipe, &byte, 1, &length), PIPE_WAIT);
        CHECK(park(PIPE_READER, reply, NULL, 2));
    }
    write_some("abc");
    CHECK_EQUAL(world.count, 2);
    check_answer(0, 1, OK, 2);
    check_answer(1, 2, OK, 1);
    CHECK_EQUAL(world.answers[1].bytes[0], 'c');
}

static void pipe_bytes_go_straight_to_a_reader(void) {
    start();
    CHECK(!hand_over("abc", 3)); /* nobody waits */
    CHECK(park(PIPE_READER, 1, NULL, 3));
    CHECK(park(PIPE_READER, 2, NULL, 2));
    CHECK(park(PIPE_READER, 3, NULL, 9));
    world.dead[0] = 1;
    CHECK(!hand_over("abc", 3)); /* the dead one gets nothing, the next does not take all */
    CHECK_EQUAL(world.count, 0);
    write_some("abc");
    check_answer(0, 2, OK, 2);
    check_answer(1, 3, OK, 1);
    CHECK(park(PIPE_READER, 4, NULL, 3));
    CHECK(hand_over("def", 3));
    CHECK_EQUAL(world.count, 3);
    check_answer(2, 4, OK, 3);
    CHECK_EQUAL(memcmp(world.answers[2].bytes, "def", 3), 0);
    CHECK_EQUAL(pipe.added, pipe.taken);
    CHECK(park(PIPE_READER, 5, NULL, 3));
    pipe_end_gone(&pipe, PIPE_READER);
    CHECK(!hand_over("ghi", 3)); /* P_BROKEN is for pipe_write to say */
}

/* All of a write or nothing of it; and a short one does not overtake. */
static void pipe_writes_are_not_torn(void) {
    static const uint8_t line[PIPE_ATOMIC_BYTES] = {'a'};
    uint8_t bytes[STREAM_BYTES_MAX];
    size_t length;
    start();
    fill_up(PIPE_ATOMIC_BYTES - 1);
    CHECK_EQUAL(pipe_write(&pipe, line, sizeof line), PIPE_WAIT);
    CHECK(park(PIPE_WRITER, 1, line, sizeof line));
    CHECK_EQUAL(pipe_write(&pipe, (const uint8_t *)"b", 1), PIPE_WAIT);
    CHECK(park(PIPE_WRITER, 2, "b", 1));
    CHECK_EQUAL(pipe_read(&pipe, bytes, 1, &length), PIPE_DONE);
    pipe_progress(&pipe);
    CHECK_EQUAL(world.count, 1);
    check_answer(0, 1, OK, sizeof line); /* there is room for all of it now, and for nothing more */
    CHECK_EQUAL(pipe.added - pipe.taken, PIPE_BYTES);
    CHECK_EQUAL(pipe_read(&pipe, bytes, 1, &length), PIPE_DONE);
    pipe_progress(&pipe);
    CHECK_EQUAL(world.count, 2);
    check_answer(1, 2, OK, 1);

    start(); /* a writer that waited for much room and is gone no longer holds up those behind it */
    fill_up(10);
    CHECK(park(PIPE_WRITER, 1, line, sizeof line));
    CHECK(park(PIPE_WRITER, 2, "b", 1));
    world.dead[0] = 1;
    CHECK_EQUAL(pipe_write(&pipe, (const uint8_t *)"c", 1), PIPE_DONE);
    CHECK_EQUAL(world.count, 1);
    check_answer(0, 2, OK, 1);
    CHECK_EQUAL(pipe.added - pipe.taken, PIPE_BYTES - 8);
}

/*
 * Two writers of lines and a reader are interrupted now and then while they wait, and ask again. Each line must come
 * once, whole, in its writer's order. The kth answer is not taken, for any k.
 */
static void pipe_an_answer_that_is_not_taken_leaves_no_trace(void) {
    enum { LINE = 100, LINES = 1000 };
    uint64_t seed = 3;
    uint32_t sent[2] = {0}, seen[2] = {0}, interrupted = 0;
    uint8_t line[LINE], bytes[STREAM_BYTES_MAX], text[LINE];
    size_t length, filled = 0;
    bool parked[3] = {false};
    start();
    while (seen[0] + seen[1] < 2 * LINES) {
        bool drains = (seen[0] + seen[1]) / 100 % 2 == 1; /* now writers have to wait, now the reader */
        uint32_t who = (uint32_t)(random_step(&seed) % (drains ? 9 : 3));
        who = who < 2 ? who : 2;
        bool asks = !parked[who] && (who == 2 || sent[who] < LINES);
        world.count = 0;
        world.fails_in = (uint32_t)(random_step(&seed) % 4);
        length = 0;
        if (asks && who == 2) {
            size_t limit = random_step(&seed) % 8 == 0 ? sizeof bytes : LINE / 2;
            if (pipe_read(&pipe, bytes, limit, &length) == PIPE_WAIT)
                parked[2] = CHECK(park(PIPE_READER, 3, NULL, limit));
        } else if (asks) {
            memset(line, (int)who, sizeof line);
            memcpy(line, &sent[who], sizeof sent[who]);
            if (hand_over(line, sizeof line) || pipe_write(&pipe, line, sizeof line) == PIPE_DONE)
                sent[who]++;
            else
                parked[who] = CHECK(park(PIPE_WRITER, who + 1, line, sizeof line));
        }
        pipe_progress(&pipe);
        for (size_t a = 0; a < world.count; a++) {
            parked[world.answers[a].reply - 1] = false;
            if (world.answers[a].reply < 3)
                sent[world.answers[a].reply - 1]++;
            else
                memcpy(bytes, world.answers[a].bytes, length = world.answers[a].length);
        }
        /* a caller that did not take its answer is in no queue any more, and asks again */
        for (uint32_t i = 0; i < 3; i++)
            if (parked[i] && waiting(i == 2 ? PIPE_READER : PIPE_WRITER) == 0) {
                parked[i] = false;
                interrupted++;
            }
        for (size_t i = 0; i < length; i++) {
            text[filled++] = bytes[i];
            if (filled < LINE)
                continue;
            uint32_t number, writer = text[LINE - 1];
            memcpy(&number, text, sizeof number);
            filled = 0;
            if (!CHECK(writer < 2 && text[sizeof number] == writer) || !CHECK_EQUAL(number, seen[writer]))
                return;
            seen[writer]++;
        }
    }
    CHECK(interrupted > 10);
}

static void pipe_end_comes_after_what_is_left(void) {
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

static void pipe_waiting_readers_learn_the_end(void) {
    start();
    CHECK(park(PIPE_READER, 1, NULL, 5));
    CHECK(park(PIPE_READER, 2, NULL, 5));
    pipe_end_gone(&pipe, PIPE_WRITER);
    CHECK_EQUAL(world.count, 2);
    check_answer(0, 1, OK, 0);
    check_answer(1, 2, OK, 0);
}

static void pipe_writers_learn_that_nobody_reads(void) {
    uint8_t bytes[8] = {0};
    start();
    fill_up(0);
    CHECK(park(PIPE_WRITER, 1, bytes, 8));
    pipe_end_gone(&pipe, PIPE_READER);
    CHECK_EQUAL(world.count, 1);
    check_answer(0, 1, P_BROKEN, 0);
    CHECK_EQUAL(pipe_write(&pipe, bytes, 8), PIPE_BROKEN);
}

/* A caller that dies while it waits takes no bytes along, and keeps no place. */
static void pipe_the_dead_are_forgotten(void) {
    uint8_t bytes[8] = {1, 2, 3};
    size_t length;
    start();
    for (cap_t reply = 1; reply <= 4; reply++)
        CHECK(park(PIPE_READER, reply, NULL, 8));
    world.dead[0] = 1;
    world.dead[1] = 3;
    pipe_forget_the_dead(&pipe);
    CHECK_EQUAL(waiting(PIPE_READER), 2);
    CHECK_EQUAL(waiters.quota.free_count, PIPE_WAITERS_MAX - 2);
    world.dead[0] = 2; /* this one only now */
    write_some("abc");
    CHECK_EQUAL(world.count, 1);
    check_answer(0, 4, OK, 3);

    start();
    fill_up(0);
    for (cap_t reply = 1; reply <= 4; reply++)
        CHECK(park(PIPE_WRITER, reply, bytes, 3));
    world.dead[0] = 1;
    world.dead[1] = 2;
    CHECK_EQUAL(pipe_write(&pipe, bytes, 3), PIPE_WAIT);
    CHECK_EQUAL(waiting(PIPE_WRITER), 2);
    world.dead[0] = 3;
    size_t before = pipe.added;
    CHECK_EQUAL(pipe_read(&pipe, bytes, 8, &length), PIPE_DONE);
    pipe_progress(&pipe);
    CHECK_EQUAL(world.count, 1);
    check_answer(0, 4, OK, 3);
    CHECK_EQUAL(pipe.added - before, 3); /* nothing of the dead one's */
    CHECK_EQUAL(waiters.quota.free_count, PIPE_WAITERS_MAX);
}

/* One owner's pipes take half of the places to wait, another's find some of the rest. */
static void pipe_places_to_wait_are_shared(void) {
    static struct pipe other;
    cap_t reply = 1;
    start();
    while (park(PIPE_READER, reply, NULL, 1))
        reply++;
    CHECK_EQUAL(reply - 1, PIPE_WAITERS_MAX / 2);
    pipe_start(&other, &clients, &waiters, OWNER + 1);
    CHECK(pipe_park(&other, PIPE_READER, NULL, 1));
    world.next = 0; /* no slot is free: no place is taken */
    CHECK(!pipe_park(&other, PIPE_READER, NULL, 1));
    CHECK_EQUAL(waiters.quota.free_count, PIPE_WAITERS_MAX / 2 - 1);
    world.dead[0] = 1;
    pipe_forget_the_dead(&pipe);
    CHECK(park(PIPE_READER, reply, NULL, 1) == false); /* the other one has one more now */
}

SUITE(CASE(pipe_carries_all_bytes_in_order), CASE(pipe_readers_wait_in_order), CASE(pipe_bytes_go_straight_to_a_reader),
      CASE(pipe_writes_are_not_torn), CASE(pipe_an_answer_that_is_not_taken_leaves_no_trace),
      CASE(pipe_end_comes_after_what_is_left), CASE(pipe_waiting_readers_learn_the_end),
      CASE(pipe_writers_learn_that_nobody_reads), CASE(pipe_the_dead_are_forgotten),
      CASE(pipe_places_to_wait_are_shared));
