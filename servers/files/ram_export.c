#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "servers/files/files_state.h"
#include "servers/files/ram_pages.h"

void ram_export(const struct ram_tree *tree, struct export *to) {
    for (uint32_t node = 0; node < RAM_NODES_MAX; node++) {
        struct ram_stat stat = ram_stat(tree, node);
        struct files_state_node record = {
            .node = node,
            .generation = RAM_NUMBER_GENERATION(ram_file_number(tree, node)),
            .kind = stat.kind,
            .owner = stat.owner,
            .directory = stat.parent,
            .size_bytes = stat.kind == FILES_FILE ? stat.size_bytes : 0,
            .changed_ns = stat.changed_ns,
        };
        memcpy(record.name, stat.name, strlen(stat.name));
        if (record.kind != 0 || record.generation != 0)
            export_put(to, FILES_STATE_NODE, &record, sizeof record);
    }
    ram_export_pages(tree, to);
}

/* The next record of this kind; NULL: there is none. *ret_whole becomes false if one has another size. */
static const void *next(const struct export *from, uint64_t *at, uint32_t kind, uint32_t bytes, bool *ret_whole) {
    struct export_record record;
    while (export_next(from, at, &record))
        if (record.kind == kind) {
            *ret_whole = *ret_whole && record.length_bytes == bytes;
            return record.length_bytes == bytes ? record.bytes : NULL;
        }
    return NULL;
}

static bool is_name(const struct files_state_node *node) {
    size_t length = strnlen(node->name, sizeof node->name);
    for (size_t i = 0; i < length; i++)
        if (node->name[i] == '/')
            return false;
    return length <= RAM_NAME_MAX;
}

/* Is this node one that a tree can have, by itself? An empty name is the root's, or that of a file that is open yet. */
static bool is_sound(const struct files_state_node *node) {
    bool is_root = node->node == 0;
    if (node->node >= RAM_NODES_MAX || node->directory >= RAM_NODES_MAX || !is_name(node))
        return false;
    if (node->kind == 0)
        return node->name[0] == '\0' && !is_root;
    if (node->kind != FILES_FILE && node->kind != FILES_DIRECTORY)
        return false;
    if (is_root)
        return node->kind == FILES_DIRECTORY && node->name[0] == '\0';
    return node->name[0] != '\0' || node->kind == FILES_FILE;
}

static const char *import_nodes(struct ram_tree *tree, const struct export *from) {
    static char reason[KEEP_NO_MAX];
    static bool seen[RAM_NODES_MAX];
    bool whole = true;
    const struct files_state_node *node;
    memset(seen, 0, sizeof seen);
    for (uint64_t at = 0; (node = next(from, &at, FILES_STATE_NODE, sizeof *node, &whole)) != NULL;) {
        if (!is_sound(node) || seen[node->node])
            return FILES_STATE_DAMAGED;
        if (node->size_bytes > RAM_FILE_BYTES_MAX) {
            format_into(reason, sizeof reason, "a file is larger than %lu MiB: %s", RAM_FILE_BYTES_MAX >> 20,
                        node->name[0] != '\0' ? node->name : "(removed)");
            return reason;
        }
        seen[node->node] = true;
        ram_put_node(tree, node);
    }
    return whole && seen[0] ? NULL : FILES_STATE_DAMAGED;
}

/* Does each node with a name lie below the root, and is its name the only one there? */
static bool are_linked(const struct ram_tree *tree) {
    for (uint32_t node = 1; node < RAM_NODES_MAX; node++) {
        struct ram_stat stat = ram_stat(tree, node);
        uint32_t above = node, steps = 0;
        if (stat.kind == 0 || stat.name[0] == '\0')
            continue;
        for (; above != 0 && steps < RAM_NODES_MAX; steps++) {
            above = ram_stat(tree, above).parent;
            if (ram_stat(tree, above).kind != FILES_DIRECTORY)
                return false;
        }
        if (above != 0)
            return false;
        for (uint32_t other = 1; other < node; other++)
            if (ram_stat(tree, other).parent == stat.parent && strcmp(ram_stat(tree, other).name, stat.name) == 0)
                return false;
    }
    return true;
}

/* Claim all pages with bytes before a free one is taken for anything. */
static bool claim_pages(struct ram_tree *tree, const struct export *from) {
    bool whole = true;
    const struct files_state_page *page;
    for (uint64_t at = 0; (page = next(from, &at, FILES_STATE_PAGE, sizeof *page, &whole)) != NULL;) {
        if (page->page < 1 || page->page > tree->page_count || ram_page_is_used(tree, page->page) || page->file == 0 ||
            page->file >= RAM_NODES_MAX)
            return false;
        struct ram_stat file = ram_stat(tree, page->file);
        if (file.kind != FILES_FILE || page->part >= ram_pages_of(file.size_bytes))
            return false;
        ram_claim_run(tree, page->page, 1, page->owner);
    }
    return whole;
}

const char *ram_import(struct ram_tree *tree, const struct export *from) {
    bool whole = true;
    const struct files_state_page *page;
    const char *reason = import_nodes(tree, from);
    if (reason != NULL)
        return reason;
    if (!are_linked(tree) || !claim_pages(tree, from))
        return FILES_STATE_DAMAGED;
    for (uint64_t at = 0; (page = next(from, &at, FILES_STATE_PAGE, sizeof *page, &whole)) != NULL;)
        if (!ram_put_page(tree, page))
            return ram_find_run(tree, 1) == 0 ? "no page is free for the index of a file" : FILES_STATE_DAMAGED;
    return NULL;
}
