/*
 * Files by path, for programs that have the capability `files`. For one thread at a time: paths and reasons lie in
 * static memory.
 */
#pragma once

#include <stdint.h>

#include "libsys/proto/files.h"

/* Returns why the last call failed with `status`: the server's reason or, without one, the meaning of the status. */
const char *file_reason(uint32_t status);

/* Each returns the server's status; a path that is too long is P_NOT_FOUND. */
MUST_USE uint32_t file_stat(const char *path, struct files_stat_reply *ret_stat);
MUST_USE uint32_t file_list(const char *path, uint64_t index, struct files_list_reply *ret_entry);
MUST_USE uint32_t file_create(const char *path, enum files_kind kind, uint64_t *ret_file);
MUST_USE uint32_t file_remove(const char *path, enum files_kind kind);
MUST_USE uint32_t file_rename(const char *from, const char *to);
MUST_USE uint32_t file_truncate(uint64_t file, uint64_t size_bytes);

/*
 * Get the number of a file, which is made if it does not exist. With `cut` it is emptied. Errors: P_NOT_FILE; those of
 * stat, create and truncate.
 */
MUST_USE uint32_t file_open(const char *path, _Bool cut, uint64_t *ret_file);

/* Open a file as a stream, see files_open; close it with pipe_drop. Errors: also P_LIMIT, the program's slots. */
MUST_USE uint32_t file_open_stream(const char *path, enum files_open_mode mode, cap_t *ret_stream);

/* Read up to most_bytes, at most FILES_BYTES_MAX; *ret_length = 0 at the file's end. */
MUST_USE uint32_t file_read(uint64_t file, uint64_t offset_bytes, void *bytes, uint64_t most_bytes,
                            uint64_t *ret_length);

/*
 * Write all bytes, in as many messages as it takes. offset_bytes may be FILES_APPEND. On failure the bytes that fitted
 * are written.
 */
MUST_USE uint32_t file_write(uint64_t file, uint64_t offset_bytes, const void *bytes, uint64_t length_bytes);

/*
 * Build the path to which `from` is copied or moved: `to` itself, or the last component of `from` in it if it is a
 * directory. path: FILES_PATH_MAX + 1 bytes. Returns 0 if the path is too long.
 */
_Bool file_target(const char *from, const char *to, char *path);
