/*
 * JSON tokens of one document, from jsmn: an array in the order of the text; each token has its span and the number of
 * its children. A walk needs no recursion, since the tokens inside a token follow it directly.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#ifndef JSON_WITH_PARSER
#define JSMN_HEADER /* declarations alone */
#endif
#include "servers/init/jsmn.h"

#define JSON_TOKENS_MAX 1024U

/*
 * Parse `text`. Returns the number of tokens, at least 1, or a negative enum jsmnerr; *ret_end is then the byte where
 * the error was noticed.
 */
int json_parse(const char *text, size_t length_bytes, jsmntok_t *tokens, size_t *ret_end);

/*
 * The first byte where a comma is missing or one too many, which the parser does not notice; `length_bytes`: there is
 * none.
 */
size_t json_find_comma(const char *text, size_t length_bytes);

/* The token behind `token` and all inside it; `count`: there is none. */
uint32_t json_after(const jsmntok_t *tokens, uint32_t count, uint32_t token);
