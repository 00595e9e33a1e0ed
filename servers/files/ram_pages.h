/*
 * The pages of a tree: free or in use, and by whom. For the makes of a tree (ram_tree.h), which share this.
 */
#pragma once

#include "servers/files/ram_tree.h"

static inline void *ram_page_at(const struct ram_tree *tree, uint32_t page) {
    return tree->memory + (page - 1) * (uint64_t)RAM_PAGE_BYTES;
}

/* How many pages hold `size_bytes` bytes. */
static inline uint64_t ram_pages_of(uint64_t size_bytes) { return (size_bytes + RAM_PAGE_BYTES - 1) / RAM_PAGE_BYTES; }

/* Start with all pages and nodes free. See ram_init(). */
void ram_pages_init(struct ram_tree *tree, void *memory, uint32_t page_count);

bool ram_page_is_used(const struct ram_tree *tree, uint32_t page);

/* The first page of `page_count` free ones in a row; 0 = there are none. */
uint32_t ram_find_run(struct ram_tree *tree, uint32_t page_count);

/* Take a page and clear it, since a reader must not see its old content. 0: there is none, or not for the owner. */
uint32_t ram_take_page(struct ram_tree *tree);
