/* Any bytes as an archive: every entry lies inside it, and the walk comes to an end. */
#include <string.h>

#include "libsys/ustar.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct ustar_cursor cursor = {.archive = data, .archive_bytes = bytes};
    struct ustar_entry entry, found;
    uint64_t last = 0;
    enum ustar_error error;
    while ((error = ustar_next(&cursor, &entry)) == USTAR_OK) {
        REQUIRE(entry.data_offset <= bytes && entry.data_bytes <= bytes - entry.data_offset);
        REQUIRE(entry.path[0] != 0 && memchr(entry.path, 0, sizeof(entry.path)) != NULL);
        REQUIRE(cursor.offset > last && cursor.offset % USTAR_BLOCK_BYTES == 0);
        last = cursor.offset;
        if (entry.kind == USTAR_FILE)
            REQUIRE(ustar_find(data, bytes, entry.path, &found, NULL) == USTAR_OK &&
                    found.data_offset <= entry.data_offset);
    }
    REQUIRE(ustar_error_text(error) != NULL);
    return 0;
}
