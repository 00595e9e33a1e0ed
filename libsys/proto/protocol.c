/* The rules about shapes alone: pure, so that host tests can hold them to it. */
#include "libsys/proto/protocol.h"

#include "libsys/string.h"

static _Bool has_tail(const struct protocol_shape *shape) { return shape->fixed_bytes < shape->most_bytes; }

/* The bytes in use; UINT64_MAX for a tail longer than there is room for. */
static uint64_t used_bytes(const struct protocol_shape *shape, const void *data) {
    if (!has_tail(shape))
        return shape->fixed_bytes;
    uint64_t length_bytes;
    memcpy(&length_bytes, data, sizeof length_bytes);
    if (length_bytes > (uint64_t)(shape->most_bytes - shape->fixed_bytes))
        return UINT64_MAX;
    return shape->fixed_bytes + length_bytes;
}

uint32_t protocol_words(const struct protocol_shape *shape, const void *data) {
    uint64_t bytes = used_bytes(shape, data);
    return bytes == UINT64_MAX ? 0 : (uint32_t)((bytes + 7) / 8);
}

_Bool protocol_fits(const struct protocol_shape *shape, uint32_t words, uint32_t caps, const void *data) {
    if (caps != shape->cap_count || words * 8U < shape->fixed_bytes)
        return 0;
    if (!has_tail(shape))
        return words == (shape->fixed_bytes + 7U) / 8;
    uint64_t bytes = used_bytes(shape, data);
    return bytes != UINT64_MAX && words == (bytes + 7) / 8;
}
