/*
 * The kernel's command line: words `name=value` or `name` parted by spaces. docs/boot-protocol.md lists them.
 */
#pragma once

#include <stdint.h>

/* What follows the first word that begins with `name`, up to the end of the line; NULL: there is none. */
const char *command_value(const char *command, const char *name);

/*
 * Which of `choices` (the last is NULL) follows `name` in its word. `otherwise`: there is no such word, or something else
 * follows, of which the log then tells.
 */
uint32_t command_choose(const char *command, const char *name, const char *const *choices, uint32_t otherwise);
