/* The packaged parser is compiled here alone, without the warnings that are this project's own choice. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#define JSON_WITH_PARSER
#include "servers/init/json.h"
#pragma clang diagnostic pop

int json_parse(const char *text, size_t length_bytes, jsmntok_t *tokens, size_t *ret_end) {
    jsmn_parser parser;
    jsmn_init(&parser);
    int count = jsmn_parse(&parser, text, length_bytes, tokens, JSON_TOKENS_MAX);
    *ret_end = parser.pos;
    return count == 0 ? JSMN_ERROR_PART : count;
}

uint32_t json_after(const jsmntok_t *tokens, uint32_t count, uint32_t token) {
    uint32_t next = token + 1;
    while (next < count && tokens[next].start < tokens[token].end)
        next++;
    return next;
}
