#include "libsys/text/string.h"
#include "libsys/wire/journal.h"
#include "servers/files/files_state.h"
#include "servers/files/ram_pages.h"

#define ROOT 0U
_Static_assert(RAM_FILE_PAGES == RAM_PAGE_BYTES / sizeof(uint32_t), "a file has one index page");

/*
 * The tree outlives its program, so a change notes what it overwrites (libsys/wire/journal.h). Three kinds of bytes
 * need no note:
 *
 *     free pages and nodes          nothing names them: they are filled first, then the noted word that names them
 *     bytes of a file               the request is made again, and writes the same bytes there
 *     the bitmap, lists and quotas  ram_init() computes them
 *
 * So no operation may fill a page again that it has freed itself.
 */

static void give_page(struct ram_tree *tree, uint32_t page) { ram_give_run(tree, page, 1); }

/* Nodes */

/* A name inside a path: not zero-terminated. */
struct name {
    const char *text;
    size_t length;
};

/* How `name` sorts against a node's name. */
static int compare(struct name name, const char *other) {
    int order = strncmp(name.text, other, name.length);
    return order != 0 ? order : other[name.length] == '\0' ? 0 : -1;
}

/* The link, in the list of a directory's children, to the first one that does not sort before `name`. */
static uint32_t *link_to(struct ram_tree *tree, uint32_t directory, struct name name) {
    uint32_t *link = &tree->own.nodes[directory].content;
    while (*link != 0 && compare(name, tree->own.nodes[*link].name) > 0)
        link = &tree->own.nodes[*link].next;
    return link;
}

/* The child called `name`; 0 = there is none. */
static uint32_t find_child(const struct ram_tree *tree, uint32_t directory, struct name name) {
    for (uint32_t node = tree->own.nodes[directory].content; node != 0; node = tree->own.nodes[node].next) {
        int order = compare(name, tree->own.nodes[node].name);
        if (order <= 0)
            return order == 0 ? node : 0;
    }
    return 0;
}

/* Follow the components of `path`, up to its first `length` bytes, which end between two of them. */
static uint32_t walk(const struct ram_tree *tree, const char *path, size_t length, uint32_t *ret_node) {
    uint32_t node = ROOT;
    for (size_t at = 0; at < length;) {
        struct name name = {path + at, 0};
        while (at + name.length < length && name.text[name.length] != '/')
            name.length++;
        if (tree->own.nodes[node].kind != FILES_DIRECTORY)
            return P_NOT_DIRECTORY;
        node = find_child(tree, node, name);
        if (node == 0)
            return P_NOT_FOUND;
        at += name.length + 1;
    }
    *ret_node = node;
    return OK;
}

uint32_t ram_find(const struct ram_tree *tree, struct ram_path path, uint32_t *ret_node) {
    uint32_t node;
    uint32_t status = walk(tree, path.text, strlen(path.text), &node);
    if (status == OK && path.directory && tree->own.nodes[node].kind != FILES_DIRECTORY)
        status = P_NOT_DIRECTORY;
    if (status == OK)
        *ret_node = node;
    return status;
}

/* Find where a new path goes: its directory, and its last name. The path is not the root's. */
static uint32_t find_place(const struct ram_tree *tree, const char *path, uint32_t *ret_directory,
                           struct name *ret_name) {
    size_t length = strlen(path);
    size_t start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    *ret_name = (struct name){path + start, length - start};
    uint32_t status = walk(tree, path, start == 0 ? 0 : start - 1, ret_directory);
    if (status != OK)
        return status;
    if (tree->own.nodes[*ret_directory].kind != FILES_DIRECTORY)
        return P_NOT_DIRECTORY;
    return ret_name->length > RAM_NAME_MAX ? P_LIMIT : OK;
}

/* Put a node into a directory's list. `name` may be the node's own. */
static void link_node(struct ram_tree *tree, uint32_t directory, struct name name, uint32_t node) {
    uint32_t *link = link_to(tree, directory, name);
    journal_note(&tree->own.nodes[node], sizeof tree->own.nodes[node]);
    memmove(tree->own.nodes[node].name, name.text, name.length);
    tree->own.nodes[node].name[name.length] = '\0';
    tree->own.nodes[node].parent = directory;
    tree->own.nodes[node].next = *link;
    JOURNAL_SET(*link, node);
    JOURNAL_SET(tree->own.nodes[directory].changed_ns, tree->now_ns);
}

