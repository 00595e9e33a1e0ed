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

/* Print what went wrong in using the command, and `usage: ` and `usage`. Returns COMMAND_USAGE. */
FORMAT_LIKE(2, 3) int command_misused(const char *usage, const char *problem, ...);

/*
 * The index of the first operand, behind the options: the letter `flag` (0 = the command has none), which sets *ret_flag, or
 * `--`, which ends them. A lone `-` is an operand. 0: another option, and the user was told. usage: begins with the name.
 */
int command_operands(int argc, char **argv, const char *usage, char flag, bool *ret_flag);

/* For a command that takes neither options nor operands: are there none? False: there are, and the user was told. */
bool command_is_alone(int argc, char **argv, const char *usage);
