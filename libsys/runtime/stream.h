/*
 * A program's default input and output: the capabilities `stdin`, `stdout` and `stderr`. Each is a pipe's end, an open
 * file or a console (libsys/proto/stream.h); a missing one is replaced by the console.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kernel/abi/status.h"
#include "libsys/proto/stream.h"

#define STREAM_EXIT_BROKEN 141 /* exit status of a program whose output nobody reads any more, as in Unix */
#define STREAM_EXIT_REFUSED 1  /* ... and of one whose output is refused for another reason */

/* Return the stream's slot; 0: the program has neither the stream nor a console. */
cap_t stream_in(void);
cap_t stream_out(void);
cap_t stream_errors(void);

enum stream_standard { STREAM_IN, STREAM_OUT, STREAM_ERRORS, STREAM_STANDARD_COUNT };

/* Use another stream in its place from now on; 0: go back to the one that the program was given. */
void stream_replace(enum stream_standard standard, cap_t stream);
bool stream_is_replaced(enum stream_standard standard);

/*
 * Write all bytes, in as many messages as it takes. *ret_written is how many were written, even on failure; may be
 * NULL. Where too many calls wait it asks again, as stream_read_some does. Errors: those of stream_write.
 */
MUST_USE uint32_t stream_write_all(cap_t stream, const void *bytes, size_t length_bytes, size_t *ret_written);

/*
 * Read at least one byte, at most `most_bytes`; *ret_length = 0 at the end. A background program that reads from the
 * terminal stops (libsys/runtime/terminal.h). Errors: those of stream_read and terminal_await.
 */
MUST_USE uint32_t stream_read_some(cap_t stream, void *bytes, size_t most_bytes, size_t *ret_length);
