#include "servers/files/ram_pages.h"

#include "libsys/text/string.h"

void ram_pages_init(struct ram_tree *tree, void *memory, uint32_t page_count) {
    tree->memory = memory;
    tree->page_count = page_count;
    memset(tree->used, 0, sizeof tree->used);
    tree->lowest_free = 1;
    quota_init(&tree->pages, tree->owners_of_pages, page_count);
    quota_init(&tree->node_places, tree->owners_of_nodes, RAM_NODES_MAX - 1);
}

bool ram_page_is_used(const struct ram_tree *tree, uint32_t page) {
    return (tree->used[(page - 1) / 64] >> (page - 1) % 64 & 1) != 0;
}

static void mark(struct ram_tree *tree, uint32_t page, bool used) {
    uint64_t bit = 1ULL << (page - 1) % 64;
    uint64_t *word = &tree->used[(page - 1) / 64];
    *word = used ? *word | bit : *word & ~bit;
    if (!used && page < tree->lowest_free)
        tree->lowest_free = page;
}

uint32_t ram_find_run(struct ram_tree *tree, uint32_t page_count) {
    uint32_t free = 0;
    while (tree->lowest_free <= tree->page_count && ram_page_is_used(tree, tree->lowest_free))
        tree->lowest_free++;
    for (uint32_t page = tree->lowest_free; page <= tree->page_count; page++) {
        free = ram_page_is_used(tree, page) ? 0 : free + 1;
        if (free == page_count)
            return page - page_count + 1;
    }
    return 0;
}

void ram_claim_run(struct ram_tree *tree, uint32_t page, uint32_t page_count, uint32_t owner) {
    for (uint32_t i = 0; i < page_count; i++) {
        quota_claim(&tree->pages, owner);
        tree->page_owners[page + i - 1] = owner;
        mark(tree, page + i, true);
    }
}

uint32_t ram_take_run(struct ram_tree *tree, uint32_t page_count) {
    uint32_t first = quota_left(&tree->pages, tree->owner) < page_count ? 0 : ram_find_run(tree, page_count);
    if (first != 0)
        ram_claim_run(tree, first, page_count, tree->owner);
    return first;
}

void ram_give_run(struct ram_tree *tree, uint32_t page, uint32_t page_count) {
    for (uint32_t i = 0; i < page_count; i++) {
        quota_give(&tree->pages, tree->page_owners[page + i - 1]);
        mark(tree, page + i, false);
    }
}

uint32_t ram_take_page(struct ram_tree *tree) {
    uint32_t page = ram_take_run(tree, 1);
    if (page != 0)
        memset(ram_page_at(tree, page), 0, RAM_PAGE_BYTES);
    return page;
}

bool ram_file_node(const struct ram_tree *tree, uint64_t number, uint32_t *ret_node) {
    uint32_t node = (uint32_t)RAM_NUMBER_NODE(number);
    if (node >= RAM_NODES_MAX)
        return false;
    struct ram_stat found = ram_stat(tree, node);
    if (found.kind != FILES_FILE || found.name[0] == '\0' || ram_file_number(tree, node) != number)
        return false;
    *ret_node = node;
    return true;
}
