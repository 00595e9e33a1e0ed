/*
 * The command line, read from a file in one of the encodings that editors write.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/boot.h"

#define COMMAND_FILE_BYTES_MAX (2U * BOOT_COMMAND_MAX + 2U) /* UTF-16 with its byte order mark */

/*
 * Turn a file of `bytes` bytes into a zero-terminated line. UTF-8 is copied, without its byte order mark if it has one.
 * UTF-16 must have its mark and hold nothing but ASCII. Returns null on success, otherwise what is wrong.
 */
[[nodiscard]] const char *command_decode(const uint8_t *file, uint64_t bytes, char ret_command[BOOT_COMMAND_MAX]);
