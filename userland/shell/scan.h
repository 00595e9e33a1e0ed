/*
 * The characters of a command line, one piece at a time, quoting already understood. Both passes over a line (check and
 * expand) read it through here, so that they cannot disagree about a quote.
 */
#pragma once

#include <stddef.h>

#include "userland/shell/parse.h"

enum piece_kind {
    PIECE_END, /* end of the range, or a comment */
    PIECE_BLANK,
    PIECE_OPERATOR,  /* one of enum operator_kind */
    PIECE_REDIRECT,  /* a struct parse_redirect without its file, which follows unless it is a copy */
    PIECE_CHARACTER, /* a byte of a word */
    PIECE_VALUE,     /* $NAME, ${NAME}, $?, $$, $! */
    PIECE_QUOTE,     /* a quote opens or closes: no byte, but there is a word even if it stays empty */
    PIECE_ERROR,     /* the scanner's error says what */
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
    struct parse_redirect redirect;
    size_t at;                     /* where it begins */
    char byte;                     /* PIECE_CHARACTER */
    int quoted;                    /* PIECE_VALUE: inside double quotes, so not split into words */
    char name[PARSE_NAME_MAX + 1]; /* PIECE_VALUE */
};

struct scanner {
    const char *text;
    size_t at, end; /* the range still to be read */
    char quote;     /* the quote that is open, or 0 */
    size_t quote_at;
    int in_word; /* # begins a comment only where a word could begin */
    struct parse_error error;
};

struct piece scan_piece(struct scanner *scanner);
