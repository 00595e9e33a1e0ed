#include "servers/console/cooked.h"

#include "libsys/wire/journal.h"

enum cooked_key_code {
    KEY_END = 0x04, /* Ctrl-D */
    KEY_BACKSPACE = 0x08,
    KEY_TAB = 0x09,
    KEY_LINE_FEED = 0x0a,
    KEY_RETURN = 0x0d,
    KEY_KILL = 0x15, /* Ctrl-U */
    KEY_RUBOUT = 0x7f,
};

static bool is_control(uint8_t byte) { return (byte < ' ' && byte != KEY_TAB) || byte == KEY_RUBOUT; }

/* UTF-8: a byte that continues a character takes no column. */
static bool is_continuation(uint8_t byte) { return (byte & 0xc0U) == 0x80U; }

/* Show a tab as one blank and a control key as `^X`, so that each can be erased again. */
static void show_byte(uint8_t byte, cooked_show *show, void *context) {
    const uint8_t control[] = {'^', byte ^ 0x40U};
    const uint8_t plain = byte == KEY_TAB ? ' ' : byte;
    if (is_control(byte))
        show(context, control, sizeof control);
    else
        show(context, &plain, 1);
}

/* Erase the last character, with all its bytes. */
static void erase(struct cooked *line, cooked_show *show, void *context) {
    static const uint8_t back[] = {'\b', ' ', '\b'};
    while (line->now.length > 1 && is_continuation(line->bytes[line->now.length - 1]))
        line->now.length--;
    line->now.length--;
    show(context, back, sizeof back);
    if (is_control(line->bytes[line->now.length]))
        show(context, back, sizeof back);
}

static void add(struct cooked *line, uint8_t byte) {
    line->bytes[line->now.length++] = byte;
    line->now.complete = line->now.length == COOKED_BYTES_MAX || byte == '\n';
}

void cooked_key(struct cooked *line, uint8_t key, cooked_show *show, void *context) {
    static const uint8_t line_end = '\n';
    bool belongs = key == KEY_LINE_FEED && line->now.after_return;
    line->now.after_return = key == KEY_RETURN;
    switch (key) {
    case KEY_RETURN:
    case KEY_LINE_FEED:
        if (belongs)
            return;
        show(context, &line_end, 1);
        add(line, '\n');
        return;
    case KEY_END:
        line->now.complete = true;
        return;
    case KEY_BACKSPACE:
    case KEY_RUBOUT:
        if (line->now.length > 0)
            erase(line, show, context);
        return;
    case KEY_KILL:
        while (line->now.length > 0)
            erase(line, show, context);
        return;
    default:
        show_byte(key, show, context);
        add(line, key);
    }
}

void cooked_note(const struct cooked *line) { journal_note(line, offsetof(struct cooked, bytes) + line->now.length); }

void cooked_clear(struct cooked *line) {
    journal_note(&line->now, sizeof line->now);
    line->now.complete = false;
    line->now.length = 0;
    line->now.taken = 0;
}

void cooked_consume(struct cooked *line, size_t length) {
    journal_note(&line->now, sizeof line->now);
    line->now.taken += (uint32_t)length;
    if (cooked_left(line) == 0)
        cooked_clear(line);
}
