#include "servers/console/uart.h"

#include "libsys/wire/journal.h"

enum uart_register {
    UART_DATA = 0,        /* read: received byte; write: byte to send */
    UART_DIVISOR_LOW = 0, /* while LINE_DIVISOR is set */
    UART_INTERRUPT_ENABLE = 1,
    UART_DIVISOR_HIGH = 1,       /* while LINE_DIVISOR is set */
    UART_INTERRUPT_IDENTITY = 2, /* read */
    UART_FIFO_CONTROL = 2,       /* write */
    UART_LINE_CONTROL = 3,
    UART_MODEM_CONTROL = 4,
    UART_LINE_STATUS = 5,
    UART_MODEM_STATUS = 6,
    UART_SCRATCH = 7,
};

enum interrupt_enable {
    ENABLE_RECEIVED = 1 << 0,
    ENABLE_TRANSMITTER_EMPTY = 1 << 1,
    ENABLE_LINE_STATUS = 1 << 2,
};

enum interrupt_identity {
    IDENTITY_MODEM_STATUS = 0x0,
    IDENTITY_NONE = 0x1,
    IDENTITY_TRANSMITTER_EMPTY = 0x2,
    IDENTITY_RECEIVED = 0x4,
    IDENTITY_LINE_STATUS = 0x6,
    IDENTITY_TIMEOUT = 0xc, /* bytes below the trigger level wait in the FIFO */
    IDENTITY_MASK = 0xf,
};

enum fifo_control {
    FIFO_ENABLE = 1 << 0,
    FIFO_CLEAR_RECEIVE = 1 << 1,
    FIFO_CLEAR_TRANSMIT = 1 << 2,
    FIFO_TRIGGER_8 = 2 << 6,
};

enum line_control {
    LINE_8_BITS = 3 << 0,
    LINE_DIVISOR = 1 << 7,
};

enum modem_control {
    MODEM_READY = 1 << 0,            /* DTR */
    MODEM_REQUEST = 1 << 1,          /* RTS: the other side may send */
    MODEM_INTERRUPT_OUTPUT = 1 << 3, /* OUT2: on a PC, lets the interrupt reach its line */
};

enum line_status {
    STATUS_DATA = 1 << 0,
    STATUS_OVERRUN = 1 << 1,
    STATUS_BREAK = 1 << 4,
    STATUS_TRANSMITTER_EMPTY = 1 << 5,
    STATUS_ALL_SENT = 1 << 6,
};

#define DIVISOR_115200 1U
#define SCRATCH_TEST 0x5aU

static uint8_t get(const struct uart *uart, enum uart_register index) {
    return uart->ports->read(uart->ports->context, index);
}

static void set(const struct uart *uart, enum uart_register index, unsigned value) {
    uart->ports->write(uart->ports->context, index, (uint8_t)value);
}

/* What `seen` is: a byte of the register, and above it ... */
#define SEEN_STATUS 0x100U
#define SEEN_DATA 0x200U

/* Deal with what was read, once. */
static void digest(struct uart *uart) {
    uint8_t value = (uint8_t)uart->seen;
    if (uart->seen & SEEN_STATUS) {
        if (value & STATUS_OVERRUN)
            JOURNAL_SET(uart->overrun_count, uart->overrun_count + 1);
        if (value & STATUS_BREAK)
            JOURNAL_SET(uart->broken, true);
    } else if (value == 0 && uart->broken) {
        JOURNAL_SET(uart->zero_held, true);
    } else {
        uart->user->received(uart->user->context, value);
    }
    JOURNAL_SET(uart->seen, 0);
    journal_settle();
}

/* Read the line status. That clears its bits for breaks and overruns, so each read has to note them. */
static uint8_t line_status(struct uart *uart) {
    uart->ports->take(uart->ports->context, UART_LINE_STATUS, &uart->seen, SEEN_STATUS);
    uint8_t status = (uint8_t)uart->seen;
    digest(uart);
    return status;
}

static void set_enables(const struct uart *uart) {
    unsigned enables = ENABLE_LINE_STATUS;
    if (uart->receive_enabled)
        enables |= ENABLE_RECEIVED;
    if (uart->transmit_enabled)
        enables |= ENABLE_TRANSMITTER_EMPTY;
    set(uart, UART_INTERRUPT_ENABLE, enables);
}

static void set_receive(const struct uart *uart) {
    unsigned request = uart->receive_enabled ? MODEM_REQUEST : 0;
    set_enables(uart);
    set(uart, UART_MODEM_CONTROL, MODEM_READY | MODEM_INTERRUPT_OUTPUT | request);
}

