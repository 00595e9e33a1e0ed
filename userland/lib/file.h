/*
 * Files by their paths, for programs that were given the capability `files`. One call at a time: paths and reasons lie
 * in static memory.
 */
#pragma once

#include <stdint.h>

#include "libsys/proto/files.h"

/* Why the last call that failed with `status` did: what the server said, or else what the status means. */
const char *file_reason(uint32_t status);

/* Each returns the status of the server; a path that is too long is P_NOT_FOUND. */
MUST_USE uint32_t file_stat(const char *path, struct files_stat_reply *ret_stat);
MUST_USE uint32_t file_list(const char *path, uint64_t index, struct files_list_reply *ret_entry);
MUST_USE uint32_t file_create(const char *path, enum files_kind kind, uint64_t *ret_file);
MUST_USE uint32_t file_remove(const char *path, enum files_kind kind);
MUST_USE uint32_t file_rename(const char *from, const char *to);
MUST_USE uint32_t file_truncate(uint64_t file, uint64_t size_bytes);

/* The number of a file that is there or is made now, empty in any case if `cut` is set. Errors: P_NOT_FILE; others. */
MUST_USE uint32_t file_open(const char *path, _Bool cut, uint64_t *ret_file);

/* A file as a stream, see files_open; pipe_drop lets go of it. Errors: also P_LIMIT, the program's slots. */
MUST_USE uint32_t file_open_stream(const char *path, enum files_open_mode mode, cap_t *ret_stream);

/* Up to most_bytes, at most FILES_BYTES_MAX; *ret_length = 0 at the file's end. */
MUST_USE uint32_t file_read(uint64_t file, uint64_t offset_bytes, void *bytes, uint64_t most_bytes,
                            uint64_t *ret_length);

/* All of it, in as many messages as it takes. offset_bytes: or FILES_APPEND. On failure what fitted is written. */
MUST_USE uint32_t file_write(uint64_t file, uint64_t offset_bytes, const void *bytes, uint64_t length_bytes);

/*
 * Where something goes that is called like `from`: `to` itself, or below it if that is a directory. path: FILES_PATH_MAX
 * + 1 bytes. Returns 0 if there is no room for it.
 */
_Bool file_target(const char *from, const char *to, char *path);
