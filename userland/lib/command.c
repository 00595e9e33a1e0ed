#include "userland/lib/command.h"

#include "libsys/print.h"
#include "libsys/program.h"
#include "libsys/proto/console.h"
#include "libsys/string.h"
#include "libsys/text.h"

bool command_help(int argc, char **argv, const char *text) {
    if (argc != 2 || strcmp(argv[1], "--help") != 0)
        return false;
    print("usage: %s\n", text);
    return true;
}

int command_complain(const char *name, const char *format, ...) {
    char text[512]; /* one message's worth, so that the line arrives in one piece */
    va_list arguments;
    va_start(arguments, format);
    format_into_list(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("%s: %s\n", name, text_make_harmless(text));
    return COMMAND_FAILURE;
}

int command_misused(const char *text, const char *problem) {
    print_error("%s\nusage: %s\n", problem, text);
    return COMMAND_USAGE;
}

void command_flush_console(void) {
    cap_t console = program_cap("console");
    struct console_flush_request request = {0};
    struct console_flush_reply reply;
    if (console != 0)
        (void)console_flush(console, &request, &reply, NULL); /* who can't show it can't be waited for */
}
