#include "userland/shell/parse.h"

#include <stdbool.h>

#include "libsys/text/string.h"
#include "userland/shell/scan.h"

/* These numbers are in messages of this file. */
_Static_assert(PARSE_COMMANDS_MAX == 32, "commands");
_Static_assert(PARSE_BYTES_MAX == 2048, "bytes");
_Static_assert(PARSE_WORDS_MAX == 63, "words");
_Static_assert(PARSE_REDIRECTS_MAX == 8, "redirections");

static int fail(struct syntax_error *ret_error, const char *reason, size_t at) {
    *ret_error = (struct syntax_error){.reason = reason, .column = at + 1};
    return 0;
}

/* State of parse_line() between two pieces. */
struct progress {
    size_t start;         /* of the command being read */
    int has_word;         /* it has at least one word */
    enum parse_join join; /* how it is joined to the command before */
    size_t join_at;       /* position of that operator */
    int wants_file;       /* a redirection still lacks its file */
    size_t redirect_at;   /* position of that redirection */
};

static const char no_file[] = "no file after the redirection";

static const char *missing_before(enum operator_kind kind) {
    switch (kind) {
    case OPERATOR_SEQUENCE:
        return "no command before `;`";
    case OPERATOR_BACKGROUND:
        return "no command before `&`";
    case OPERATOR_AND:
        return "no command before `&&`";
    case OPERATOR_OR:
        return "no command before `||`";
    case OPERATOR_PIPE:
        return "no command before `|`";
    }
    __builtin_unreachable();
}

static int end_command(struct parse_line *line, const struct progress *now, size_t end,
                       struct syntax_error *ret_error) {
    if (line->count == PARSE_COMMANDS_MAX)
        return fail(ret_error, "more than 32 commands on one line", now->start);
    line->commands[line->count++] = (struct parse_command){.start = now->start, .end = end, .join = now->join};
    return 1;
}

static int take_operator(struct parse_line *line, struct progress *now, const struct piece *piece, size_t next,
                         struct syntax_error *ret_error) {
    if (now->wants_file)
        return fail(ret_error, no_file, now->redirect_at);
    if (!now->has_word)
        return fail(ret_error, missing_before(piece->operator_kind), piece->at);
    if (!end_command(line, now, piece->at, ret_error))
        return 0;
    line->commands[line->count - 1].background = piece->operator_kind == OPERATOR_BACKGROUND;
    enum parse_join join = piece->operator_kind == OPERATOR_AND    ? JOIN_AND
                           : piece->operator_kind == OPERATOR_OR   ? JOIN_OR
                           : piece->operator_kind == OPERATOR_PIPE ? JOIN_PIPE
                                                                   : JOIN_ALWAYS;
    *now = (struct progress){.start = next, .join = join, .join_at = piece->at};
    return 1;
}

static int end_line(struct parse_line *line, const struct progress *now, size_t end, struct syntax_error *ret_error) {
    if (now->wants_file)
        return fail(ret_error, no_file, now->redirect_at);
    if (!now->has_word && now->join == JOIN_AND)
        return fail(ret_error, "no command after `&&`", now->join_at);
    if (!now->has_word && now->join == JOIN_OR)
        return fail(ret_error, "no command after `||`", now->join_at);
    if (!now->has_word && now->join == JOIN_PIPE)
        return fail(ret_error, "no command after `|`", now->join_at);
    return !now->has_word || end_command(line, now, end, ret_error);
}

/*
 * Whether the word at `text` begins a compound command in other shells. Such a line is refused as a whole: its first
 * word alone would fail as a program that is not found, and the rest of the line would run without its condition.
 */
static int is_compound(const char *text) {
    static const char *const words[] = {"if",    "then", "elif", "else", "fi",   "for",     "while",
                                        "until", "do",   "done", "case", "esac", "function"};
    size_t length = scan_name_length(text);
    if (strchr(" \t;&|<>", text[length]) == NULL) /* finds the end of the line, too */
        return 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == length && strncmp(text, words[i], length) == 0)
            return 1;
    return 0;
}

int parse_line(const char *text, struct parse_line *ret_line, struct syntax_error *ret_error) {
    struct scanner scanner = {.text = text, .end = strlen(text)};
    struct progress now = {.join = JOIN_ALWAYS};
    ret_line->count = 0;
    for (;;) {
        struct piece piece = scan_piece(&scanner);
        switch (piece.kind) {
        case PIECE_ERROR:
            *ret_error = scanner.error;
            return 0;
        case PIECE_BLANK:
            break;
        case PIECE_CHARACTER:
            if (!now.has_word && is_compound(text + piece.at))
                return fail(ret_error, "`if`, loops and functions are not supported; `&&` and `||` are", piece.at);
            now.has_word = 1;
            now.wants_file = 0;
            break;
        case PIECE_VALUE:
        case PIECE_QUOTE:
            now.has_word = 1;
            now.wants_file = 0;
            break;
        case PIECE_REDIRECT:
            if (now.wants_file)
                return fail(ret_error, no_file, now.redirect_at);
            now.has_word = 1;
            now.wants_file = piece.redirect.kind != REDIRECT_COPY;
            now.redirect_at = piece.at;
            break;
        case PIECE_OPERATOR:
            if (!take_operator(ret_line, &now, &piece, scanner.at, ret_error))
                return 0;
            break;
        case PIECE_END:
            return end_line(ret_line, &now, piece.at, ret_error);
        }
    }
}

enum word_kind {
    WORD_NONE,
    WORD_PLAIN,
    WORD_ASSIGNMENT, /* NAME=value: values in it are not split */
    WORD_FILE,       /* file of a redirection: not split either */
};

