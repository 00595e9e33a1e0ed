/*
 * The kernel's log: lines `seconds.micros LEVEL module: text` on the debug port, with `log_serial` on the first serial port,
 * and in a ring that the first program may read. Messages are formatted without memory of their own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/log.h"
#include "kernel/abi/status.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

extern enum log_level log_limit; /* what is more detailed than this is dropped */

extern struct log_ring *log_ring; /* set early at boot; what comes before goes to the ports alone */

/* %s text, %u decimal and %x hexadecimal uint64_t, %p the same with all 16 digits; nothing else. One line; the newline
 * is added. */
void log_line(enum log_level level, const char *module, const char *format, ...);

struct pool;

/* What the programs of one pool may write: so much at once, which comes back byte by byte. It leaves some of the ring to others,
 * and is enough for a dozen reports of crashes in a row. */
#define LOG_ALLOWANCE_BYTES 12288U
#define LOG_LINE_BYTES 32U     /* what a line costs besides its text */
#define LOG_BYTE_NS 1000000ULL /* some 1,000 bytes a second: a tenth of what a serial port takes */

/*
 * A program of this pool causes a line with so much text. False: there is no allowance left for it. The line is lost then, and
 * the next one says how much was.
 */
MUST_USE bool log_pays(struct pool *pool, uint64_t length_bytes);

/* Bytes of a program of this pool, which has paid for them, made printable, as one line of level INFO. Each is read once, so
 * the program may write them meanwhile. The serial port gets the line by log_send(). */
void log_user_text(struct pool *pool, const char *text, uint64_t length_bytes);

/* The serial port, if it has the log as well, takes what it can without waiting. False: call again for the rest. */
bool log_send(void);

/* The same formats, but bare: for panic reports. */
void log_print(const char *format, ...);
