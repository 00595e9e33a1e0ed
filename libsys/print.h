/*
 * Text out: to the kernel's log, and to stdout and stderr (libsys/stream.h).
 */
#pragma once

#include "libsys/format.h"

/* One line on the kernel's log; what is longer than LOG_BYTES_MAX is cut. */
FORMAT_LIKE(1, 2) void log_print(const char *format, ...);

/*
 * Text to stdout; without one, lines go to the log. What is not taken is lost; but when nobody reads it any more, the program
 * ends with STREAM_EXIT_BROKEN.
 */
FORMAT_LIKE(1, 2) void print(const char *format, ...);
FORMAT_LIKE(1, 0) void print_list(const char *format, va_list arguments);

/* The same to stderr. */
FORMAT_LIKE(1, 2) void print_error(const char *format, ...);

/* Bytes as they are, to stdout. */
void print_bytes(const void *bytes, size_t length_bytes);
