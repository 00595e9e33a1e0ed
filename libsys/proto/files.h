/*
 * Protocol `files`: a tree of named files, read only.
 *
 * Paths are tails of text without a terminating zero; components are parted by `/`, a leading `/` may be there or not,
 * and `` and `/` are the root. There is no current directory.
 */
#pragma once

#include "libsys/proto/protocol.h"

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
    uint64_t file;       /* names the file in `read`; 0 for a directory */
};

/*
 * Read from a file that stat named. A read at or past the end gives no bytes.
 * Errors: P_ARGUMENT `file` is no file's name.
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
 * Errors: P_NOT_FOUND; P_NOT_FILE a directory or a file without bytes.
 */
struct files_map_request {
    uint64_t length_bytes;
    char path[FILES_PATH_MAX];
};
struct files_map_reply {
    uint64_t size_bytes;   /* of the file */
    uint64_t offset_bytes; /* of its first byte in the memory, below 4096; 0 on a volume that tools/volume.py made */
};

#define FILES_OPERATIONS(ROW)                                                                                     \
    ROW(files, 1, stat, offsetof(struct files_stat_request, path), 0, sizeof(struct files_stat_reply), 0)         \
    ROW(files, 2, read, sizeof(struct files_read_request), 0, offsetof(struct files_read_reply, bytes), 0)        \
    ROW(files, 3, list, offsetof(struct files_list_request, path), 0, offsetof(struct files_list_reply, name), 0) \
    ROW(files, 4, map, offsetof(struct files_map_request, path), 0, sizeof(struct files_map_reply), 1)

PROTOCOL_CLIENT(files, FILES_OPERATIONS)
