/*
 * If a server's program ends at any instruction, does each of its calls still get one answer, the right one, and is the
 * state what it would have been? A small server that does all that libsys/wire offers is run undisturbed, then with
 * programs that end, and its clients must not be able to tell the difference.
 */
#include <string.h>

#include "libsys/program/keep.h"
#include "libsys/program/program.h"
#include "test/host/server_lives.h"
#include "test/host/server_till.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define MESSAGES 2000U
#define FEW_MESSAGES 60U
#define HIGH_RUNS 3U
#define RANDOM_RUNS 4U
#define LAYOUT 7U
#define NOTE_BYTES 16U /* of a note, besides the old bytes */

/* ---- its clients ---- */

static uint64_t random_state;

static uint64_t draw(uint64_t limit) { return (random_step(&random_state) >> 8) % limit; }

static void write_call(struct lives_message *message, uint32_t number) {
    const struct protocol_operation *operation = &till_shape->operations[number];
    struct till_tail tail = {.length_bytes = draw(40) + 1};
    if (protocol_has_tail(&operation->request))
        tail.length_bytes = draw(4) == 0 ? 0 : draw(TILL_TAIL_BYTES + 1);
    for (uint32_t i = 0; i < TILL_TAIL_BYTES; i++)
        tail.bytes[i] = (uint8_t)draw(256);
    message->label = number;
    message->cap_count = operation->request.cap_count;
    message->word_count = protocol_words(&operation->request, &tail);
    memcpy(message->words, &tail, sizeof tail);
}

static void write_messages(uint64_t seed) {
    random_state = seed;
    memset(lives_messages, 0, sizeof lives_messages);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        struct lives_message *message = &lives_messages[i];
        uint64_t kind = draw(20);
        message->kind = kind == 0 ? MESSAGE_FAULT : kind < 3 ? MESSAGE_NOTIFICATION : MESSAGE_CALL;
        write_call(message, 1 + (uint32_t)draw(TILL_refuse));
        message->is_refusing = draw(4) == 0;
        message->is_gone = message->kind == MESSAGE_CALL && draw(12) == 0;
        message->follows_cancel = draw(8) == 0;
        message->leaves_at = draw(3) == 0 ? i + 1 + (uint32_t)draw(20) : 0;
        message->busy_count = (uint32_t)draw(3);
        if (message->kind != MESSAGE_CALL) {
            message->cap_count = 0;
            message->word_count = 4;
        } else if (draw(20) == 0) {
            message->label += (uint32_t)draw(2) * 100;
            message->word_count = (message->word_count + (uint32_t)draw(2)) % MESSAGE_WORDS;
        }
    }
}

/* ---- what can be seen from outside ---- */

static struct till_view {
    struct lives_answer answers[MESSAGES];
    uint64_t total, notified, sum, pending, read_count, written_sum, written_count;
    uint64_t caps[TILL_PLACES];
    uint64_t seats[TILL_PLACES]; /* the amounts of those who sit, the first first */
} undisturbed, seen;

static uint64_t claimed_count; /* slots that hold nothing of the till */

static void look(struct till_view *view, uint32_t count) {
    memset(view, 0, sizeof *view);
    memcpy(view->answers, lives_answers, count * sizeof view->answers[0]);
    view->total = till_last.total;
    view->notified = till_last.notified;
    view->sum = till_last.sum;
    view->pending = till_last.pending;
    view->read_count = lives_record.read_count;
    view->written_sum = lives_record.written_sum;
    view->written_count = lives_record.written_count;
    uint64_t taken = MESSAGE_CAPS + 1 + claimed_count, caps = 0, seats = 0;
    for (uint32_t i = 0; i < TILL_PLACES; i++) {
        view->caps[i] = lives_look(till_last.caps[i]);
        caps += till_last.caps[i] != 0;
        uint64_t before = 0;
        for (uint32_t j = 0; j < TILL_PLACES; j++)
            before += till_last.seats[j].slot != 0 && till_last.seats[j].ticket < till_last.seats[i].ticket;
        if (till_last.seats[i].slot == 0)
            continue;
        view->seats[before] = till_last.seats[i].amount;
        seats++;
    }
    CHECK_EQUAL(lives_record.taken, taken + caps + seats);
    CHECK(lives_record.occupied >= caps && lives_record.occupied <= caps + seats); /* some that sit have left */
    for (uint32_t i = 0; i < count; i++)
        CHECK(lives_answers[i].count <= 1);
    CHECK(lives_record.is_over);
}

