#include "userland/shell/scan.h"

#include "libsys/text/string.h"

static int is_name_byte(char byte, int first) {
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_')
        return 1;
    return !first && byte >= '0' && byte <= '9';
}

size_t scan_name_length(const char *text) {
    size_t length = 0;
    while (is_name_byte(text[length], length == 0))
        length++;
    return length;
}

/* Returns the byte `ahead` of the current one; past the end 0, which no line contains. */
static char peek(const struct scanner *scanner, size_t ahead) {
    size_t at = scanner->at + ahead;
    return at < scanner->end ? scanner->text[at] : '\0';
}

static struct piece fail(struct scanner *scanner, const char *reason, size_t at) {
    scanner->error = (struct syntax_error){.reason = reason, .column = at + 1};
    return (struct piece){.kind = PIECE_ERROR, .at = at};
}

static struct piece take(struct scanner *scanner, enum piece_kind kind, size_t length) {
    struct piece piece = {.kind = kind, .at = scanner->at, .byte = peek(scanner, length - 1)};
    scanner->at += length;
    scanner->in_word = kind != PIECE_BLANK && kind != PIECE_OPERATOR && kind != PIECE_REDIRECT;
    return piece;
}

static struct piece take_operator(struct scanner *scanner, enum operator_kind kind, size_t length) {
    struct piece piece = take(scanner, PIECE_OPERATOR, length);
    piece.operator_kind = kind;
    return piece;
}

/* Scan $NAME, ${NAME}, $?, $$ or $!. A $ before anything else stands for itself. */
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
        length = scan_name_length(name);
    if (length > SCAN_NAME_MAX)
        return fail(scanner, "the variable's name is longer than 31 bytes", at);
    _Static_assert(SCAN_NAME_MAX == 31, "the message says so");
    if (braced && (length == 0 || peek(scanner, 2 + length) != '}'))
        return fail(scanner, "`${` wants a name and `}`", at);
    if (length == 0)
        return take(scanner, PIECE_CHARACTER, 1);

    struct piece piece = take(scanner, PIECE_VALUE, braced ? length + 3 : length + 1);
    piece.quoted = scanner->quote == '"';
    memcpy(piece.name, name, length);
    return piece;
}

/* Scan [0-2]< [0-2]> [0-2]>> [0-2]>&[0-2], whose operator is `digits` bytes ahead. */
static struct piece scan_redirect(struct scanner *scanner, size_t digits) {
    size_t at = scanner->at;
    char byte = peek(scanner, digits), next = peek(scanner, digits + 1), copied = peek(scanner, digits + 2);
    struct redirection redirect = {
        .kind = byte == '<' ? REDIRECT_READ : REDIRECT_WRITE, .from = byte == '<' ? 0 : 1, .column = at + 1};
    size_t length = digits + 1;
    if (digits > 0)
        redirect.from = (unsigned)(peek(scanner, 0) - '0');
    if (redirect.from >= SCAN_STREAMS)
        return fail(scanner, "only 0, 1 and 2 can be redirected", at);
    if (byte == '<' && (next == '<' || next == '>' || next == '&'))
        return fail(scanner, "`<<`, `<>` and `<&` are not supported", at);
    if (byte == '>' && next == '|')
        return fail(scanner, "`>|` is not supported", at);
    if (byte == '>' && next == '&') {
        if (copied < '0' || copied >= '0' + (char)SCAN_STREAMS)
            return fail(scanner, "`>&` wants 0, 1 or 2", at);
        redirect.kind = REDIRECT_COPY;
        redirect.to = (unsigned)(copied - '0');
        length += 2;
    } else if (byte == '>' && next == '>') {
        redirect.kind = REDIRECT_APPEND;
        length++;
    }
    struct piece piece = take(scanner, PIECE_REDIRECT, length);
    piece.redirect = redirect;
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
        return scan_redirect(scanner, 0);
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
        if (!scanner->in_word && byte >= '0' && byte <= '9' && (next == '<' || next == '>'))
            return scan_redirect(scanner, 1);
        return take(scanner, PIECE_CHARACTER, 1);
    }
}
