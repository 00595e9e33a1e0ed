/*
 * Does the line editor handle every key as its user expects, show exactly the line it holds, and stay inside its
 * buffers whatever bytes come?
 *
 * A small terminal stands on the other side: it obeys the few sequences that the editor may send and fails the test at
 * any other. After each key the row it shows must be the prompt and the visible part of the line.
 */
#include "userland/shell/line.h"

#include <string.h>

#include "test/host/suite.h"
#include "test/lib/random.h"

#define PROMPT "baton$ "

static struct line_editor editor;

static struct {
    char cells[LINE_COLUMNS][5]; /* one UTF-8 character each */
    size_t column;
    uint32_t bells;
    uint32_t strange; /* bytes and sequences that no editor should send */
} screen;

static void screen_clear(size_t from) {
    for (size_t i = from; i < LINE_COLUMNS; i++)
        strcpy(screen.cells[i], " ");
}

/* A character that begins at `text`; returns its bytes. Continuations join the cell to the left. */
static void screen_put(char byte) {
    if (((uint8_t)byte & 0xc0U) == 0x80U) {
        char *cell = screen.column > 0 ? screen.cells[screen.column - 1] : screen.cells[0];
        size_t length = strlen(cell);
        if (length < 4) {
            cell[length] = byte;
            cell[length + 1] = '\0';
        }
        return;
    }
    if (screen.column == LINE_COLUMNS) {
        screen.strange++;
        return;
    }
    screen.cells[screen.column][0] = byte;
    screen.cells[screen.column][1] = '\0';
    screen.column++;
}

/* ESC [ ... : returns the bytes of it. */
static size_t screen_escape(const char *text, size_t length) {
    size_t at = 2;
    size_t number = 0;
    while (at < length && text[at] >= '0' && text[at] <= '9')
        number = number * 10 + (size_t)(text[at++] - '0');
    if (length < 3 || text[1] != '[') {
        screen.strange++;
        return length;
    }
    if (text[at] == 'C' && number > 0 && screen.column + number < LINE_COLUMNS)
        screen.column += number;
    else if (text[at] == 'K')
        screen_clear(screen.column);
    else if (text[at] == 'H')
        screen.column = 0;
    else if (text[at] == 'J' && number == 2)
        screen_clear(0);
    else
        screen.strange++;
    return at + 1;
}

static void screen_take(const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        if (text[at] == '\x1b') {
            at += screen_escape(text + at, length - at);
            continue;
        }
        if (text[at] == '\r')
            screen.column = 0;
        else if (text[at] == '\a')
            screen.bells++;
        else if ((uint8_t)text[at] >= 0x20)
            screen_put(text[at]);
        else if (text[at] != '\n')
            screen.strange++;
        at++;
    }
}

static void screen_row(char *row) {
    row[0] = '\0';
    for (size_t i = 0; i < LINE_COLUMNS; i++)
        strcat(row, screen.cells[i]);
    for (size_t length = strlen(row); length > 0 && row[length - 1] == ' '; length--)
        row[length - 1] = '\0';
}

/* The terminal's row is the prompt and the line from `left` on, and its cursor stands where the editor's does. */
static void check_screen(void) {
    char row[LINE_COLUMNS * 4 + 1];
    char wanted[LINE_BYTES_MAX + 64];
    screen_row(row);
    size_t columns = LINE_COLUMNS - 1 - strlen(editor.prompt);
    strcpy(wanted, editor.prompt);
    size_t at = editor.left;
    for (size_t column = 0; at < editor.length; at++) {
        if (((uint8_t)editor.text[at] & 0xc0U) != 0x80U && column++ == columns)
            break;
        strncat(wanted, &editor.text[at], 1);
    }
    for (size_t length = strlen(wanted); length > 0 && wanted[length - 1] == ' '; length--)
        wanted[length - 1] = '\0';
    if (!CHECK(strcmp(row, wanted) == 0))
        printf("#   row    `%s`\n#   wanted `%s`\n", row, wanted);
    size_t cursor = strlen(editor.prompt);
    for (at = editor.left; at < editor.cursor; at++)
        cursor += ((uint8_t)editor.text[at] & 0xc0U) != 0x80U;
    CHECK_EQUAL(screen.column, cursor);
    CHECK_EQUAL(screen.strange, 0);
}

static void begin(void) {
    screen_clear(0);
    screen.column = 0;
    screen.bells = 0;
    screen.strange = 0;
    line_begin(&editor, PROMPT);
    screen_take(editor.output, editor.output_length);
}