/* Is all as it was without an end? */
static bool is_as_undisturbed(uint32_t count) {
    look(&seen, count);
    if (memcmp(&seen, &undisturbed, sizeof seen) == 0)
        return true;
    for (uint32_t i = 0, told = 0; i < count && told < 3; i++) {
        const struct lives_answer *got = &seen.answers[i], *wanted = &undisturbed.answers[i];
        if (memcmp(got, wanted, sizeof *got) == 0)
            continue;
        test_note("message %u, operation %u: %lu answers, status %lu, words %lx, capability %lu", i,
                  lives_messages[i].label, got->count, got->status, got->words_sum, got->caps[0]);
        test_note("    wanted: %lu answers, status %lu, words %lx, capability %lu", wanted->count, wanted->status,
                  wanted->words_sum, wanted->caps[0]);
        told++;
    }
    test_note("state: total %lx, notified %lx, sum %lx, pending %lu", seen.total, seen.notified, seen.sum,
              seen.pending);
    for (uint32_t i = 0; i < TILL_PLACES; i++)
        test_note("place %u: capability %lu, wanted %lu; amount %lu, wanted %lu", i, seen.caps[i], undisturbed.caps[i],
                  seen.seats[i], undisturbed.seats[i]);
    test_note("read %lu, wanted %lu; written %lu, wanted %lu", seen.read_count, undisturbed.read_count,
              seen.written_count, undisturbed.written_count);
    test_note("wanted: total %lx, notified %lx, sum %lx, pending %lu", undisturbed.total, undisturbed.notified,
              undisturbed.sum, undisturbed.pending);
    return false;
}

static const struct lives_fate no_end;

static void run_undisturbed(uint32_t count) {
    till_layout = LAYOUT;
    lives_run(count, &no_end, till_serve);
    look(&undisturbed, count);
}

/* The run that the others are compared with: each kind of answer is in it, often. */
static void an_undisturbed_run_has_all_kinds(void) {
    uint32_t unanswered = 0, counts[4] = {0}, by_operation[TILL_fall] = {0};
    write_messages(1);
    run_undisturbed(MESSAGES);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        const struct lives_answer *answer = &undisturbed.answers[i];
        unanswered += lives_messages[i].kind == MESSAGE_CALL && answer->count == 0;
        counts[0] += answer->status == E_RECEIVE;
        counts[1] += answer->status == E_CANCEL && !lives_messages[i].is_gone;
        counts[2] += answer->status == P_MESSAGE || answer->status == P_OPERATION;
        counts[3] += answer->status == P_PERMISSION && lives_messages[i].words[0] != 0; /* it has a reason */
        if (answer->status == OK && answer->count == 1 && lives_messages[i].label < TILL_fall)
            by_operation[lives_messages[i].label]++;
    }
    CHECK(unanswered <= TILL_PLACES);
    for (uint32_t i = 0; i < 4; i++)
        CHECK(counts[i] > 5);
    for (uint32_t i = 1; i < TILL_refuse; i++)
        CHECK(by_operation[i] > 5 || i == TILL_drop);
    CHECK(undisturbed.read_count > 50 && undisturbed.written_count > 50);
    CHECK_EQUAL(lives_record.generation, 1);
}

static void nobody_notices_ends_at_random(void) {
    uint64_t programs = 0;
    for (uint32_t seed = 1; seed <= RANDOM_RUNS && !test_has_failed(); seed++) {
        write_messages(seed);
        run_undisturbed(MESSAGES);
        const struct lives_fate fate = {.mean = seed % 2 == 0 ? 12 : 100, .seed = seed};
        lives_run(MESSAGES, &fate, till_serve);
        CHECK(is_as_undisturbed(MESSAGES));
        programs += lives_record.generation;
    }
    CHECK(programs > RANDOM_RUNS * MESSAGES / 10);
}

/* Other parts of a state may hold all low slots. What a program leaves in a high one is found, too. */
static void serve_high_up(void) {
    for (uint64_t i = 0; i < claimed_count; i++)
        slot_claim(LIVES_SLOT_FIRST + i);
    till_serve();
}

static void nobody_notices_ends_high_up(void) {
    for (uint32_t seed = 1; seed <= HIGH_RUNS && !test_has_failed(); seed++) {
        claimed_count = 0;
        write_messages(seed);
        run_undisturbed(MESSAGES);
        claimed_count =
            64 - LIVES_SLOT_FIRST + (seed - 2) * 5; /* the next slots lie in one word of the map, or in two */
        const struct lives_fate fate = {.mean = 12, .seed = seed};
        lives_run(MESSAGES, &fate, serve_high_up);
        CHECK(is_as_undisturbed(MESSAGES));
    }
    claimed_count = 0;
}

/*
 * One of each operation, or more, with an end at each system call: before it, and so many instructions after it. The
 * first of them are those of commit.S.
 */
