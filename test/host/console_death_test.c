/*
 * If the console dies at any point, does its successor find the terminal as the last whole change left it, and go on
 * with nothing lost, doubled or reordered? The journal is one of this test's: it undoes its notes at every point where
 * it is asked, compares, and goes on. Some of the times the program dies in earnest, and another takes over.
 */
#include "libsys/wire/journal.h"

#include <setjmp.h>
#include <string.h>

#include "test/host/console_world.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define NOTES_MAX 64U
#define NOTE_BYTES_MAX 2048U
#define LOOKED_AT_ROUNDS 1000U
#define ROUNDS 20000U
#define LOG_MAX 40000U
#define LIFE_MEAN 300U /* points between two deaths in earnest */

static struct old_bytes {
    void *at;
    size_t bytes;
    uint8_t old[NOTE_BYTES_MAX];
} notes[NOTES_MAX];
static uint32_t note_count;
static uint64_t looked_count, death_count, luck;
static jmp_buf next_program;
static bool can_die; /* otherwise it is looked at */
static uint64_t life_mean;

/* Is it one of `limit` times? Of its own, so that what clients do does not depend on when the program dies. */
static bool happens(uint64_t limit) { return random_step(&luck) % limit == 0; }

/* What a successor sees: all else is computed from it, or lies where nobody looks. */
static struct terminal committed, seen;

static void blot(void *at, size_t bytes) { memset(at, 0, bytes); }

static void look_at_ring(uint8_t *bytes, const struct ring *ring) {
    for (size_t i = ring_used(ring); i < ring->size; i++)
        bytes[(ring->taken + i) % ring->size] = 0;
}

static void look_at_queue(struct terminal_queue *queue) {
    for (size_t i = queue->count; i < TERMINAL_WAITERS_MAX; i++)
        blot(&queue->waiters[queue->order[i]], sizeof queue->waiters[0]);
    blot(&queue->quota, sizeof queue->quota);
    blot(queue->owners, sizeof queue->owners);
}

static void look(struct terminal *copy) {
    memcpy(copy, &terminal, sizeof *copy);
    look_at_ring(copy->input_bytes, &copy->input);
    look_at_ring(copy->output_bytes, &copy->output);
    blot(copy->line.bytes + copy->line.now.length, sizeof copy->line.bytes - copy->line.now.length);
    for (size_t i = copy->writers.count; i < TERMINAL_WAITERS_MAX; i++)
        blot(copy->writes[copy->writers.order[i]], sizeof copy->writes[0]);
    look_at_queue(&copy->readers);
    look_at_queue(&copy->writers);
    look_at_queue(&copy->flushers);
    copy->uart.transmit_enabled = copy->uart.receive_enabled = false; /* follow from the rest */
}

static void undo(void) {
    while (note_count > 0) {
        const struct old_bytes *note = &notes[--note_count];
        memcpy(note->at, note->old, note->bytes);
    }
}

/* The program may die here. */
static void point(void) {
    static struct terminal kept;
    uint32_t count = note_count;
    if (!can_die && committed.begun && happens(6)) { /* a look takes its time */
        memcpy(&kept, &terminal, sizeof kept);
        undo();
        look(&seen);
        CHECK(memcmp(&seen, &committed, sizeof seen) == 0);
        memcpy(&terminal, &kept, sizeof kept);
        note_count = count;
        looked_count++;
    }
    if (can_die && happens(life_mean)) {
        undo();
        longjmp(next_program, 1);
    }
}

/* All that was changed is whole. */
static void commit(void) {
    note_count = 0;
    if (!can_die)
        look(&committed);
}

void journal_note_long(const void *at, size_t bytes) {
    point();
    if (!CHECK(note_count < NOTES_MAX && bytes <= NOTE_BYTES_MAX))
        return;
    notes[note_count].at = (void *)(uintptr_t)at;
    notes[note_count].bytes = bytes;
    memcpy(notes[note_count++].old, at, bytes);
    point();
}

void journal_settle(void) {
    point();
    commit();
    point();
}

/* ---- the chip and the clients: an effect and its store are one. Some clients are gone. ---- */

