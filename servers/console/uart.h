/*
 * A 16550 UART: start it, serve its interrupts, keep its transmitter busy. It reaches the registers through struct
 * uart_ports, so that a host test can stand in for the chip. It does not know what the bytes mean.
 * Source: PC16550D data sheet (National Semiconductor), "Registers" and "FIFO Interrupt Mode Operation".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UART_PORT_COUNT 8U
#define UART_FIFO_BYTES 16U

/* The chip's registers, 0..7 from its first port. */
struct uart_ports {
    uint8_t (*read)(void *context, unsigned index);
    void (*write)(void *context, unsigned index, uint8_t value);
    void *context;
};

/* The functions by which the driver's user takes received bytes and supplies bytes to send. */
struct uart_user {
    void (*received)(void *context, uint8_t byte);
    int (*next)(void *context);     /* the next byte to send, or -1: there is none now */
    void (*hung_up)(void *context); /* a break came behind what was received */
    void *context;
};

struct uart {
    const struct uart_ports *ports;
    const struct uart_user *user;
    bool present;           /* a chip answered; without one nothing is received and all output is dropped */
    bool transmit_enabled;  /* it interrupts when its transmit FIFO is empty */
    bool receive_enabled;   /* it interrupts when it has received something */
    bool broken;            /* a break was seen, and what was received before it may still be in the chip */
    bool zero_held;         /* a zero byte was taken out of the chip since; it is the break's if it is the last */
    uint64_t overrun_count; /* bytes lost because they were not taken out in time, at least */
};

/*
 * Set the chip to 115200 baud, 8 data bits, no parity, 1 stop bit, FIFOs on, receive interrupts on. ports and user must
 * stay valid. Returns whether there is a chip at all.
 */
bool uart_start(struct uart *uart, const struct uart_ports *ports, const struct uart_user *user);

/*
 * Serve every pending cause of interrupt; harmless when there is none. Returns whether the chip came to rest. If it has
 * not after UART_SERVICE_MAX causes, call this again without an interrupt: the chip's line is still raised, and an
 * edge-triggered controller would not notice another cause.
 */
bool uart_service(struct uart *uart);
#define UART_SERVICE_MAX 64U

/* The user has bytes to send: fill the FIFO if it is empty, and be interrupted when it has become so. */
void uart_transmit(struct uart *uart);

/* Has the last bit been sent? */
bool uart_is_idle(struct uart *uart);

/* Take received bytes, or leave them in the chip, which then tells the other side to wait (RTS). */
void uart_receive(struct uart *uart, bool enabled);