static void write_few_messages(void) {
    random_state = 3;
    memset(lives_messages, 0, sizeof lives_messages);
    for (uint32_t i = 0; i < FEW_MESSAGES; i++) {
        static const uint32_t order[] = {TILL_add,  TILL_give,      TILL_sit,  TILL_swap,  TILL_hand,
                                         TILL_sit,  TILL_hand_text, TILL_take, TILL_sit,   TILL_post,
                                         TILL_beep, TILL_sit,       TILL_sit,  TILL_evict, TILL_text,
                                         TILL_drop, TILL_refuse,    TILL_give, 0,          TILL_take};
        uint32_t number = order[i % (sizeof order / sizeof order[0])];
        if (number != 0)
            write_call(&lives_messages[i], number);
        else
            lives_messages[i].kind = MESSAGE_NOTIFICATION;
        lives_messages[i].words[0] |= number != TILL_text && number != TILL_swap && number != TILL_refuse;
        lives_messages[i].busy_count = 1;
    }
}

static void nobody_notices_an_end_anywhere(void) {
    uint64_t ended = 0;
    write_few_messages();
    run_undisturbed(FEW_MESSAGES);
    uint64_t call_count = lives_record.call_count;
    for (uint64_t call = 1; call < call_count; call++) {
        for (uint64_t steps = 0; steps < 48 && !test_has_failed(); steps += 1 + steps / 16) {
            const struct lives_fate fate = {.ends = {{call, steps == 17, steps, steps % 2 == 0}}};
            lives_run(FEW_MESSAGES, &fate, till_serve);
            if (!CHECK(is_as_undisturbed(FEW_MESSAGES)))
                test_note("end at call %lu and %lu instructions", call, steps);
            ended += lives_record.generation == 2;
        }
    }
    CHECK(ended > call_count * 15);
}

/* The successor ends, too, at each of its own system calls, while it finds out where its predecessor was. */
static void nobody_notices_an_end_of_the_successor(void) {
    write_few_messages();
    run_undisturbed(FEW_MESSAGES);
    uint64_t call_count = lives_record.call_count;
    for (uint64_t call = 1; call < call_count; call++) {
        for (uint64_t next = 1; next < 48 && !test_has_failed(); next++) {
            const struct lives_fate fate = {.ends = {{.call = call, .steps = next % 3 * 5},
                                                     {call + next / 2, next % 2 == 0, next % 5, next % 4 == 0}}};
            lives_run(FEW_MESSAGES, &fate, till_serve);
            if (!CHECK(is_as_undisturbed(FEW_MESSAGES)))
                test_note("ends at call %lu, and %lu calls later", call, next / 2);
        }
    }
}

/* ---- what is told to clients, and what is not ---- */

static void write_amounts(uint32_t count, const uint64_t (*amounts)[2]) {
    memset(lives_messages, 0, sizeof lives_messages);
    for (uint32_t i = 0; i < count; i++) {
        lives_messages[i] =
            (struct lives_message){.label = (uint32_t)amounts[i][0], .word_count = 1, .words = {amounts[i][1]}};
        if (amounts[i][0] == 0)
            lives_messages[i].kind = MESSAGE_NOTIFICATION;
    }
}

/* A request, or a notification, that ends each program that looks at it. */
static void what_is_fatal_is_given_up_after_three_times(void) {
    const uint64_t amounts[][2] = {{TILL_add, 3}, {TILL_fall, TILL_FATAL}, {0, TILL_FATAL}, {TILL_add, 4}};
    write_amounts(4, amounts);
    till_layout = LAYOUT;
    lives_run(4, &no_end, till_serve);
    look(&seen, 4);
    CHECK_EQUAL(seen.answers[1].status, P_FAILED);
    CHECK_EQUAL(lives_record.generation, 1 + 2 * SERVER_TRIES_MAX);
    CHECK_EQUAL(seen.total, 19); /* nothing of it stays */
    CHECK_EQUAL(seen.notified, 0);
    CHECK(seen.answers[0].status == OK && seen.answers[3].status == OK);
}

/* However often somebody else ends the program. */
static void only_own_faults_count(void) {
    write_few_messages();
    run_undisturbed(FEW_MESSAGES);
    const struct lives_fate fate = {.mean = 6, .seed = 5, .is_killed_only = true};
    lives_run(FEW_MESSAGES, &fate, till_serve);
    CHECK(is_as_undisturbed(FEW_MESSAGES));
    CHECK(lives_record.generation > 2 * FEW_MESSAGES);
}

