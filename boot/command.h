/*
 * The command line as an editor may have saved it.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/boot.h"

#define COMMAND_FILE_BYTES_MAX (2U * BOOT_COMMAND_MAX + 2U) /* UTF-16 with its mark */

/*
 * Make `bytes` of a file a line of text: UTF-8 as it is, with or without its mark; UTF-16 with its mark, of ASCII alone.
 * Null on success, otherwise why not.
 */
[[nodiscard]] const char *command_decode(const uint8_t *file, uint64_t bytes, char ret_command[BOOT_COMMAND_MAX]);
