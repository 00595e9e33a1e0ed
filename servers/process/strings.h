/*
 * The strings of a new program, divided into arguments, environment and names of capabilities. Pure.
 */
#pragma once

#include "libsys/proto/process.h"
#include "libsys/stack.h"

struct strings {
    struct string_block arguments;
    struct string_block environment; /* without entries of the kinds that the server writes itself */
    struct string_block names;
};

/*
 * Divide `length_bytes` bytes. The environment is packed in place. False: there are not just as many zero-terminated
 * strings as announced, or more than PROCESS_STRINGS_MAX.
 */
bool strings_divide(char *bytes, uint64_t length_bytes, const struct process_strings *announced,
                    struct strings *ret_strings);

/* Is `name` among the names, alone or as the first part of NAME=BAGNAME? */
bool strings_names(const struct strings *strings, const char *name);

/* What a name of the strings is called in the bag of whoever asked: BAGNAME of NAME=BAGNAME, else the name itself. */
const char *strings_source(const char *name);

/* What it will be called: NAME, copied to `target` (PROCESS_NAME_MAX bytes). False: it is too long. */
bool strings_target(const char *name, char *target);
