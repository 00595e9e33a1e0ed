/*
 * Paths from clients may be any bytes. path_clean gives them the form that all trees work with. Nothing here makes a
 * system call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsys/proto/files.h"

/* Components separated by single slashes, without a slash in front or at the end; empty for the root. */
struct path {
    char text[FILES_PATH_MAX + 1]; /* zero-terminated */
    size_t length;
    bool directory; /* it ended in a slash or in `.`: what it names must be a directory */
};

/*
 * Take a path of `length` bytes: components separated by one or more `/`; `.` and empty ones are left out.
 * Errors: P_NOT_FOUND it is longer than FILES_PATH_MAX, so no file has it; P_ARGUMENT it has `..` or a control byte.
 *         *ret_path is undefined then. *ret_reason: a sentence for P_ARGUMENT, else untouched.
 */
MUST_USE uint32_t path_clean(const char *path, size_t length, struct path *ret_path, const char **ret_reason);

/*
 * The part of a clean path below the directory `mount` (one component): "" for `mount` itself. NULL: the path does not
 * lead there.
 */
const char *path_below(const struct path *path, const char *mount);