bool uart_start(struct uart *uart, const struct uart_ports *ports, const struct uart_user *user) {
    *uart = (struct uart){.ports = ports, .user = user, .receive_enabled = true};
    set(uart, UART_SCRATCH, SCRATCH_TEST); /* where no chip is, all registers read 0xff */
    if (get(uart, UART_SCRATCH) != SCRATCH_TEST)
        return false;

    uart->present = true;
    set(uart, UART_INTERRUPT_ENABLE, 0);
    set(uart, UART_LINE_CONTROL, LINE_DIVISOR);
    set(uart, UART_DIVISOR_LOW, DIVISOR_115200);
    set(uart, UART_DIVISOR_HIGH, 0);
    set(uart, UART_LINE_CONTROL, LINE_8_BITS);
    /* The receive FIFO is not cleared: bytes typed while the machine started are wanted. */
    set(uart, UART_FIFO_CONTROL, FIFO_ENABLE | FIFO_CLEAR_TRANSMIT | FIFO_TRIGGER_8);
    set_receive(uart);
    return true;
}

void uart_take_over(struct uart *uart, const struct uart_ports *ports, const struct uart_user *user) {
    uart->ports = ports;
    uart->user = user;
    uart->transmit_enabled = false; /* the cause may have been read already: uart_transmit() looks at the chip */
    if (uart->seen != 0)
        digest(uart);
    if (uart->present)
        set_receive(uart);
}

/*
 * Take received bytes: at most a FIFO full and one look at the empty FIFO. If more arrive meanwhile, the chip
 * interrupts again; if a break is left behind the last byte, uart_service() comes back for it.
 * A break is a zero byte with a status of its own. QEMU's chip reports it at once, before earlier bytes: of the zero
 * bytes that are read then, only the last is the break's.
 */
static void take_received(struct uart *uart) {
    for (unsigned i = 0; i <= UART_FIFO_BYTES; i++) {
        uint8_t status = line_status(uart);
        if (!uart->receive_enabled) /* the user may have said "no more" at the last byte */
            return;
        if (!(status & STATUS_DATA)) {
            if (uart->broken) {
                uart->user->hung_up(uart->user->context);
                JOURNAL_SET(uart->broken, false);
                JOURNAL_SET(uart->zero_held, false);
                journal_settle();
            }
            return;
        }
        if (uart->zero_held) { /* more is in the chip, so this was not the break's */
            JOURNAL_SET(uart->zero_held, false);
            uart->user->received(uart->user->context, 0);
            journal_settle();
            continue;
        }
        uart->ports->take(uart->ports->context, UART_DATA, &uart->seen, SEEN_DATA);
        digest(uart);
    }
}

/* Fill the empty transmit FIFO. The transmit interrupt stays on only if there may be more. */
static void fill_transmitter(struct uart *uart) {
    struct ring *output = uart->user->output;
    unsigned sent = 0;
    for (; sent < UART_FIFO_BYTES && ring_used(output) > 0; sent++)
        uart->ports->give(uart->ports->context, UART_DATA, ring_peek(output, 0), &output->taken, output->taken + 1);
    bool more = sent == UART_FIFO_BYTES;
    if (more != uart->transmit_enabled) {
        uart->transmit_enabled = more;
        set_enables(uart);
    }
}

bool uart_service(struct uart *uart) {
    if (!uart->present)
        return true;
    for (unsigned i = 0; i < UART_SERVICE_MAX; i++) {
        switch (get(uart, UART_INTERRUPT_IDENTITY) & IDENTITY_MASK) {
        case IDENTITY_RECEIVED:
        case IDENTITY_TIMEOUT:
            take_received(uart);
            break;
        case IDENTITY_TRANSMITTER_EMPTY:
            fill_transmitter(uart);
            break;
        case IDENTITY_LINE_STATUS:
            take_received(uart);
            break; /* reading the line status ends this cause */
        case IDENTITY_MODEM_STATUS:
            (void)get(uart, UART_MODEM_STATUS);
            break;
        default: /* IDENTITY_NONE, or a chip that makes no sense */
            if (!uart->broken || !uart->receive_enabled)
                return true;
            take_received(uart); /* the chip is empty behind a break, and no interrupt will say so */
        }
    }
    return false;
}

void uart_transmit(struct uart *uart) {
    if (!uart->present) {
        uart->user->output->taken = uart->user->output->added;
        return;
    }
    if (!uart->transmit_enabled && (line_status(uart) & STATUS_TRANSMITTER_EMPTY)) {
        fill_transmitter(uart);
    } else if (!uart->transmit_enabled) { /* still sending: it interrupts when it is done */
        uart->transmit_enabled = true;
        set_enables(uart);
    }
}

bool uart_is_idle(struct uart *uart) { return !uart->present || (line_status(uart) & STATUS_ALL_SENT) != 0; }

void uart_receive(struct uart *uart, bool enabled) {
    if (!uart->present || uart->receive_enabled == enabled)
        return;
    uart->receive_enabled = enabled;
    set_receive(uart);
}
