/*
 * The kernel's command line: words `name=value` or `name` parted by spaces. docs/boot-protocol.md lists them.
 */
#pragma once

/* What follows the first word that begins with `name`, up to the end of the line; NULL: there is none. */
const char *command_value(const char *command, const char *name);