static void unlink_node(struct ram_tree *tree, uint32_t node) {
    const char *name = tree->own.nodes[node].name;
    uint32_t *link = link_to(tree, tree->own.nodes[node].parent, (struct name){name, strlen(name)});
    JOURNAL_SET(*link, tree->own.nodes[node].next);
    JOURNAL_SET(tree->own.nodes[tree->own.nodes[node].parent].changed_ns, tree->now_ns);
}

/*
 * Give back the pages of a file from page number `first` of the file on; if that is 0, the index page too. It stays as
 * it is then, for an undone change to find.
 */
static void drop_pages(struct ram_tree *tree, struct ram_node *file, uint64_t first) {
    uint64_t end = ram_pages_of(file->size_bytes);
    if (file->content == 0)
        return;
    uint32_t *index = ram_page_at(tree, file->content);
    for (uint64_t i = first; i < end; i++)
        if (index[i] != 0)
            give_page(tree, index[i]);
    if (first == 0) {
        give_page(tree, file->content);
        JOURNAL_SET(file->content, 0);
    } else if (first < end) {
        journal_note(index + first, (end - first) * sizeof *index);
        memset(index + first, 0, (end - first) * sizeof *index);
    }
}

/* Clear the rest of the page in which byte `end` of a file lies: should the file grow, it must not show again. */
static void clear_behind(struct ram_tree *tree, const struct ram_node *file, uint64_t end) {
    uint64_t within = end % RAM_PAGE_BYTES;
    const uint32_t *index = file->content == 0 || within == 0 ? NULL : ram_page_at(tree, file->content);
    uint32_t page = index == NULL ? 0 : index[end / RAM_PAGE_BYTES];
    if (page == 0)
        return;
    uint8_t *behind = (uint8_t *)ram_page_at(tree, page) + within;
    journal_note(behind, RAM_PAGE_BYTES - within);
    memset(behind, 0, RAM_PAGE_BYTES - within);
}

/* Free a file or empty directory that is in no list any more. */
static void free_node(struct ram_tree *tree, uint32_t node) {
    struct ram_node *gone = &tree->own.nodes[node];
    if (gone->kind == FILES_FILE)
        drop_pages(tree, gone, 0);
    quota_give(&tree->node_places, gone->owner);
    journal_note(gone, sizeof *gone);
    *gone = (struct ram_node){.generation = gone->generation, .next = tree->own.free_node};
    tree->own.free_node = node;
}

/* Remove a node from the tree. If it has holders, they keep it until they let go. */
static void destroy(struct ram_tree *tree, uint32_t node) {
    struct ram_node *gone = &tree->own.nodes[node];
    unlink_node(tree, node);
    JOURNAL_SET(gone->name[0], '\0');
    JOURNAL_SET(gone->generation, gone->generation + 1);
    if (gone->holders == 0)
        free_node(tree, node);
}

/* Count what a node and its pages take. */
static void claim(struct ram_tree *tree, const struct ram_node *node) {
    quota_claim(&tree->node_places, node->owner);
    if (node->kind != FILES_FILE || node->content == 0)
        return;
    const uint32_t *index = ram_page_at(tree, node->content);
    uint64_t end = ram_pages_of(node->size_bytes);
    ram_claim_run(tree, node->content, 1, tree->page_owners[node->content - 1]);
    for (uint64_t i = 0; i < end; i++)
        if (index[i] != 0)
            ram_claim_run(tree, index[i], 1, tree->page_owners[index[i] - 1]);
}

void ram_init(struct ram_tree *tree, void *memory, uint32_t page_count) {
    const struct ram_node *written = &tree->own.nodes[tree->written];
    ram_pages_init(tree, memory, page_count);
    tree->own.free_node = 0;
    tree->own.nodes[ROOT].kind = FILES_DIRECTORY;
    for (uint32_t node = RAM_NODES_MAX - 1; node > ROOT; node--) {
        tree->own.nodes[node].holders = 0;
        if (tree->own.nodes[node].kind != 0) {
            claim(tree, &tree->own.nodes[node]);
        } else {
            tree->own.nodes[node].next = tree->own.free_node;
            tree->own.free_node = node;
        }
    }
    if (written->kind == FILES_FILE)                      /* else it is gone, or there was none */
        clear_behind(tree, written, written->size_bytes); /* a write that was undone may have left bytes there */
}

void ram_hold(struct ram_tree *tree, uint32_t file) { tree->own.nodes[file].holders++; }

void ram_release(struct ram_tree *tree, uint32_t file) {
    struct ram_node *node = &tree->own.nodes[file];
    if (--node->holders == 0 && node->name[0] == '\0')
        free_node(tree, file);
}

