/*
 * Walking the page tables that the loader built, as the CPU would.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct walk {
    bool present;
    bool writable;
    bool executable;
    bool user;
    uint64_t phys;       /* what the address maps to */
    uint64_t page_bytes; /* of the page that maps it, or of the hole */
};

struct walk walk_address(uint64_t virt);
