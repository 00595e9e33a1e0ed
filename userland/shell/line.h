/*
 * A line editor as a state machine: one byte from the terminal in, an edit and the bytes that show it out. It makes no
 * system call, so the shell and a host test drive it alike.
 *
 *     columns   0      prompt_columns                          LINE_COLUMNS - 1
 *               baton$ |<------- window: text[left ..] ------->|
 *
 * The line stays on one row of the terminal: a text longer than the window scrolls by half a window, so nothing depends
 * on how a terminal wraps. The prompt is written once for a line; all later drawing starts right of it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LINE_BYTES_MAX 511U   /* longest line; a byte more rings the bell, and the line will not run */
#define LINE_HISTORY_MAX 32U  /* lines remembered; the oldest is forgotten first */
#define LINE_COLUMNS 80U      /* width assumed: a serial line does not tell */
#define LINE_PROMPT_MAX 32U   /* longest prompt, plain ASCII */
#define LINE_SEARCH_MAX 20U   /* longest text that is searched for: its prompt is one, too */
#define LINE_OUTPUT_MAX 1024U /* most that one byte of input can cause: two prompts and windows, and cursor moves */

enum line_event {
    LINE_MORE,      /* the line is not finished */
    LINE_READY,     /* Enter: the line is in text[0 .. length), zero-terminated, and in the history */
    LINE_TOO_LONG,  /* Enter: the line has lost bytes that did not fit, and is given up */
    LINE_HAS_ZERO,  /* Enter: the line has lost a zero byte, and is given up */
    LINE_COMPLETE,  /* Tab: whoever knows the names may call line_insert() or line_show() now */
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
    size_t cursor;         /* 0..length, never inside a UTF-8 character once that is complete */
    size_t left;           /* first byte shown */
    enum line_event enter; /* what Enter makes of it: LINE_READY, or until it is empty again what it lost first */

    enum line_state state;
    unsigned parameter; /* number in a CSI sequence */
    int parameter_done; /* a `;` ended the first number */
    int after_return;   /* the last byte was CR: an LF that follows belongs to it */

    const char *prompt; /* the one that is shown */
    size_t prompt_columns;

    int searching; /* Ctrl-R: keys are for the text searched for; the line is the older one that has it */
    const char *line_prompt;
    char search[LINE_SEARCH_MAX + 1];
    char search_prompt[LINE_PROMPT_MAX + 1];

    char history[LINE_HISTORY_MAX][LINE_BYTES_MAX + 1]; /* ring; line n is at n % LINE_HISTORY_MAX */
    size_t history_count;                               /* lines ever stored */
    size_t history_back;                                /* 0 = the line being typed, 1 = the last one stored, ... */
    char draft[LINE_BYTES_MAX + 1];                     /* the line being typed, while an older one is shown, ... */
    enum line_event draft_enter;                        /* ... and its `enter` */

    char output[LINE_OUTPUT_MAX]; /* what the terminal has to be sent after the last call */
    size_t output_length;
};

/* UTF-8: a byte that continues a character takes no column and is no place for the cursor. */
static inline int line_is_continuation(char byte) { return ((uint8_t)byte & 0xc0U) == 0x80U; }

/* Begin a line: output becomes the prompt. prompt: at most LINE_PROMPT_MAX bytes of ASCII, kept by reference. The
 * editor was zeroed before its first line; the history stays from line to line. */
void line_begin(struct line_editor *editor, const char *prompt);

/* Insert bytes at the cursor; a bell if there are none, or no room for them. */
void line_insert(struct line_editor *editor, const char *bytes, size_t length);

/* Show prompt and line again, on a row that is empty. */
void line_show(struct line_editor *editor);

/* Take one byte from the terminal. Output is what to send back for it, overwritten by the next call. */
enum line_event line_byte(struct line_editor *editor, uint8_t byte);
