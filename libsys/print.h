/*
 * Text out: to the kernel's log, and to the console that the program was given.
 */
#pragma once

#include "libsys/format.h"

/* One line on the kernel's log; what is longer than LOG_BYTES_MAX is cut. */
FORMAT_LIKE(1, 2) void log_print(const char *format, ...);

/* Text to the capability `console`; without one, lines go to the log. What the console does not take is lost. */
FORMAT_LIKE(1, 2) void print(const char *format, ...);
FORMAT_LIKE(1, 0) void print_list(const char *format, va_list arguments);

/* Bytes as they are, to the same place. */
void print_bytes(const void *bytes, size_t length_bytes);
