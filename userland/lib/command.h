/*
 * What every command does alike: its help text, and messages that begin with its name.
 */
#pragma once

#include <stdbool.h>

#include "libsys/format.h"

enum command_exit_status {
    COMMAND_FAILURE = 1,
    COMMAND_USAGE = 2,
};

/* If the only argument is --help, print `usage: ` and `text`. Returns whether it was. */
bool command_help(int argc, char **argv, const char *text);

/* Wait until the terminal shows all that was printed: before the machine goes off. */
void command_flush_console(void);

/* Print `NAME: ` and a line. Returns COMMAND_FAILURE. */
FORMAT_LIKE(2, 3) int command_complain(const char *name, const char *format, ...);

/* Print what went wrong in using the command, and `usage: ` and `text`. Returns COMMAND_USAGE. */
int command_misused(const char *text, const char *problem);
