/*
 * A console on a chip that behaves as the 16550's data sheet says, and clients that record their answers.
 *
 * The fake chip has both FIFOs, the interrupt identity with its priorities, and an interrupt line as seen by an
 * edge-triggered controller: only a rise counts.
 */
#pragma once

#include "servers/console/terminal.h"

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
    STATUS_BROKEN = 0x10,
    STATUS_EMPTY = 0x20,
    STATUS_ALL_SENT = 0x40,
    MODEM_RTS = 2,
    DIVISOR_ACCESS = 0x80,
};

struct console_chip {
    bool absent;
    bool stuck; /* interrupts without end */
    uint8_t registers[8];
    uint8_t divisor[2];
    uint8_t receive[UART_FIFO_BYTES];
    size_t receive_count;
    bool overrun;
    unsigned to_come;      /* further bytes, the last a break's zero; one arrives when one is read */
    bool broken;           /* the status of a break; its zero byte is in the FIFO like any other */
    size_t transmit_count; /* bytes in the FIFO */
    bool empty_pending;    /* the cause `transmitter empty` */
    char sent[1 << 20];    /* all that was ever written to the chip */
    size_t sent_count;
    uint32_t lost; /* bytes written to a full FIFO */
};
extern struct console_chip chip;

struct console_answers {
    struct {
        cap_t reply;
        uint32_t status;
        uint8_t bytes[CONSOLE_BYTES_MAX];
        size_t length;
    } reads[64];
    size_t read_count;
    cap_t writes[64];
    size_t write_count;
    cap_t gone; /* this client is dead */
    uint32_t interrupts, suspends, flushes;
};
extern struct console_answers clients;
extern struct terminal terminal;
extern const struct uart_ports ports;
extern const struct terminal_clients callbacks;

bool chip_line(void);
/* A chip without bytes, and a terminal that has begun. */
void begin(void);
void type(const char *bytes, size_t length);
/* A break: the other side has gone. */
void hang_up(void);
/* The wire carries the FIFO's bytes away. */
void drain(void);
/* Check all bytes sent so far. */
void check_sent(const char *wanted);
/* A client's call, and what follows from it. */
bool put(const void *bytes, size_t length);
void set_mode(enum console_mode mode);
void set_foreground(uint32_t group);
/* How many bytes a reader gets at once; 0 = it has to wait, or (at_end()) there are no more. */
size_t take(enum console_mode mode, uint8_t *bytes, size_t limit);
bool at_end(enum console_mode mode);
/* Does a reader get exactly this at once? */
bool reads(enum console_mode mode, const char *wanted);