/* State of an expansion. Bytes go to the open word; the first byte or quote opens one. */
struct expansion {
    struct parse_words *words;
    struct syntax_error *error;
    size_t at; /* position of the current piece, for errors */
    enum word_kind open;
    struct redirection *wants_file; /* the next word is the file of this redirection */
};

static int add_byte(struct expansion *expansion, char byte) {
    struct parse_words *words = expansion->words;
    if (words->used == PARSE_BYTES_MAX)
        return fail(expansion->error, "the command's words are longer than 2048 bytes in all", expansion->at);
    words->bytes[words->used++] = byte;
    return 1;
}

static int open_word(struct expansion *expansion, const char *text) {
    struct parse_words *words = expansion->words;
    if (expansion->open != WORD_NONE)
        return 1;
    if (expansion->wants_file != NULL) {
        expansion->wants_file->path = words->bytes + words->used;
        expansion->wants_file = NULL;
        expansion->open = WORD_FILE;
        return 1;
    }
    if (words->count == PARSE_WORDS_MAX)
        return fail(expansion->error, "the command has more than 63 words", expansion->at);
    const char *typed = text + expansion->at;
    size_t name = scan_name_length(typed);
    bool assigns = words->assignment_count == words->count && name > 0 && name <= SCAN_NAME_MAX && typed[name] == '=';
    expansion->open = assigns ? WORD_ASSIGNMENT : WORD_PLAIN;
    words->assignment_count += assigns;
    words->words[words->count++] = words->bytes + words->used;
    return 1;
}

static int close_word(struct expansion *expansion) {
    if (expansion->open == WORD_NONE)
        return 1;
    expansion->open = WORD_NONE;
    return add_byte(expansion, '\0');
}

static int add_redirect(struct expansion *expansion, const struct redirection *redirect) {
    struct parse_words *words = expansion->words;
    if (!close_word(expansion))
        return 0;
    if (words->redirect_count == PARSE_REDIRECTS_MAX)
        return fail(expansion->error, "the command has more than 8 redirections", expansion->at);
    words->redirects[words->redirect_count] = *redirect;
    expansion->wants_file = redirect->kind == REDIRECT_COPY ? NULL : &words->redirects[words->redirect_count];
    words->redirect_count++;
    return 1;
}

static int check_files(const struct parse_words *words, struct syntax_error *ret_error) {
    for (size_t i = 0; i < words->redirect_count; i++)
        if (words->redirects[i].kind != REDIRECT_COPY && words->redirects[i].path[0] == '\0')
            return fail(ret_error, "the redirection's file has an empty name", words->redirects[i].column - 1);
    return 1;
}

/*
 * Assignments take effect from left to right (POSIX, "Simple Commands"): each sees those before it. Words and files see
 * none.
 */
static const char *find_value(const struct expansion *expansion, const struct parse_values *values, const char *name) {
    const struct parse_words *words = expansion->words;
    size_t length = strlen(name);
    size_t before = expansion->open == WORD_ASSIGNMENT ? words->assignment_count - 1 : 0;
    while (before-- > 0)
        if (strncmp(words->words[before], name, length) == 0 && words->words[before][length] == '=')
            return words->words[before] + length + 1;
    return values->find(values->context, name);
}

/* Split an unquoted value at its blanks, as sh does. A word that a value alone makes is never an assignment. */
static int add_value(struct expansion *expansion, const char *text, const char *value, int whole) {
    for (; *value != '\0'; value++) {
        int blank = *value == ' ' || *value == '\t' || *value == '\n';
        if (blank && !whole && expansion->open <= WORD_PLAIN) {
            if (!close_word(expansion))
                return 0;
        } else if (!open_word(expansion, text) || !add_byte(expansion, *value)) {
            return 0;
        }
    }
    return 1;
}

int parse_expand(const char *text, const struct parse_command *command, const struct parse_values *values,
                 struct parse_words *ret_words, struct syntax_error *ret_error) {
    struct scanner scanner = {.text = text, .at = command->start, .end = command->end};
    struct expansion expansion = {.words = ret_words, .error = ret_error};
    ret_words->count = 0;
    ret_words->assignment_count = 0;
    ret_words->redirect_count = 0;
    ret_words->used = 0;
    for (;;) {
        struct piece piece = scan_piece(&scanner);
        int fits = 1;
        const char *value = NULL;
        expansion.at = piece.at;
        switch (piece.kind) {
        case PIECE_ERROR:
            *ret_error = scanner.error;
            return 0;
        case PIECE_OPERATOR: /* can't occur: parse_line() ends a command before its operator */
        case PIECE_BLANK:
            fits = close_word(&expansion);
            break;
        case PIECE_REDIRECT:
            fits = add_redirect(&expansion, &piece.redirect);
            break;
        case PIECE_QUOTE:
            fits = open_word(&expansion, text);
            break;
        case PIECE_CHARACTER:
            fits = open_word(&expansion, text) && add_byte(&expansion, piece.byte);
            break;
        case PIECE_VALUE:
            value = find_value(&expansion, values, piece.name);
            fits = expansion.wants_file == NULL ||
                   open_word(&expansion, text); /* an empty file name, rather than the next word */
            fits = fits && (value == NULL || add_value(&expansion, text, value, piece.quoted));
            break;
        case PIECE_END:
            fits = close_word(&expansion);
            ret_words->words[ret_words->count] = NULL;
            return fits && check_files(ret_words, ret_error);
        }
        if (!fits)
            return 0;
    }
}