static void take_register(void *context, unsigned index, uint64_t *place, uint64_t flags) {
    CHECK_EQUAL(note_count, 0);
    point();
    ports.take(context, index, place, flags);
    commit();
    point();
}

static void give_register(void *context, unsigned index, uint8_t value, uint64_t *place, uint64_t after) {
    CHECK_EQUAL(note_count, 0);
    point();
    ports.give(context, index, value, place, after);
    commit();
    point();
}

/* What clients and the process server have heard, in order. */
static struct heard {
    enum news { READ, WRITE, FLUSH, SIGNAL } kind;
    uint64_t who, status, length, sum;
} heard[LOG_MAX], heard_undisturbed[LOG_MAX];
static size_t heard_count;

static void hear(int kind, uint64_t who, uint64_t status, const uint8_t *bytes, size_t length) {
    struct heard news = {.kind = (enum news)kind, .who = who, .status = status, .length = length};
    for (size_t i = 0; bytes != NULL && i < length; i++)
        news.sum = news.sum * 31 + bytes[i];
    if (CHECK(heard_count < LOG_MAX))
        heard[heard_count++] = news;
}

static bool waits(void *context, cap_t reply) {
    (void)context;
    return reply % 7 != 0;
}

static bool answer(int kind, cap_t reply, uint32_t status, const uint8_t *bytes, size_t length) {
    point();
    if (!waits(NULL, reply))
        return false;
    hear(kind, reply, status, bytes, length);
    commit();
    point();
    return true;
}

static bool answer_read(void *context, cap_t reply, uint32_t status, const uint8_t *bytes, size_t length) {
    (void)context;
    return answer(READ, reply, status, bytes, length);
}

static bool answer_write(void *context, cap_t reply, size_t length) {
    (void)context;
    return answer(WRITE, reply, OK, NULL, length);
}

static void answer_flush(void *context, cap_t reply) {
    (void)context;
    (void)answer(FLUSH, reply, OK, NULL, 0);
}

static void raise(void *context, uint64_t bits, uint64_t *place, uint64_t after) {
    (void)context;
    CHECK_EQUAL(note_count, 0);
    point();
    hear(SIGNAL, bits, OK, NULL, 0);
    *place = after;
    commit();
    point();
}

/* ---- the server: what servers/console/main.c and serve.c do ---- */

struct call {
    enum { CALL_READ, CALL_WRITE, CALL_FLUSH, CALL_MODE, CALL_FOREGROUND, NO_CALL } operation;
    uint64_t badge;
    cap_t reply;
    enum console_mode mode;
    size_t length;
    uint8_t bytes[CONSOLE_BYTES_MAX];
};

static void handle(const struct call *call) {
    uint8_t bytes[CONSOLE_BYTES_MAX];
    size_t length = call->length;
    bool is_parked = true;
    switch (call->operation) {
    case CALL_READ:
        if (terminal_is_background(&terminal, IDENTITY_GROUP(call->badge)))
            break;
        if (terminal_read(&terminal, call->mode, bytes, call->length, &length))
            hear(READ, call->reply, OK, bytes, length);
        else
            is_parked = terminal_park_reader(&terminal, call->badge, call->reply, call->mode, call->length);
        break;
    case CALL_WRITE:
        if (terminal_write(&terminal, call->bytes, call->length))
            hear(WRITE, call->reply, OK, NULL, length);
        else
            is_parked = terminal_park_writer(&terminal, call->badge, call->reply, call->bytes, call->length);
        break;
    case CALL_FLUSH:
        if (terminal_is_drained(&terminal))
            hear(FLUSH, call->reply, OK, NULL, 0);
        else
            is_parked = terminal_park_flusher(&terminal, call->badge, call->reply);
        break;
    case CALL_MODE:
        terminal_set_mode(&terminal, call->mode);
        break;
    case CALL_FOREGROUND:
        terminal_set_foreground(&terminal, (uint32_t)call->length);
        break;
    case NO_CALL:
        break;
    }
    if (!is_parked)
        hear((int)call->operation, call->reply, P_CROWDED, NULL, 0);
}

