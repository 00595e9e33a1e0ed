#include "kernel/command.h"

#include "kernel/string.h"

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
