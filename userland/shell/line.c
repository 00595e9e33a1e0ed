#include "userland/shell/line.h"

#include "libsys/text/string.h"

enum line_key {
    KEY_HOME = 0x01,          /* Ctrl-A */
    KEY_LEFT = 0x02,          /* Ctrl-B */
    KEY_INTERRUPT = 0x03,     /* Ctrl-C */
    KEY_DELETE_OR_END = 0x04, /* Ctrl-D */
    KEY_LINE_END = 0x05,      /* Ctrl-E */
    KEY_RIGHT = 0x06,         /* Ctrl-F */
    KEY_BACKSPACE = 0x08,
    KEY_TAB = 0x09,
    KEY_LINE_FEED = 0x0a,
    KEY_KILL_RIGHT = 0x0b, /* Ctrl-K */
    KEY_CLEAR = 0x0c,      /* Ctrl-L */
    KEY_RETURN = 0x0d,
    KEY_NEXT = 0x0e,      /* Ctrl-N */
    KEY_PREVIOUS = 0x10,  /* Ctrl-P */
    KEY_SEARCH = 0x12,    /* Ctrl-R */
    KEY_KILL_LEFT = 0x15, /* Ctrl-U */
    KEY_KILL_WORD = 0x17, /* Ctrl-W */
    KEY_ESCAPE = 0x1b,
    KEY_RUBOUT = 0x7f,
};

#define BELL "\a"
#define PARAMETER_MAX 999U

static void copy_line(char *to, const char *from) { memcpy(to, from, strlen(from) + 1); }

static void put(struct line_editor *editor, const char *bytes, size_t length) {
    for (size_t i = 0; i < length && editor->output_length < LINE_OUTPUT_MAX; i++)
        editor->output[editor->output_length++] = bytes[i];
}

static void put_text(struct line_editor *editor, const char *text) { put(editor, text, strlen(text)); }

/* Move the terminal's cursor to `column` of its row, 0..LINE_COLUMNS - 1. */
static void put_column(struct line_editor *editor, size_t column) {
    char digits[2] = {(char)('0' + column / 10 % 10), (char)('0' + column % 10)};
    put_text(editor, "\r");
    if (column == 0) /* a terminal takes a move by 0 for a move by 1 */
        return;
    put_text(editor, "\x1b[");
    put(editor, digits, sizeof digits);
    put_text(editor, "C");
}

static size_t step_left(const struct line_editor *editor, size_t at) {
    if (at == 0)
        return 0;
    do
        at--;
    while (at > 0 && line_is_continuation(editor->text[at]));
    return at;
}

static size_t step_right(const struct line_editor *editor, size_t at) {
    if (at == editor->length)
        return at;
    do
        at++;
    while (at < editor->length && line_is_continuation(editor->text[at]));
    return at;
}

static size_t columns_between(const struct line_editor *editor, size_t from, size_t to) {
    size_t columns = 0;
    for (size_t at = from; at < to; at++)
        columns += !line_is_continuation(editor->text[at]);
    return columns;
}

static size_t window_columns(const struct line_editor *editor) { return LINE_COLUMNS - 1 - editor->prompt_columns; }

/*
 * Scroll so that the cursor is in the window: by half a window at a time, which keeps typing at the edge cheap. Returns
 * whether the window moved.
 */
static int scroll(struct line_editor *editor) {
    size_t window = window_columns(editor);
    if (editor->cursor >= editor->left && columns_between(editor, editor->left, editor->cursor) <= window)
        return 0;
    editor->left = editor->cursor;
    for (size_t column = 0; column < window / 2; column++)
        editor->left = step_left(editor, editor->left);
    return 1;
}

static void draw(struct line_editor *editor) {
    scroll(editor);
    put_column(editor, editor->prompt_columns);
    size_t end = editor->left;
    for (size_t column = 0; column < window_columns(editor); column++)
        end = step_right(editor, end);
    put(editor, editor->text + editor->left, end - editor->left);
    put_text(editor, "\x1b[K");
    put_column(editor, editor->prompt_columns + columns_between(editor, editor->left, editor->cursor));
}

