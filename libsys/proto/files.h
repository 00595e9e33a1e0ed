/*
 * Protocol `files`: one tree of named files. Files below `tmp` lie in memory and can be changed. All others are on the
 * boot volume, which is read-only: an operation that would change it fails with P_READ_ONLY.
 *
 * A path is a tail of text without a terminating zero. `/` separates its components; a leading `/` is optional; `` and
 * `/` both name the root. There is no current directory.
 */
#pragma once

#include "libsys/proto/stream.h"
#include "libsys/wire/protocol.h"

#define FILES_PATH_MAX 256U
#define FILES_BYTES_MAX PROTOCOL_TAIL_MAX

enum files_kind {
    FILES_FILE = 1,
    FILES_DIRECTORY = 2,
};

/* Describe the file or directory at a path. Errors: P_NOT_FOUND; P_DAMAGED. */
struct files_stat_request {
    uint64_t length_bytes;
    char path[FILES_PATH_MAX];
};
struct files_stat_reply {
    uint64_t kind;       /* enum files_kind */
    uint64_t size_bytes; /* 0 for a directory */
    uint64_t file;       /* number of the file for `read`, `write` and `truncate`; 0 for a directory */
    uint64_t changed_ns; /* time of the last change, in ns since the start; 0 on the boot volume */
};

/*
 * Read from a file by the number that stat or create gave. A read at or past the end gives no bytes.
 * Errors: P_ARGUMENT `file` is not the number of a file; P_NOT_FOUND the file was removed since.
 */
struct files_read_request {
    uint64_t file;
    uint64_t offset_bytes;
    uint64_t most_bytes; /* 1..FILES_BYTES_MAX */
};
struct files_read_reply {
    uint64_t length_bytes;
    uint8_t bytes[FILES_BYTES_MAX];
};

/* Get entry `index` of a directory, counted from 0. Errors: P_NOT_FOUND; P_NOT_DIRECTORY; P_END no such entry. */
struct files_list_request {
    uint64_t length_bytes;
    uint64_t index;
    char path[FILES_PATH_MAX];
};
struct files_list_reply {
    uint64_t length_bytes;
    uint64_t kind;       /* enum files_kind */
    uint64_t size_bytes; /* 0 for a directory */
    char name[FILES_PATH_MAX];
};

/*
 * Get a capability to the pages that hold a file: Memory, with rights to read and execute. Bytes in these pages before
 * the file's first and after its last one do not belong to the file.
 * A file below `tmp` is copied: later writes and truncations do not show in the copy. The pages of the copy are free
 * again once no capability to them and no mapping of them is left.
 * Errors: P_NOT_FOUND; P_NOT_FILE a directory or a file without bytes; below `tmp`: P_NO_SPACE no contiguous pages for
 * the copy among those that the process may have; P_LIMIT the process has as many copies as are left for all others, or
 * the server has no free slot.
 */
struct files_map_request {
    uint64_t length_bytes;
    uint64_t owner; /* pid of the process that a server asks for; not looked at if the caller is a process */
    char path[FILES_PATH_MAX];
};
struct files_map_reply {
    uint64_t size_bytes;   /* of the file */
    uint64_t offset_bytes; /* of the file's first byte in the memory, below 4096; 0 on a volume from tools/volume.py */
};

/*
 * Make an empty file or directory.
 * Errors: P_EXISTS; P_NOT_FOUND, P_NOT_DIRECTORY its parent; P_LIMIT a name is longer than 63 bytes; P_NO_SPACE, with a
 * reason if the caller has as many already as are left for all others; P_READ_ONLY; P_ARGUMENT kind.
 */
struct files_create_request {
    uint64_t length_bytes;
    uint64_t kind; /* enum files_kind */
    char path[FILES_PATH_MAX];
};
struct files_create_reply {
    uint64_t file; /* as in stat */
};

#define FILES_APPEND UINT64_MAX /* as an offset: the file's end */

/*
 * Write to a file. A write beyond the end fills the gap with zeros. Fewer bytes than asked for are written if space
 * runs out or the file reaches its greatest size; the next write then fails.
 * Errors, with nothing written: P_NO_SPACE, with a reason if only the caller may not have more, since it has as much
 * already as is left for all others; P_LIMIT a file has at most 4 MiB; P_ARGUMENT, P_NOT_FOUND as in read; P_READ_ONLY.
 */
struct files_write_request {
    uint64_t length_bytes;
    uint64_t file;
    uint64_t offset_bytes; /* or FILES_APPEND */
    uint8_t bytes[FILES_BYTES_MAX];
};
struct files_write_reply {
    uint64_t written_bytes; /* 0 only if length_bytes is */
    uint64_t size_bytes;    /* of the file, afterwards */
};