static enum line_event type(const char *bytes) {
    enum line_event event = LINE_MORE;
    for (; *bytes != '\0'; bytes++) {
        event = line_byte(&editor, (uint8_t)*bytes);
        CHECK(editor.output_length < LINE_OUTPUT_MAX);
        screen_take(editor.output, editor.output_length);
        if (event == LINE_MORE && editor.state == LINE_PLAIN)
            check_screen();
    }
    return event;
}

static void fresh(void) {
    memset(&editor, 0, sizeof editor);
    begin();
}

/* Type a line, Enter, and begin the next. */
static void enter(const char *text) {
    type(text);
    CHECK_EQUAL(type("\r"), LINE_READY);
    begin();
}

#define CHECK_LINE(wanted) check_line(wanted, __LINE__)

static void check_line(const char *wanted, int line) {
    test_check_text(editor.text, wanted, __FILE__, line, "the line");
    test_check_equal(editor.length, strlen(wanted), __FILE__, line, "its length");
}

static void typing_echoes_each_byte(void) {
    fresh();
    (void)line_byte(&editor, 'l');
    CHECK(editor.output_length == 1 && editor.output[0] == 'l');
    (void)line_byte(&editor, 's');
    CHECK(editor.output_length == 1 && editor.output[0] == 's');
    CHECK_EQUAL(line_byte(&editor, '\r'), LINE_READY);
    CHECK(editor.output_length == 1 && editor.output[0] == '\n');
    CHECK_LINE("ls");
}

static void line_ends_are_taken_once(void) {
    fresh();
    CHECK_EQUAL(type("a\n"), LINE_READY);
    begin();
    CHECK_EQUAL(type("b\r"), LINE_READY);
    begin();
    CHECK_EQUAL(line_byte(&editor, '\n'), LINE_MORE); /* belongs to the CR before it */
    CHECK_EQUAL(line_byte(&editor, '\n'), LINE_READY);
}

static void cursor_keys_and_insertion(void) {
    fresh();
    type("bd\x1b[Dc\x1b[Ha\x1b[Fe");
    CHECK_LINE("abcde");
    type("\x01<\x05>\x02\x02|\x06/");
    CHECK_LINE("<abcd|e/>");
    type("\x1bOH1\x1bOF2\x1b[1~3\x1b[4~4\x1b[7~5\x1b[8~6");
    CHECK_LINE("531<abcd|e/>246");
    type("\x1b[D\x1b[D\x1b[C_");
    CHECK_LINE("531<abcd|e/>24_6");
}

static void deletion(void) {
    fresh();
    type("abcdef\x7f\b");
    CHECK_LINE("abcd");
    type("\x1b[D\x1b[D\x1b[3~");
    CHECK_LINE("abd");
    CHECK_EQUAL(type("\x04"), LINE_MORE);
    CHECK_LINE("ab");
    type("\x01\x06\x0b");
    CHECK_LINE("a");
    type("one two  three \x17");
    CHECK_LINE("aone two  ");
    type("\x17");
    CHECK_LINE("aone ");
    type("x\x02\x15");
    CHECK_LINE("x");
    CHECK_EQUAL(screen.bells, 0);
    type("\x01\x7f\x15\x17");
    CHECK_LINE("x");
    CHECK_EQUAL(screen.bells, 3);
}

static void end_and_interrupt(void) {
    fresh();
    CHECK_EQUAL(type("\x04"), LINE_END);
    begin();
    CHECK_EQUAL(type("abc\x03"), LINE_INTERRUPT);
    CHECK(editor.output_length == 3 && memcmp(editor.output, "^C\n", 3) == 0);
    begin();
    CHECK_LINE("");
    type("\x1b[A"); /* it was not remembered */
    CHECK_LINE("");
}

static void clear_screen(void) {
    fresh();
    type("abc\x02\x0c");
    CHECK_LINE("abc");
    type("x");
    CHECK_LINE("abxc");
}

static void history_goes_back_and_forth(void) {
    fresh();
    enter("first");
    enter("second");
    enter("second"); /* once is enough */
    enter("   ");
    type("draft\x1b[A");
    CHECK_LINE("second");
    type("\x10");
    CHECK_LINE("first");
    CHECK_EQUAL(screen.bells, 0);
    type("\x1b[A");
    CHECK_LINE("first");
    CHECK_EQUAL(screen.bells, 1);
    type("\x1bOB\x0e");
    CHECK_LINE("draft");
    type("\x1b[B");
    CHECK_EQUAL(screen.bells, 2);
    type("\x1b[A!\r");
    begin();
    type("\x1b[A");
    CHECK_LINE("second!");
    type("\x1b[A");
    CHECK_LINE("second"); /* editing a copy leaves the original alone */
}

