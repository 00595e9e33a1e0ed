#include "servers/init/reader.h"

#include "libsys/text/string.h"
#include "libsys/text/text.h"

bool reader_fail(const struct reader *in, const char *format, ...) {
    char place[80] = "";
    if (in->program != NULL && in->cap != NULL)
        (void)format_into(place, sizeof place, "program %u (%s), capability %s: ", in->program_number, in->program,
                          in->cap);
    else if (in->program != NULL)
        (void)format_into(place, sizeof place, "program %u (%s): ", in->program_number, in->program);
    size_t length = format_into(in->error, in->error_bytes, "%s", place);
    va_list arguments;
    va_start(arguments, format);
    (void)format_into_list(in->error + length, in->error_bytes - length, format, arguments);
    va_end(arguments);
    return false;
}

uint32_t reader_line(const struct reader *in, size_t byte) {
    uint32_t line = 1;
    for (size_t i = 0; i < byte; i++)
        line += in->text[i] == '\n' ? 1 : 0;
    return line;
}

bool token_is(const struct reader *in, uint32_t token, const char *word) {
    size_t length = strlen(word);
    return (size_t)token_length(in, token) == length && memcmp(token_text(in, token), word, length) == 0;
}

bool read_string(const struct reader *in, uint32_t token, const char *what, char *to, size_t size_bytes) {
    size_t length = (size_t)token_length(in, token);
    if (in->tokens[token].type != JSMN_STRING)
        return reader_fail(in, "%s is not a string", what);
    if (length == 0 || length >= size_bytes)
        return reader_fail(in, "%s must have 1 to %lu characters", what, size_bytes - 1);
    for (size_t i = 0; i < length; i++)
        if (token_text(in, token)[i] == '\\' || token_text(in, token)[i] < ' ')
            return reader_fail(in, "%s contains an escape or control character", what);
    memcpy(to, token_text(in, token), length);
    to[length] = '\0';
    return true;
}

bool read_number(const struct reader *in, uint32_t token, const char *what, uint64_t least, uint64_t most,
                 uint64_t *ret_value) {
    char digits[24];
    size_t length = (size_t)token_length(in, token);
    uint64_t value;
    if (in->tokens[token].type != JSMN_PRIMITIVE || length >= sizeof digits)
        return reader_fail(in, "%s is not a whole number", what);
    memcpy(digits, token_text(in, token), length);
    digits[length] = '\0';
    if (!text_to_number(digits, &value))
        return reader_fail(in, "%s is not a whole number", what);
    if (value < least || value > most)
        return reader_fail(in, "%s must be %lu to %lu", what, least, most);
    *ret_value = value;
    return true;
}

bool read_bool(const struct reader *in, uint32_t token, const char *what, bool *ret_value) {
    if (in->tokens[token].type != JSMN_PRIMITIVE || !(token_is(in, token, "true") || token_is(in, token, "false")))
        return reader_fail(in, "%s is neither true nor false", what);
    *ret_value = token_is(in, token, "true");
    return true;
}
