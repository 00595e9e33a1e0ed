/*
 * JSON tokens of one document, from jsmn: an array in the order of the text, each token with its span and the number of
 * its children. A walk needs no recursion, since the tokens inside another follow it directly.
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

/* Tokens of `text`; at least 1. Negative: enum jsmnerr, and *ret_end is the byte where it was noticed. */
int json_parse(const char *text, size_t length_bytes, jsmntok_t *tokens, size_t *ret_end);

/* The parser takes commas for blanks. The first byte where one is too many or missing; `length_bytes` if there is none. */
size_t json_find_comma(const char *text, size_t length_bytes);

/* The token after `token` and all that is inside it; `count` if none is. */
uint32_t json_after(const jsmntok_t *tokens, uint32_t count, uint32_t token);
