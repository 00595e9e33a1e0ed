#include "kernel/machine/command.h"

#include "kernel/base/boot_only.h"
#include "kernel/base/string.h"
#include "kernel/machine/log.h"

BOOT_ONLY_FROM_HERE

const char *command_value(const char *command, const char *name) {
    size_t length = text_length(name);
    const char *at = command;
    while (*at != 0) {
        if (text_compare(at, name, length) == 0)
            return at + length;
        while (*at != 0 && *at != ' ')
            at++;
        while (*at == ' ')
            at++;
    }
    return NULL;
}

uint32_t command_choose(const char *command, const char *name, const char *const *choices, uint32_t otherwise) {
    const char *value = command_value(command, name);
    for (uint32_t i = 0; value != NULL && choices[i] != NULL; i++) {
        uint64_t length = text_length(choices[i]);
        if (text_compare(value, choices[i], length) == 0 && (value[length] == ' ' || value[length] == 0))
            return i;
    }
    if (value != NULL)
        log_line(LOG_WARN, "boot", "%s has an unknown value, and is not heeded", name);
    return otherwise;
}
