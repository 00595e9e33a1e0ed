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

#include "userland/shell/scan.h"

#define PARSE_COMMANDS_MAX 32U /* commands on a line */
#define PARSE_WORDS_MAX 63U    /* words of a command, after expansion */
#define PARSE_BYTES_MAX 2048U  /* bytes of all words of a command, each with its terminating zero */
#define PARSE_REDIRECTS_MAX 8U /* of a command */

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
    struct redirection redirects[PARSE_REDIRECTS_MAX];
    size_t redirect_count;
    char bytes[PARSE_BYTES_MAX];
    size_t used;
};

/*
 * Check `text` and find its commands. Returns 1; or 0 and the first error in *ret_error: *ret_line must not be used
 * then.
 */
int parse_line(const char *text, struct parse_line *ret_line, struct syntax_error *ret_error);

/*
 * Expand the words of a command that parse_line() found in `text`. Returns 1; or 0 and *ret_error: a limit was
 * exceeded.
 */
int parse_expand(const char *text, const struct parse_command *command, const struct parse_values *values,
                 struct parse_words *ret_words, struct syntax_error *ret_error);
