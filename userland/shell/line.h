/*
 * A line editor as a state machine. A byte from the terminal goes in; the line is edited, and the bytes that show the
 * edit come out. It makes no system call, so that a host test can drive it as the shell does.
 *
 *     columns   0      prompt_columns                          LINE_COLUMNS - 1
 *               baton$ |<------- window: text[left ..] ------->|
 *
 * The line stays on one row of the terminal, so nothing depends on how a terminal wraps: a text longer than the window
 * scrolls by half a window. The prompt is written once for a line; all later drawing starts right of it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LINE_BYTES_MAX 511U   /* longest line; one more byte rings the bell, and the line will not run */
#define LINE_HISTORY_MAX 32U  /* lines remembered; the oldest is forgotten first */
#define LINE_COLUMNS 80U      /* assumed width: a serial line does not tell */
#define LINE_PROMPT_MAX 32U   /* longest prompt, plain ASCII */
#define LINE_SEARCH_MAX 20U   /* longest text to search for, since it is part of a prompt */
#define LINE_OUTPUT_MAX 1024U /* most that one input byte can cause: two prompts and windows, and cursor moves */

enum line_event {
    LINE_MORE,      /* the line is not finished */
    LINE_READY,     /* Enter: the line is in text[0 .. length), zero-terminated, and in the history */
    LINE_TOO_LONG,  /* Enter: bytes that did not fit are missing, so the line is given up */
    LINE_HAS_ZERO,  /* Enter: a zero byte is missing, so the line is given up */
    LINE_COMPLETE,  /* Tab: the caller may now complete by line_insert() or line_show() */
    LINE_INTERRUPT, /* Ctrl-C: the line is given up */
    LINE_END,       /* Ctrl-D on an empty line */
};

enum line_state {
    LINE_PLAIN,
    LINE_ESCAPE, /* after ESC */
    LINE_CSI,    /* after ESC [ : digits, then one letter or ~ */
    LINE_SS3,    /* after ESC O : one letter */
};

struct line_editor {
    char text[LINE_BYTES_MAX + 1];
    size_t length;         /* bytes, never more than LINE_BYTES_MAX */
    size_t cursor;         /* 0..length; never inside a complete UTF-8 character */
    size_t left;           /* first byte shown */
    enum line_event enter; /* what Enter returns: LINE_READY, or the first loss until the line is empty */

    enum line_state state;
    unsigned parameter; /* number in a CSI sequence */
    int parameter_done; /* a `;` ended the first number */
    int after_return;   /* the last byte was CR, so an LF right after it is ignored */

    const char *prompt; /* the prompt that is shown */
    size_t prompt_columns;

    int searching; /* Ctrl-R: keys edit the search text; the line is the match */
    const char *line_prompt;
    char search[LINE_SEARCH_MAX + 1];
    char search_prompt[LINE_PROMPT_MAX + 1];

    char history[LINE_HISTORY_MAX][LINE_BYTES_MAX + 1]; /* ring; line n is at n % LINE_HISTORY_MAX */
    size_t history_count;                               /* lines ever stored */
    size_t history_back;                                /* 0: the line being typed; 1: the last one stored; ... */
    char draft[LINE_BYTES_MAX + 1];                     /* the line being typed while an older one is shown, ... */
    enum line_event draft_enter;                        /* ... and its `enter` */

    char output[LINE_OUTPUT_MAX]; /* bytes to send to the terminal after the last call */
    size_t output_length;
};

/* UTF-8: a byte that continues a character takes no column, and the cursor never stands on it. */
static inline int line_is_continuation(char byte) { return ((uint8_t)byte & 0xc0U) == 0x80U; }

/*
 * Begin a line; output is the prompt. prompt: at most LINE_PROMPT_MAX bytes of ASCII, kept by reference. Zero the
 * editor before its first line. The history stays from line to line.
 */
void line_begin(struct line_editor *editor, const char *prompt);

/* Insert bytes at the cursor. Rings the bell if there are none, or no room for them. */
void line_insert(struct line_editor *editor, const char *bytes, size_t length);

/* Show prompt and line again, on an empty row. */
void line_show(struct line_editor *editor);

/* Take one byte from the terminal. output is the response to send, which the next call overwrites. */
enum line_event line_byte(struct line_editor *editor, uint8_t byte);