static void start(void) {
    static struct uart_ports exact_ports;
    static struct terminal_clients exact_clients;
    exact_ports = ports;
    exact_ports.take = take_register;
    exact_ports.give = give_register;
    exact_clients = (struct terminal_clients){.answer_read = answer_read,
                                              .answer_write = answer_write,
                                              .answer_flush = answer_flush,
                                              .waits = waits,
                                              .raise = raise};
    CHECK(terminal_start(&terminal, &exact_ports, &exact_clients));
}

/* Serve an event, however many programs it takes. What the last one did without a commit is done again. */
static void serve(const struct call *call) {
    static volatile bool decided;
    static volatile size_t heard_before;
    static volatile bool is_interrupted;
    is_interrupted = call->operation == NO_CALL;
    decided = is_interrupted;
    heard_before = heard_count;
    if (setjmp(next_program) != 0) {
        death_count++;
        if (!decided)
            heard_count = heard_before; /* its answer was not sent */
        start();
        is_interrupted = true; /* by its own signal */
        heard_before = heard_count;
    }
    if (!decided) {
        handle(call);
        point();
        commit();
        decided = true;
        point();
    }
    if (call->operation != NO_CALL)
        terminal_settle(&terminal);
    if (is_interrupted)
        CHECK(terminal_progress(&terminal));
    for (unsigned i = 0; i < 100 && chip_line(); i++) /* the line rose once more */
        CHECK(terminal_progress(&terminal));
    (void)terminal_answer_flushers(&terminal);
    journal_settle();
    CHECK(!chip_line()); /* otherwise no further edge would ever come */
}

/* ---- what happens to it, drawn by `random` ---- */

static const struct call interrupt = {.operation = NO_CALL};
static bool is_stalled; /* the wire carries nothing away for a while */

static void draw_call(uint64_t *random, struct call *call, uint32_t round) {
    uint64_t draw = random_step(random) >> 8;
    uint32_t group = 2 + (uint32_t)(draw % 3);
    *call = (struct call){.badge = IDENTITY_BADGE(10 + draw / 4 % 8, group),
                          .reply = 1 + round,
                          .mode = draw / 32 % 4 == 0 ? CONSOLE_RAW : CONSOLE_FOREGROUND};
    switch (draw / 128 % 16) {
    case 0:
        call->operation = CALL_MODE;
        break;
    case 1:
        call->operation = CALL_FOREGROUND;
        call->length = draw / 4096 % 4 == 0 ? 0 : group;
        break;
    case 2:
        call->operation = CALL_FLUSH;
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        call->operation = CALL_READ;
        call->length = 1 + draw / 4096 % 40;
        break;
    default:
        call->operation = CALL_WRITE;
        call->length = 1 + draw / 4096 % (is_stalled ? sizeof call->bytes : 60);
        for (size_t i = 0; i < call->length; i++)
            call->bytes[i] = (uint8_t) "abcdef\n\x13"[random_step(random) >> 8 & 7];
    }
}

/* Keys, Ctrl-C and Ctrl-Z among them. A break is followed by zeros of the chip's. */
static void type_some(uint64_t *random, size_t most_ahead) {
    static const char keys[] = "abcdefgh\xc3\xb6\x08\r\n\x15\x04\x03\x1a\t\x01";
    size_t count = 1 + (random_step(random) >> 8) % UART_FIFO_BYTES;
    if (ring_used(&terminal.input) + count > most_ahead)
        return;
    while (chip.receive_count < UART_FIFO_BYTES && count-- > 0) {
        uint64_t draw = random_step(random) >> 8;
        chip.receive[chip.receive_count++] = draw % 4 != 0 ? 'x' : (uint8_t)keys[draw / 4 % sizeof keys];
    }
    uint64_t draw = random_step(random) >> 8;
    chip.overrun = draw % 16 == 0;
    if (draw / 16 % 4 == 0) { /* behind some zero bytes that are keys */
        chip.broken = true;
        for (size_t i = chip.receive_count; i > 0; i -= i > 1 ? 2 : 1)
            chip.receive[i - 1] = 0;
    }
    serve(&interrupt);
}