/* Note that the line lacks a byte that could not be inserted. One bell is enough for all further ones. */
static void lose(struct line_editor *editor, enum line_event why) {
    if (editor->enter != LINE_READY)
        return;
    editor->enter = why;
    put_text(editor, BELL);
}

static void insert(struct line_editor *editor, const char *bytes, size_t length) {
    if (length == 0 || length > LINE_BYTES_MAX - editor->length) {
        put_text(editor, BELL);
        return;
    }
    char *at = editor->text + editor->cursor;
    memmove(at + length, at, editor->length - editor->cursor + 1); /* with its terminating zero */
    memcpy(at, bytes, length);
    editor->cursor += length;
    editor->length += length;
    if (editor->cursor == editor->length && !scroll(editor))
        put(editor, bytes, length);
    else
        draw(editor);
}

void line_insert(struct line_editor *editor, const char *bytes, size_t length) {
    editor->output_length = 0;
    insert(editor, bytes, length);
}

static void show_prompt(struct line_editor *editor, const char *prompt) {
    editor->prompt = prompt;
    editor->prompt_columns = strlen(prompt);
    put_column(editor, 0);
    put_text(editor, prompt);
    draw(editor);
}

void line_show(struct line_editor *editor) {
    editor->output_length = 0;
    show_prompt(editor, editor->prompt);
}

/* Remove text[from .. to) and put the cursor where it was. */
static void erase(struct line_editor *editor, size_t from, size_t to) {
    if (editor->length == to - from)
        editor->enter = LINE_READY;
    if (from == to) {
        put_text(editor, BELL);
        return;
    }
    memmove(editor->text + from, editor->text + to, editor->length - to + 1); /* with its terminating zero */
    editor->length -= to - from;
    editor->cursor = from;
    draw(editor);
}

static void move(struct line_editor *editor, size_t to) {
    if (to == editor->cursor)
        return;
    editor->cursor = to;
    draw(editor);
}

static size_t word_start(const struct line_editor *editor) {
    size_t at = editor->cursor;
    while (at > 0 && editor->text[at - 1] == ' ')
        at--;
    while (at > 0 && editor->text[at - 1] != ' ')
        at--;
    return at;
}

/* Show the line `back` steps back in the history; 0 is the line being typed. */
static void show_history(struct line_editor *editor, size_t back) {
    size_t kept = editor->history_count < LINE_HISTORY_MAX ? editor->history_count : LINE_HISTORY_MAX;
    if (back > kept) {
        put_text(editor, BELL);
        return;
    }
    if (editor->history_back == 0) {
        copy_line(editor->draft, editor->text);
        editor->draft_enter = editor->enter;
    }
    editor->history_back = back;
    editor->enter = back == 0 ? editor->draft_enter : LINE_READY;
    copy_line(editor->text,
              back == 0 ? editor->draft : editor->history[(editor->history_count - back) % LINE_HISTORY_MAX]);
    editor->length = strlen(editor->text);
    editor->cursor = editor->length;
    editor->left = 0;
    draw(editor);
}

static void show_newer(struct line_editor *editor) {
    if (editor->history_back == 0)
        put_text(editor, BELL);
    else
        show_history(editor, editor->history_back - 1);
}

static int contains(const char *text, const char *wanted) {
    size_t length = strlen(wanted);
    for (; *text != '\0'; text++)
        if (strncmp(text, wanted, length) == 0)
            return 1;
    return 0;
}

/* Show the newest line that contains the text, at least `back` steps back. */
static void find_older(struct line_editor *editor, size_t back) {
    size_t kept = editor->history_count < LINE_HISTORY_MAX ? editor->history_count : LINE_HISTORY_MAX;
    while (back <= kept &&
           !contains(editor->history[(editor->history_count - back) % LINE_HISTORY_MAX], editor->search))
        back++;
    show_history(editor, back); /* beyond the oldest it rings the bell */
}

