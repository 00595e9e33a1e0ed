/*
 * Reads the manifest's JSON: values of a kind, and a message that names the place of what is wrong. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsys/text/format.h"
#include "servers/init/json.h"

struct reader {
    const char *text;
    uint32_t count; /* of tokens */
    /* The place that is being read, for messages. */
    const char *program; /* its name; NULL: in none */
    uint32_t program_number;
    const char *cap; /* its name; NULL: in none */
    char *error;     /* where messages go */
    size_t error_bytes;
    jsmntok_t tokens[JSON_TOKENS_MAX];
};

/* Write the error message, with its place in front. Always false, so that callers can return it. */
FORMAT_LIKE(2, 3) bool reader_fail(const struct reader *in, const char *format, ...);

/* The line of a byte of the text, from 1 on. */
uint32_t reader_line(const struct reader *in, size_t byte);

static inline int token_length(const struct reader *in, uint32_t token) {
    return in->tokens[token].end - in->tokens[token].start;
}

static inline const char *token_text(const struct reader *in, uint32_t token) {
    return in->text + in->tokens[token].start;
}

bool token_is(const struct reader *in, uint32_t token, const char *word);

/* Read a value. False: it is of another kind or out of range, and the message says so; `what` names it there. */
bool read_string(const struct reader *in, uint32_t token, const char *what, char *to, size_t size_bytes);
bool read_number(const struct reader *in, uint32_t token, const char *what, uint64_t least, uint64_t most,
                 uint64_t *ret_value);
bool read_bool(const struct reader *in, uint32_t token, const char *what, bool *ret_value);