static void carry_away(void) {
    is_stalled = false;
    for (unsigned i = 0; i < 10000 && chip.transmit_count > 0; i++) {
        chip.transmit_count = 0;
        chip.empty_pending = true;
        serve(&interrupt);
    }
}

/* One process writes again and again, and is gone each time: its places are filled anew. */
static void crowd(void) {
    static struct call call;
    call = (struct call){.operation = CALL_WRITE, .badge = IDENTITY_BADGE(10, 2), .length = sizeof call.bytes};
    is_stalled = true;
    chip.transmit_count = 1;
    for (uint32_t i = 1; i <= 400; i++) {
        call.reply = 7 * i;
        memset(call.bytes, 'a' + (int)i % 26, sizeof call.bytes);
        serve(&call);
    }
    carry_away();
}

/* Keys that the full ring has no room for. */
static void overflow(void) {
    static const struct call lines = {.operation = CALL_MODE, .mode = CONSOLE_FOREGROUND};
    serve(&lines);
    for (uint32_t i = 0; i < 40; i++) {
        for (; chip.receive_count < UART_FIFO_BYTES; chip.receive_count++)
            chip.receive[chip.receive_count] = 'x';
        serve(&interrupt);
        carry_away();
    }
    CHECK(terminal.input_lost_count > 0 && terminal.held_back);
}

/* Between `ahead` keys, at the beginning, and `most_ahead` are typed ahead. */
static void live(uint64_t seed, uint32_t rounds, size_t ahead, size_t most_ahead) {
    static struct call call;
    uint64_t random = seed;
    luck = seed;
    memset(&chip, 0, sizeof chip);
    memset(&terminal, 0, sizeof terminal);
    heard_count = 0;
    is_stalled = false;
    commit();
    if (setjmp(next_program) != 0)
        death_count++;
    start();
    terminal.input.added += ahead;
    commit();
    if (ahead > 0) {
        overflow();
        crowd();
    }
    for (uint32_t round = 0; round < rounds; round++) {
        uint64_t draw = random_step(&random) >> 8;
        if (draw % 4 == 0) {
            type_some(&random, most_ahead);
        } else {
            draw_call(&random, &call, round);
            serve(&call);
        }
        if (draw / 4 % 64 == 0 && chip.transmit_count == 0) {
            is_stalled = true;
            chip.transmit_count = 1;
            chip.empty_pending = false;
        }
        if (!is_stalled || draw / 256 % 256 == 0)
            carry_away();
    }
    carry_away();
    CHECK_EQUAL(chip.lost, 0);
}

static void the_terminal_is_whole_wherever_its_program_dies(void) {
    can_die = false;
    looked_count = 0;
    live(1, LOOKED_AT_ROUNDS, 0, SIZE_MAX);
    live(2, LOOKED_AT_ROUNDS, TERMINAL_INPUT_BYTES - 100, SIZE_MAX);
    CHECK(looked_count > LOOKED_AT_ROUNDS);
}

/* As many keys as make no XOFF: when that is sent depends on how long a death takes. */
static void nobody_notices_a_death(void) {
    static char sent[sizeof chip.sent];
    can_die = true;
    life_mean = UINT64_MAX;
    live(2, ROUNDS, 0, TERMINAL_INPUT_BYTES / 2);
    size_t sent_before = chip.sent_count, count_before = heard_count;
    memcpy(sent, chip.sent, sizeof sent);
    memcpy(heard_undisturbed, heard, sizeof heard);
    life_mean = LIFE_MEAN;
    death_count = 0;
    live(2, ROUNDS, 0, TERMINAL_INPUT_BYTES / 2);
    CHECK(death_count > ROUNDS / 10);
    CHECK(chip.sent_count == sent_before && memcmp(chip.sent, sent, sizeof sent) == 0);
    CHECK_EQUAL(heard_count, count_before);
    for (size_t i = 0; i < heard_count; i++)
        if (!CHECK(memcmp(&heard[i], &heard_undisturbed[i], sizeof heard[i]) == 0))
            break;
}

SUITE(CASE(the_terminal_is_whole_wherever_its_program_dies), CASE(nobody_notices_a_death));
