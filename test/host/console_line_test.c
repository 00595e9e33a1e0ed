/*
 * Does a program get each line typed for it, complete and once? Does later input stay for others, and does the end of
 * input reach every reader?
 */
#include <string.h>

#include "test/host/console_world.h"
#include "test/host/suite.h"

/* Enter is CR, LF or both. Input is echoed once, when it is read. Each read returns bytes of one line only. */
static void lines(void) {
    begin();
    set_mode(CONSOLE_FOREGROUND);
    type("one\rtwo\nthree\r\n", 15);
    check_sent("");
    CHECK(reads(CONSOLE_FOREGROUND, "one\n"));
    check_sent("one\r\n");
    uint8_t bytes[8];
    CHECK_EQUAL(take(CONSOLE_FOREGROUND, bytes, 2), 2);
    CHECK(reads(CONSOLE_FOREGROUND, "o\n"));
    CHECK(reads(CONSOLE_FOREGROUND, "three\n"));
    CHECK(reads(CONSOLE_FOREGROUND, "")); /* the LF belonged to the CR before it */
    check_sent("one\r\ntwo\r\nthree\r\n");

    CHECK(terminal_park_reader(&terminal, 0, 1, CONSOLE_FOREGROUND, 8));
    type("a\x02\t", 3); /* no line yet, but it shows */
    CHECK_EQUAL(clients.read_count, 0);
    check_sent("one\r\ntwo\r\nthree\r\na^B ");
    set_mode(CONSOLE_RAW); /* the program has gone: it is the shell's */
    CHECK(reads(CONSOLE_RAW, "a\x02\t"));
}

static void a_line_is_edited(void) {
    begin();
    set_mode(CONSOLE_FOREGROUND);
    type("\x7f"
         "aa\x7f\xc3\xb6\x08\x01\x7f"
         "b\r",
         11);
    CHECK(reads(CONSOLE_FOREGROUND, "ab\n"));
    check_sent("aa\b \b\xc3\xb6\b \b^A\b \b\b \bb\r\n");
    type("gone\x15"
         "c\r",
         7);
    CHECK(reads(CONSOLE_FOREGROUND, "c\n"));
}

/* A line that is longer than the terminal's buffer loses no byte. */
static void a_long_line_comes_in_pieces(void) {
    uint8_t bytes[CONSOLE_BYTES_MAX];
    size_t seen = 0, length;
    begin();
    set_mode(CONSOLE_FOREGROUND);
    for (size_t i = 0; i < 2 * COOKED_BYTES_MAX + 10; i++)
        type(&"0123456789"[i % 10], 1);
    type("\r", 1);
    while ((length = take(CONSOLE_FOREGROUND, bytes, sizeof bytes)) > 0)
        for (size_t i = 0; i < length; i++, seen++)
            CHECK_EQUAL(bytes[i], seen < 2 * COOKED_BYTES_MAX + 10 ? '0' + seen % 10 : '\n');
    CHECK_EQUAL(seen, 2 * COOKED_BYTES_MAX + 11);
}

/* Ctrl-D: what was typed goes to the program; at the beginning of a line it is the end of input, once. What follows is
 * for other readers. */
static void control_d(void) {
    begin();
    set_mode(CONSOLE_FOREGROUND);
    type("hello\r\x04"
         "after\r",
         13);
    CHECK(reads(CONSOLE_FOREGROUND, "hello\n"));
    CHECK(at_end(CONSOLE_FOREGROUND));
    set_mode(CONSOLE_RAW);
    CHECK(reads(CONSOLE_RAW, "after\r"));

    set_mode(CONSOLE_FOREGROUND);
    type("part\x04", 5);
    CHECK(reads(CONSOLE_FOREGROUND, "part"));
    CHECK(!at_end(CONSOLE_FOREGROUND));
    CHECK(terminal_park_reader(&terminal, 0, 1, CONSOLE_FOREGROUND, 8));
    type("\x04", 1);
    CHECK_EQUAL(clients.read_count, 1);
    CHECK(clients.reads[0].status == OK && clients.reads[0].length == 0);

    clients.gone = 2;
    CHECK(terminal_park_reader(&terminal, 0, 2, CONSOLE_FOREGROUND, 8));
    type("\x04", 1);
    set_mode(CONSOLE_RAW); /* an end that nobody took does not end the shell */
    CHECK(!at_end(CONSOLE_RAW));
    type("x", 1);
    CHECK(reads(CONSOLE_RAW, "x"));
}

