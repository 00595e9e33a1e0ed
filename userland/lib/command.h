/*
 * What all commands share: help texts, and messages that begin with the command's name.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/text/format.h"

enum command_exit_status {
    COMMAND_FAILURE = 1,
    COMMAND_USAGE = 2,
};

/* If the only argument is --help, print `usage: ` and `text`. Returns whether it is. */
bool command_help(int argc, char **argv, const char *text);

/* Wait until the terminal shows all that was printed. Needed before the machine is switched off. */
void command_flush_console(void);

/* Print `NAME: ` and a line to stderr. Returns COMMAND_FAILURE. */
FORMAT_LIKE(2, 3) int command_complain(const char *name, const char *format, ...);

/*
 * Why an operation of the process server failed, in words. A small server lacks some operations; this names the one.
 * The next call overwrites the text.
 */
const char *command_reason(uint32_t status, const char *operation);

/* Say how the command was misused, and print `usage: ` and `usage`. Returns COMMAND_USAGE. */
FORMAT_LIKE(2, 3) int command_misused(const char *usage, const char *problem, ...);

/*
 * Skip the options. These are the letter `flag` (0: the command has none), which sets *ret_flag, and `--`, which ends
 * the options. A lone `-` is an operand. Returns the index of the first operand; 0: there is another option, and the
 * user was told. usage: begins with the name.
 */
int command_operands(int argc, char **argv, const char *usage, char flag, bool *ret_flag);

/* Check that a command has neither options nor operands. False: it has, and the user was told. */
bool command_is_alone(int argc, char **argv, const char *usage);