static void history_forgets_the_oldest(void) {
    char text[16];
    fresh();
    for (unsigned i = 0; i < LINE_HISTORY_MAX + 5; i++) {
        snprintf(text, sizeof text, "line %u", i);
        enter(text);
    }
    for (unsigned i = 0; i < LINE_HISTORY_MAX; i++)
        type("\x1b[A");
    CHECK_LINE("line 5");
    CHECK_EQUAL(screen.bells, 0);
    type("\x1b[A");
    CHECK_LINE("line 5");
    CHECK_EQUAL(screen.bells, 1);
}

static void long_lines_scroll_and_end_at_the_limit(void) {
    fresh();
    for (unsigned i = 0; i < LINE_BYTES_MAX; i++) {
        char byte[2] = {(char)('a' + i % 26), '\0'};
        type(byte);
    }
    CHECK_EQUAL(screen.bells, 0);
    CHECK_EQUAL(editor.length, LINE_BYTES_MAX);
    type("\x01");
    CHECK_EQUAL(editor.left, 0);
    type("\x05\x7f\x7fyz");
    CHECK(strcmp(editor.text + LINE_BYTES_MAX - 3, "oyz") == 0);
    CHECK_EQUAL(type("\r"), LINE_READY);
    begin();
    type("\x1b[A");
    CHECK_EQUAL(editor.length, LINE_BYTES_MAX);
}

/* Ctrl-R finds the newest line with the text, then older ones; any other key takes the found line. */
static void search(void) {
    fresh();
    enter("echo one");
    enter("ls");
    enter("echo two");
    type("draft\x12");
    CHECK_LINE("draft");
    type("ec");
    CHECK_LINE("echo two");
    CHECK(strcmp(editor.prompt, "search ec: ") == 0);
    type("\x12");
    CHECK_LINE("echo one");
    CHECK_EQUAL(screen.bells, 0);
    type("\x12");
    CHECK_EQUAL(screen.bells, 1);
    type("x");
    CHECK_LINE("echo one"); /* there is none */
    CHECK_EQUAL(screen.bells, 2);
    type("\x7f");
    CHECK_LINE("echo two"); /* from the newest on again */
    type("\x7f\x7f");
    CHECK(strcmp(editor.prompt, "search : ") == 0);
    CHECK_LINE("draft");
    type("one\x05!");
    CHECK_LINE("echo one!");
    CHECK(strcmp(editor.prompt, PROMPT) == 0);
    type("\x1b[B\x1b[B\x1b[B");
    CHECK_LINE("draft");
    type("\x12s\x03");
    begin();
    type("\x12"
         "a text that is longer than one can search for");
    CHECK_LINE("");
    type("\x1b[D\x15\x12ls");
    CHECK_EQUAL(type("\r"), LINE_READY);
    CHECK_LINE("ls");
}

static void insertion_by_the_caller(void) {
    fresh();
    CHECK_EQUAL(type("ec\t"), LINE_COMPLETE);
    CHECK_EQUAL(editor.output_length, 0);
    line_insert(&editor, "ho ", 3);
    screen_take(editor.output, editor.output_length);
    type("x\x02\x02");
    line_insert(&editor, "...", 3);
    screen_take(editor.output, editor.output_length);
    CHECK_LINE("echo... x");
    check_screen();
    line_insert(&editor, "", 0);
    CHECK(editor.output_length == 1 && editor.output[0] == '\a');
    screen_clear(0); /* the list is above */
    screen.column = 0;
    line_show(&editor);
    screen_take(editor.output, editor.output_length);
    check_screen();
}

static void fill(size_t length) {
    for (size_t i = 0; i < length; i++)
        type("a");
}

/* A line that has lost a byte does not run, however it is edited. Emptied, or in the place of an older one, it is
 * another line. */
