#include "userland/shell/scan.h"

#include "libsys/string.h"

/* The byte `ahead` of the current one; 0 past the end, which no line contains. */
static char peek(const struct scanner *scanner, size_t ahead) {
    size_t at = scanner->at + ahead;
    return at < scanner->end ? scanner->text[at] : '\0';
}

static struct piece fail(struct scanner *scanner, const char *reason, size_t at) {
    scanner->error = (struct parse_error){.reason = reason, .column = at + 1};
    return (struct piece){.kind = PIECE_ERROR, .at = at};
}

static struct piece take(struct scanner *scanner, enum piece_kind kind, size_t length) {
    struct piece piece = {.kind = kind, .at = scanner->at, .byte = peek(scanner, length - 1)};
    scanner->at += length;
    scanner->in_word = kind != PIECE_BLANK && kind != PIECE_OPERATOR;
    return piece;
}

static struct piece take_operator(struct scanner *scanner, enum operator_kind kind, size_t length) {
    struct piece piece = take(scanner, PIECE_OPERATOR, length);
    piece.operator_kind = kind;
    return piece;
}

/* $NAME, ${NAME}, $?, $$ or $!. A $ before anything else stands for itself. */
static struct piece scan_dollar(struct scanner *scanner) {
    size_t at = scanner->at;
    char next = peek(scanner, 1);
    if (next == '(')
        return fail(scanner, "command substitution is not supported", at);
    int braced = next == '{';
    const char *name = scanner->text + at + (braced ? 2 : 1);
    size_t length = 1;
    if (!braced && next != '?' && next != '$' && next != '!')
        length = 0;
    if (length == 0 || braced)
        length = parse_name_length(name);
    if (length > PARSE_NAME_MAX)
        return fail(scanner, "the variable's name is longer than 31 bytes", at);
    if (braced && (length == 0 || peek(scanner, 2 + length) != '}'))
        return fail(scanner, "`${` wants a name and `}`", at);
    if (length == 0)
        return take(scanner, PIECE_CHARACTER, 1);

    struct piece piece = take(scanner, PIECE_VALUE, braced ? length + 3 : length + 1);
    piece.quoted = scanner->quote == '"';
    memcpy(piece.name, name, length);
    return piece;
}

static struct piece scan_quoted(struct scanner *scanner) {
    char byte = peek(scanner, 0);
    char next = peek(scanner, 1);
    if (byte == '\0')
        return fail(scanner, scanner->quote == '"' ? "the quote `\"` is never closed" : "the quote `'` is never closed",
                    scanner->quote_at);
    if (byte == scanner->quote) {
        scanner->quote = '\0';
        return take(scanner, PIECE_QUOTE, 1);
    }
    if (scanner->quote == '"') {
        if (byte == '$')
            return scan_dollar(scanner);
        if (byte == '`')
            return fail(scanner, "command substitution is not supported", scanner->at);
        if (byte == '\\' && (next == '"' || next == '\\' || next == '$' || next == '`'))
            return take(scanner, PIECE_CHARACTER, 2);
    }
    return take(scanner, PIECE_CHARACTER, 1);
}

struct piece scan_piece(struct scanner *scanner) {
    if (scanner->quote != '\0')
        return scan_quoted(scanner);
    char byte = peek(scanner, 0);
    char next = peek(scanner, 1);
    switch (byte) {
    case '\0':
        return (struct piece){.kind = PIECE_END, .at = scanner->at};
    case '#':
        if (!scanner->in_word)
            return (struct piece){.kind = PIECE_END, .at = scanner->at};
        return take(scanner, PIECE_CHARACTER, 1);
    case ' ':
    case '\t':
        return take(scanner, PIECE_BLANK, 1);
    case ';':
        return take_operator(scanner, OPERATOR_SEQUENCE, 1);
    case '&':
        if (next == '&')
            return take_operator(scanner, OPERATOR_AND, 2);
        return take_operator(scanner, OPERATOR_BACKGROUND, 1);
    case '|':
        if (next == '|')
            return take_operator(scanner, OPERATOR_OR, 2);
        return take_operator(scanner, OPERATOR_PIPE, 1);
    case '<':
    case '>':
        return fail(scanner, "redirection is not supported; quote the character to mean itself", scanner->at);
    case '(':
    case ')':
        return fail(scanner, "grouping is not supported; quote the parenthesis to mean itself", scanner->at);
    case '`':
        return fail(scanner, "command substitution is not supported", scanner->at);
    case '\'':
    case '"':
        scanner->quote = byte;
        scanner->quote_at = scanner->at;
        return take(scanner, PIECE_QUOTE, 1);
    case '$':
        return scan_dollar(scanner);
    case '\\':
        if (next == '\0')
            return fail(scanner, "nothing follows the `\\`", scanner->at);
        return take(scanner, PIECE_CHARACTER, 2);
    default:
        return take(scanner, PIECE_CHARACTER, 1);
    }
}
