#include "boot/serial.h"

#include "boot/cpu.h"

/* National Semiconductor PC16550D data sheet. */
enum {
    COM1 = 0x3f8,
    UART_DATA = 0,
    UART_INTERRUPTS = 1,
    UART_DIVISOR_HIGH = 1,
    UART_FIFO = 2,
    UART_LINE_CONTROL = 3,
    UART_MODEM_CONTROL = 4,
    UART_LINE_STATUS = 5,
    DIVISOR_115200 = 1,
    LINE_DIVISOR_ACCESS = 0x80,
    LINE_8N1 = 0x03,
    FIFO_ON_AND_CLEAR = 0x07,
    MODEM_READY = 0x03,
    STATUS_CAN_SEND = 0x20,
    SEND_POLLS_MAX = 100000, /* so that a machine without a UART does not hang here */
};

void serial_begin(void) {
    cpu_out8(COM1 + UART_INTERRUPTS, 0);
    cpu_out8(COM1 + UART_LINE_CONTROL, LINE_DIVISOR_ACCESS);
    cpu_out8(COM1 + UART_DATA, DIVISOR_115200);
    cpu_out8(COM1 + UART_DIVISOR_HIGH, 0);
    cpu_out8(COM1 + UART_LINE_CONTROL, LINE_8N1);
    cpu_out8(COM1 + UART_FIFO, FIFO_ON_AND_CLEAR);
    cpu_out8(COM1 + UART_MODEM_CONTROL, MODEM_READY);
}

static void write_byte(char byte) {
    uint32_t polls = 0;
    while (!(cpu_in8(COM1 + UART_LINE_STATUS) & STATUS_CAN_SEND) && polls < SEND_POLLS_MAX)
        polls++;
    cpu_out8(COM1 + UART_DATA, (uint8_t)byte);
}

void serial_write(const char *text) {
    for (; *text != 0; text++) {
        if (*text == '\n')
            write_byte('\r');
        write_byte(*text);
    }
}
