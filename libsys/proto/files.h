/*
 * Protocol `files`: one tree of named files. What is below `tmp` lies in memory and can be changed; all else is the boot
 * volume, which is read only: what would change it is P_READ_ONLY.
 *
 * Paths are tails of text without a terminating zero; components are parted by `/`, a leading `/` may be there or not,
 * and `` and `/` are the root. There is no current directory.
 */
#pragma once

#include "libsys/proto/protocol.h"
#include "libsys/proto/stream.h"

#define FILES_PATH_MAX 256U
#define FILES_BYTES_MAX PROTOCOL_TAIL_MAX

enum files_kind {
    FILES_FILE = 1,
    FILES_DIRECTORY = 2,
};

/* What is at a path. Errors: P_NOT_FOUND; P_DAMAGED. */
struct files_stat_request {
    uint64_t length_bytes;
    char path[FILES_PATH_MAX];
};
struct files_stat_reply {
    uint64_t kind;       /* enum files_kind */
    uint64_t size_bytes; /* 0 for a directory */
    uint64_t file;       /* names the file in `read`, `write`, `truncate`; 0 for a directory */
    uint64_t changed_ns; /* when it was changed last, nanoseconds since the start; 0 on the boot volume */
};

/*
 * Read from a file that stat or create named. A read at or past the end gives no bytes.
 * Errors: P_ARGUMENT `file` is no file's name; P_NOT_FOUND the file was removed since.
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

/* The entry number `index` of a directory, from 0 on. Errors: P_NOT_FOUND; P_NOT_DIRECTORY; P_END no such entry. */
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
 * A capability to the pages that hold a file: Memory, read and execute. What lies before the first byte and behind the
 * last one in these pages is not the file's.
 * A file below `tmp` is copied for it: what is written to the file, or its end, changes nothing in the copy. Its pages are used
 * again once nobody has the capability, or has mapped them.
 * Errors: P_NOT_FOUND; P_NOT_FILE a directory or a file without bytes; below `tmp`: P_NO_SPACE no pages in a row for the copy
 *         that the process may have; P_LIMIT its copies, or the server's slots.
 */
struct files_map_request {
    uint64_t length_bytes;
    uint64_t owner; /* pid of the process that a server asks for; not looked at if the caller is a process */
    char path[FILES_PATH_MAX];
};
struct files_map_reply {
    uint64_t size_bytes;   /* of the file */
    uint64_t offset_bytes; /* of its first byte in the memory, below 4096; 0 on a volume that tools/volume.py made */
};

/*
 * Make an empty file or directory. Errors: P_EXISTS; P_NOT_FOUND, P_NOT_DIRECTORY what it is to lie in; P_LIMIT a name
 * is longer than 63 bytes; P_NO_SPACE, with a reason if the caller has as many as are left for all others; P_READ_ONLY; P_ARGUMENT kind.
 */
struct files_create_request {
    uint64_t length_bytes;
    uint64_t kind; /* enum files_kind */
    char path[FILES_PATH_MAX];
};
struct files_create_reply {
    uint64_t file; /* as in stat */
};

#define FILES_APPEND UINT64_MAX /* an offset: the file's end */

/*
 * Write to a file. A write beyond the end leaves zeros between. Less than was asked for is written where space runs
 * out or the file can't grow any more; the next write then fails.
 * Errors: P_NO_SPACE (with a reason if only the caller may not have more: it has as much as is left for all others), P_LIMIT (a file
 *         has at most 4 MiB) nothing was written; P_ARGUMENT, P_NOT_FOUND as in read; P_READ_ONLY.
 */
struct files_write_request {
    uint64_t length_bytes;
    uint64_t file;
    uint64_t offset_bytes; /* or FILES_APPEND */
    uint8_t bytes[FILES_BYTES_MAX];
};
struct files_write_reply {
    uint64_t written_bytes; /* 0 only if length_bytes was */
    uint64_t size_bytes;    /* of the file, afterwards */
};

/* Give a file this size: cut it, or add zeros. Errors: P_LIMIT; P_ARGUMENT, P_NOT_FOUND as in read; P_READ_ONLY. */
struct files_truncate_request {
    uint64_t file;
    uint64_t size_bytes;
};
struct files_truncate_reply {
    uint64_t zero;
};

/*
 * Remove a file, or a directory that is empty. A stream of it (files_open) stays as it is; its number names nothing any more.
 * Errors: P_NOT_FOUND; P_NOT_FILE, P_NOT_DIRECTORY it is not of this kind; P_NOT_EMPTY; P_READ_ONLY; P_ARGUMENT kind.
 */
struct files_remove_request {
    uint64_t length_bytes;
    uint64_t kind; /* enum files_kind: what the caller takes it for */
    char path[FILES_PATH_MAX];
};
struct files_remove_reply {
    uint64_t zero;
};

/*
 * Give a file or directory another path. A file takes the place of another file there; the numbers of both stay what
 * they are, the other one's names nothing any more.
 * Errors: P_NOT_FOUND; P_NOT_DIRECTORY; P_EXISTS a directory is there, or anything, for a directory; P_LIMIT a name;
 *         P_ARGUMENT from_bytes is above length_bytes, or a directory would lie below itself; P_READ_ONLY.
 */
struct files_rename_request {
    uint64_t length_bytes;       /* of both paths */
    uint64_t from_bytes;         /* of the first */
    char paths[FILES_BYTES_MAX]; /* the old one, the new one right after it */
};
struct files_rename_reply {
    uint64_t zero;
};

/* How much room there is below `tmp`. A file of any size takes a page more than its bytes. */
struct files_space_request {
    uint64_t zero;
};
struct files_space_reply {
    uint64_t page_count; /* of 4096 bytes */
    uint64_t pages_free;
    uint64_t entry_count; /* files and directories there can be */
    uint64_t entries_free;
};

enum files_open_mode {
    FILES_OPEN_READ = 1,
    FILES_OPEN_WRITE = 2,  /* the file is made if it is not there, else cut to nothing */
    FILES_OPEN_APPEND = 3, /* ... made, or left as it is; each write goes to its end */
};

/*
 * A file as a stream (libsys/proto/stream.h), which reads or writes on from where it is. It and its copies share that place. The
 * file lives on while it is open, also when it is removed or another takes its place; its room is free again after that.
 * Errors: as for stat and read, or create and write; P_NOT_FILE a directory; P_ARGUMENT mode; P_LIMIT the caller has as many
 *         open as are left for all others, or the server's slots are out; E_RECEIVE the caller named no empty slot to receive it. Nothing is made or cut then, but for E_RECEIVE.
 * Errors of the stream: those of read and write.
 */
struct files_open_request {
    uint64_t length_bytes;
    uint64_t mode; /* enum files_open_mode */
    char path[FILES_PATH_MAX];
};
struct files_open_reply {
    uint64_t zero;
};

/* Numbered after a stream's operations, which are served at the same endpoint. */
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