static void show_search(struct line_editor *editor) {
    static const char before[] = "search ", behind[] = ": ";
    size_t length = strlen(editor->search);
    char *at = editor->search_prompt;
    memcpy(at, before, sizeof before - 1);
    memcpy(at + sizeof before - 1, editor->search, length);
    memcpy(at + sizeof before - 1 + length, behind, sizeof behind);
    show_prompt(editor, editor->search_prompt);
}

/* Handle a key of a search. Returns 0 if the key ends the search; it then edits or runs the line that was found. */
static int search_key(struct line_editor *editor, uint8_t key) {
    size_t length = strlen(editor->search);
    if (key == KEY_SEARCH) {
        find_older(editor, editor->history_back + 1);
    } else if (key == KEY_BACKSPACE || key == KEY_RUBOUT) {
        editor->search[length > 0 ? length - 1 : 0] = '\0';
        show_search(editor);
        if (length > 1) /* a shorter text may match newer lines */
            find_older(editor, 1);
        else
            show_history(editor, 0);
    } else if (key < 0x20 || key >= 0x80) {
        editor->searching = 0;
        show_prompt(editor, editor->line_prompt);
        return 0;
    } else if (length == LINE_SEARCH_MAX) {
        put_text(editor, BELL);
    } else {
        editor->search[length] = (char)key;
        editor->search[length + 1] = '\0';
        show_search(editor);
        find_older(editor, editor->history_back > 0 ? editor->history_back : 1);
    }
    return 1;
}

/* Store the line in the history, unless it is blank or repeats the last one. */
static void remember(struct line_editor *editor) {
    size_t at = 0;
    while (editor->text[at] == ' ')
        at++;
    if (editor->text[at] == '\0')
        return;
    if (editor->history_count > 0 &&
        strcmp(editor->history[(editor->history_count - 1) % LINE_HISTORY_MAX], editor->text) == 0)
        return;
    copy_line(editor->history[editor->history_count++ % LINE_HISTORY_MAX], editor->text);
}

/* Handle a key that edits or moves; any other rings the bell. */
static void edit(struct line_editor *editor, uint8_t key) {
    switch (key) {
    case KEY_HOME:
        move(editor, 0);
        break;
    case KEY_LINE_END:
        move(editor, editor->length);
        break;
    case KEY_LEFT:
        move(editor, step_left(editor, editor->cursor));
        break;
    case KEY_RIGHT:
        move(editor, step_right(editor, editor->cursor));
        break;
    case KEY_PREVIOUS:
        show_history(editor, editor->history_back + 1);
        break;
    case KEY_NEXT:
        show_newer(editor);
        break;
    case KEY_BACKSPACE:
    case KEY_RUBOUT:
        erase(editor, step_left(editor, editor->cursor), editor->cursor);
        break;
    case KEY_KILL_RIGHT:
        erase(editor, editor->cursor, editor->length);
        break;
    case KEY_KILL_LEFT:
        erase(editor, 0, editor->cursor);
        break;
    case KEY_KILL_WORD:
        erase(editor, word_start(editor), editor->cursor);
        break;
    case KEY_SEARCH:
        editor->searching = 1;
        editor->search[0] = '\0';
        show_search(editor);
        break;
    case KEY_ESCAPE:
        editor->state = LINE_ESCAPE;
        break;
    case KEY_CLEAR:
        put_text(editor, "\x1b[H\x1b[2J");
        put_text(editor, editor->prompt);
        draw(editor);
        break;
    case KEY_DELETE_OR_END:
        erase(editor, editor->cursor, step_right(editor, editor->cursor));
        break;
    default:
        put_text(editor, BELL);
        break;
    }
}

