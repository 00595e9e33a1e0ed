/*
 * A reader of ustar archives: bytes in, entries or a precise error out. It allocates nothing and calls nothing. From
 * extended headers it takes names and sizes (pax) and long names (GNU tar), so that a member has the name that its
 * archiver gave it. It skips comments in pax headers, with which an archiver can pad file data to a page boundary. A
 * member that a volume can't hold is an error; it is never silently left out.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar Format".
 */
#pragma once

#include <stdint.h>

#define USTAR_BLOCK_BYTES 512U
#define USTAR_PATH_MAX 257U /* prefix, slash, name and terminating zero; longer names can't be opened */

enum ustar_error {
    USTAR_OK,
    USTAR_END, /* the end mark: no entry follows; ustar_find: no entry has that path */
#define USTAR_ERROR(name, text) USTAR_##name,
#include "libsys/format/ustar_error.def"
};

enum ustar_kind {
    USTAR_FILE,
    USTAR_FOLDER,
    USTAR_HARD_LINK, /* another name of an earlier file */
    USTAR_OTHER,     /* symbolic links, devices, unknown kinds: all are errors, so no entry has it */
};

struct ustar_entry {
    enum ustar_kind kind;
    uint64_t header_offset;
    uint64_t data_offset; /* from the archive's start; [data_offset, data_offset + data_bytes) is inside the archive */
    uint64_t data_bytes;
    char path[USTAR_PATH_MAX]; /* not empty; single slashes between components; no component is `.` or `..` */
    char link[USTAR_PATH_MAX]; /* hard links: path of the other name, in the same form, but may be empty */
};

/* Position in a walk over an archive. Begin with offset 0. */
struct ustar_cursor {
    const void *archive;
    uint64_t archive_bytes;
    uint64_t offset; /* of the next header; after an error: of the faulty block */
};

/*
 * Read the next entry. USTAR_OK: *ret_entry is filled, and the cursor has moved on. Any other result ends the walk.
 * Errors: see ustar_error.def. ret_entry->path is then the raw name of the faulty member, as far as it is known.
 * USTAR_END: *ret_entry is untouched.
 */
[[nodiscard]] enum ustar_error ustar_next(struct ustar_cursor *cursor, struct ustar_entry *ret_entry);

/*
 * Find the first file with this path, and follow it if it is a hard link. Checks every entry before it, too. USTAR_END:
 * there is none.
 * Errors: those of ustar_next(), with *ret_entry as it says there, and USTAR_LOST_LINK. ret_offset: where the walk
 * ended, for messages about a damaged archive; may be null.
 */
[[nodiscard]] enum ustar_error ustar_find(const void *archive, uint64_t archive_bytes, const char *path,
                                          struct ustar_entry *ret_entry, uint64_t *ret_offset);

const char *ustar_error_text(enum ustar_error error);
