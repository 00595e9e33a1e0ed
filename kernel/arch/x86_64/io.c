#include "kernel/arch/x86_64/io.h"

#include "kernel/arch.h"
#include "kernel/base/boot_only.h"
#include "kernel/machine/command.h"

#define LOG_PORT 0xe9U /* QEMU's debug console; nothing on a PC listens there */
#define SERIAL_PORT 0x3f8U
#define SERIAL_STATUS (SERIAL_PORT + 5)
#define SERIAL_CAN_SEND (1U << 5)
/*
 * An absent port never takes a byte: after some tries in a row the log stops using it. A port that has taken bytes
 * gets more tries, since its reader may be slow.
 */
#define SERIAL_TRIES 100000U
#define SERIAL_TRIES_LATER 100000000U
#define SERIAL_PIECE 16U /* bytes at once: the size of a port's FIFO */
#define RESET_PORT 0xcf9U
#define RESET_HARD 0x0eU
#define KEYBOARD_COMMAND 0x64U
#define KEYBOARD_RESET 0xfeU
#define DEBUG_EXIT_PORT 0xf4U
#define EXIT_ORDERLY 0x10U /* isa-debug-exit turns v into status 2v + 1 */
#define EXIT_PANIC 0x11U

static bool debug_exit, log_serial;
static uint16_t acpi_port, acpi_value;

BOOT_ONLY void io_init(const char *command) {
    static const char *const ports[] = {"0xf4", NULL}, *const nothing[] = {"", NULL};
    log_serial = command_choose(command, "log_serial", nothing, 1) == 0;
    debug_exit = command_choose(command, "debug_exit=", ports, 1) == 0;
}

BOOT_ONLY void io_set_power(uint16_t power_port, uint16_t sleep_type) {
    acpi_port = power_port;
    acpi_value = sleep_type;
}

void arch_log_write(const char *text, uint64_t length) { out_text(LOG_PORT, text, length); }

uint64_t arch_log_send(const char *text, uint64_t length) {
    static bool returned; /* the '\r' of this line end is sent */
    static uint32_t tries, limit = SERIAL_TRIES;
    uint64_t done = 0;
    for (uint32_t i = 0; log_serial && done < length && i < SERIAL_PIECE; i++) {
        tries = (in8(SERIAL_STATUS) & SERIAL_CAN_SEND) != 0 ? 0 : tries + 1;
        log_serial = tries < limit;
        if (tries > 0)
            break;
        bool wants_return = text[done] == '\n' && !returned;
        out8(SERIAL_PORT, wants_return ? '\r' : (uint8_t)text[done]);
        returned = wants_return;
        limit = SERIAL_TRIES_LATER;
        done += !wants_return;
    }
    return log_serial ? done : length;
}

void io_halt(void) {
    for (;;)
        __asm__ volatile("cli; hlt");
}

void io_stop(void) {
    if (debug_exit)
        out32(DEBUG_EXIT_PORT, EXIT_PANIC);
    io_halt();
}

/* Write eight letters. They are a number, so that they are in the code and not in memory. */
static inline __attribute__((always_inline)) void put_letters(uint64_t letters) {
    for (uint32_t i = 0; i < 64; i += 8)
        out8(LOG_PORT, (uint8_t)(letters >> i));
}

void io_stop_nested(void) {
    put_letters(0x722065687420200aULL); /* "\n  the r" */
    put_letters(0x666f2074726f7065ULL); /* "eport of" */
    put_letters(0x6e61702065687420ULL); /* " the pan" */
    put_letters(0x656c696166206369ULL); /* "ic faile" */
    put_letters(0x41500a6f6f742064ULL); /* "d too\nPA" */
    put_letters(0xa444e452043494eULL);  /* "NIC END\n" */
    out32(DEBUG_EXIT_PORT, EXIT_PANIC); /* even without debug_exit=: the command line may not be readable */
    io_halt();
}

void arch_power_off(void) {
    if (debug_exit)
        out32(DEBUG_EXIT_PORT, EXIT_ORDERLY);
    if (acpi_port != 0)
        out16(acpi_port, acpi_value);
    io_halt();
}

void arch_reboot(void) {
    out8(RESET_PORT, RESET_HARD);
    out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
    io_halt();
}

uint64_t arch_port_read(uint16_t port, uint32_t width_bytes) {
    return width_bytes == 1 ? in8(port) : width_bytes == 2 ? in16(port) : in32(port);
}

void arch_port_write(uint16_t port, uint32_t width_bytes, uint64_t value) {
    if (width_bytes == 1)
        out8(port, (uint8_t)value);
    else if (width_bytes == 2)
        out16(port, (uint16_t)value);
    else
        out32(port, (uint32_t)value);
}
