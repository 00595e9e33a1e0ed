/* The packaged parser is compiled here alone, without the warnings that are this project's own choice. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#define JSON_WITH_PARSER
#include "servers/init/json.h"
#pragma clang diagnostic pop

#include <stdbool.h>

#include "libsys/text/string.h"

int json_parse(const char *text, size_t length_bytes, jsmntok_t *tokens, size_t *ret_end) {
    jsmn_parser parser;
    jsmn_init(&parser);
    int count = jsmn_parse(&parser, text, length_bytes, tokens, JSON_TOKENS_MAX);
    *ret_end = parser.pos;
    return count == 0 ? JSMN_ERROR_PART : count;
}

static bool is_blank(char byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }

static bool opens(char byte) { return byte == '{' || byte == '['; }

static bool closes(char byte) { return byte == '}' || byte == ']'; }

/*
 * May these two be neighbours, blanks aside? A quote or a letter stands for a whole value; 0 is the text's beginning.
 */
static bool may_follow(char byte, char before) {
    bool mark = byte == ',' || byte == ':';
    if (before == 0 || before == ',' || before == ':')
        return !mark && !closes(byte);
    if (opens(before))
        return !mark;
    return mark || closes(byte);
}

/* The last byte of the lexeme that begins at `at`: a string, number, word or mark. */
static size_t lexeme_end(const char *text, size_t length_bytes, size_t at) {
    char first = text[at];
    if (opens(first) || closes(first) || first == ',' || first == ':')
        return at;
    if (first == '"')
        for (at++; at < length_bytes && text[at] != '"'; at++)
            at += text[at] == '\\' ? 1 : 0;
    else
        while (at + 1 < length_bytes && !is_blank(text[at + 1]) && text[at + 1] != ',' && !closes(text[at + 1]))
            at++;
    return at;
}

size_t json_find_comma(const char *text, size_t length_bytes) {
    char before = 0;
    size_t begin = 0;
    for (size_t at = 0; at < length_bytes; at++) {
        if (is_blank(text[at]))
            continue;
        if (!may_follow(text[at], before))
            return at;
        begin = at;
        before = text[at];
        at = lexeme_end(text, length_bytes, at);
    }
    return before == ',' ? begin : length_bytes;
}

uint32_t json_after(const jsmntok_t *tokens, uint32_t count, uint32_t token) {
    uint32_t next = token + 1;
    while (next < count && tokens[next].start < tokens[token].end)
        next++;
    return next;
}
