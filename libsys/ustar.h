/*
 * A reader of ustar archives: bytes in, entries or a precise error out. It allocates nothing and calls nothing. Pax
 * headers ('x' and 'g') are passed over, so they can pad file data to a page boundary; what they say is not used.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format".
 */
#pragma once

#include <stdint.h>

#define USTAR_BLOCK_BYTES 512U
#define USTAR_PATH_MAX 257U /* prefix, slash, name and terminating zero */

enum ustar_error {
    USTAR_OK,
    USTAR_END, /* the end mark: no entry follows; for ustar_find: no entry has that path */
#define USTAR_ERROR(name, text) USTAR_##name,
#include "libsys/ustar_error.def"
};

enum ustar_kind {
    USTAR_FILE,
    USTAR_FOLDER,
    USTAR_OTHER, /* links, devices and kinds unknown here */
};

struct ustar_entry {
    enum ustar_kind kind;
    uint64_t data_offset; /* from the archive's start; [data_offset, data_offset + data_bytes) is inside the archive */
    uint64_t data_bytes;
    char path[USTAR_PATH_MAX]; /* not empty; without a leading "./" and without a trailing slash */
};

/* Where a walk over an archive stands. Begin with offset 0. */
struct ustar_cursor {
    const void *archive;
    uint64_t archive_bytes;
    uint64_t offset; /* of the next header; after an error: of the block that is wrong */
};

/*
 * Read the next entry. USTAR_OK: *ret_entry is filled and the cursor moved on. Anything else: the walk is over.
 * Errors: see ustar_error.def; *ret_entry is untouched.
 */
[[nodiscard]] enum ustar_error ustar_next(struct ustar_cursor *cursor, struct ustar_entry *ret_entry);

/*
 * Find the file with this path (the first one). USTAR_END: there is none. Every entry before it is checked too.
 * ret_offset: where the walk ended, for messages about a damaged archive; may be null.
 */
[[nodiscard]] enum ustar_error ustar_find(const void *archive, uint64_t archive_bytes, const char *path,
                                          struct ustar_entry *ret_entry, uint64_t *ret_offset);

const char *ustar_error_text(enum ustar_error error);
