#include "test/host/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/phys.h"

static _Alignas(4096) uint8_t bytes[ARENA_BYTES];

void arena_reset(void) { memset(bytes, 0xa5, sizeof bytes); }

void *phys_pointer(uint64_t phys) {
    if (phys >= ARENA_BYTES) {
        printf("Bail out! physical address 0x%llx is outside the arena\n", (unsigned long long)phys);
        exit(1);
    }
    return bytes + phys;
}
