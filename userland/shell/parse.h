/*
 * The shell's language, as pure functions over one line of text.
 *
 *     line    = [command {(";" | "&" | "&&" | "||" | "|") command} [";" | "&"]] [comment]
 *     command = {NAME=word} word {word}  |  NAME=word {NAME=word}      with redirections anywhere, or nothing but these
 *     redirection = [0-2] ("<" | ">" | ">>") word  |  [0-2] ">&" [0-2]
 *
 * A line is checked as a whole before any of it runs; its words are expanded only when their command is due, since `$?`
 * is known no earlier. docs/shell.md is the user's page.
 */
#pragma once

#include <stddef.h>

#define PARSE_COMMANDS_MAX 32U /* commands on a line */
#define PARSE_WORDS_MAX 63U    /* words of a command, after expansion */
#define PARSE_BYTES_MAX 2048U  /* bytes of all words of a command, each with its terminating zero */
#define PARSE_NAME_MAX 31U     /* bytes of a variable's name */
#define PARSE_REDIRECTS_MAX 8U /* of a command */
#define PARSE_STREAMS 3U       /* that can be redirected: stdin, stdout, stderr */

enum redirect_kind {
    REDIRECT_READ,   /* < */
    REDIRECT_WRITE,  /* > */
    REDIRECT_APPEND, /* >> */
    REDIRECT_COPY,   /* >& */
};

struct parse_redirect {
    enum redirect_kind kind;
    unsigned from;    /* the stream that becomes another one */
    unsigned to;      /* COPY: what that one is */
    const char *path; /* else: the file */
    size_t column;    /* where, counted in bytes from 1 */
};

enum parse_join {
    JOIN_ALWAYS, /* first on the line, or after ; or & */
    JOIN_AND,    /* after &&: runs if the status so far is 0 */
    JOIN_OR,     /* after ||: runs if it is not */
    JOIN_PIPE,   /* after |: runs with the one before, and reads what that writes */
};

struct parse_command {
    size_t start, end; /* bytes [start, end) of the line, operators left out */
    enum parse_join join;
    int background; /* & follows: it and all that it is joined to run in the background */
};

struct parse_line {
    struct parse_command commands[PARSE_COMMANDS_MAX];
    size_t count; /* 0: an empty line or a comment */
};

struct parse_error {
    const char *reason; /* a sentence without its full stop */
    size_t column;      /* where, counted in bytes from 1 */
};

/* Where expansion finds values: `name` is a variable's name, "?", "$" or "!". NULL = unset, which expands to nothing. */
struct parse_values {
    const char *(*find)(void *context, const char *name);
    void *context;
};

struct parse_words {
    char *words[PARSE_WORDS_MAX + 1]; /* into bytes; words[count] is NULL */
    size_t count;                     /* assignments among them */
    size_t assignment_count;          /* how many of the first are NAME=value */
    struct parse_redirect redirects[PARSE_REDIRECTS_MAX];
    size_t redirect_count;
    char bytes[PARSE_BYTES_MAX];
    size_t used;
};

/* Check `text` and find its commands. Returns 1, or 0 with the first thing wrong in `ret_error`; then `ret_line` means
 * nothing. */
int parse_line(const char *text, struct parse_line *ret_line, struct parse_error *ret_error);

/* Expand the words of one command that parse_line() found in `text`. Returns 1, or 0 with `ret_error`: too much of it. */
int parse_expand(const char *text, const struct parse_command *command, const struct parse_values *values,
                 struct parse_words *ret_words, struct parse_error *ret_error);

/* Length of the variable name that `text` begins with: letters, digits, _, no digit first; 0 = none. */
size_t parse_name_length(const char *text);
