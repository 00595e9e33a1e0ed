/*
 * The boot volume as a tree of names. An archive is a list of paths, which imply directories:
 *
 *     bin/cat  bin/ls  boot/init.elf  etc/manifest.json      nodes, sorted so that `/` comes before any other byte:
 *     |--- bin ------| |-- boot ---|  |---- etc ------|      all nodes below a directory are one run
 *
 * The archive is read once, at the start; look-ups are binary searches. Nothing here makes a system call.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libsys/format/ustar.h"
#include "libsys/proto/files.h"
#include "servers/files/path.h"

#define TREE_NODES_MAX 1024U
#define TREE_TEXT_BYTES (64U << 10) /* of all paths */

struct tree_node {
    const char *path; /* in tree.text: no slash in front or at the end, zero-terminated */
    enum files_kind kind;
    uint64_t data_offset; /* files: where in the archive */
    uint64_t data_bytes;
    uint64_t header_offset;
};

struct tree {
    struct tree_node nodes[TREE_NODES_MAX];
    size_t node_count;
    char text[TREE_TEXT_BYTES];
    size_t text_used;
};

enum tree_error {
    TREE_OK,
    TREE_ARCHIVE,  /* see the ustar error */
    TREE_TOO_MANY, /* more than TREE_NODES_MAX entries, or their paths do not fit TREE_TEXT_BYTES */
    TREE_REPEATED, /* a path appears twice */
    TREE_CONFLICT, /* a path leads through a file */
    TREE_LINK,     /* a hard link to a file that is not before it */
};

/* The damage that tree_build() has found, and where. */
struct tree_damage {
    enum tree_error error;
    enum ustar_error ustar;    /* TREE_ARCHIVE */
    uint64_t offset;           /* in the archive: the header that is wrong */
    char path[USTAR_PATH_MAX]; /* of the entry there, as far as it is known */
};

/* Read the whole archive. A hard link counts as the file that it names. On damage the tree is empty. */
struct tree_damage tree_build(struct tree *tree, const void *archive, uint64_t archive_bytes);

/*
 * Add an empty directory at the top, to mount something there, if the archive has none of this name. The name has fewer
 * than USTAR_PATH_MAX bytes. Errors: TREE_CONFLICT there is a file of this name; TREE_TOO_MANY. The tree has not
 * changed then.
 */
enum tree_error tree_add_directory(struct tree *tree, const char *name);

const char *tree_error_text(enum tree_error error);

/* A file or directory that a path leads to. */
struct tree_place {
    enum files_kind kind;
    size_t node;  /* files: which one. Directories: the first node below it ... */
    size_t end;   /* ... and the first after those */
    size_t depth; /* directories: bytes of its path and the slash after it; 0 for the root */
};

/*
 * Follow a path. Errors: P_NOT_FOUND; P_NOT_DIRECTORY a file is used as a directory, also by a slash after it.
 * ret_place is untouched on error.
 */
MUST_USE uint32_t tree_find(const struct tree *tree, const struct path *path, struct tree_place *ret_place);

struct tree_child {
    const char *name; /* not zero-terminated */
    size_t name_length;
    enum files_kind kind;
    uint64_t size_bytes;
};

/* Child number `index` of a directory, sorted by name. Errors: P_END it has no more. */
MUST_USE uint32_t tree_child(const struct tree *tree, const struct tree_place *directory, uint64_t index,
                             struct tree_child *ret_child);
