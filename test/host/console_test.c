/*
 * Does the console lose, repeat or reorder no byte, serve those who wait in their order, and keep hearing Ctrl-C, on a
 * chip that behaves as the 16550's data sheet says?
 *
 * The fake chip below has both FIFOs, the interrupt identity with its priorities, and an interrupt line that the test
 * looks at as an edge-triggered controller would: only a rise counts.
 */
#include "servers/console/terminal.h"

#include <string.h>

#include "test/host/check.h"

enum {
    DATA,
    ENABLE,
    IDENTITY,
    LINE,
    MODEM,
    STATUS,
    MODEM_STATUS,
    SCRATCH,
    ENABLE_RECEIVED = 1,
    ENABLE_EMPTY = 2,
    ENABLE_LINE = 4,
    STATUS_READY = 1,
    STATUS_OVERRUN = 2,
    STATUS_EMPTY = 0x20,
    MODEM_RTS = 2,
    DIVISOR_ACCESS = 0x80,
};

static struct {
    bool absent;
    bool stuck; /* interrupts without end */
    uint8_t registers[8];
    uint8_t divisor[2];
    uint8_t receive[UART_FIFO_BYTES];
    size_t receive_count;
    bool overrun;
    size_t transmit_count; /* bytes in the FIFO */
    bool empty_pending;    /* the cause `transmitter empty` */
    char sent[1 << 20];    /* all that was ever written to the chip */
    size_t sent_count;
    uint32_t lost; /* bytes written to a full FIFO */
} chip;

static struct terminal terminal;

static struct {
    struct {
        cap_t reply;
        uint8_t bytes[CONSOLE_BYTES_MAX];
        size_t length;
    } reads[64];
    size_t read_count;
    cap_t writes[64];
    size_t write_count;
    cap_t gone; /* this reader is dead */
    uint32_t interrupts;
} clients;

static bool chip_line(void) {
    uint8_t enable = chip.registers[ENABLE];
    return chip.stuck || ((enable & ENABLE_LINE) && chip.overrun) ||
           ((enable & ENABLE_RECEIVED) && chip.receive_count > 0) || ((enable & ENABLE_EMPTY) && chip.empty_pending);
}

static uint8_t chip_identity(void) {
    uint8_t enable = chip.registers[ENABLE];
    if (chip.stuck)
        return 0x0;
    if ((enable & ENABLE_LINE) && chip.overrun)
        return 0x6;
    if ((enable & ENABLE_RECEIVED) && chip.receive_count > 0)
        return chip.receive_count >= 8 ? 0x4 : 0xc;
    if ((enable & ENABLE_EMPTY) && chip.empty_pending) {
        chip.empty_pending = false;
        return 0x2;
    }
    return 0x1;
}

static uint8_t chip_read(void *context, unsigned index) {
    (void)context;
    if (chip.absent)
        return 0xff;
    uint8_t value = chip.registers[index];
    if (index == DATA) {
        value = chip.receive[0];
        if (CHECK(chip.receive_count > 0))
            memmove(chip.receive, chip.receive + 1, --chip.receive_count);
    } else if (index == IDENTITY) {
        value = 0xc0 | chip_identity();
    } else if (index == STATUS) {
        value = (uint8_t)((chip.receive_count > 0 ? STATUS_READY : 0) | (chip.overrun ? STATUS_OVERRUN : 0) |
                          (chip.transmit_count == 0 ? STATUS_EMPTY : 0));
        chip.overrun = false;
    }
    return value;
}

static void chip_write(void *context, unsigned index, uint8_t value) {
    (void)context;
    if (chip.absent)
        return;
    if ((chip.registers[LINE] & DIVISOR_ACCESS) && index < 2) {
        chip.divisor[index] = value;
        return;
    }
    if (index == DATA) {
        chip.empty_pending = false;
        if (chip.transmit_count == UART_FIFO_BYTES)
            chip.lost++;
        else
            chip.transmit_count++;
        chip.sent[chip.sent_count++ % sizeof chip.sent] = (char)value;
        return;
    }
    if (index == ENABLE && (value & ENABLE_EMPTY) && !(chip.registers[ENABLE] & ENABLE_EMPTY) &&
        chip.transmit_count == 0)
        chip.empty_pending = true;
    chip.registers[index] = value;
}

static bool answer_read(void *context, cap_t reply, const uint8_t *bytes, size_t length) {
    (void)context;
    if (reply == clients.gone)
        return false;
    clients.reads[clients.read_count].reply = reply;
    clients.reads[clients.read_count].length = length;
    if (length > 0)
        memcpy(clients.reads[clients.read_count].bytes, bytes, length);
    clients.read_count++;
    return true;
}

static void answer_write(void *context, cap_t reply, size_t length) {
    (void)context;
    CHECK(length > 0);
    clients.writes[clients.write_count++] = reply;
}

static void interrupt(void *context) {
    (void)context;
    clients.interrupts++;
}

