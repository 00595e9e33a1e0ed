/*
 * Does Tab complete the right word, by the common beginning of all matching names, and by no byte more?
 */
#include "userland/shell/complete.h"

#include <string.h>

#include "test/host/suite.h"
#include "userland/shell/line.h"

static struct complete complete;

/* Which word is it? */
#define CHECK_WORD(text, kind, folder, prefix) check_word(text, kind, folder, prefix, __LINE__)

static void check_word(const char *text, enum complete_kind kind, const char *folder, const char *prefix, int line) {
    bool right = complete_begin(&complete, text, strlen(text)) == kind;
    if (kind != COMPLETE_NOTHING)
        right = right && strcmp(complete.folder, folder) == 0 && strcmp(complete.prefix, prefix) == 0 &&
                complete.prefix_length == strlen(prefix);
    if (!test_check(right, __FILE__, line, "the word"))
        test_note("of `%s`: folder `%s`, prefix `%s`", text, complete.folder, complete.prefix);
}

static void offer(const char *name) {
    size_t length = strlen(name);
    bool is_folder = name[length - 1] == '/';
    complete_offer(&complete, name, length - is_folder, is_folder);
}

/* Check what Tab inserts after `text`, given these names; a name that ends in a slash is a folder. */
#define CHECK_INSERTION(text, wanted, ...) \
    check_insertion(text, wanted, (const char *const[]){__VA_ARGS__, NULL}, __LINE__)

static void check_insertion(const char *text, const char *wanted, const char *const *names, int line) {
    char insertion[COMPLETE_INSERT_MAX];
    CHECK(complete_begin(&complete, text, strlen(text)) != COMPLETE_NOTHING);
    for (; *names != NULL; names++)
        offer(*names);
    size_t length = complete_insertion(&complete, insertion);
    if (!test_check(length == strlen(wanted) && memcmp(insertion, wanted, length) == 0, __FILE__, line,
                    "what is inserted"))
        test_note("behind `%s`: `%.*s`, want `%s`", text, (int)length, insertion, wanted);
}

static void words(void) {
    CHECK_WORD("ec", COMPLETE_COMMAND, "", "ec");
    CHECK_WORD("  ec", COMPLETE_COMMAND, "", "ec");
    CHECK_WORD("true && ec", COMPLETE_COMMAND, "", "ec");
    CHECK_WORD("true;ec", COMPLETE_COMMAND, "", "ec");
    CHECK_WORD("cat x|ec", COMPLETE_COMMAND, "", "ec");
    CHECK_WORD("/bin/ec", COMPLETE_PATH, "/bin/", "ec");
    CHECK_WORD("ls ", COMPLETE_PATH, "", "");
    CHECK_WORD("ls et", COMPLETE_PATH, "", "et");
    CHECK_WORD("ls /etc/", COMPLETE_PATH, "/etc/", "");
    CHECK_WORD("echo x >/tmp/f", COMPLETE_PATH, "/tmp/", "f");
    CHECK_WORD("cat /tmp/two\\ wo", COMPLETE_PATH, "/tmp/", "two wo");
    CHECK_WORD("cat /tmp/a\\;b/c", COMPLETE_PATH, "/tmp/a;b/", "c");
    CHECK_WORD("rm -d /tmp/two\\ ", COMPLETE_PATH, "/tmp/", "two ");
    CHECK_WORD("", COMPLETE_NOTHING, "", "");
    CHECK_WORD("true; ", COMPLETE_NOTHING, "", "");
    CHECK_WORD("cat '/tmp", COMPLETE_NOTHING, "", "");
    CHECK_WORD("cat $HO", COMPLETE_NOTHING, "", "");
    CHECK_WORD("cat x\\", COMPLETE_NOTHING, "", "");
    complete_begin(&complete, "ls /bin/un| x", 10); /* what is behind the cursor does not count */
    CHECK(strcmp(complete.prefix, "un") == 0);
}

static void one_name(void) {
    CHECK_INSERTION("ec", "ho ", "cat", "echo", "ls");
    CHECK_INSERTION("ls /et", "c/", "bin/", "etc/");
    CHECK_INSERTION("echo", " ", "echo");
    CHECK_INSERTION("kil", "l ", "kill", "kill"); /* built in, and a program */
    CHECK_INSERTION("cat /tmp/t", "wo\\ words\\$ ", "two words$");
    CHECK_INSERTION("x", "", "echo");
    CHECK_INSERTION("ec", "", "ec\x1b[2Jho");
}

static void several_names(void) {
    CHECK_INSERTION("m", "", "mem", "mkdir", "mv");
    CHECK_INSERTION("ls /tmp/a", "bc", "abcd", "abce/", "x");
    CHECK_INSERTION("ls /tmp/a", "b", "ab", "abc");
    CHECK_INSERTION("ls /tmp/t", "wo\\ ", "two words/", "two lines/");
    CHECK_INSERTION("ls /tmp/two\\ w", "ords/", "two words/", "two lines/");
    CHECK_INSERTION("ls /tmp/a", "b", "ab", "abc");
    CHECK_EQUAL(complete.count, 2);
    CHECK_INSERTION("ls /tmp/", "", "\xc3\xa4", "\xc3\xa9"); /* no half of a character: a-umlaut, e-acute, ... */
    CHECK_INSERTION("ls /tmp/", "\xc3\xa4", "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xad"); /* ... euro, kip */
    CHECK_INSERTION("ls /tmp/\xc3", "", "\xc3\xa4", "\xc3\xa9");
    CHECK_INSERTION("ls /tmp/", "\xc3\xa4", "\xc3\xa4", "\xc3\xa4\xc3\xa4");
}

static void rows(void) {
    char row[LINE_COLUMNS + COMPLETE_WORD_MAX];
    complete_begin(&complete, "ls ", 3);
    for (const char *name = "zyxwvutsrqponmlkjihgfedcba"; *name != '\0'; name++)
        complete_offer(&complete, name, 1, 0);
    complete_offer(&complete, "longest", 7, 0);
    CHECK(complete_row(&complete, 0, row, sizeof row));
    CHECK(strcmp(row, "a        e        i        longest  p        t        x") == 0);
    CHECK(complete_row(&complete, 3, row, sizeof row));
    CHECK(!complete_row(&complete, 4, row, sizeof row));
}

/* More names than there is room for: all fit, but only some are shown. */
static void many_names(void) {
    char name[COMPLETE_WORD_MAX + 2], row[LINE_COLUMNS + COMPLETE_WORD_MAX];
    size_t shown = 0;
    complete_begin(&complete, "ls n", 4);
    memset(name, 'n', sizeof name);
    for (size_t i = 0; i < 2 * COMPLETE_NAMES_MAX; i++) {
        name[1] = (char)('A' + i % 26);
        name[2] = (char)('A' + i / 26);
        complete_offer(&complete, name, i == 7 ? COMPLETE_WORD_MAX : 3 + i % 40, 0);
    }
    complete_offer(&complete, name, COMPLETE_WORD_MAX + 1, 0); /* too long for anybody */
    CHECK_EQUAL(complete.count, 2 * COMPLETE_NAMES_MAX);
    CHECK_EQUAL(complete.common_length, 1);
    while (complete_row(&complete, shown, row, sizeof row)) {
        CHECK(strlen(row) < sizeof row);
        shown++;
    }
    CHECK_EQUAL(shown, complete.name_count); /* one in a row, since one is longer than that */
}

SUITE(CASE(words), CASE(one_name), CASE(several_names), CASE(rows), CASE(many_names));
