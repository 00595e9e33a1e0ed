/*
 * Makes ustar archives for tests, entry by entry.
 */
#pragma once

#include <stdint.h>

#define MAKER_ARCHIVE_MAX (256U << 10)

struct maker_archive {
    uint64_t bytes_used;
    uint8_t bytes[MAKER_ARCHIVE_MAX];
};

/* The header's checksum, for a header changed by hand. */
void maker_ustar_checksum(uint8_t *header);

/* Add an entry of `type` ('0' file, '5' folder, 'x' pax header ...) and its data. */
void maker_ustar_add(struct maker_archive *archive, const char *path, char type, const void *data, uint64_t bytes);

/* Add the end mark. */
void maker_ustar_end(struct maker_archive *archive);
