/*
 * Ports: the log's outlets and the ways to end.
 */
#pragma once

#include <stdint.h>

/* Read `debug_exit=` and `log_serial` from the command line. */
void io_init(const char *command);
void io_set_power(uint16_t power_port, uint16_t sleep_type);
/* This CPU does nothing any more. */
_Noreturn void io_halt(void);
/* A panic is over: tell the emulator, or stop. */
_Noreturn void io_stop(void);
/* The report of a panic has faulted: one more line, without touching any memory, and the same end. */
_Noreturn void io_stop_nested(void);
