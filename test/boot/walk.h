/*
 * Walking page tables as the CPU would.
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
    uint64_t page_bytes; /* the size of the page that maps it, or of the hole */
};

/* Tables are reached through phys_pointer. */
struct walk walk_address(uint64_t root_phys, uint64_t virt);
