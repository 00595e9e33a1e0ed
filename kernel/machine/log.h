/*
 * The kernel's log: lines `seconds.micros LEVEL module: text` on the debug port, with `log_serial` on the first serial port,
 * and in a ring that the first program may read. Messages are formatted without memory of their own.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/log.h"
#include "kernel/abi/status.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

extern enum log_level log_limit; /* what is more detailed than this is dropped */

extern struct log_ring *log_ring; /* set early at boot; what comes before goes to the ports alone */

/* %s text, %u decimal and %x hexadecimal uint64_t, %p the same with all 16 digits; nothing else. One line; the newline
 * is added. */
void log_line(enum log_level level, const char *module, const char *format, ...);

/* Bytes of a program made printable, as one line of level INFO, which says first that `lost_bytes` were lost before it; 0: none.
 * Each byte is read once, so the program may write them meanwhile. The serial port gets the line by log_send(). */
void log_user_text(const char *text, uint64_t length_bytes, uint64_t lost_bytes);

/* The serial port, if it has the log as well, takes what it can without waiting. False: call again for the rest. */
bool log_send(void);

/* The same formats, but bare: for panic reports. */
void log_print(const char *format, ...);
