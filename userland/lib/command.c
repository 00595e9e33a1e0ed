#include "userland/lib/command.h"

#include "libsys/program/program.h"
#include "libsys/proto/console.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/status_text.h"

bool command_help(int argc, char **argv, const char *text) {
    if (argc != 2 || strcmp(argv[1], "--help") != 0)
        return false;
    print("usage: %s\n", text);
    return true;
}

int command_complain(const char *name, const char *format, ...) {
    char text[512]; /* fits one message, so that the line arrives in one piece */
    va_list arguments;
    va_start(arguments, format);
    format_into_list(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("%s: %s\n", name, text_make_harmless(text));
    return COMMAND_FAILURE;
}

const char *command_reason(uint32_t status, const char *operation) {
    static char text[PROTOCOL_REASON_MAX];
    if (status != P_OPERATION)
        return status_text(status);
    format_into(text, sizeof text, "the process server has no operation `%s`", operation);
    return text;
}

int command_misused(const char *usage, const char *problem, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, problem);
    format_into_list(text, sizeof text, problem, arguments);
    va_end(arguments);
    print_error("%s\nusage: %s\n", text_make_harmless(text), usage);
    return COMMAND_USAGE;
}

static int length_of_name(const char *usage) { return (int)(strchr(usage, ' ') - usage); }

int command_operands(int argc, char **argv, const char *usage, char flag, bool *ret_flag) {
    int at = 1;
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != '\0'; at++) {
        if (strcmp(argv[at], "--") == 0)
            return at + 1;
        const char *letter = argv[at] + 1;
        for (; *letter == flag; letter++)
            *ret_flag = true;
        if (*letter != '\0') {
            (void)command_misused(usage, "%.*s: no such option: -%s", length_of_name(usage), usage, letter);
            return 0;
        }
    }
    return at;
}

bool command_is_alone(int argc, char **argv, const char *usage) {
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first > 0 && first < argc)
        (void)command_misused(usage, "%.*s: it takes no arguments", length_of_name(usage), usage);
    return first >= argc && first > 0;
}

void command_flush_console(void) {
    cap_t console = program_cap("console");
    struct console_flush_request request = {0};
    struct console_flush_reply reply;
    if (console != 0)
        (void)console_flush(console, &request, &reply, NULL); /* no use to wait for a console that can't show it */
}