struct ram_stat ram_stat(const struct ram_tree *tree, uint32_t node) {
    const struct ram_node *found = &tree->own.nodes[node];
    return (struct ram_stat){found->name,   found->kind,       found->owner,
                             found->parent, found->size_bytes, found->changed_ns};
}

uint64_t ram_file_number(const struct ram_tree *tree, uint32_t node) {
    return RAM_NUMBER(tree->own.nodes[node].generation, node);
}

uint32_t ram_create(struct ram_tree *tree, struct ram_path path, enum files_kind kind, uint32_t *ret_node) {
    uint32_t directory;
    struct name name;
    if (path.text[0] == '\0')
        return P_EXISTS;
    uint32_t status = find_place(tree, path.text, &directory, &name);
    if (status != OK)
        return status;
    if (find_child(tree, directory, name) != 0)
        return P_EXISTS;
    if (path.directory && kind == FILES_FILE)
        return P_NOT_DIRECTORY;
    if (!quota_take(&tree->node_places, tree->owner))
        return P_NO_SPACE;
    uint32_t node = tree->own.free_node;
    tree->own.free_node = tree->own.nodes[node].next;
    tree->own.nodes[node].owner = tree->owner;
    tree->own.nodes[node].changed_ns = tree->now_ns;
    link_node(tree, directory, name, node);
    tree->own.nodes[node].kind = kind; /* link_node() has noted it */
    *ret_node = node;
    return OK;
}

uint32_t ram_write(struct ram_tree *tree, uint32_t file, uint64_t offset_bytes, const void *bytes,
                   uint64_t length_bytes, uint64_t *ret_written) {
    struct ram_node *node = &tree->own.nodes[file];
    uint64_t offset = offset_bytes == FILES_APPEND ? node->size_bytes : offset_bytes;
    *ret_written = 0;
    if (length_bytes == 0)
        return OK;
    if (offset >= RAM_FILE_BYTES_MAX)
        return P_LIMIT;
    uint64_t length = length_bytes < RAM_FILE_BYTES_MAX - offset ? length_bytes : RAM_FILE_BYTES_MAX - offset;
    bool first = node->content == 0;
    if (first)
        JOURNAL_SET(node->content, ram_take_page(tree));
    if (node->content == 0)
        return P_NO_SPACE;
    tree->written = file;
    uint32_t *index = ram_page_at(tree, node->content);
    uint64_t done = 0;
    while (done < length) {
        uint64_t within = (offset + done) % RAM_PAGE_BYTES;
        uint32_t *entry = &index[(offset + done) / RAM_PAGE_BYTES];
        if (*entry == 0)
            JOURNAL_SET(*entry, ram_take_page(tree));
        if (*entry == 0)
            break;
        uint64_t part = length - done < RAM_PAGE_BYTES - within ? length - done : RAM_PAGE_BYTES - within;
        memcpy((uint8_t *)ram_page_at(tree, *entry) + within, (const uint8_t *)bytes + done, part);
        done += part;
    }
    if (done == 0) {
        if (first) {
            give_page(tree, node->content);
            node->content = 0;
        }
        return P_NO_SPACE;
    }
    if (offset + done > node->size_bytes)
        JOURNAL_SET(node->size_bytes, offset + done);
    node->changed_ns = tree->now_ns; /* no note: the bytes are not put back either */
    *ret_written = done;
    return OK;
}

uint64_t ram_read(const struct ram_tree *tree, uint32_t file, uint64_t offset_bytes, void *bytes, uint64_t most_bytes) {
    const struct ram_node *node = &tree->own.nodes[file];
    uint64_t left = offset_bytes < node->size_bytes ? node->size_bytes - offset_bytes : 0;
    uint64_t length = left < most_bytes ? left : most_bytes;
    const uint32_t *index = node->content == 0 ? NULL : ram_page_at(tree, node->content);
    for (uint64_t done = 0; done < length;) {
        uint64_t within = (offset_bytes + done) % RAM_PAGE_BYTES;
        uint64_t part = length - done < RAM_PAGE_BYTES - within ? length - done : RAM_PAGE_BYTES - within;
        uint32_t page = index == NULL ? 0 : index[(offset_bytes + done) / RAM_PAGE_BYTES];
        if (page == 0)
            memset((uint8_t *)bytes + done, 0, part);
        else
            memcpy((uint8_t *)bytes + done, (const uint8_t *)ram_page_at(tree, page) + within, part);
        done += part;
    }
    return length;
}

