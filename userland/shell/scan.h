/*
 * Splits a command line into pieces and resolves quoting. Both passes over a line (check and expand) read it through
 * this scanner, so that they cannot disagree about a quote.
 */
#pragma once

#include <stddef.h>

#define SCAN_NAME_MAX 31U /* bytes of a variable's name */
#define SCAN_STREAMS 3U   /* streams that can be redirected: stdin, stdout, stderr */

enum redirect_kind {
    REDIRECT_READ,   /* < */
    REDIRECT_WRITE,  /* > */
    REDIRECT_APPEND, /* >> */
    REDIRECT_COPY,   /* >& */
};

struct redirection {
    enum redirect_kind kind;
    unsigned from;    /* the stream that is redirected */
    unsigned to;      /* COPY: the stream that it becomes a copy of */
    const char *path; /* other kinds: the file */
    size_t column;    /* position, counted in bytes from 1 */
};

struct syntax_error {
    const char *reason; /* a sentence without its full stop */
    size_t column;      /* position, counted in bytes from 1 */
};

enum piece_kind {
    PIECE_END, /* end of the range, or a comment */
    PIECE_BLANK,
    PIECE_OPERATOR,  /* one of enum operator_kind */
    PIECE_REDIRECT,  /* a struct redirection; its file follows unless it is a copy */
    PIECE_CHARACTER, /* a byte of a word */
    PIECE_VALUE,     /* $NAME, ${NAME}, $?, $$, $! */
    PIECE_QUOTE,     /* a quote opens or closes: no byte, but a word is there even if it stays empty */
    PIECE_ERROR,     /* see the scanner's error */
};

enum operator_kind {
    OPERATOR_SEQUENCE,   /* ; */
    OPERATOR_BACKGROUND, /* & */
    OPERATOR_AND,        /* && */
    OPERATOR_OR,         /* || */
    OPERATOR_PIPE,       /* | */
};

struct piece {
    enum piece_kind kind;
    enum operator_kind operator_kind;
    struct redirection redirect;
    size_t at;                    /* position of its first byte */
    char byte;                    /* PIECE_CHARACTER */
    int quoted;                   /* PIECE_VALUE: inside double quotes, so not split into words */
    char name[SCAN_NAME_MAX + 1]; /* PIECE_VALUE */
};

struct scanner {
    const char *text;
    size_t at, end; /* the range that is left to read */
    char quote;     /* the quote that is open, or 0 */
    size_t quote_at;
    int in_word; /* inside a word, where # begins no comment */
    struct syntax_error error;
};

struct piece scan_piece(struct scanner *scanner);

/* Returns the length of the variable name at the start of `text`: letters, digits, _, no digit first; 0: none. */
size_t scan_name_length(const char *text);
