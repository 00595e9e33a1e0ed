#include "test/host/ustar_maker.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES 512U

void maker_ustar_checksum(uint8_t *header) {
    uint32_t sum = 0;
    memset(header + 148, ' ', 8);
    for (uint32_t i = 0; i < BLOCK_BYTES; i++)
        sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum);
}

void maker_ustar_add(struct maker_archive *archive, const char *path, char type, const void *data, uint64_t bytes) {
    uint8_t *header = archive->bytes + archive->bytes_used;
    memset(header, 0, BLOCK_BYTES);
    memcpy(header, path, strlen(path));
    snprintf((char *)header + 100, 8, "%07o", 0644U);
    snprintf((char *)header + 124, 12, "%011llo", (unsigned long long)bytes);
    header[156] = (uint8_t)type;
    memcpy(header + 257, "ustar\00000", 8);
    maker_ustar_checksum(header);
    memset(header + BLOCK_BYTES, 0, (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES);
    memcpy(header + BLOCK_BYTES, data, bytes);
    archive->bytes_used += BLOCK_BYTES + (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
}

void maker_ustar_end(struct maker_archive *archive) {
    memset(archive->bytes + archive->bytes_used, 0, 2 * BLOCK_BYTES);
    archive->bytes_used += 2ULL * BLOCK_BYTES;
}
