#include "boot/command.h"

#include <stdbool.h>

static bool begins_with(const uint8_t *file, uint64_t bytes, const char *mark, uint64_t mark_bytes) {
    uint64_t i = 0;
    while (i < mark_bytes && i < bytes && file[i] == (uint8_t)mark[i])
        i++;
    return i == mark_bytes;
}

const char *command_decode(const uint8_t *file, uint64_t bytes, char ret_command[BOOT_COMMAND_MAX]) {
    bool is_little = begins_with(file, bytes, "\xff\xfe", 2), is_big = begins_with(file, bytes, "\xfe\xff", 2);
    uint64_t unit = is_little || is_big ? 2 : 1;
    uint64_t at = unit == 2 ? 2 : begins_with(file, bytes, "\xef\xbb\xbf", 3) ? 3 : 0;
    uint64_t length = 0;
    for (; at + unit <= bytes; at += unit) {
        uint8_t low = is_big ? file[at + 1] : file[at];
        uint8_t high = unit == 1 ? 0 : is_big ? file[at] : file[at + 1];
        if (high != 0 || (unit == 2 && low > 0x7f))
            return "UTF-16 with other letters than ASCII; save it as plain text";
        if (low == 0)
            return "no text: it has a zero byte; save it as plain text";
        if (length + 1 == BOOT_COMMAND_MAX)
            return "longer than 511 bytes; shorten it";
        ret_command[length++] = (char)low;
    }
    ret_command[length] = 0;
    return at == bytes ? 0 : "half a letter of UTF-16 at its end; save it as plain text";
}
