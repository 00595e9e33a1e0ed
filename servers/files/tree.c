#include "servers/files/tree.h"

#include <stdbool.h>

#include "libsys/text/string.h"

/* A slash sorts before every other byte, so that the nodes below a directory follow it at once. */
static unsigned rank(char byte) { return byte == '\0' ? 0 : byte == '/' ? 1 : 2U + (uint8_t)byte; }

static int compare(const char *left, const char *right) {
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    return (int)rank(*left) - (int)rank(*right);
}

/* The first node that does not sort before `path`. */
static size_t lower_bound(const struct tree *tree, const char *path) {
    size_t low = 0;
    size_t high = tree->node_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(tree->nodes[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Does `path` begin with the directory `prefix` of `length` bytes and a slash? */
static bool is_below(const char *path, const char *prefix, size_t length) {
    return strncmp(path, prefix, length) == 0 && path[length] == '/';
}

/* The node with exactly this path; NULL: there is none. */
static const struct tree_node *node_at(const struct tree *tree, const char *path) {
    size_t at = lower_bound(tree, path);
    return at < tree->node_count && strcmp(tree->nodes[at].path, path) == 0 ? &tree->nodes[at] : NULL;
}

/* A hard link becomes a second node for the data of the file it names. */
static enum tree_error follow_link(const struct tree *tree, struct ustar_entry *entry) {
    if (entry->kind != USTAR_HARD_LINK)
        return TREE_OK;
    const struct tree_node *target = node_at(tree, entry->link);
    if (target == NULL || target->kind != FILES_FILE)
        return TREE_LINK;
    entry->kind = USTAR_FILE;
    entry->data_offset = target->data_offset;
    entry->data_bytes = target->data_bytes;
    return TREE_OK;
}

static enum tree_error add_node(struct tree *tree, const struct ustar_entry *entry) {
    size_t bytes = strlen(entry->path) + 1;
    if (tree->node_count == TREE_NODES_MAX || TREE_TEXT_BYTES - tree->text_used < bytes)
        return TREE_TOO_MANY;
    size_t at = lower_bound(tree, entry->path);
    char *path = tree->text + tree->text_used;
    memcpy(path, entry->path, bytes);
    tree->text_used += bytes;
    memmove(&tree->nodes[at + 1], &tree->nodes[at], (tree->node_count - at) * sizeof tree->nodes[0]);
    tree->node_count++;
    bool is_file = entry->kind == USTAR_FILE;
    tree->nodes[at] = (struct tree_node){
        .path = path,
        .kind = is_file ? FILES_FILE : FILES_DIRECTORY,
        .data_offset = is_file ? entry->data_offset : 0,
        .data_bytes = is_file ? entry->data_bytes : 0,
        .header_offset = entry->header_offset,
    };
    return TREE_OK;
}

static struct tree_damage damage_at(enum tree_error error, uint64_t offset, const char *path) {
    struct tree_damage damage = {.error = error, .offset = offset};
    memcpy(damage.path, path, strlen(path));
    return damage;
}

/*
 * Check sorted neighbours: they show every repetition, and every file with something below it. Of two nodes with one
 * path the later entry stands first.
 */
static struct tree_damage check_nodes(const struct tree *tree) {
    for (size_t i = 1; i < tree->node_count; i++) {
        const struct tree_node *node = &tree->nodes[i - 1];
        const struct tree_node *next = &tree->nodes[i];
        if (strcmp(node->path, next->path) == 0)
            return damage_at(TREE_REPEATED, node->header_offset, node->path);
        if (node->kind == FILES_FILE && is_below(next->path, node->path, strlen(node->path)))
            return damage_at(TREE_CONFLICT, next->header_offset, next->path);
    }
    return (struct tree_damage){.error = TREE_OK};
}

static struct tree_damage add_all(struct tree *tree, const void *archive, uint64_t archive_bytes) {
    struct ustar_cursor cursor = {.archive = archive, .archive_bytes = archive_bytes};
    static struct ustar_entry entry; /* large */
    entry.path[0] = '\0';
    for (;;) {
        enum ustar_error ustar = ustar_next(&cursor, &entry);
        if (ustar == USTAR_END)
            return check_nodes(tree);
        if (ustar != USTAR_OK) {
            struct tree_damage damage = damage_at(TREE_ARCHIVE, cursor.offset, entry.path);
            damage.ustar = ustar;
            return damage;
        }
        enum tree_error error = follow_link(tree, &entry);
        if (error == TREE_OK)
            error = add_node(tree, &entry);
        if (error != TREE_OK)
            return damage_at(error, entry.header_offset, entry.path);
    }
}

struct tree_damage tree_build(struct tree *tree, const void *archive, uint64_t archive_bytes) {
    tree->node_count = 0;
    tree->text_used = 0;
    struct tree_damage damage = add_all(tree, archive, archive_bytes);
    if (damage.error != TREE_OK)
        tree->node_count = 0;
    return damage;
}

enum tree_error tree_add_directory(struct tree *tree, const char *name) {
    struct ustar_entry entry = {.kind = USTAR_FOLDER};
    const struct tree_node *node = node_at(tree, name);
    if (node != NULL)
        return node->kind == FILES_DIRECTORY ? TREE_OK : TREE_CONFLICT;
    memcpy(entry.path, name, strlen(name) + 1);
    return add_node(tree, &entry);
}

const char *tree_error_text(enum tree_error error) {
    switch (error) {
    case TREE_OK:
        return "intact";
    case TREE_ARCHIVE:
        return "not a good archive";
    case TREE_TOO_MANY:
        return "more entries or longer paths than the server has room for";
    case TREE_REPEATED:
        return "a path appears twice";
    case TREE_CONFLICT:
        return "a path leads through a file";
    case TREE_LINK:
        return "hard link to a file that is not before it";
    }
    __builtin_unreachable();
}

/* Explain why a path names nothing: does it use a file as a directory? */
static uint32_t explain_missing(const struct tree *tree, const struct path *missing) {
    struct path path = *missing;
    for (size_t at = path.length; at-- > 0;) {
        if (path.text[at] != '/')
            continue;
        path.text[at] = '\0';
        const struct tree_node *node = node_at(tree, path.text);
        if (node != NULL)
            return node->kind == FILES_FILE ? P_NOT_DIRECTORY : P_NOT_FOUND;
    }
    return P_NOT_FOUND;
}

uint32_t tree_find(const struct tree *tree, const struct path *wanted, struct tree_place *ret_place) {
    if (wanted->length == 0) {
        *ret_place = (struct tree_place){.kind = FILES_DIRECTORY, .end = tree->node_count};
        return OK;
    }
    size_t node = lower_bound(tree, wanted->text);
    bool found = node < tree->node_count && strcmp(tree->nodes[node].path, wanted->text) == 0;
    if (found && tree->nodes[node].kind == FILES_FILE) {
        if (wanted->directory)
            return P_NOT_DIRECTORY;
        *ret_place = (struct tree_place){.kind = FILES_FILE, .node = node};
        return OK;
    }
    if (!found && (node == tree->node_count || !is_below(tree->nodes[node].path, wanted->text, wanted->length)))
        return explain_missing(tree, wanted);
    size_t first = found ? node + 1 : node;
    size_t end = first;
    while (end < tree->node_count && is_below(tree->nodes[end].path, wanted->text, wanted->length))
        end++;
    *ret_place = (struct tree_place){.kind = FILES_DIRECTORY, .node = first, .end = end, .depth = wanted->length + 1};
    return OK;
}

static size_t component_length(const char *path) {
    size_t length = 0;
    while (path[length] != '\0' && path[length] != '/')
        length++;
    return length;
}

uint32_t tree_child(const struct tree *tree, const struct tree_place *directory, uint64_t index,
                    struct tree_child *ret_child) {
    const char *name = NULL;
    size_t name_length = 0;
    for (size_t i = directory->node; i < directory->end; i++) {
        const struct tree_node *node = &tree->nodes[i];
        const char *candidate = node->path + directory->depth;
        size_t length = component_length(candidate);
        if (name != NULL && length == name_length && strncmp(name, candidate, length) == 0)
            continue; /* another node below the same child */
        name = candidate;
        name_length = length;
        if (index-- > 0)
            continue;
        bool whole = candidate[length] == '\0';
        *ret_child = (struct tree_child){
            .name = name,
            .name_length = length,
            .kind = whole ? node->kind : FILES_DIRECTORY,
            .size_bytes = whole ? node->data_bytes : 0,
        };
        return OK;
    }
    return P_END;
}