static const struct uart_ports ports = {.read = chip_read, .write = chip_write};
static const struct terminal_clients callbacks = {
    .answer_read = answer_read, .answer_write = answer_write, .interrupt = interrupt};

/* The controller: calls the server on a rise of the line, as often as the line can be brought to rest. */
static void deliver(bool was_raised) {
    if (!was_raised && chip_line())
        CHECK(terminal_progress(&terminal));
    CHECK(!chip_line()); /* else no further edge would ever come */
}

static void begin(void) {
    memset(&chip, 0, sizeof chip);
    memset(&clients, 0, sizeof clients);
    CHECK(terminal_start(&terminal, &ports, &callbacks));
}

static void type(const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        bool raised = chip_line();
        if (chip.receive_count == UART_FIFO_BYTES)
            chip.overrun = true;
        else
            chip.receive[chip.receive_count++] = (uint8_t)bytes[i];
        if (chip.registers[ENABLE] & ENABLE_RECEIVED)
            deliver(raised);
    }
}

/* The wire carries the FIFO's bytes away. */
static void drain(void) {
    for (unsigned i = 0; i < 10000 && chip.transmit_count > 0; i++) {
        bool raised = chip_line();
        chip.transmit_count = 0;
        chip.empty_pending = true;
        deliver(raised);
    }
}

static size_t write_text(const char *text) { return terminal_write(&terminal, (const uint8_t *)text, strlen(text)); }

static void check_sent(const char *wanted) {
    drain();
    if (!CHECK(chip.sent_count == strlen(wanted) && memcmp(chip.sent, wanted, chip.sent_count) == 0))
        printf("#   sent `%.*s`\n", (int)chip.sent_count, chip.sent);
    CHECK_EQUAL(chip.lost, 0);
}

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
    char text[500];
    memset(&chip, 0, sizeof chip);
    chip.absent = true;
    CHECK(!terminal_start(&terminal, &ports, &callbacks));
    memset(text, 'x', sizeof text);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQUAL(terminal_write(&terminal, (const uint8_t *)text, CONSOLE_BYTES_MAX), CONSOLE_BYTES_MAX);
    CHECK(terminal_progress(&terminal));
}

static void line_feed_becomes_two_bytes(void) {
    begin();
    CHECK_EQUAL(write_text("a\nb\r\nc\r"), 7);
    CHECK_EQUAL(write_text("\nd"), 2);
    check_sent("a\r\nb\r\nc\r\nd");
}

static void output_longer_than_the_fifo(void) {
    begin();
    CHECK_EQUAL(write_text("0123456789abcdef"), 16);
    CHECK_EQUAL(write_text("ghi"), 3);
    CHECK_EQUAL(write_text("j"), 1);
    check_sent("0123456789abcdefghij");
    CHECK(!(chip.registers[ENABLE] & ENABLE_EMPTY)); /* at rest it does not interrupt */
    CHECK_EQUAL(write_text("!"), 1);
    check_sent("0123456789abcdefghij!");

    begin();
    CHECK_EQUAL(write_text("0123456789abcdef0123456789ABCDEF01234567"), 40);
    check_sent("0123456789abcdef0123456789ABCDEF01234567");
}

/* A line feed needs two places. The one that is left is not for those behind it. */
static void a_line_feed_waits_for_two_places(void) {
    uint8_t bytes[CONSOLE_BYTES_MAX];
    begin();
    memset(bytes, 'x', sizeof bytes);
    for (size_t left = UART_FIFO_BYTES + TERMINAL_OUTPUT_BYTES - 1; left > 0;) {
        size_t part = left < sizeof bytes ? left : sizeof bytes;
        CHECK_EQUAL(terminal_write(&terminal, bytes, part), part);
        left -= part;
    }
    while (ring_free(&terminal.output) > 1) /* the chip took the first ones one write at a time */
        CHECK_EQUAL(write_text("x"), 1);
    CHECK_EQUAL(write_text("\n"), 0);
    CHECK(terminal_park_writer(&terminal, 1, (const uint8_t *)"\n", 1, 0));
    CHECK_EQUAL(write_text("y"), 0);
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
        size_t written = terminal_write(&terminal, bytes, sizeof bytes);
        CHECK(parked == 0 || written == 0); /* nobody overtakes */
        if (written < sizeof bytes)
            CHECK(terminal_park_writer(&terminal, ++parked, bytes, sizeof bytes, written));
        total += sizeof bytes;
    }
    CHECK(!terminal_park_writer(&terminal, 99, bytes, 1, 0));
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

static void input_waits_for_a_reader(void) {
    uint8_t bytes[16];
    begin();
    CHECK_EQUAL(terminal_read(&terminal, bytes, sizeof bytes), 0);
    type("hello", 5);
    CHECK_EQUAL(terminal_read(&terminal, bytes, 3), 3);
    CHECK(memcmp(bytes, "hel", 3) == 0);
    CHECK_EQUAL(terminal_read(&terminal, bytes, sizeof bytes), 2);
    CHECK(memcmp(bytes, "lo", 2) == 0);
    CHECK_EQUAL(clients.read_count, 0);
}

