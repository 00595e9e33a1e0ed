#include "libsys/format/elf.h"

static const char *error_text(enum elf_error error, bool *ret_about_segment) {
    *ret_about_segment = false;
    switch (error) {
    case ELF_OK:
        return "no error";
#define ELF_FILE_ERROR(name, text) \
    case ELF_##name:               \
        return text;
#define ELF_SEGMENT_ERROR(name, text) \
    case ELF_##name:                  \
        *ret_about_segment = true;    \
        return text;
#include "libsys/format/elf_error.def"
    }
    return "unknown error";
}

static size_t append_text(char *buffer, size_t buffer_bytes, size_t length, const char *text) {
    while (*text != 0 && length + 1 < buffer_bytes)
        buffer[length++] = *text++;
    return length;
}

size_t elf_format_result(struct elf_result result, char *buffer, size_t buffer_bytes) {
    if (buffer_bytes == 0)
        return 0;
    bool about_segment = false;
    const char *text = error_text(result.error, &about_segment);
    size_t length = 0;
    if (about_segment) {
        char digits[11]; /* ten digits of a 32-bit number and the zero */
        size_t first = sizeof digits - 1;
        digits[first] = 0;
        uint32_t rest = result.segment;
        do {
            digits[--first] = (char)('0' + rest % 10);
            rest /= 10;
        } while (rest != 0);
        length = append_text(buffer, buffer_bytes, length, "segment ");
        length = append_text(buffer, buffer_bytes, length, &digits[first]);
        length = append_text(buffer, buffer_bytes, length, ": ");
    }
    length = append_text(buffer, buffer_bytes, length, text);
    buffer[length] = 0;
    return length;
}
