/*
 * What a program reads and writes by default: the capabilities `stdin`, `stdout` and `stderr`, each a pipe's end or a console
 * (libsys/proto/stream.h); one that it was not given is the console.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kernel/abi/status.h"
#include "libsys/proto/stream.h"

#define STREAM_EXIT_BROKEN 141 /* exit status of a program that ends since nobody reads what it prints, as in Unix */
#define STREAM_EXIT_REFUSED 1  /* ... since it is not taken for another reason */

/* 0 = neither it nor a console was given. */
cap_t stream_in(void);
cap_t stream_out(void);
cap_t stream_errors(void);

enum stream_standard { STREAM_IN, STREAM_OUT, STREAM_ERRORS, STREAM_STANDARD_COUNT };

/* Have another one in its place from now on; 0 = what the program was given. */
void stream_replace(enum stream_standard standard, cap_t stream);
bool stream_is_replaced(enum stream_standard standard);

/* All bytes, in as many messages as it takes. Errors: those of stream_write; *ret_written, may be NULL, had gone by then. */
MUST_USE uint32_t stream_write_all(cap_t stream, const void *bytes, size_t length_bytes, size_t *ret_written);

/*
 * At least one byte, at most `most_bytes`; *ret_length = 0 at the end. A program in the background that reads from the terminal
 * stops (libsys/terminal.h). Errors: those of stream_read and terminal_await.
 */
MUST_USE uint32_t stream_read_some(cap_t stream, void *bytes, size_t most_bytes, size_t *ret_length);
