/*
 * A reader of ustar archives: bytes in, entries or a precise error out. It allocates nothing and calls nothing. Of extended
 * headers it heeds names and sizes (pax) and long names (GNU tar), so that a member has the name that its archiver gave
 * it; a comment in a pax header, by the way, can pad file data to a page boundary. What an archive can hold and a volume
 * can't is an error, never left out.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar Format".
 */
#pragma once

#include <stdint.h>

#define USTAR_BLOCK_BYTES 512U
#define USTAR_PATH_MAX 257U /* prefix, slash, name and terminating zero; longer names can't be opened */

enum ustar_error {
    USTAR_OK,
    USTAR_END, /* the end mark: no entry follows; for ustar_find: no entry has that path */
#define USTAR_ERROR(name, text) USTAR_##name,
#include "libsys/ustar_error.def"
};

enum ustar_kind {
    USTAR_FILE,
    USTAR_FOLDER,
    USTAR_HARD_LINK, /* another name of a file before it */
    USTAR_OTHER,     /* symbolic links, devices and kinds unknown here: no entry has it, since they are errors */
};

struct ustar_entry {
    enum ustar_kind kind;
    uint64_t header_offset;
    uint64_t data_offset; /* from the archive's start; [data_offset, data_offset + data_bytes) is inside the archive */
    uint64_t data_bytes;
    char path[USTAR_PATH_MAX]; /* not empty; components parted by single slashes, none of them `.` or `..` */
    char link[USTAR_PATH_MAX]; /* hard links: the path of the other name, likewise, but perhaps empty */
};

/* Where a walk over an archive stands. Begin with offset 0. */
struct ustar_cursor {
    const void *archive;
    uint64_t archive_bytes;
    uint64_t offset; /* of the next header; after an error: of the block that is wrong */
};

/*
 * Read the next entry. USTAR_OK: *ret_entry is filled and the cursor moved on. Anything else: the walk is over.
 * Errors: see ustar_error.def; ret_entry->path is the name of the member that is wrong, as far as it is known, with all
 * bytes that it has. USTAR_END: *ret_entry is untouched.
 */
[[nodiscard]] enum ustar_error ustar_next(struct ustar_cursor *cursor, struct ustar_entry *ret_entry);

/*
 * Find the file with this path (the first one); a hard link is followed. USTAR_END: there is none. Every entry before it
 * is checked too. Errors: as ustar_next(), and USTAR_LOST_LINK; *ret_entry likewise.
 * ret_offset: where the walk ended, for messages about a damaged archive; may be null.
 */
[[nodiscard]] enum ustar_error ustar_find(const void *archive, uint64_t archive_bytes, const char *path,
                                          struct ustar_entry *ret_entry, uint64_t *ret_offset);

const char *ustar_error_text(enum ustar_error error);
