/*
 * The line that is being typed to a program: its editing, until readers may have it.
 *
 *     keys --> bytes[0 .. length), which Backspace and Ctrl-U change --Enter, Ctrl-D, or full--> complete --> readers
 *
 * Enter ends the line by LF. Ctrl-D ends it where it is: readers get the bytes before it; no bytes mean the end of
 * input.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COOKED_BYTES_MAX 1024U /* a longer line comes in pieces */

struct cooked {
    struct cooked_counts {
        bool complete;     /* readers may have it, and it takes no more keys */
        bool after_return; /* the last key was CR: an LF that follows belongs to it */
        uint32_t length;
        uint32_t taken; /* bytes that readers have taken */
    } now;
    uint8_t bytes[COOKED_BYTES_MAX];
};

/* Shows what is typed. */
typedef void cooked_show(void *context, const uint8_t *bytes, size_t length);

/* Take a key into a line that is not complete, and that is noted whole (cooked_note). */
void cooked_key(struct cooked *line, uint8_t key, cooked_show *show, void *context);

static inline size_t cooked_left(const struct cooked *line) { return line->now.length - line->now.taken; }

/* Note the line (libsys/wire/journal.h) with the bytes that it has. */
void cooked_note(const struct cooked *line);

/* Readers have taken `length` more bytes, at most cooked_left(): after the last one a new line begins. Notes it. */
void cooked_consume(struct cooked *line, size_t length);

/* Forget the line. Notes it. */
void cooked_clear(struct cooked *line);