uint32_t ram_truncate(struct ram_tree *tree, uint32_t file, uint64_t size_bytes) {
    struct ram_node *node = &tree->own.nodes[file];
    if (size_bytes > RAM_FILE_BYTES_MAX)
        return P_LIMIT;
    if (size_bytes < node->size_bytes) {
        drop_pages(tree, node, ram_pages_of(size_bytes));
        clear_behind(tree, node, size_bytes);
    }
    JOURNAL_SET(node->size_bytes, size_bytes);
    JOURNAL_SET(node->changed_ns, tree->now_ns);
    return OK;
}

uint32_t ram_remove(struct ram_tree *tree, struct ram_path path, enum files_kind kind) {
    uint32_t node;
    uint32_t status = ram_find(tree, path, &node);
    if (status != OK)
        return status;
    if (tree->own.nodes[node].kind != kind)
        return kind == FILES_FILE ? P_NOT_FILE : P_NOT_DIRECTORY;
    if (node == ROOT)
        return P_READ_ONLY;
    if (kind == FILES_DIRECTORY && tree->own.nodes[node].content != 0)
        return P_NOT_EMPTY;
    destroy(tree, node);
    return OK;
}

/* Does `node` lie in `directory`, or in one below it? Each is below itself. */
static bool is_below(const struct ram_tree *tree, uint32_t node, uint32_t directory) {
    while (node != directory && node != ROOT)
        node = tree->own.nodes[node].parent;
    return node == directory;
}

uint32_t ram_rename(struct ram_tree *tree, struct ram_path from, struct ram_path to) {
    uint32_t node, directory;
    struct name name;
    uint32_t status = ram_find(tree, from, &node);
    if (status != OK)
        return status;
    if (node == ROOT || to.text[0] == '\0')
        return P_READ_ONLY;
    status = find_place(tree, to.text, &directory, &name);
    if (status != OK)
        return status;
    bool is_file = tree->own.nodes[node].kind == FILES_FILE;
    if (is_file && to.directory)
        return P_NOT_DIRECTORY;
    if (!is_file && is_below(tree, directory, node))
        return P_ARGUMENT;
    uint32_t there = find_child(tree, directory, name);
    if (there == node)
        return OK;
    if (there != 0 && (!is_file || tree->own.nodes[there].kind != FILES_FILE))
        return P_EXISTS;
    if (there != 0)
        destroy(tree, there);
    unlink_node(tree, node);
    link_node(tree, directory, name, node);
    return OK;
}

uint32_t ram_child(const struct ram_tree *tree, uint32_t directory, uint64_t index, uint32_t *ret_node) {
    uint32_t node = tree->own.nodes[directory].content;
    for (; node != 0 && index > 0; index--)
        node = tree->own.nodes[node].next;
    if (node == 0)
        return P_END;
    *ret_node = node;
    return OK;
}

/* Export and import. Nothing is noted: an import that fails leaves no state that anybody would go on with. */

void ram_export_pages(const struct ram_tree *tree, struct export *to) {
    for (uint32_t node = 1; node < RAM_NODES_MAX; node++) {
        const struct ram_node *file = &tree->own.nodes[node];
        if (file->kind != FILES_FILE || file->content == 0)
            continue;
        const uint32_t *index = ram_page_at(tree, file->content);
        for (uint32_t part = 0; part < ram_pages_of(file->size_bytes); part++) {
            struct files_state_page record = {index[part], node, part, 0};
            if (record.page == 0)
                continue;
            record.owner = tree->page_owners[record.page - 1];
            export_put(to, FILES_STATE_PAGE, &record, sizeof record);
        }
    }
}

void ram_put_node(struct ram_tree *tree, const struct files_state_node *from) {
    struct ram_node *node = &tree->own.nodes[from->node];
    memcpy(node->name, from->name, sizeof node->name);
    node->kind = from->kind;
    node->generation = from->generation;
    node->owner = from->owner;
    node->parent = from->directory;
    node->size_bytes = from->size_bytes;
    node->changed_ns = from->changed_ns;
    if (node->name[0] == '\0')
        return;
    uint32_t *link = link_to(tree, node->parent, (struct name){node->name, strlen(node->name)});
    node->next = *link;
    *link = from->node;
}

bool ram_put_page(struct ram_tree *tree, const struct files_state_page *from) {
    struct ram_node *file = &tree->own.nodes[from->file];
    if (file->content == 0) {
        file->content = ram_find_run(tree, 1);
        if (file->content == 0)
            return false;
        ram_claim_run(tree, file->content, 1, from->owner); /* it may, as it may have the page */
        memset(ram_page_at(tree, file->content), 0, RAM_PAGE_BYTES);
    }
    uint32_t *index = ram_page_at(tree, file->content);
    if (index[from->part] != 0)
        return false;
    index[from->part] = from->page;
    return true;
}
