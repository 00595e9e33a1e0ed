/*
 * The shell's language, as pure functions on one line of text.
 *
 *     line    = [command {(";" | "&" | "&&" | "||" | "|") command} [";" | "&"]] [comment]
 *     command = {NAME=word} word {word}  |  NAME=word {NAME=word}      with redirections anywhere, or only redirections
 *     redirection = [0-2] ("<" | ">" | ">>") word  |  [0-2] ">&" [0-2]
 *
 * The whole line is checked before any of it runs. The words of a command are expanded only when the command is due,
 * since `$?` is not known earlier. docs/shell.md is the user's page.
 */
#pragma once

#include <stddef.h>

#define PARSE_COMMANDS_MAX 32U /* commands on a line */
#define PARSE_WORDS_MAX 63U    /* words of a command, after expansion */
#define PARSE_BYTES_MAX 2048U  /* bytes of all words of a command, each with its terminating zero */
#define PARSE_NAME_MAX 31U     /* bytes of a variable's name */
#define PARSE_REDIRECTS_MAX 8U /* of a command */
#define PARSE_STREAMS 3U       /* streams that can be redirected: stdin, stdout, stderr */

enum redirect_kind {
    REDIRECT_READ,   /* < */
    REDIRECT_WRITE,  /* > */
    REDIRECT_APPEND, /* >> */
    REDIRECT_COPY,   /* >& */
};

struct parse_redirect {
    enum redirect_kind kind;
    unsigned from;    /* the stream that is redirected */
    unsigned to;      /* COPY: the stream that it becomes a copy of */
    const char *path; /* other kinds: the file */
    size_t column;    /* position, counted in bytes from 1 */
};

enum parse_join {
    JOIN_ALWAYS, /* first on the line, or after ; or & */
    JOIN_AND,    /* after &&: runs if the status so far is 0 */
    JOIN_OR,     /* after ||: runs if the status so far is not 0 */
    JOIN_PIPE,   /* after |: runs with the command before, and reads its output */
};

struct parse_command {
    size_t start, end; /* bytes [start, end) of the line, without operators */
    enum parse_join join;
    int background; /* & follows: it and all commands joined to it run in the background */
};

struct parse_line {
    struct parse_command commands[PARSE_COMMANDS_MAX];
    size_t count; /* 0: an empty line or a comment */
};

struct parse_error {
    const char *reason; /* a sentence without its full stop */
    size_t column;      /* position, counted in bytes from 1 */
};

/*
 * Source of values for expansion. `name` is a variable's name, "?", "$" or "!". NULL: unset, which expands to nothing.
 */
struct parse_values {
    const char *(*find)(void *context, const char *name);
    void *context;
};

struct parse_words {
    char *words[PARSE_WORDS_MAX + 1]; /* into bytes; words[count] is NULL */
    size_t count;                     /* of all words, including assignments */
    size_t assignment_count;          /* how many of the first words are NAME=value */
    struct parse_redirect redirects[PARSE_REDIRECTS_MAX];
    size_t redirect_count;
    char bytes[PARSE_BYTES_MAX];
    size_t used;
};

/*
 * Check `text` and find its commands. Returns 1; or 0 and the first error in *ret_error: *ret_line must not be used
 * then.
 */
int parse_line(const char *text, struct parse_line *ret_line, struct parse_error *ret_error);

/*
 * Expand the words of a command that parse_line() found in `text`. Returns 1; or 0 and *ret_error: a limit was
 * exceeded.
 */
int parse_expand(const char *text, const struct parse_command *command, const struct parse_values *values,
                 struct parse_words *ret_words, struct parse_error *ret_error);

/* Returns the length of the variable name at the start of `text`: letters, digits, _, no digit first; 0: none. */
size_t parse_name_length(const char *text);