/* After a break each reader gets first the typed input, then the end, in both modes, until a key comes. */
static void a_break_is_the_end_of_input(void) {
    begin();
    CHECK(terminal_park_reader(&terminal, 0, 1, CONSOLE_RAW, 8));
    type("a", 1);
    hang_up();
    CHECK_EQUAL(clients.read_count, 1);
    CHECK(at_end(CONSOLE_RAW));
    set_mode(CONSOLE_FOREGROUND);
    CHECK(at_end(CONSOLE_FOREGROUND));
    CHECK(at_end(CONSOLE_FOREGROUND));
    type("b", 1);
    CHECK(!at_end(CONSOLE_FOREGROUND));
    CHECK(terminal_park_reader(&terminal, 0, 2, CONSOLE_FOREGROUND, 8));
    hang_up();
    CHECK_EQUAL(clients.read_count, 2);
    CHECK(clients.reads[1].length == 1 && clients.reads[1].bytes[0] == 'b');
    CHECK(terminal_park_reader(&terminal, 0, 3, CONSOLE_FOREGROUND, 8));
    set_mode(CONSOLE_RAW);
    CHECK(at_end(CONSOLE_RAW));
    type("\0", 1); /* a zero byte is one */
    CHECK(!at_end(CONSOLE_RAW));
}

/* The other side is told when to stop sending and when to continue, in both modes. Output of
 * programs never does that. */
static void the_other_side_is_held_back(void) {
    static const enum console_mode modes[] = {CONSOLE_RAW, CONSOLE_FOREGROUND};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[CONSOLE_BYTES_MAX];
        size_t typed = 0, seen = 0;
        begin();
        set_mode(modes[i]);
        CHECK(put("a\x11\x13", 3));
        drain();
        for (; chip.sent[chip.sent_count - 1] != '\x13' && typed < TERMINAL_INPUT_BYTES; typed++, drain())
            type("\r", 1);
        CHECK(typed < TERMINAL_INPUT_BYTES - 2048); /* what is on its way still fits */
        CHECK_EQUAL(chip.sent_count, 2);
        for (; memchr(chip.sent, '\x11', chip.sent_count) == NULL && seen < typed; drain())
            seen += take(modes[i], bytes, 16);
        CHECK(seen > 0 && seen < typed);
        CHECK_EQUAL(terminal.input_lost_count, 0);
    }
}

/* The chip reports a break before the bytes received earlier, for which the ring may have no room. */
static void a_break_comes_behind_what_was_received(void) {
    uint8_t bytes[CONSOLE_BYTES_MAX];
    size_t seen = 0, length;
    begin();
    for (size_t i = 0; i < TERMINAL_INPUT_BYTES; i++)
        type("x", 1);
    type("yz", 2); /* stay in the chip */
    hang_up();
    while ((length = take(CONSOLE_RAW, bytes, sizeof bytes)) > 0) {
        seen += length;
        if (chip_line())
            CHECK(terminal_progress(&terminal));
    }
    CHECK_EQUAL(seen, TERMINAL_INPUT_BYTES + 2);
    CHECK(at_end(CONSOLE_RAW));
}

/* Bytes that arrive while those before them are taken: the look that finds the chip empty is not left out. */
static void a_break_is_heard_behind_any_number_of_bytes(void) {
    for (unsigned more = 0; more < 4 * UART_FIFO_BYTES; more++) {
        begin();
        chip.receive[chip.receive_count++] = 'x';
        chip.to_come = more + 1;
        chip.broken = true;
        CHECK(terminal_progress(&terminal));
        uint8_t bytes[CONSOLE_BYTES_MAX];
        size_t seen = take(CONSOLE_RAW, bytes, sizeof bytes);
        CHECK_EQUAL(seen, more + 1);
        CHECK(at_end(CONSOLE_RAW));
    }
}

/* Of the zero bytes that are still in the chip only the last is the break's own. */
static void a_zero_byte_before_a_break_is_one(void) {
    uint8_t bytes[CONSOLE_BYTES_MAX];
    begin();
    memcpy(chip.receive, "\0a\0\0\0", 5);
    chip.receive_count = 5;
    chip.broken = true;
    CHECK(terminal_progress(&terminal));
    CHECK_EQUAL(take(CONSOLE_RAW, bytes, sizeof bytes), 4);
    CHECK(memcmp(bytes, "\0a\0\0", 4) == 0);
    CHECK(at_end(CONSOLE_RAW));
}

/* Reading the line status clears the break. It must be noticed whichever code reads the status first. */
static void a_break_is_heard_whoever_looks_at_the_chip_first(void) {
    for (unsigned drains = 0; drains < 2; drains++) {
        begin();
        chip.receive[chip.receive_count++] = 0;
        chip.broken = true;
        if (drains == 0)
            CHECK(put("x", 1));
        else
            CHECK(!terminal_is_drained(&terminal) || !chip.broken);
        CHECK(terminal_progress(&terminal)); /* for the interrupt that is on its way */
        CHECK(at_end(CONSOLE_RAW));
    }
}

SUITE(CASE(lines), CASE(a_line_is_edited), CASE(a_long_line_comes_in_pieces), CASE(control_d),
      CASE(a_break_is_the_end_of_input), CASE(the_other_side_is_held_back),
      CASE(a_break_is_heard_behind_any_number_of_bytes), CASE(a_zero_byte_before_a_break_is_one),
      CASE(a_break_is_heard_whoever_looks_at_the_chip_first), CASE(a_break_comes_behind_what_was_received));
