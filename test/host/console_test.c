/*
 * Does the console neither lose, repeat nor reorder bytes, serve waiting clients in order, and always notice Ctrl-C, on
 * a chip that behaves as the 16550's data sheet says?
 */
#include <string.h>

#include "test/host/console_world.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

static bool write_text(const char *text) { return put(text, strlen(text)); }

static void chip_is_set_up(void) {
    begin();
    CHECK(terminal.uart.present);
    CHECK_EQUAL(chip.divisor[0], 1);
    CHECK_EQUAL(chip.divisor[1], 0);
    CHECK_EQUAL(chip.registers[LINE], 3);
    CHECK_EQUAL(chip.registers[MODEM], 0xb);
    CHECK_EQUAL(chip.registers[ENABLE], ENABLE_RECEIVED | ENABLE_LINE);
    CHECK(chip.registers[IDENTITY] & 1); /* FIFO control shares its place */
}

static void without_a_chip_output_vanishes(void) {
    char text[CONSOLE_BYTES_MAX];
    memset(&chip, 0, sizeof chip);
    memset(&terminal, 0, sizeof terminal);
    chip.absent = true;
    CHECK(!terminal_start(&terminal, &ports, &callbacks));
    memset(text, 'x', sizeof text);
    for (unsigned i = 0; i < 100; i++)
        CHECK(put(text, CONSOLE_BYTES_MAX));
    CHECK(terminal_progress(&terminal));
}

static void line_feed_becomes_two_bytes(void) {
    begin();
    CHECK(write_text("a\nb\r\nc\r"));
    CHECK(write_text("\nd"));
    check_sent("a\r\nb\r\nc\r\nd");
}

static void output_longer_than_the_fifo(void) {
    begin();
    CHECK(write_text("0123456789abcdef"));
    CHECK(write_text("ghi"));
    CHECK(write_text("j"));
    check_sent("0123456789abcdefghij");
    CHECK(!(chip.registers[ENABLE] & ENABLE_EMPTY)); /* at rest it does not interrupt */
    CHECK(write_text("!"));
    check_sent("0123456789abcdefghij!");

    begin();
    CHECK(write_text("0123456789abcdef0123456789ABCDEF01234567"));
    check_sent("0123456789abcdef0123456789ABCDEF01234567");
}

/* A line feed needs two places. The one that is left is not for those behind it. */
static void a_line_feed_waits_for_two_places(void) {
    uint8_t bytes[CONSOLE_BYTES_MAX];
    begin();
    memset(bytes, 'x', sizeof bytes);
    for (size_t left = UART_FIFO_BYTES + TERMINAL_OUTPUT_BYTES - 1; left > 0;) {
        size_t part = left < sizeof bytes ? left : sizeof bytes;
        CHECK(put(bytes, part));
        left -= part;
    }
    while (ring_free(&terminal.output) > 1) /* the chip took the first ones one write at a time */
        CHECK(write_text("x"));
    CHECK(!write_text("\n"));
    CHECK(terminal_park_writer(&terminal, 0, 1, (const uint8_t *)"\n", 1));
    CHECK(!write_text("y"));
    drain();
    CHECK_EQUAL(clients.write_count, 1);
    CHECK(memcmp(chip.sent + chip.sent_count - 3, "x\r\n", 3) == 0);
}

/* Writers that flood: all bytes come out, in the order in which they were written, and each is answered once. */
static void flood(void) {
    uint8_t bytes[CONSOLE_BYTES_MAX];
    size_t total = 0;
    cap_t parked = 0;
    begin();
    while (parked < TERMINAL_WAITERS_MAX) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)('a' + (total + i) % 26);
        bool written = put(bytes, sizeof bytes);
        CHECK(parked == 0 || !written); /* nobody overtakes */
        if (!written)
            CHECK(terminal_park_writer(&terminal, 0, ++parked, bytes, sizeof bytes));
        total += sizeof bytes;
    }
    CHECK(!terminal_park_writer(&terminal, 0, 99, bytes, 1));
    CHECK_EQUAL(clients.write_count, 0);
    drain();
    CHECK_EQUAL(clients.write_count, TERMINAL_WAITERS_MAX);
    for (size_t i = 0; i < clients.write_count; i++)
        CHECK_EQUAL(clients.writes[i], i + 1);
    CHECK_EQUAL(chip.sent_count, total);
    CHECK_EQUAL(chip.lost, 0);
    for (size_t i = 0; i < total; i++)
        if (!CHECK(chip.sent[i] == (char)('a' + i % 26)))
            break;
}