static void a_line_that_is_too_long_is_refused(void) {
    fresh();
    type("older\r");
    static const struct {
        const char *keys;
        enum line_event event;
    } tries[] = {{"\r", LINE_TOO_LONG},         {"\x7f\x7f\r", LINE_TOO_LONG}, {"\x15ok\r", LINE_READY},
                 {"\x10\x0e\r", LINE_TOO_LONG}, {"\x10\r", LINE_READY},        {"\x01\x0bok\r", LINE_READY}};
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        begin();
        fill(LINE_BYTES_MAX + 3);
        CHECK_EQUAL(screen.bells, 1);
        CHECK_EQUAL(editor.length, LINE_BYTES_MAX);
        CHECK_EQUAL(type(tries[i].keys), tries[i].event);
    }
    begin();
    type("\x10\x10");
    CHECK_LINE("older"); /* none of them is remembered */
    begin();
    CHECK_EQUAL(type("ok\r"), LINE_READY);
}

/* A line with a zero byte anywhere does not run. Once it has been emptied, even if it was empty, the line may run. */
static void a_line_with_a_zero_byte_is_refused(void) {
    static const struct {
        const char *before, *behind;
        enum line_event event;
    } tries[] = {{"echo a", "b\r", LINE_HAS_ZERO},     {"", "rm\r", LINE_HAS_ZERO},   {"", "\r", LINE_HAS_ZERO},
                 {"x\x1b[", "\x01y\r", LINE_HAS_ZERO}, {"x", "\x7fok\r", LINE_READY}, {"", "\x15ok\r", LINE_READY}};
    fresh();
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        begin();
        type(tries[i].before);
        screen.bells = 0;
        for (size_t j = 0; j < 3; j++) {
            CHECK_EQUAL(line_byte(&editor, 0), LINE_MORE);
            screen_take(editor.output, editor.output_length);
        }
        CHECK_EQUAL(screen.bells, 1);
        CHECK_EQUAL(type(tries[i].behind), tries[i].event);
    }
    begin();
    CHECK_EQUAL(type("fine\r"), LINE_READY);
}

static void characters_of_many_bytes(void) {
    fresh();
    type("\xc3\xa4\xe2\x82\xac"); /* a-umlaut, euro */
    CHECK_LINE("\xc3\xa4\xe2\x82\xac");
    type("\x1b[D");
    CHECK_EQUAL(editor.cursor, 2);
    type("\x7f");
    CHECK_LINE("\xe2\x82\xac");
    type("\x04");
    CHECK_LINE("");
}

static void unknown_sequences_change_nothing(void) {
    fresh();
    type("ab\x1b[200~\x1b[5~\x1b[12;5R\x1b[Z\x1bOP\x1bx\x01\x1b[4294967299~\x05");
    CHECK_LINE("ab");
    type("\x1b[1;5Dc"); /* Ctrl-Left counts as Left */
    CHECK_LINE("acb");
    type("\x1b");
    CHECK_EQUAL(type("\r"), LINE_READY); /* Enter works after a lone Esc */
    begin();
    type("\x1b[3");
    CHECK_EQUAL(type("\r"), LINE_READY);
}

/* No byte sequence breaks an invariant; the sanitizers watch the rest. */
static void random_bytes(void) {
    static const uint8_t likely[] = {1,   2,   4,   5,   6,   8,   0x0b, 0x0c, 0x0d, 0x0e, 0x10, 0x15, 0x17, 0x1b,
                                     '[', 'A', 'B', 'C', 'D', 'H', '3',  0x12, '~',  ' ',  'x',  0x7f, 0xc3, 0xa4};
    uint64_t random = 7;
    fresh();
    for (unsigned i = 0; i < 300000; i++) {
        uint64_t number = random_step(&random);
        uint8_t byte = number % 4 == 0 ? (uint8_t)(number >> 8) : likely[(number >> 8) % sizeof likely];
        enum line_event event = line_byte(&editor, byte);
        bool sound = editor.length <= LINE_BYTES_MAX && editor.cursor <= editor.length &&
                     editor.left <= editor.cursor && editor.text[editor.length] == '\0' &&
                     strlen(editor.text) <= editor.length && editor.output_length < LINE_OUTPUT_MAX;
        if (!CHECK(sound))
            return;
        if (event != LINE_MORE)
            begin();
    }
}

SUITE(CASE(typing_echoes_each_byte), CASE(line_ends_are_taken_once), CASE(cursor_keys_and_insertion), CASE(deletion),
      CASE(end_and_interrupt), CASE(clear_screen), CASE(history_goes_back_and_forth), CASE(history_forgets_the_oldest),
      CASE(long_lines_scroll_and_end_at_the_limit), CASE(search), CASE(insertion_by_the_caller),
      CASE(a_line_that_is_too_long_is_refused), CASE(a_line_with_a_zero_byte_is_refused),
      CASE(characters_of_many_bytes), CASE(unknown_sequences_change_nothing), CASE(random_bytes));