static void notes_that_do_not_fit_end_the_program(void) {
    const uint64_t fits = JOURNAL_BYTES - 2 * NOTE_BYTES - sizeof till->total;
    const uint64_t amounts[][2] = {{TILL_fall, fits - 1},
                                   {TILL_fall, fits},
                                   {TILL_fall, fits + 1},
                                   {TILL_fall, JOURNAL_BYTES},
                                   {TILL_fall, JOURNAL_BYTES + 1}};
    write_amounts(5, amounts);
    lives_run(5, &no_end, till_serve);
    look(&seen, 5);
    for (uint32_t i = 0; i < 5; i++)
        CHECK_EQUAL(seen.answers[i].status, i < 2 ? OK : P_FAILED);
    CHECK_EQUAL(seen.total, 2 * fits - 1);
}

/* A request whose client is gone when its program ends. */
static void nobody_is_served_twice_in_vain(void) {
    const uint64_t amounts[][2] = {{TILL_add, 3}, {TILL_add, 4}};
    write_amounts(2, amounts);
    lives_messages[0].goes_at_end = true;
    const struct lives_fate fate = {.ends = {{.call = 1, .steps = 16}}};
    lives_run(2, &fate, till_serve);
    look(&seen, 2);
    CHECK_EQUAL(lives_record.generation, 2);
    CHECK_EQUAL(seen.total, 4);
}

static void serve_another_layout(void) {
    till_layout = LAYOUT + keep_generation();
    till_serve();
}

static void serve_a_larger_state(void) {
    till_more_bytes = 8 * keep_generation();
    till_serve();
}

/* A state that the successor can't read: those who wait for it are told, and it serves from zero. */
static void a_lost_state_is_told(void) {
    const uint64_t amounts[][2] = {{TILL_give, 3}, {TILL_sit, 1},  {TILL_sit, 2}, {TILL_add, 5},
                                   {TILL_add, 6},  {TILL_text, 0}, {TILL_add, 7}};
    uint64_t lost[2] = {0}, call = 1;
    write_amounts(7, amounts);
    lives_messages[0].cap_count = 1;
    lives_messages[6].kind = MESSAGE_FAULT; /* P_LOST is no answer to it */
    lives_run(7, &no_end, till_serve);
    uint64_t call_count = lives_record.call_count;
    for (; call < 2 * call_count; call++) {
        const struct lives_fate fate = {.ends = {{call / 2, call % 2 == 0, .steps = call % 2 == 0 ? 0 : call % 16}}};
        till_more_bytes = 0;
        till_layout = LAYOUT;
        lives_run(7, &fate, call % 3 == 0 ? serve_a_larger_state : serve_another_layout);
        look(&seen, 7);
        for (uint32_t i = 0; i < 6; i++) {
            bool sits = i == 1 || i == 2;
            CHECK(seen.answers[i].count == 1 || (sits && seen.answers[i].count == 0));
            CHECK(seen.answers[i].status == P_LOST || (!sits && seen.answers[i].status == OK) ||
                  seen.answers[i].count == 0);
            lost[call % 3 == 0] += seen.answers[i].status == P_LOST;
        }
        CHECK(seen.answers[6].count == 1 && seen.answers[6].status == E_PEER);
        CHECK(seen.answers[5].status == P_LOST || seen.total == 31 || seen.total == 6 || seen.total == 0);
    }
    CHECK(lost[0] > call_count * 2 / 3 && lost[1] > call_count / 3);
    till_more_bytes = 0;
}

static uint64_t narrow_slots, narrow_status;

/* Nothing of all this is needed by a server that keeps nothing. */
static void a_server_need_not_keep(void) {
    write_messages(1);
    run_undisturbed(MESSAGES);
    lives_run(MESSAGES, &no_end, till_serve_without_keeping);
    CHECK(is_as_undisturbed(MESSAGES));
}

static void serve_in_few_slots(void) {
    slots_init(&program.slots, LIVES_SLOT_FIRST, LIVES_SLOT_FIRST + narrow_slots);
    static struct server plain;
    narrow_status = server_init(&plain, program_need("serve"), till_shape);
}

static void a_server_needs_five_slots(void) {
    for (narrow_slots = 0; narrow_slots <= MESSAGE_CAPS + 1; narrow_slots++) {
        lives_run(0, &no_end, serve_in_few_slots);
        CHECK_EQUAL(narrow_status, narrow_slots == MESSAGE_CAPS + 1 ? OK : E_LIMIT);
    }
}

SUITE(CASE(an_undisturbed_run_has_all_kinds), CASE(a_server_need_not_keep), CASE(a_server_needs_five_slots),
      CASE(what_is_fatal_is_given_up_after_three_times), CASE(notes_that_do_not_fit_end_the_program),
      CASE(nobody_is_served_twice_in_vain), CASE(a_lost_state_is_told), CASE(only_own_faults_count),
      CASE(nobody_notices_ends_at_random), CASE(nobody_notices_ends_high_up), CASE(nobody_notices_an_end_anywhere),
      CASE(nobody_notices_an_end_of_the_successor));
