/*
 * A 16550 UART: start it, serve its interrupts, keep its transmitter busy. It reaches the registers through struct
 * uart_ports, so that a host test can stand in for the chip. It does not know what the bytes mean.
 *
 * A program that dies loses no byte and sends none twice: its successor finds each byte either in the chip or in memory
 * that both have. So what has been read lies in `seen` until it has been dealt with, and a byte leaves the output ring
 * when it goes into the chip (libsys/wire/journal.h). The registers that only set the chip up are written again.
 * Source: PC16550D data sheet (National Semiconductor), "Registers" and "FIFO Interrupt Mode Operation".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/console/ring.h"

#define UART_PORT_COUNT 8U
#define UART_FIFO_BYTES 16U

/* The chip's registers, 0..7 from its first port. */
struct uart_ports {
    uint8_t (*read)(void *context, unsigned index);
    void (*write)(void *context, unsigned index, uint8_t value);
    /*
     * For accesses that can't be repeated: read a register, and *place becomes `flags` | its value; write one, and
     * *place becomes `after`. A program that dies has done both or neither.
     */
    void (*take)(void *context, unsigned index, uint64_t *place, uint64_t flags);
    void (*give)(void *context, unsigned index, uint8_t value, uint64_t *place, uint64_t after);
    void *context;
};

/* The functions by which the driver's user takes received bytes, and the bytes to send. */
struct uart_user {
    void (*received)(void *context, uint8_t byte);
    void (*hung_up)(void *context); /* a break came behind what was received */
    struct ring *output;
    void *context;
};

struct uart {
    /* Of each program, set again by its successor. */
    const struct uart_ports *ports;
    const struct uart_user *user;
    bool transmit_enabled; /* it interrupts when its transmit FIFO is empty */

    /* Kept. */
    bool present;           /* a chip answered; without one nothing is received and all output is dropped */
    bool receive_enabled;   /* it interrupts when it has received something */
    bool broken;            /* a break was seen, and what was received before it may still be in the chip */
    bool zero_held;         /* a zero byte was taken out of the chip since; it is the break's if it is the last */
    uint64_t seen;          /* a register's value, and which one it is of; 0: all that was read is dealt with */
    uint64_t overrun_count; /* bytes lost because they were not taken out in time, at least */
};

/*
 * Set the chip to 115200 baud, 8 data bits, no parity, 1 stop bit, FIFOs on, receive interrupts on. ports and user must
 * stay valid. Returns whether there is a chip at all. No byte that was received is lost, so it does no harm to call it
 * again if the program before died in it.
 */
bool uart_start(struct uart *uart, const struct uart_ports *ports, const struct uart_user *user);

/*
 * Take over the chip of the program before, whose *uart it is. ports and user must stay valid. Call uart_transmit()
 * next if there is something to send.
 */
void uart_take_over(struct uart *uart, const struct uart_ports *ports, const struct uart_user *user);

/*
 * Serve every pending cause of interrupt; harmless when there is none. Returns whether the chip came to rest. If it has
 * not after UART_SERVICE_MAX causes, call this again without an interrupt: the chip's line is still raised, and an
 * edge-triggered controller would not notice another cause.
 */
bool uart_service(struct uart *uart);
#define UART_SERVICE_MAX 64U

/*
 * There are bytes to send: fill the FIFO if it is empty, and be interrupted when it has become so. All changes are
 * committed before: what is sent can't be undone.
 */
void uart_transmit(struct uart *uart);

/* Has the last bit been sent? */
bool uart_is_idle(struct uart *uart);

/* Take received bytes, or leave them in the chip, which then tells the other side to wait (RTS). */
void uart_receive(struct uart *uart, bool enabled);
