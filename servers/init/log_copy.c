#include "servers/init/log_copy.h"

uint64_t log_copy(const struct log_ring *ring, uint64_t *position, char *bytes, uint64_t most_bytes) {
    uint64_t written = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE), at, count;
    do { /* again only if the kernel has written a whole ring since the line above */
        uint64_t oldest = written < LOG_RING_BYTES ? 0 : written - LOG_RING_BYTES + 1;
        at = *position < oldest ? oldest : *position > written ? written : *position;
        count = written - at < most_bytes ? written - at : most_bytes;
        for (uint64_t i = 0; i < count; i++)
            bytes[i] = ring->bytes[(at + i) % LOG_RING_BYTES];
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        written = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
    } while (count > 0 && written - at >= LOG_RING_BYTES);
    *position = at + count;
    return count;
}