/* Handle a control byte: a key that ends the line, or one that edits it. */
static enum line_event control(struct line_editor *editor, uint8_t key) {
    if (key == KEY_RETURN || key == KEY_LINE_FEED) {
        put_text(editor, "\n");
        if (editor->enter == LINE_READY)
            remember(editor);
        return editor->enter;
    }
    if (key == KEY_TAB)
        return LINE_COMPLETE;
    if (key == '\0') {
        lose(editor, LINE_HAS_ZERO);
        return LINE_MORE;
    }
    if (key == KEY_INTERRUPT) {
        put_text(editor, "^C\n");
        return LINE_INTERRUPT;
    }
    if (key == KEY_DELETE_OR_END && editor->length == 0) {
        put_text(editor, "\n");
        return LINE_END;
    }
    edit(editor, key);
    return LINE_MORE;
}

/* ESC [ NUMBER LETTER and ESC O LETTER, as VT100, xterm, Linux and rxvt send them. Unknown ones are ignored. */
static void escape_end(struct line_editor *editor, uint8_t letter) {
    editor->state = LINE_PLAIN;
    switch (letter) {
    case 'A':
        edit(editor, KEY_PREVIOUS);
        return;
    case 'B':
        edit(editor, KEY_NEXT);
        return;
    case 'C':
        edit(editor, KEY_RIGHT);
        return;
    case 'D':
        edit(editor, KEY_LEFT);
        return;
    case 'H':
        edit(editor, KEY_HOME);
        return;
    case 'F':
        edit(editor, KEY_LINE_END);
        return;
    case '~':
        break;
    default:
        return;
    }
    if (editor->parameter == 1 || editor->parameter == 7)
        edit(editor, KEY_HOME);
    else if (editor->parameter == 4 || editor->parameter == 8)
        edit(editor, KEY_LINE_END);
    else if (editor->parameter == 3)
        erase(editor, editor->cursor, step_right(editor, editor->cursor));
}

static void escape_byte(struct line_editor *editor, uint8_t byte) {
    if (editor->state == LINE_ESCAPE) {
        editor->parameter = 0;
        editor->parameter_done = 0;
        editor->state = byte == '[' ? LINE_CSI : byte == 'O' ? LINE_SS3 : LINE_PLAIN;
        return;
    }
    if (byte >= 0x40 && byte <= 0x7e) {
        escape_end(editor, byte);
        return;
    }
    if (byte < '0' || byte > '9') {
        editor->parameter_done = 1;
        return;
    }
    if (!editor->parameter_done && editor->parameter <= PARAMETER_MAX / 10)
        editor->parameter = editor->parameter * 10 + (byte - '0');
}

void line_begin(struct line_editor *editor, const char *prompt) {
    editor->text[0] = '\0';
    editor->length = 0;
    editor->cursor = 0;
    editor->left = 0;
    editor->enter = LINE_READY;
    editor->state = LINE_PLAIN;
    editor->history_back = 0;
    editor->searching = 0;
    editor->line_prompt = prompt;
    editor->prompt = prompt;
    editor->prompt_columns = strlen(prompt);
    editor->output_length = 0;
    put_text(editor, prompt);
}

enum line_event line_byte(struct line_editor *editor, uint8_t byte) {
    editor->output_length = 0;
    int after_return = editor->after_return;
    editor->after_return = byte == KEY_RETURN;
    if (byte == KEY_LINE_FEED && after_return)
        return LINE_MORE;
    if (editor->searching && search_key(editor, byte))
        return LINE_MORE;
    if (byte < 0x20 || byte == KEY_RUBOUT) { /* also ends an escape sequence, so that Enter after Esc works */
        editor->state = LINE_PLAIN;
        return control(editor, byte);
    }
    if (editor->state != LINE_PLAIN) {
        escape_byte(editor, byte);
        return LINE_MORE;
    }
    if (editor->length == LINE_BYTES_MAX)
        lose(editor, LINE_TOO_LONG);
    else
        insert(editor, (const char *)&byte, 1);
    return LINE_MORE;
}
