/*
 * The kernel's command line: words `name=value` or `name`, separated by spaces. docs/boot-protocol.md lists them.
 */
#pragma once

#include <stdint.h>

/* The text after `name` in the first word that begins with it, up to the end of the line. NULL: no such word. */
const char *command_value(const char *command, const char *name);

/*
 * The index in `choices` (NULL ends them) of the text that follows `name` in its word. `otherwise`: there is no such
 * word, or another text follows; the log reports that.
 */
uint32_t command_choose(const char *command, const char *name, const char *const *choices, uint32_t otherwise);
