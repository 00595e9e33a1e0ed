/*
 * Does the shell understand a line as its manual says, expand words like sh, and point at the first mistake?
 */
#include "userland/shell/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host/suite.h"
#include "test/lib/random.h"

static const char *find_value(void *context, const char *name) {
    (void)context;
    static const char *const values[][2] = {{"?", "1"},          {"$", "77"},   {"A", "alpha"},
                                            {"TWO", "one  two"}, {"EMPTY", ""}, {"PAD", " mid "}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (strcmp(name, values[i][0]) == 0)
            return values[i][1];
    return NULL;
}

static const struct parse_values values = {.find = find_value};
static struct parse_line line;
static struct parse_words words;
static struct syntax_error error;

/* Parse a line of one command and compare its words, which are given with `|` between them. */
#define CHECK_WORDS(text, wanted) check_words(text, wanted, __LINE__)

static void check_words(const char *text, const char *wanted, int at) {
    static char seen[PARSE_BYTES_MAX + PARSE_WORDS_MAX];
    seen[0] = '\0';
    bool good = parse_line(text, &line, &error) && line.count == 1 &&
                parse_expand(text, &line.commands[0], &values, &words, &error);
    for (size_t i = 0; good && i < words.count; i++) {
        strcat(seen, i > 0 ? "|" : "");
        strcat(seen, words.words[i]);
    }
    good = good && words.words[words.count] == NULL;
    test_check_text(good ? seen : NULL, wanted, __FILE__, at, text);
}

#define CHECK_ERROR(text, column, reason) check_error(text, column, reason, __LINE__)

static void check_error(const char *text, size_t column, const char *reason, int at) {
    error = (struct syntax_error){.reason = "none"};
    bool refused = !parse_line(text, &line, &error);
    test_check(refused, __FILE__, at, text);
    test_check_equal(error.column, column, __FILE__, at, text);
    test_check_text(error.reason, reason, __FILE__, at, text);
}

static void words_are_split_at_blanks(void) {
    CHECK_WORDS("ls", "ls");
    CHECK_WORDS("  ls   -l\t/bin ", "ls|-l|/bin");
    CHECK_WORDS("echo for if", "echo|for|if"); /* only the first word counts, unquoted and whole */
    CHECK_WORDS("iffy a", "iffy|a");
    CHECK_WORDS("if=1", "if=1");
    CHECK_WORDS("if/x", "if/x");
    CHECK_WORDS("'if' a", "if|a");
    CHECK_WORDS("\\do a", "do|a");
    CHECK_WORDS("do'ne' a", "done|a");
    CHECK_WORDS("echo a=b * ~ {x} [y] ! %", "echo|a=b|*|~|{x}|[y]|!|%");
}

static void quotes(void) {
    CHECK_WORDS("echo 'a  b' \"c  d\"", "echo|a  b|c  d");
    CHECK_WORDS("echo a'b'\"c\"d", "echo|abcd");
    CHECK_WORDS("echo '' \"\"", "echo||");
    CHECK_WORDS("echo '$A \\ \"'", "echo|$A \\ \"");
    CHECK_WORDS("echo \"$A \\$A \\\\ \\\" \\x '\"", "echo|alpha $A \\ \" \\x '");
    CHECK_WORDS("echo ';' '&' \"||\" '#' '<>()'", "echo|;|&||||#|<>()");
}

static void backslash(void) { CHECK_WORDS("echo a\\ b \\; \\& \\\\ \\# \\$A \\'", "echo|a b|;|&|\\|#|$A|'"); }

static void expansion(void) {
    CHECK_WORDS("echo $? $$ $A ${A}bet $A-$A", "echo|1|77|alpha|alphabet|alpha-alpha");
    CHECK_WORDS("echo $NONE x$NONE \"$NONE\"", "echo|x|");
    CHECK_WORDS("echo $EMPTY \"$EMPTY\" a$EMPTY'b'", "echo||ab");
    CHECK_WORDS("echo $TWO \"$TWO\"", "echo|one|two|one  two");
    CHECK_WORDS("echo a${TWO}b x${PAD}y", "echo|aone|twob|x|mid|y");
    CHECK_WORDS("echo $ a$ $1 $. \"$\" $/", "echo|$|a$|$1|$.|$|$/");
    CHECK_WORDS("$NONE", "");
    CHECK_WORDS("$TWO", "one|two");
}

static void assignments(void) {
    CHECK_WORDS("X=1 Y='a b' echo Z=2", "X=1|Y=a b|echo|Z=2");
    CHECK_EQUAL(words.assignment_count, 2);
    CHECK_WORDS("X=$TWO", "X=one  two"); /* not split */
    CHECK_EQUAL(words.assignment_count, 1);
    CHECK_WORDS("A=1 B=$A", "A=1|B=1"); /* from left to right, ... */
    CHECK_WORDS("A=1 A=2 B=$A${A}x A= C=$A.", "A=1|A=2|B=22x|A=|C=.");
    CHECK_WORDS("A=x$A AB=2 C=$A", "A=xalpha|AB=2|C=xalpha");
    CHECK_WORDS("A=$TWO B=$A", "A=one  two|B=one  two");
    CHECK_WORDS("A=1 $A $A B=$A", "A=1|alpha|alpha|B=alpha"); /* ... and for nothing else on the line */
    CHECK_WORDS("1X=2", "1X=2");
    CHECK_EQUAL(words.assignment_count, 0);
    CHECK_WORDS("'X'=2", "X=2");
    CHECK_EQUAL(words.assignment_count, 0);
    CHECK_WORDS("=2", "=2");
    CHECK_EQUAL(words.assignment_count, 0);
}

/* Compare the redirections of a line of one command, given as they are typed, with blanks between them. */
#define CHECK_REDIRECTS(text, wanted, wanted_words) check_redirects(text, wanted, wanted_words, __LINE__)

static void check_redirects(const char *text, const char *wanted, const char *wanted_words, int at) {
    static const char *const operators[] = {
        [REDIRECT_READ] = "<", [REDIRECT_WRITE] = ">", [REDIRECT_APPEND] = ">>", [REDIRECT_COPY] = ">&"};
    char seen[200] = "";
    check_words(text, wanted_words, at);
    for (size_t i = 0; i < words.redirect_count; i++) {
        const struct redirection *one = &words.redirects[i];
        size_t used = strlen(seen);
        if (one->kind == REDIRECT_COPY)
            snprintf(seen + used, sizeof seen - used, "%s%u>&%u", i > 0 ? " " : "", one->from, one->to);
        else
            snprintf(seen + used, sizeof seen - used, "%s%u%s%s", i > 0 ? " " : "", one->from, operators[one->kind],
                     one->path);
    }
    test_check_text(seen, wanted, __FILE__, at, text);
}

static void redirections(void) {
    CHECK_REDIRECTS("a > b", "1>b", "a");
    CHECK_REDIRECTS("a>b<c>>d", "1>b 0<c 1>>d", "a");
    CHECK_REDIRECTS("<in >out 2>&1 a b", "0<in 1>out 2>&1", "a|b");
    CHECK_REDIRECTS("a 2> 'x y' b 2>>$A >&2 1>&2", "2>x y 2>>alpha 1>&2 1>&2", "a|b");
    CHECK_REDIRECTS("a2>b 2 >c x2>d", "1>b 1>c 1>d", "a2|2|x2");
    CHECK_REDIRECTS("a > $TWO", "1>one  two", "a"); /* not split */
    CHECK_REDIRECTS("X=1 > b", "1>b", "X=1");
    CHECK_REDIRECTS("> X=1 Y=2", "1>X=1", "Y=2"); /* a file is no assignment, and does not end them */
    CHECK_EQUAL(words.assignment_count, 1);
    CHECK_REDIRECTS("A=1 > $A B=$A", "1>alpha", "A=1|B=1"); /* nor does it see them */
    CHECK_REDIRECTS("> b", "1>b", "");
    CHECK_REDIRECTS("a \\> '<' \">\"", "", "a|>|<|>");
    CHECK(parse_line("a > $NONE b", &line, &error) &&
          !parse_expand("a > $NONE b", &line.commands[0], &values, &words, &error));
    CHECK_EQUAL(error.column, 3);
    CHECK(strcmp(error.reason, "the redirection's file has an empty name") == 0);
    static const char many[] = "a >1 >2 >3 >4 >5 >6 >7 >8";
    CHECK(parse_line(many, &line, &error) && parse_expand(many, &line.commands[0], &values, &words, &error));
    static const char more[] = "a >1 >2 >3 >4 >5 >6 >7 >8 >9";
    CHECK(parse_line(more, &line, &error) && !parse_expand(more, &line.commands[0], &values, &words, &error));
    CHECK_EQUAL(error.column, 27);
}

static void comments(void) {
    CHECK_WORDS("echo a#b # c ; d 'e", "echo|a#b");
    CHECK_WORDS("echo \"\"#x", "echo|#x");
    CHECK(parse_line("# all of it ' \" (", &line, &error) && line.count == 0);
    CHECK(parse_line("", &line, &error) && line.count == 0);
    CHECK(parse_line("  \t ", &line, &error) && line.count == 0);
}

/* Compare one command's place and how it is joined; `text` is its part of the line. */
static void check_command(const char *whole, size_t index, const char *text, enum parse_join join, int background) {
    const struct parse_command *command = &line.commands[index];
    CHECK(strncmp(whole + command->start, text, strlen(text)) == 0);
    CHECK_EQUAL(command->end - command->start, strlen(text));
    CHECK_EQUAL(command->join, join);
    CHECK_EQUAL(command->background, background);
}

static void operators(void) {
    static const char chain[] = "a; b&&c ||d; e &f&";
    CHECK(parse_line(chain, &line, &error));
    CHECK_EQUAL(line.count, 6);
    check_command(chain, 0, "a", JOIN_ALWAYS, 0);
    check_command(chain, 1, " b", JOIN_ALWAYS, 0);
    check_command(chain, 2, "c ", JOIN_AND, 0);
    check_command(chain, 3, "d", JOIN_OR, 0);
    check_command(chain, 4, " e ", JOIN_ALWAYS, 1);
    check_command(chain, 5, "f", JOIN_ALWAYS, 1);
    static const char joined[] = "a | b & c && d &";
    CHECK(parse_line(joined, &line, &error));
    CHECK_EQUAL(line.count, 4);
    check_command(joined, 0, "a ", JOIN_ALWAYS, 0);
    check_command(joined, 1, " b ", JOIN_PIPE, 1);
    check_command(joined, 2, " c ", JOIN_ALWAYS, 0);
    check_command(joined, 3, " d ", JOIN_AND, 1);
    CHECK(parse_line("a;", &line, &error) && line.count == 1);
    CHECK(parse_line("a & # later", &line, &error) && line.count == 1);
}

static void errors_say_what_and_where(void) {
    CHECK_ERROR("echo 'abc", 6, "the quote `'` is never closed");
    CHECK_ERROR("echo \"a'b", 6, "the quote `\"` is never closed");
    CHECK_ERROR("echo a\\", 7, "nothing follows the `\\`");
    CHECK_ERROR("; a", 1, "no command before `;`");
    CHECK_ERROR("a ;; b", 4, "no command before `;`");
    CHECK_ERROR("a && && b", 6, "no command before `&&`");
    CHECK_ERROR("a && ; b", 6, "no command before `;`");
    CHECK_ERROR("|| b", 1, "no command before `||`");
    CHECK_ERROR("& b", 1, "no command before `&`");
    CHECK_ERROR("a &&", 3, "no command after `&&`");
    CHECK_ERROR("a || # b", 3, "no command after `||`");
    CHECK_ERROR("a |", 3, "no command after `|`");
    CHECK_ERROR("| a", 1, "no command before `|`");
    CHECK_ERROR("a >", 3, "no file after the redirection");
    CHECK_ERROR("a > > b", 3, "no file after the redirection");
    CHECK_ERROR("a > 2>&1", 3, "no file after the redirection");
    CHECK_ERROR("a < ; b", 3, "no file after the redirection");
    CHECK_ERROR("a >> | b", 3, "no file after the redirection");
    CHECK_ERROR("a ># b", 3, "no file after the redirection");
    CHECK_ERROR("a 3> b", 3, "only 0, 1 and 2 can be redirected");
    CHECK_ERROR("a << b", 3, "`<<`, `<>` and `<&` are not supported");
    CHECK_ERROR("a <> b", 3, "`<<`, `<>` and `<&` are not supported");
    CHECK_ERROR("a <&1", 3, "`<<`, `<>` and `<&` are not supported");
    CHECK_ERROR("a >| b", 3, "`>|` is not supported");
    CHECK_ERROR("a 2>&3", 3, "`>&` wants 0, 1 or 2");
    CHECK_ERROR("a >&", 3, "`>&` wants 0, 1 or 2");
    CHECK_ERROR("a >& 1", 3, "`>&` wants 0, 1 or 2");
    static const char compound[] = "`if`, loops and functions are not supported; `&&` and `||` are";
    CHECK_ERROR("for a in b; do c; done", 1, compound);
    CHECK_ERROR("a; if b", 4, compound);
    CHECK_ERROR("a && while<b", 6, compound);
    CHECK_ERROR("done", 1, compound);
    CHECK_ERROR("(a)", 1, "grouping is not supported; quote the parenthesis to mean itself");
    CHECK_ERROR("a `b`", 3, "command substitution is not supported");
    CHECK_ERROR("a \"$(b)\"", 4, "command substitution is not supported");
    CHECK_ERROR("a ${}", 3, "`${` wants a name and `}`");
    CHECK_ERROR("a ${B", 3, "`${` wants a name and `}`");
    CHECK_ERROR("a ${B-c}", 3, "`${` wants a name and `}`");
    CHECK_ERROR("a $abcdefghijklmnopqrstuvwxyz123456", 3, "the variable's name is longer than 31 bytes");
}

static void limits(void) {
    static char text[PARSE_BYTES_MAX * 2];
    for (unsigned i = 0; i < PARSE_COMMANDS_MAX; i++)
        strcat(text, "a;");
    CHECK(parse_line(text, &line, &error) && line.count == PARSE_COMMANDS_MAX);
    strcat(text, "b");
    CHECK(!parse_line(text, &line, &error) && error.column == PARSE_COMMANDS_MAX * 2 + 1);

    text[0] = '\0';
    for (unsigned i = 0; i < PARSE_WORDS_MAX; i++)
        strcat(text, "a ");
    CHECK(parse_line(text, &line, &error) && parse_expand(text, &line.commands[0], &values, &words, &error));
    CHECK_EQUAL(words.count, PARSE_WORDS_MAX);
    strcat(text, "b");
    CHECK(parse_line(text, &line, &error) && !parse_expand(text, &line.commands[0], &values, &words, &error));
    CHECK_EQUAL(error.column, PARSE_WORDS_MAX * 2 + 1);

    memset(text, 'a', PARSE_BYTES_MAX - 1);
    text[PARSE_BYTES_MAX - 1] = '\0';
    CHECK(parse_line(text, &line, &error) && parse_expand(text, &line.commands[0], &values, &words, &error));
    strcat(text, "a");
    CHECK(parse_line(text, &line, &error) && !parse_expand(text, &line.commands[0], &values, &words, &error));
}

/* Any bytes give an answer; what is accepted lies inside the line. */
static void random_lines(void) {
    static const char likely[] = "ab2>> '\"\\$;&|#<>(){}`?=\t";
    uint64_t random = 11;
    for (unsigned i = 0; i < 200000; i++) {
        size_t length = random_step(&random) % 40;
        char *text = malloc(length + 1); /* exact, so that the sanitizer sees a read behind it */
        for (size_t at = 0; at < length; at++)
            text[at] = likely[random_step(&random) % (sizeof likely - 1)];
        text[length] = '\0';
        bool good = parse_line(text, &line, &error);
        CHECK(good || (error.reason != NULL && error.column >= 1 && error.column <= length + 1));
        for (size_t k = 0; good && k < line.count; k++) {
            CHECK(line.commands[k].start <= line.commands[k].end && line.commands[k].end <= length);
            error.reason = "";
            CHECK(parse_expand(text, &line.commands[k], &values, &words, &error) ||
                  strcmp(error.reason, "the redirection's file has an empty name") == 0 ||
                  strcmp(error.reason, "the command has more than 8 redirections") == 0);
        }
        free(text);
    }
}

SUITE(CASE(words_are_split_at_blanks), CASE(quotes), CASE(backslash), CASE(expansion), CASE(assignments),
      CASE(redirections), CASE(comments), CASE(operators), CASE(errors_say_what_and_where), CASE(limits),
      CASE(random_lines));