/* The answer is the commit: if a writer does not take it, it has written nothing, and others' writes stay whole. */
static void a_writer_that_is_gone_has_written_nothing(void) {
    uint8_t bytes[CONSOLE_BYTES_MAX];
    size_t filled = 0;
    begin();
    memset(bytes, 'x', sizeof bytes);
    while (put(bytes, sizeof bytes - 1))
        filled += sizeof bytes - 1; /* some room is left, for a part of the next one */
    CHECK(ring_free(&terminal.output) > 2);
    memset(bytes, 'y', sizeof bytes);
    CHECK(terminal_park_writer(&terminal, 0, 1, bytes, sizeof bytes));
    CHECK(terminal_park_writer(&terminal, 0, 2, (const uint8_t *)"z", 1));
    clients.gone = 1;
    drain();
    CHECK_EQUAL(clients.write_count, 1);
    CHECK_EQUAL(clients.writes[0], 2);
    CHECK_EQUAL(chip.sent_count, filled + 1);
    CHECK_EQUAL(chip.sent[filled], 'z');
}

/* A call that a signal took back is made again: its old entry must not keep a place in the queue. */
static void writers_that_are_gone_keep_no_place(void) {
    uint8_t bytes[CONSOLE_BYTES_MAX] = {'x'};
    begin();
    while (put(bytes, sizeof bytes))
        continue;
    for (uint32_t i = 0; i < TERMINAL_WAITERS_MAX; i++)
        CHECK(terminal_park_writer(&terminal, 0, i % 2 == 0 ? 1 : 2, bytes, sizeof bytes));
    CHECK(!terminal_park_writer(&terminal, 0, 3, bytes, sizeof bytes));
    clients.gone = 1;
    CHECK(terminal_park_writer(&terminal, 0, 3, bytes, sizeof bytes));
    CHECK_EQUAL(terminal.writers.count, TERMINAL_WAITERS_MAX / 2 + 1);
    CHECK(terminal_waiter(&terminal.writers, 0)->reply == 2 &&
          terminal_waiter(&terminal.writers, TERMINAL_WAITERS_MAX / 2)->reply == 3);
}

static void input_waits_for_a_reader(void) {
    uint8_t bytes[16];
    begin();
    CHECK_EQUAL(take(terminal.mode, bytes, sizeof bytes), 0);
    type("hello", 5);
    CHECK_EQUAL(take(terminal.mode, bytes, 3), 3);
    CHECK(memcmp(bytes, "hel", 3) == 0);
    CHECK_EQUAL(take(terminal.mode, bytes, sizeof bytes), 2);
    CHECK(memcmp(bytes, "lo", 2) == 0);
    CHECK_EQUAL(clients.read_count, 0);
}

static void readers_queue_up(void) {
    uint8_t byte;
    begin();
    for (cap_t reply = 1; reply <= 3; reply++)
        CHECK(terminal_park_reader(&terminal, 0, reply, terminal.mode, 1));
    CHECK_EQUAL(take(terminal.mode, &byte, 1), 0); /* nobody overtakes */
    type("a", 1);
    CHECK_EQUAL(clients.read_count, 1);
    type("bcd", 3);
    CHECK_EQUAL(clients.read_count, 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQUAL(clients.reads[i].reply, i + 1);
        CHECK(clients.reads[i].length == 1 && clients.reads[i].bytes[0] == 'a' + i);
    }
    CHECK_EQUAL(take(terminal.mode, &byte, 1), 1);
    CHECK_EQUAL(byte, 'd');
}

static void a_dead_reader_takes_nothing(void) {
    begin();
    clients.gone = 1;
    CHECK(terminal_park_reader(&terminal, 0, 1, terminal.mode, 10));
    CHECK(terminal_park_reader(&terminal, 0, 2, terminal.mode, 10));
    type("x", 1);
    CHECK_EQUAL(clients.read_count, 1);
    CHECK_EQUAL(clients.reads[0].reply, 2);
    CHECK(clients.reads[0].length == 1 && clients.reads[0].bytes[0] == 'x');
}

