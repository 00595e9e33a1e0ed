/*
 * The kernel's log: lines `seconds.micros LEVEL module: text` on the debug port, with `log_serial` on the first serial
 * port, and in a ring that the first program may read. Messages are formatted without memory of their own.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/log.h"
#include "kernel/abi/status.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO };

extern enum log_level log_limit; /* lines of a more detailed level are dropped */

extern struct log_ring *log_ring; /* set early at boot; lines before that go to the ports alone */

/*
 * Write one line; the newline is added. Formats: %s text, %u decimal and %x hexadecimal uint64_t, %p hexadecimal with
 * all 16 digits; no others.
 */
void log_line(enum log_level level, const char *module, const char *format, ...);

/*
 * Write a program's bytes, made printable, as one line of level INFO. If `lost_bytes` is not 0, the line first says
 * that so many bytes were lost before it. Each byte is read once, so the program may change them meanwhile. log_send()
 * sends the line to the serial port.
 */
void log_user_text(const char *text, uint64_t length_bytes, uint64_t lost_bytes);

/* Send what the serial port takes without waiting, if it gets the log. False: call again for the rest. */
bool log_send(void);

/* Write text with the formats of log_line(), without stamp and newline: for panic reports. */
void log_print(const char *format, ...);
