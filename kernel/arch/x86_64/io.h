/*
 * I/O ports: the outputs of the log, power off, reboot and stop.
 */
#pragma once

#include <stdint.h>

/* Read `debug_exit=` and `log_serial` from the command line. */
void io_init(const char *command);
void io_set_power(uint16_t power_port, uint16_t sleep_type);
/* Halt this CPU for good. */
_Noreturn void io_halt(void);
/* The end of a panic: tell the emulator, or stop. */
_Noreturn void io_stop(void);
/* The end of a panic whose report has faulted: one more line, written without access to memory, then as io_stop. */
_Noreturn void io_stop_nested(void);