static void control_c(void) {
    begin();
    type("\x03", 1); /* raw: a byte */
    CHECK(reads(CONSOLE_RAW, "\x03"));
    set_mode(CONSOLE_FOREGROUND);
    type("ahead\x03of\r", 9);
    CHECK_EQUAL(clients.interrupts, 1);
    check_sent("^C\r\n");
    CHECK(reads(CONSOLE_FOREGROUND, "of\n"));
    check_sent("^C\r\nof\r\n");

    CHECK(terminal_park_reader(&terminal, 0, 1, CONSOLE_FOREGROUND, 8)); /* what is in a line is forgotten, too */
    type("begun\x03 again\r", 13);
    CHECK_EQUAL(clients.read_count, 1);
    CHECK(clients.reads[0].length == 7 && memcmp(clients.reads[0].bytes, " again\n", 7) == 0);
}

/* Typed right behind Enter, it comes while the shell reads keys, and is for the command that this starts. */
static void control_c_typed_ahead(void) {
    begin();
    type("before\x1a again\x03 behind\r", 22);
    CHECK_EQUAL(clients.interrupts, 0);
    CHECK(terminal_park_reader(&terminal, 0, 1, CONSOLE_FOREGROUND, 16));
    set_mode(CONSOLE_FOREGROUND);
    CHECK_EQUAL(clients.interrupts, 1);
    CHECK_EQUAL(clients.suspends, 0); /* the last one counts */
    CHECK_EQUAL(clients.read_count, 1);
    CHECK(clients.reads[0].length == 8 && memcmp(clients.reads[0].bytes, " behind\n", 8) == 0);
    check_sent("^C\r\n behind\r\n");
}

/* Readers that wait in foreground mode have to ask again, and get no input typed before. */
static void control_z(void) {
    begin();
    CHECK(terminal_park_reader(&terminal, 0, 1, CONSOLE_RAW, 1));
    set_mode(CONSOLE_FOREGROUND);
    CHECK(terminal_park_reader(&terminal, 0, 2, CONSOLE_FOREGROUND, 1));
    CHECK(terminal_park_reader(&terminal, 0, 3, CONSOLE_FOREGROUND, 1));
    type("\x1a", 1);
    CHECK_EQUAL(clients.suspends, 1);
    CHECK_EQUAL(clients.interrupts, 0);
    CHECK_EQUAL(clients.read_count, 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK_EQUAL(clients.reads[i].reply, 2 + i);
        CHECK_EQUAL(clients.reads[i].length, 0);
        CHECK_EQUAL(clients.reads[i].status, E_CANCEL);
    }
    CHECK_EQUAL(terminal.readers.count, 1);
    type("ahead\x1aof\r", 9);
    CHECK(reads(CONSOLE_FOREGROUND, "of\n"));
    check_sent("^Z\r\n^Z\r\nof\r\n");
    set_mode(CONSOLE_RAW);
    type("\x1a", 1); /* raw: a byte */
    CHECK_EQUAL(clients.suspends, 2);
    CHECK_EQUAL(clients.read_count, 3);
    CHECK_EQUAL(clients.reads[2].bytes[0], 0x1a);
}

/* Each reader gets input typed in its own mode, or waits. The other mode's readers keep their order. */
static void readers_get_what_is_typed_in_their_mode(void) {
    uint8_t bytes[8];
    begin();
    CHECK(terminal_park_reader(&terminal, 0, 1, CONSOLE_FOREGROUND, 8));
    CHECK(terminal_park_reader(&terminal, 0, 2, CONSOLE_RAW, 1));
    type("ab\r", 3);
    CHECK_EQUAL(clients.read_count, 1);
    CHECK_EQUAL(clients.reads[0].reply, 2);
    CHECK_EQUAL(take(CONSOLE_FOREGROUND, bytes, sizeof bytes), 0);
    set_mode(CONSOLE_FOREGROUND); /* what was typed ahead goes to the waiting reader */
    CHECK_EQUAL(clients.read_count, 2);
    CHECK_EQUAL(clients.reads[1].reply, 1);
    CHECK(clients.reads[1].length == 2 && memcmp(clients.reads[1].bytes, "b\n", 2) == 0);
    type("c\r", 2);
    CHECK_EQUAL(take(CONSOLE_RAW, bytes, sizeof bytes), 0);
    CHECK(reads(CONSOLE_FOREGROUND, "c\n"));
}

