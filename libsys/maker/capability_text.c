#include "libsys/maker/capability_text.h"

#include "libsys/proto/process.h"
#include "libsys/text/string.h"

static bool is_in_a_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

uint32_t capability_text_read(const char *entry, cap_t slot_limit, uint32_t *ret_name_length, cap_t *ret_slot) {
    uint32_t length = 0;
    while (is_in_a_name(entry[length]))
        length++;
    bool own = length == sizeof "process" - 1 && memcmp(entry, "process", length) == 0;
    if (length == 0 || length >= PROCESS_NAME_MAX || own || (entry[length] != '=' && entry[length] != '\0'))
        return P_ARGUMENT;
    const char *digit = entry + length + (entry[length] == '=' ? 1 : 0);
    cap_t slot = 0;
    for (; *digit >= '0' && *digit <= '9' && slot < slot_limit; digit++)
        slot = slot * 10 + (cap_t)(*digit - '0');
    if (*digit != '\0' || slot == 0 || slot >= slot_limit)
        return P_NO_CAPABILITY;
    *ret_name_length = length;
    *ret_slot = slot;
    return OK;
}
