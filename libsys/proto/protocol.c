/* The rules about shapes alone: pure, so that host tests can hold them to it. */
#include "libsys/proto/protocol.h"

#include "libsys/string.h"

uint32_t protocol_tail_words(const struct protocol_shape *shape, const void *data) {
    uint64_t length_bytes;
    memcpy(&length_bytes, data, sizeof length_bytes);
    if (length_bytes > (uint64_t)(shape->most_bytes - shape->fixed_bytes))
        return 0;
    return (uint32_t)((shape->fixed_bytes + length_bytes + 7) / 8);
}