static void readers_queue_up(void) {
    uint8_t byte;
    begin();
    for (cap_t reply = 1; reply <= 3; reply++)
        terminal_park_reader(&terminal, reply, 1);
    CHECK_EQUAL(terminal_read(&terminal, &byte, 1), 0); /* nobody overtakes */
    type("a", 1);
    CHECK_EQUAL(clients.read_count, 1);
    type("bcd", 3);
    CHECK_EQUAL(clients.read_count, 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQUAL(clients.reads[i].reply, i + 1);
        CHECK(clients.reads[i].length == 1 && clients.reads[i].bytes[0] == 'a' + i);
    }
    CHECK_EQUAL(terminal_read(&terminal, &byte, 1), 1);
    CHECK_EQUAL(byte, 'd');
}

static void a_dead_reader_takes_nothing(void) {
    begin();
    clients.gone = 1;
    terminal_park_reader(&terminal, 1, 10);
    terminal_park_reader(&terminal, 2, 10);
    type("x", 1);
    CHECK_EQUAL(clients.read_count, 1);
    CHECK_EQUAL(clients.reads[0].reply, 2);
    CHECK(clients.reads[0].length == 1 && clients.reads[0].bytes[0] == 'x');
}

static void too_many_readers_push_out_the_oldest(void) {
    begin();
    for (cap_t reply = 1; reply <= TERMINAL_WAITERS_MAX + 1; reply++)
        terminal_park_reader(&terminal, reply, 1);
    CHECK_EQUAL(clients.read_count, 1);
    CHECK_EQUAL(clients.reads[0].reply, 1);
    CHECK_EQUAL(clients.reads[0].length, 0);
}

static void control_c(void) {
    uint8_t bytes[8];
    begin();
    type("\x03", 1); /* raw: a byte */
    CHECK_EQUAL(terminal_read(&terminal, bytes, sizeof bytes), 1);
    CHECK_EQUAL(bytes[0], 3);
    terminal_set_mode(&terminal, CONSOLE_FOREGROUND);
    type("ahead\x03of", 8);
    CHECK_EQUAL(clients.interrupts, 1);
    CHECK_EQUAL(terminal_read(&terminal, bytes, sizeof bytes), 2);
    CHECK(memcmp(bytes, "of", 2) == 0);
    check_sent("^C\r\n");
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
    while ((length = terminal_read(&terminal, bytes, sizeof bytes)) > 0) {
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
    terminal_set_mode(&terminal, CONSOLE_FOREGROUND);
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
    terminal_set_mode(&terminal, CONSOLE_FOREGROUND);
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

/* Any order of typing, reading, writing and draining: what comes out is what went in. */
static void random_events(void) {
    uint64_t random = 5;
    uint64_t typed = 0;
    uint64_t seen = 0;
    uint64_t written = 0;
    begin();
    for (unsigned i = 0; i < 200000 && chip.sent_count + 2 * UART_FIFO_BYTES < sizeof chip.sent; i++) {
        uint64_t number = check_random(&random) >> 8;
        uint8_t byte = (uint8_t)('a' + written % 26);
        char key = (char)('a' + typed % 26);
        switch (number % 4) {
        case 0:
            type(&key, 1);
            typed++;
            break;
        case 1:
            written += terminal_write(&terminal, &byte, 1);
            break;
        case 2:
            if (terminal_read(&terminal, &byte, 1) == 1)
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

int main(void) {
    static const struct check_case cases[] = {
        {"chip_is_set_up", chip_is_set_up},
        {"without_a_chip_output_vanishes", without_a_chip_output_vanishes},
        {"line_feed_becomes_two_bytes", line_feed_becomes_two_bytes},
        {"output_longer_than_the_fifo", output_longer_than_the_fifo},
        {"a_line_feed_waits_for_two_places", a_line_feed_waits_for_two_places},
        {"flood", flood},
        {"input_waits_for_a_reader", input_waits_for_a_reader},
        {"readers_queue_up", readers_queue_up},
        {"a_dead_reader_takes_nothing", a_dead_reader_takes_nothing},
        {"too_many_readers_push_out_the_oldest", too_many_readers_push_out_the_oldest},
        {"control_c", control_c},
        {"raw_input_is_held_back", raw_input_is_held_back},
        {"a_burst_stops_where_the_ring_is_full", a_burst_stops_where_the_ring_is_full},
        {"foreground_input_is_dropped_but_control_c_heard", foreground_input_is_dropped_but_control_c_heard},
        {"control_c_is_heard_after_a_full_raw_ring", control_c_is_heard_after_a_full_raw_ring},
        {"overrun_is_counted", overrun_is_counted},
        {"a_chip_without_rest_is_left", a_chip_without_rest_is_left},
        {"random_events", random_events},
    };
    return check_run(cases, sizeof cases / sizeof cases[0]);
}
