/*
 * The strings of a new program, divided into arguments, environment and capabilities. Pure.
 */
#pragma once

#include "libsys/maker/stack.h"
#include "libsys/proto/process.h"

struct strings {
    struct string_block arguments;
    struct string_block environment;  /* without entries of the kinds that the server writes itself */
    struct string_block capabilities; /* NAME=SLOT */
};

/*
 * Divide `length_bytes` bytes of strings. The environment is packed in place. False: the number of zero-terminated
 * strings is not the announced one, or is above PROCESS_STRINGS_MAX.
 */
bool strings_divide(char *bytes, uint64_t length_bytes, const struct process_strings *announced,
                    struct strings *ret_strings);
