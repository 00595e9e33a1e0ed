/* Any bytes as an archive: every entry lies inside it, and the walk comes to an end. */
#include <stdbool.h>
#include <string.h>

#include "libsys/format/ustar.h"
#include "test/fuzz/fuzz.h"

/* Whether `path` is components separated by single slashes, none of them empty, `.` or `..`, and fits its buffer. */
static bool is_clean(const char path[USTAR_PATH_MAX]) {
    const char *end = memchr(path, 0, USTAR_PATH_MAX);
    if (end == NULL)
        return false;
    for (const char *at = path; at <= end; at += strcspn(at, "/") + 1) {
        size_t length = strcspn(at, "/");
        if (length == 0 || (length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.'))
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct ustar_cursor cursor = {.archive = data, .archive_bytes = bytes};
    struct ustar_entry entry, found;
    uint64_t last = 0;
    enum ustar_error error;
    while ((error = ustar_next(&cursor, &entry)) == USTAR_OK) {
        REQUIRE(entry.data_offset <= bytes && entry.data_bytes <= bytes - entry.data_offset);
        REQUIRE(entry.path[0] != 0 && is_clean(entry.path));
        REQUIRE(entry.kind == USTAR_FILE || entry.kind == USTAR_FOLDER ||
                (entry.kind == USTAR_HARD_LINK && (entry.link[0] == 0 || is_clean(entry.link))));
        REQUIRE(cursor.offset > last && cursor.offset % USTAR_BLOCK_BYTES == 0);
        last = cursor.offset;
        if (entry.kind == USTAR_FOLDER)
            continue;
        /* it may find an earlier entry of that name */
        enum ustar_error lookup = ustar_find(data, bytes, entry.path, &found, NULL);
        REQUIRE(lookup == USTAR_OK ? found.kind == USTAR_FILE && found.data_offset <= entry.data_offset
                                   : lookup == USTAR_LOST_LINK);
    }
    REQUIRE(error == USTAR_END || memchr(entry.path, 0, sizeof entry.path) != NULL);
    REQUIRE(ustar_error_text(error) != NULL);
    return 0;
}
