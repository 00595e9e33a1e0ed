/*
 * Text output: to the kernel's log, and to stdout and stderr (libsys/runtime/stream.h).
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/status.h"
#include "libsys/text/format.h"

/* Write one line to the kernel's log, cut to LOG_BYTES_MAX bytes. */
FORMAT_LIKE(1, 2) void log_print(const char *format, ...);

/*
 * Print to stdout; without one, lines go to the log. A line of up to STREAM_BYTES_MAX bytes that one call prints whole
 * is sent in one write. Output that a console refuses is lost. If stdout has no reader left, the program ends with
 * STREAM_EXIT_BROKEN. If stdout refuses for another reason, such as a full file, the program says so on stderr and ends
 * with STREAM_EXIT_REFUSED. A program that has replaced stdout itself (stream_replace) goes on in both cases: see
 * print_refused.
 */
FORMAT_LIKE(1, 2) void print(const char *format, ...);
FORMAT_LIKE(1, 0) void print_list(const char *format, va_list arguments);

/* Print to stderr in the same way. */
FORMAT_LIKE(1, 2) void print_error(const char *format, ...);

/* Returns the status with which output was refused since the last call; OK: none was. */
MUST_USE uint32_t print_refused(void);

/* Write bytes unchanged to stdout. */
void print_bytes(const void *bytes, size_t length_bytes);