/* Set the size of a file: cut it, or append zeros. Errors: P_LIMIT; P_ARGUMENT, P_NOT_FOUND as in read; P_READ_ONLY. */
struct files_truncate_request {
    uint64_t file;
    uint64_t size_bytes;
};
struct files_truncate_reply {
    uint64_t zero;
};

/*
 * Remove a file or an empty directory. Open streams of the file (files_open) keep working; its number becomes invalid.
 * Errors: P_NOT_FOUND; P_NOT_FILE, P_NOT_DIRECTORY it is not of this kind; P_NOT_EMPTY; P_READ_ONLY; P_ARGUMENT kind.
 */
struct files_remove_request {
    uint64_t length_bytes;
    uint64_t kind; /* enum files_kind: the kind that the caller expects */
    char path[FILES_PATH_MAX];
};
struct files_remove_reply {
    uint64_t zero;
};

/*
 * Give a file or directory another path. A file replaces a file at the new path. The renamed file keeps its number; the
 * number of the replaced one becomes invalid.
 * Errors: P_NOT_FOUND; P_NOT_DIRECTORY; P_EXISTS a directory is at the new path, or, when a directory is renamed,
 * anything; P_LIMIT a name; P_ARGUMENT from_bytes is above length_bytes, or a directory would lie below itself;
 * P_READ_ONLY.
 */
struct files_rename_request {
    uint64_t length_bytes;       /* of both paths */
    uint64_t from_bytes;         /* of the first */
    char paths[FILES_BYTES_MAX]; /* the old path, directly followed by the new one */
};
struct files_rename_reply {
    uint64_t zero;
};

/* How much room there is below `tmp`. A file of any size takes one page more than its bytes. */
struct files_space_request {
    uint64_t zero;
};
struct files_space_reply {
    uint64_t page_count; /* of 4096 bytes */
    uint64_t pages_free;
    uint64_t entry_count; /* the most files and directories there can be */
    uint64_t entries_free;
};

enum files_open_mode {
    FILES_OPEN_READ = 1,
    FILES_OPEN_WRITE = 2,  /* the file is made if it does not exist, otherwise emptied */
    FILES_OPEN_APPEND = 3, /* the file is made if it does not exist; each write goes to its end */
};

/*
 * Open a file as a stream (libsys/proto/stream.h). The stream has a position, which copies of it share; each read or
 * write continues there. The file lives on while it is open, even if it is removed or replaced; its space is freed
 * afterwards.
 * Errors: as for stat and read, or create and write; P_NOT_FILE a directory; P_ARGUMENT mode; P_LIMIT the caller has as
 * many open as are left for all others, or the server has no free slot; E_RECEIVE the caller named no empty slot for
 * the stream. Except after E_RECEIVE, no file was made or emptied.
 * Errors of the stream: those of read and write; P_LOST it is from before a restart that the server's state did not
 * survive.
 */
struct files_open_request {
    uint64_t length_bytes;
    uint64_t mode; /* enum files_open_mode */
    char path[FILES_PATH_MAX];
};
struct files_open_reply {
    uint64_t zero;
};

/* The numbers follow those of a stream's operations, since the same endpoint serves both. */
#define FILES_OPERATIONS(ROW)                                                                                     \
    ROW(files, 3, stat, offsetof(struct files_stat_request, path), 0, sizeof(struct files_stat_reply), 0)         \
    ROW(files, 4, read, sizeof(struct files_read_request), 0, offsetof(struct files_read_reply, bytes), 0)        \
    ROW(files, 5, list, offsetof(struct files_list_request, path), 0, offsetof(struct files_list_reply, name), 0) \
    ROW(files, 6, map, offsetof(struct files_map_request, path), 0, sizeof(struct files_map_reply), 1)            \
    ROW(files, 7, create, offsetof(struct files_create_request, path), 0, sizeof(struct files_create_reply), 0)   \
    ROW(files, 8, write, offsetof(struct files_write_request, bytes), 0, sizeof(struct files_write_reply), 0)     \
    ROW(files, 9, truncate, sizeof(struct files_truncate_request), 0, sizeof(struct files_truncate_reply), 0)     \
    ROW(files, 10, remove, offsetof(struct files_remove_request, path), 0, sizeof(struct files_remove_reply), 0)  \
    ROW(files, 11, rename, offsetof(struct files_rename_request, paths), 0, sizeof(struct files_rename_reply), 0) \
    ROW(files, 12, space, sizeof(struct files_space_request), 0, sizeof(struct files_space_reply), 0)             \
    ROW(files, 13, open, offsetof(struct files_open_request, path), 0, sizeof(struct files_open_reply), 1)

PROTOCOL_CLIENT(files, FILES_OPERATIONS)
