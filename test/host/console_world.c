#include "test/host/console_world.h"

#include <string.h>

#include "test/host/suite.h"

struct console_chip chip;
struct console_answers clients;
struct terminal terminal;

bool chip_line(void) {
    uint8_t enable = chip.registers[ENABLE];
    return chip.stuck || ((enable & ENABLE_LINE) && (chip.overrun || chip.broken)) ||
           ((enable & ENABLE_RECEIVED) && chip.receive_count > 0) || ((enable & ENABLE_EMPTY) && chip.empty_pending);
}

static uint8_t chip_identity(void) {
    uint8_t enable = chip.registers[ENABLE];
    if (chip.stuck)
        return 0x0;
    if ((enable & ENABLE_LINE) && (chip.overrun || chip.broken))
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
        for (; chip.to_come > 0 && chip.receive_count < UART_FIFO_BYTES; chip.to_come--)
            chip.receive[chip.receive_count++] = chip.to_come == 1 ? 0 : 'x';
    } else if (index == IDENTITY) {
        value = 0xc0 | chip_identity();
    } else if (index == STATUS) {
        value = (uint8_t)((chip.receive_count > 0 ? STATUS_READY : 0) | (chip.overrun ? STATUS_OVERRUN : 0) |
                          (chip.broken ? STATUS_BROKEN : 0) |
                          (chip.transmit_count == 0 ? STATUS_EMPTY | STATUS_ALL_SENT : 0));
        chip.overrun = false;
        chip.broken = false;
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

static bool answer_read(void *context, cap_t reply, uint32_t status, const uint8_t *bytes, size_t length) {
    (void)context;
    if (reply == clients.gone)
        return false;
    clients.reads[clients.read_count].reply = reply;
    clients.reads[clients.read_count].status = status;
    clients.reads[clients.read_count].length = length;
    if (length > 0)
        memcpy(clients.reads[clients.read_count].bytes, bytes, length);
    clients.read_count++;
    return true;
}

static bool answer_write(void *context, cap_t reply, size_t length) {
    (void)context;
    CHECK(length > 0);
    if (reply == clients.gone)
        return false;
    clients.writes[clients.write_count++] = reply;
    return true;
}

static void answer_flush(void *context, cap_t reply) {
    (void)context, (void)reply;
    clients.flushes++;
}

static bool waits(void *context, cap_t reply) {
    (void)context;
    return reply != clients.gone;
}

static void raise(void *context, uint64_t bits, uint64_t *place, uint64_t after) {
    (void)context;
    clients.interrupts += (bits & TERMINAL_INTERRUPT) != 0;
    clients.suspends += (bits & TERMINAL_SUSPEND) != 0;
    *place = after;
}

static void chip_take(void *context, unsigned index, uint64_t *place, uint64_t flags) {
    *place = flags | chip_read(context, index);
}

static void chip_give(void *context, unsigned index, uint8_t value, uint64_t *place, uint64_t after) {
    chip_write(context, index, value);
    *place = after;
}

const struct uart_ports ports = {.read = chip_read, .write = chip_write, .take = chip_take, .give = chip_give};
const struct terminal_clients callbacks = {.answer_read = answer_read,
                                           .answer_write = answer_write,
                                           .answer_flush = answer_flush,
                                           .waits = waits,
                                           .raise = raise};

/* The controller: calls the server on a rise of the line, as often as the line can be brought to rest. */
static void deliver(bool was_raised) {
    if (!was_raised && chip_line())
        CHECK(terminal_progress(&terminal));
    CHECK(!chip_line()); /* otherwise no further edge would ever come */
}

void begin(void) {
    memset(&chip, 0, sizeof chip);
    memset(&clients, 0, sizeof clients);
    memset(&terminal, 0, sizeof terminal);
    CHECK(terminal_start(&terminal, &ports, &callbacks));
    CHECK(terminal_progress(&terminal));
    check_sent("\x11"); /* the other side may send */
    chip.sent_count = 0;
}

void type(const char *bytes, size_t length) {
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

void hang_up(void) {
    bool raised = chip_line();
    chip.receive[chip.receive_count++] = 0;
    chip.broken = true;
    deliver(raised);
}

void drain(void) {
    for (unsigned i = 0; i < 10000 && chip.transmit_count > 0; i++) {
        bool raised = chip_line();
        chip.transmit_count = 0;
        chip.empty_pending = true;
        deliver(raised);
    }
}

void check_sent(const char *wanted) {
    drain();
    if (!CHECK(chip.sent_count == strlen(wanted) && memcmp(chip.sent, wanted, chip.sent_count) == 0))
        printf("#   sent `%.*s`\n", (int)chip.sent_count, chip.sent);
    CHECK_EQUAL(chip.lost, 0);
}

bool put(const void *bytes, size_t length) {
    bool taken = terminal_write(&terminal, bytes, length);
    terminal_settle(&terminal);
    return taken;
}

void set_mode(enum console_mode mode) {
    terminal_set_mode(&terminal, mode);
    terminal_settle(&terminal);
}

void set_foreground(uint32_t group) {
    terminal_set_foreground(&terminal, group);
    terminal_settle(&terminal);
}

/* Returns how many bytes a reader gets; SIZE_MAX: it has to wait. */
static size_t get(enum console_mode mode, uint8_t *bytes, size_t limit) {
    size_t length = 99;
    bool answered = terminal_read(&terminal, mode, bytes, limit, &length);
    terminal_settle(&terminal);
    return answered ? length : SIZE_MAX;
}

size_t take(enum console_mode mode, uint8_t *bytes, size_t limit) {
    size_t length = get(mode, bytes, limit);
    return length == SIZE_MAX ? 0 : length;
}

bool at_end(enum console_mode mode) {
    uint8_t byte;
    return get(mode, &byte, 1) == 0;
}

bool reads(enum console_mode mode, const char *wanted) {
    uint8_t bytes[CONSOLE_BYTES_MAX];
    size_t length = take(mode, bytes, sizeof bytes);
    return length == strlen(wanted) && memcmp(bytes, wanted, length) == 0;
}