/* Waiting readers of a group that has lost the terminal are told; no others are, nor any before a group is named. */
static void the_terminal_has_an_owner(void) {
    begin();
    CHECK(!terminal_is_background(&terminal, 7));
    CHECK(terminal_park_reader(&terminal, IDENTITY_BADGE(2, 7), 1, CONSOLE_FOREGROUND, 8));
    CHECK(terminal_park_reader(&terminal, IDENTITY_BADGE(2, 8), 2, CONSOLE_RAW, 8));
    CHECK(terminal_park_reader(&terminal, 0, 3, CONSOLE_FOREGROUND, 8)); /* no process */
    set_foreground(7);
    CHECK(!terminal_is_background(&terminal, 7) && !terminal_is_background(&terminal, 0));
    CHECK(terminal_is_background(&terminal, 8));
    CHECK_EQUAL(clients.read_count, 1);
    CHECK(clients.reads[0].reply == 2 && clients.reads[0].status == P_BACKGROUND && clients.reads[0].length == 0);
    type("a\r", 2);
    CHECK_EQUAL(clients.read_count, 2);
    CHECK_EQUAL(clients.reads[1].reply, 1);
    CHECK(terminal_park_reader(&terminal, IDENTITY_BADGE(2, 7), 4, CONSOLE_FOREGROUND, 8));
    CHECK(terminal_park_reader(&terminal, IDENTITY_BADGE(2, 7), 5, CONSOLE_FOREGROUND, 8));
    set_foreground(8);
    CHECK_EQUAL(clients.read_count, 4);
    CHECK(clients.reads[2].reply == 4 && clients.reads[2].status == P_BACKGROUND);
    CHECK(clients.reads[3].reply == 5 && clients.reads[3].status == P_BACKGROUND);
    type("b\r", 2);
    CHECK_EQUAL(clients.read_count, 5);
    CHECK(clients.reads[4].reply == 3 && clients.reads[4].status == OK);
    set_foreground(0);
    CHECK(!terminal_is_background(&terminal, 9));
}

/* A raw mode ends with its owner's turn: keys act again, including those typed meanwhile. */
static void a_new_owner_finds_lines(void) {
    begin();
    set_foreground(7);
    CHECK_EQUAL(terminal.mode, CONSOLE_FOREGROUND);
    set_mode(CONSOLE_RAW);
    set_foreground(7); /* no other one */
    CHECK_EQUAL(terminal.mode, CONSOLE_RAW);
    type("x\x03y\r", 4);
    CHECK_EQUAL(clients.interrupts, 0);
    set_foreground(8);
    CHECK_EQUAL(terminal.mode, CONSOLE_FOREGROUND);
    CHECK_EQUAL(clients.interrupts, 1);
    CHECK(reads(CONSOLE_FOREGROUND, "y\n"));
    type("\x03", 1);
    CHECK_EQUAL(clients.interrupts, 2);
}

/* Raw mode: the chip holds what does not fit, and tells the other side by RTS. Nothing is lost while it obeys. */
static void raw_input_is_held_back(void) {
    begin();
    uint64_t typed = 0;
    while (chip.registers[MODEM] & MODEM_RTS) {
        char byte = (char)('a' + typed++ % 26);
        type(&byte, 1);
        if (!CHECK(typed <= TERMINAL_INPUT_BYTES))
            return;
    }
    CHECK_EQUAL(typed, TERMINAL_INPUT_BYTES);
    CHECK(!(chip.registers[ENABLE] & ENABLE_RECEIVED));
    type("XY", 2); /* the last ones on their way stay in the chip */
    CHECK_EQUAL(chip.receive_count, 2);

    uint8_t bytes[CONSOLE_BYTES_MAX];
    uint64_t seen = 0;
    size_t length;
    while ((length = take(terminal.mode, bytes, sizeof bytes)) > 0) {
        for (size_t i = 0; i < length && seen < typed; i++, seen++)
            CHECK_EQUAL(bytes[i], 'a' + seen % 26);
        if (chip_line())
            (void)terminal_progress(&terminal);
    }
    CHECK_EQUAL(seen, typed);
    CHECK_EQUAL(chip.receive_count, 0);
    CHECK(chip.registers[MODEM] & MODEM_RTS);
    CHECK_EQUAL(terminal.uart.overrun_count, 0);
}

