/*
 * Text out: to the kernel's log, and to stdout and stderr (libsys/stream.h).
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/status.h"
#include "libsys/format.h"

/* One line on the kernel's log; what is longer than LOG_BYTES_MAX is cut. */
FORMAT_LIKE(1, 2) void log_print(const char *format, ...);

/*
 * Text to stdout; without one, lines go to the log. Each line of up to STREAM_BYTES_MAX bytes that one call prints whole is one
 * write. What a console does not take is lost. When nobody reads it any more, the program
 * ends with STREAM_EXIT_BROKEN; when it is not taken for another reason, such as a full file, with a word on stderr and
 * STREAM_EXIT_REFUSED. Where the program has replaced its stdout itself (stream_replace) it goes on: see print_refused.
 */
FORMAT_LIKE(1, 2) void print(const char *format, ...);
FORMAT_LIKE(1, 0) void print_list(const char *format, va_list arguments);

/* The same to stderr. */
FORMAT_LIKE(1, 2) void print_error(const char *format, ...);

/* Why something was not taken since this was asked last; OK = all was. */
MUST_USE uint32_t print_refused(void);

/* Bytes as they are, to stdout. */
void print_bytes(const void *bytes, size_t length_bytes);