/* The ring fills up in the middle of a burst: the rest of it stays in the chip. */
static void a_burst_stops_where_the_ring_is_full(void) {
    begin();
    for (uint64_t i = 0; i < TERMINAL_INPUT_BYTES - 3; i++)
        type("x", 1);
    for (size_t i = 0; i < 10; i++)
        chip.receive[chip.receive_count++] = 'y';
    CHECK(terminal_progress(&terminal));
    CHECK_EQUAL(ring_used(&terminal.input), TERMINAL_INPUT_BYTES);
    CHECK_EQUAL(chip.receive_count, 7);
    CHECK_EQUAL(terminal.input_lost_count, 0);
    CHECK(!chip_line());
}

static void foreground_input_is_dropped_but_control_c_heard(void) {
    begin();
    set_mode(CONSOLE_FOREGROUND);
    for (uint64_t i = 0; i < TERMINAL_INPUT_BYTES + 10; i++)
        type("x", 1);
    CHECK_EQUAL(terminal.input_lost_count, 10);
    type("\x03", 1);
    CHECK_EQUAL(clients.interrupts, 1);
}

static void control_c_is_heard_after_a_full_raw_ring(void) {
    begin();
    for (uint64_t i = 0; i < TERMINAL_INPUT_BYTES; i++)
        type("x", 1);
    set_mode(CONSOLE_FOREGROUND);
    type("\x03", 1);
    CHECK_EQUAL(clients.interrupts, 1);
}

static void overrun_is_counted(void) {
    begin();
    for (size_t i = 0; i < UART_FIFO_BYTES; i++)
        chip.receive[chip.receive_count++] = 'x';
    chip.overrun = true;
    CHECK(terminal_progress(&terminal));
    CHECK_EQUAL(terminal.uart.overrun_count, 1);
    CHECK(!chip_line());
}

static void a_chip_without_rest_is_left(void) {
    begin();
    chip.stuck = true;
    CHECK(!terminal_progress(&terminal));
    chip.stuck = false;
    CHECK(terminal_progress(&terminal));
}

/* Typing, reading, writing and draining in any order: the output equals the input. */
static void random_events(void) {
    uint64_t random = 5;
    uint64_t typed = 0;
    uint64_t seen = 0;
    uint64_t written = 0;
    begin();
    for (unsigned i = 0; i < 200000 && chip.sent_count + 2 * UART_FIFO_BYTES < sizeof chip.sent; i++) {
        uint64_t number = random_step(&random) >> 8;
        uint8_t byte = (uint8_t)('a' + written % 26);
        char key = (char)('a' + typed % 26);
        switch (number % 4) {
        case 0:
            type(&key, 1);
            typed++;
            break;
        case 1:
            written += put(&byte, 1);
            break;
        case 2:
            if (take(terminal.mode, &byte, 1) == 1)
                CHECK_EQUAL(byte, 'a' + seen++ % 26);
            break;
        default:
            drain();
            break;
        }
    }
    drain();
    CHECK_EQUAL(chip.sent_count, written);
    for (size_t i = 0; i < chip.sent_count; i++)
        if (!CHECK(chip.sent[i] == (char)('a' + i % 26)))
            break;
    CHECK_EQUAL(chip.lost, 0);
    CHECK_EQUAL(seen + ring_used(&terminal.input), typed);
}

SUITE(CASE(chip_is_set_up), CASE(without_a_chip_output_vanishes), CASE(line_feed_becomes_two_bytes),
      CASE(output_longer_than_the_fifo), CASE(a_line_feed_waits_for_two_places), CASE(flood),
      CASE(a_writer_that_is_gone_has_written_nothing), CASE(writers_that_are_gone_keep_no_place),
      CASE(input_waits_for_a_reader), CASE(readers_queue_up), CASE(a_dead_reader_takes_nothing), CASE(control_c),
      CASE(control_c_typed_ahead), CASE(control_z), CASE(readers_get_what_is_typed_in_their_mode),
      CASE(the_terminal_has_an_owner), CASE(a_new_owner_finds_lines), CASE(raw_input_is_held_back),
      CASE(a_burst_stops_where_the_ring_is_full), CASE(foreground_input_is_dropped_but_control_c_heard),
      CASE(control_c_is_heard_after_a_full_raw_ring), CASE(overrun_is_counted), CASE(a_chip_without_rest_is_left),
      CASE(random_events));
