#include "libsys/text/string.h"
#include "libsys/wire/journal.h"
#include "servers/files/files_state.h"
#include "servers/files/ram_pages.h"

#define ROOT 0U
_Static_assert(RAM_NODES_MAX <= UINT16_MAX, "a page names its file in 16 bits");
_Static_assert(RAM_PAGES_MAX <= UINT16_MAX, "a page names the next one in 16 bits");

/*
 * The tree outlives its program, so a change notes what it overwrites (libsys/wire/journal.h). All but nodes and pages
 * is computed by ram_init(), and needs no note.
 *
 * A file may have more pages than the journal has room to note. So a change that frees pages leaves their entries as
 * they are: with its file gone or cut, an entry names nothing, and if the change is undone it names what it named. Such
 * entries must be cleared before the file can grow over them again, by the next change that drops or adds pages, or by
 * ram_init(). That needs no note: they name nothing, undone or not. Hence a change may drop pages once only, and no
 * operation may fill a page again that it has freed itself.
 */

/* Pages */

static uint16_t *head_of(struct ram_tree *tree, uint32_t file, uint32_t part) {
    return &tree->own.heads[(part + file * 97) % FLAT_HEADS]; /* parts in a row have a head each */
}

/* The page with a part of a file; 0 = there is none. */
static uint32_t find_page(const struct ram_tree *tree, uint32_t file, uint64_t part) {
    uint32_t page = tree->own.heads[(part + file * 97) % FLAT_HEADS];
    while (page != 0 && (tree->own.pages[page - 1].file != file || tree->own.pages[page - 1].part != part))
        page = tree->own.pages[page - 1].next;
    return page;
}

static void enter_page(struct ram_tree *tree, uint32_t page) {
    struct flat_page *entry = &tree->own.pages[page - 1];
    uint16_t *head = head_of(tree, entry->file, entry->part);
    entry->next = *head;
    *head = (uint16_t)page;
}

static void leave_page(struct ram_tree *tree, uint32_t page) {
    const struct flat_page *entry = &tree->own.pages[page - 1];
    uint16_t *link = head_of(tree, entry->file, entry->part);
    while (*link != page)
        link = &tree->own.pages[*link - 1].next;
    *link = entry->next;
}

/* Clear what an earlier change has left of pages that it has freed. */
static void clear_outdated(struct ram_tree *tree) {
    for (; tree->own.outdated != 0; tree->own.outdated = tree->own.pages[tree->own.outdated - 1].next)
        tree->own.pages[tree->own.outdated - 1].file = 0;
}

/* Take a page for a part of a file. 0: there is none, or not for the owner. */
static uint32_t add_page(struct ram_tree *tree, uint32_t file, uint32_t part) {
    uint32_t page = ram_take_page(tree);
    if (page == 0)
        return 0;
    tree->own.pages[page - 1].part = part;
    JOURNAL_SET(tree->own.pages[page - 1].file, (uint16_t)file);
    enter_page(tree, page);
    return page;
}

/* Free the pages of a file from part `first` on. Cost: O(all pages), since a file has no list of its own. */
static void drop_pages(struct ram_tree *tree, uint32_t file, uint64_t first) {
    clear_outdated(tree);
    for (uint32_t page = 1; page <= tree->page_count; page++) {
        struct flat_page *entry = &tree->own.pages[page - 1];
        if (entry->file != file || entry->part < first)
            continue;
        leave_page(tree, page);
        ram_give_run(tree, page, 1);
        entry->next = tree->own.outdated;
        tree->own.outdated = (uint16_t)page;
    }
}

/* Clear the rest of the page in which byte `end` of a file lies: should the file grow, it must not show again. */
static void clear_behind(struct ram_tree *tree, uint32_t file, uint64_t end) {
    uint64_t within = end % RAM_PAGE_BYTES;
    uint32_t page = within == 0 ? 0 : find_page(tree, file, end / RAM_PAGE_BYTES);
    if (page == 0)
        return;
    uint8_t *behind = (uint8_t *)ram_page_at(tree, page) + within;
    journal_note(behind, RAM_PAGE_BYTES - within);
    memset(behind, 0, RAM_PAGE_BYTES - within);
}

/* Names */

/* What names are sorted by. The text is not zero-terminated. */
struct flat_key {
    uint32_t directory;
    const char *text;
    size_t length;
};

static int compare(struct flat_key key, const struct flat_node *node) {
    if (key.directory != node->directory)
        return key.directory < node->directory ? -1 : 1;
    int order = strncmp(key.text, node->name, key.length);
    return order != 0 ? order : node->name[key.length] == '\0' ? 0 : -1;
}

/* Where in `order` the first name stands that does not sort before `key`. */
static uint32_t lower_bound(const struct ram_tree *tree, struct flat_key key) {
    uint32_t low = 0, high = tree->own.name_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(key, &tree->own.nodes[tree->own.order[middle]]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The node with this name; 0 = there is none. */
static uint32_t find_name(const struct ram_tree *tree, struct flat_key key) {
    uint32_t at = lower_bound(tree, key);
    bool found = at < tree->own.name_count && compare(key, &tree->own.nodes[tree->own.order[at]]) == 0;
    return found ? tree->own.order[at] : 0;
}

static struct flat_key key_of(const struct flat_node *node) {
    return (struct flat_key){node->directory, node->name, strlen(node->name)};
}

static void enter_name(struct ram_tree *tree, uint32_t node) {
    uint32_t at = lower_bound(tree, key_of(&tree->own.nodes[node]));
    uint16_t *place = &tree->own.order[at];
    memmove(place + 1, place, (tree->own.name_count++ - at) * sizeof *place);
    *place = (uint16_t)node;
}

static void leave_name(struct ram_tree *tree, uint32_t node) {
    uint32_t at = lower_bound(tree, key_of(&tree->own.nodes[node]));
    uint16_t *place = &tree->own.order[at];
    memmove(place, place + 1, (--tree->own.name_count - at) * sizeof *place);
    JOURNAL_SET(tree->own.nodes[tree->own.nodes[node].directory].changed_ns, tree->now_ns);
}

/* Give a node a name that no other has. */
static void name_node(struct ram_tree *tree, uint32_t node, struct flat_key key) {
    struct flat_node *named = &tree->own.nodes[node];
    journal_note(named, sizeof *named);
    memcpy(named->name, key.text, key.length);
    named->name[key.length] = '\0';
    named->directory = key.directory;
    enter_name(tree, node);
    JOURNAL_SET(tree->own.nodes[key.directory].changed_ns, tree->now_ns);
}

/* Paths */

/* Find what the first `length` bytes of `path` name. They end between two components. */
static uint32_t follow_path(const struct ram_tree *tree, const char *path, size_t length, uint32_t *ret_node) {
    struct flat_key key = {ROOT, path, 0};
    for (const char *end = path + length; key.text < end; key.text += key.length + 1) {
        if (tree->own.nodes[key.directory].kind != FILES_DIRECTORY)
            return P_NOT_DIRECTORY;
        for (key.length = 0; key.text + key.length < end && key.text[key.length] != '/';)
            key.length++;
        key.directory = find_name(tree, key);
        if (key.directory == 0)
            return P_NOT_FOUND;
    }
    *ret_node = key.directory;
    return OK;
}

uint32_t ram_find(const struct ram_tree *tree, struct ram_path path, uint32_t *ret_node) {
    uint32_t node;
    uint32_t status = follow_path(tree, path.text, strlen(path.text), &node);
    if (status != OK)
        return status;
    if (path.directory && tree->own.nodes[node].kind != FILES_DIRECTORY)
        return P_NOT_DIRECTORY;
    *ret_node = node;
    return OK;
}

/* What a path that is not the root's, and that may name nothing yet, is sorted by. */
static uint32_t find_key(const struct ram_tree *tree, const char *path, struct flat_key *ret_key) {
    uint32_t directory;
    size_t length = strlen(path), start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    uint32_t status = follow_path(tree, path, start == 0 ? 0 : start - 1, &directory);
    if (status != OK)
        return status;
    if (tree->own.nodes[directory].kind != FILES_DIRECTORY)
        return P_NOT_DIRECTORY;
    *ret_key = (struct flat_key){directory, path + start, length - start};
    return ret_key->length > RAM_NAME_MAX ? P_LIMIT : OK;
}

/* Nodes */

/* Free a file or empty directory that has no name any more. */
static void free_node(struct ram_tree *tree, uint32_t node) {
    struct flat_node *gone = &tree->own.nodes[node];
    if (gone->kind == FILES_FILE)
        drop_pages(tree, node, 0);
    quota_give(&tree->node_places, gone->owner);
    journal_note(gone, sizeof *gone);
    *gone = (struct flat_node){.generation = gone->generation};
}

/* Take a node's name. If it has holders, they keep it until they let go. */
static void destroy(struct ram_tree *tree, uint32_t node) {
    struct flat_node *gone = &tree->own.nodes[node];
    leave_name(tree, node);
    JOURNAL_SET(gone->name[0], '\0');
    JOURNAL_SET(gone->generation, gone->generation + 1);
    if (tree->own.holders[node] == 0)
        free_node(tree, node);
}

void ram_init(struct ram_tree *tree, void *memory, uint32_t page_count) {
    struct flat_state *own = &tree->own;
    ram_pages_init(tree, memory, page_count);
    memset(own->heads, 0, sizeof own->heads);
    memset(own->holders, 0, sizeof own->holders);
    own->name_count = own->outdated = 0;
    own->nodes[ROOT].kind = FILES_DIRECTORY;
    for (uint32_t node = ROOT + 1; node < RAM_NODES_MAX; node++) {
        if (own->nodes[node].kind == 0)
            continue;
        quota_claim(&tree->node_places, own->nodes[node].owner);
        if (own->nodes[node].name[0] != '\0')
            enter_name(tree, node);
    }
    for (uint32_t page = 1; page <= page_count; page++) {
        struct flat_page *entry = &own->pages[page - 1];
        const struct flat_node *file = &own->nodes[entry->file];
        entry->next = 0;
        if (file->kind == FILES_FILE && entry->part < ram_pages_of(file->size_bytes)) {
            ram_claim_run(tree, page, 1, tree->page_owners[page - 1]);
            enter_page(tree, page);
        } else {
            entry->file = 0;
        }
    }
    if (own->nodes[tree->written].kind == FILES_FILE) /* else it is gone, or there was none */
        clear_behind(tree, tree->written, own->nodes[tree->written].size_bytes); /* a write may have been undone */
}

void ram_hold(struct ram_tree *tree, uint32_t file) { tree->own.holders[file]++; }

void ram_release(struct ram_tree *tree, uint32_t file) {
    if (--tree->own.holders[file] == 0 && tree->own.nodes[file].name[0] == '\0')
        free_node(tree, file);
}

struct ram_stat ram_stat(const struct ram_tree *tree, uint32_t node) {
    const struct flat_node *found = &tree->own.nodes[node];
    return (struct ram_stat){found->name,      found->kind,       found->owner,
                             found->directory, found->size_bytes, found->changed_ns};
}

uint64_t ram_file_number(const struct ram_tree *tree, uint32_t node) {
    return RAM_NUMBER(tree->own.nodes[node].generation, node);
}

uint32_t ram_child(const struct ram_tree *tree, uint32_t directory, uint64_t index, uint32_t *ret_node) {
    uint32_t first = lower_bound(tree, (struct flat_key){directory, "", 0});
    if (index >= tree->own.name_count - first)
        return P_END;
    uint32_t node = tree->own.order[first + index];
    if (tree->own.nodes[node].directory != directory)
        return P_END;
    *ret_node = node;
    return OK;
}

/* Operations */

uint32_t ram_create(struct ram_tree *tree, struct ram_path path, enum files_kind kind, uint32_t *ret_node) {
    struct flat_key key;
    uint32_t node = ROOT + 1;
    if (path.text[0] == '\0')
        return P_EXISTS;
    uint32_t status = find_key(tree, path.text, &key);
    if (status != OK)
        return status;
    if (find_name(tree, key) != 0)
        return P_EXISTS;
    if (path.directory && kind == FILES_FILE)
        return P_NOT_DIRECTORY;
    if (!quota_take(&tree->node_places, tree->owner))
        return P_NO_SPACE;
    while (tree->own.nodes[node].kind != 0)
        node++;
    name_node(tree, node, key);
    tree->own.nodes[node].kind = kind; /* name_node() has noted all of the node */
    tree->own.nodes[node].owner = tree->owner;
    tree->own.nodes[node].changed_ns = tree->now_ns;
    *ret_node = node;
    return OK;
}

uint32_t ram_write(struct ram_tree *tree, uint32_t file, uint64_t offset_bytes, const void *bytes,
                   uint64_t length_bytes, uint64_t *ret_written) {
    struct flat_node *node = &tree->own.nodes[file];
    uint64_t at = offset_bytes == FILES_APPEND ? node->size_bytes : offset_bytes;
    const uint8_t *from = bytes;
    *ret_written = 0;
    if (length_bytes == 0)
        return OK;
    if (at >= RAM_FILE_BYTES_MAX)
        return P_LIMIT;
    uint64_t left = length_bytes < RAM_FILE_BYTES_MAX - at ? length_bytes : RAM_FILE_BYTES_MAX - at;
    clear_outdated(tree);
    while (left > 0) {
        uint64_t within = at % RAM_PAGE_BYTES;
        uint64_t length = left < RAM_PAGE_BYTES - within ? left : RAM_PAGE_BYTES - within;
        uint32_t page = find_page(tree, file, at / RAM_PAGE_BYTES);
        if (page == 0)
            page = add_page(tree, file, (uint32_t)(at / RAM_PAGE_BYTES));
        if (page == 0)
            break;
        tree->written = file;
        memcpy((uint8_t *)ram_page_at(tree, page) + within, from, length);
        from += length;
        at += length;
        left -= length;
    }
    *ret_written = (uint64_t)(from - (const uint8_t *)bytes);
    if (*ret_written == 0)
        return P_NO_SPACE;
    if (at > node->size_bytes)
        JOURNAL_SET(node->size_bytes, at);
    node->changed_ns = tree->now_ns; /* no note: the bytes are not put back either */
    return OK;
}

uint64_t ram_read(const struct ram_tree *tree, uint32_t file, uint64_t offset_bytes, void *bytes, uint64_t most_bytes) {
    uint64_t size = tree->own.nodes[file].size_bytes;
    uint64_t left = offset_bytes < size ? size - offset_bytes : 0;
    uint64_t length = left < most_bytes ? left : most_bytes;
    for (uint64_t done = 0; done < length;) {
        uint64_t at = offset_bytes + done, within = at % RAM_PAGE_BYTES;
        uint64_t part = length - done < RAM_PAGE_BYTES - within ? length - done : RAM_PAGE_BYTES - within;
        uint32_t page = find_page(tree, file, at / RAM_PAGE_BYTES);
        if (page != 0)
            memcpy((uint8_t *)bytes + done, (const uint8_t *)ram_page_at(tree, page) + within, part);
        else
            memset((uint8_t *)bytes + done, 0, part);
        done += part;
    }
    return length;
}

uint32_t ram_truncate(struct ram_tree *tree, uint32_t file, uint64_t size_bytes) {
    struct flat_node *node = &tree->own.nodes[file];
    if (size_bytes > RAM_FILE_BYTES_MAX)
        return P_LIMIT;
    clear_outdated(tree);
    if (size_bytes < node->size_bytes) {
        drop_pages(tree, file, ram_pages_of(size_bytes));
        clear_behind(tree, file, size_bytes);
    }
    JOURNAL_SET(node->size_bytes, size_bytes);
    JOURNAL_SET(node->changed_ns, tree->now_ns);
    return OK;
}

uint32_t ram_remove(struct ram_tree *tree, struct ram_path path, enum files_kind kind) {
    uint32_t node, child;
    uint32_t status = ram_find(tree, path, &node);
    if (status != OK)
        return status;
    if (tree->own.nodes[node].kind != kind)
        return kind == FILES_FILE ? P_NOT_FILE : P_NOT_DIRECTORY;
    if (node == ROOT)
        return P_READ_ONLY;
    if (kind == FILES_DIRECTORY && ram_child(tree, node, 0, &child) == OK)
        return P_NOT_EMPTY;
    destroy(tree, node);
    return OK;
}

uint32_t ram_rename(struct ram_tree *tree, struct ram_path from, struct ram_path to) {
    uint32_t node;
    struct flat_key key;
    uint32_t status = ram_find(tree, from, &node);
    if (status != OK)
        return status;
    if (node == ROOT || to.text[0] == '\0')
        return P_READ_ONLY;
    status = find_key(tree, to.text, &key);
    if (status != OK)
        return status;
    bool is_file = tree->own.nodes[node].kind == FILES_FILE;
    if (is_file && to.directory)
        return P_NOT_DIRECTORY;
    for (uint32_t above = key.directory; above != ROOT; above = tree->own.nodes[above].directory)
        if (above == node)
            return P_ARGUMENT;
    uint32_t there = find_name(tree, key);
    if (there == node)
        return OK;
    if (there != 0 && (!is_file || tree->own.nodes[there].kind != FILES_FILE))
        return P_EXISTS;
    if (there != 0)
        destroy(tree, there);
    leave_name(tree, node);
    name_node(tree, node, key);
    return OK;
}

/* Export and import. Nothing is noted: an import that fails leaves no state that anybody would go on with. */

void ram_export_pages(const struct ram_tree *tree, struct export *to) {
    for (uint32_t page = 1; page <= tree->page_count; page++) {
        const struct flat_page *entry = &tree->own.pages[page - 1];
        const struct flat_node *file = &tree->own.nodes[entry->file];
        struct files_state_page record = {page, entry->file, entry->part, tree->page_owners[page - 1]};
        if (file->kind == FILES_FILE && entry->part < ram_pages_of(file->size_bytes))
            export_put(to, FILES_STATE_PAGE, &record, sizeof record);
    }
}

void ram_put_node(struct ram_tree *tree, const struct files_state_node *from) {
    struct flat_node *node = &tree->own.nodes[from->node];
    memcpy(node->name, from->name, sizeof node->name);
    node->kind = from->kind;
    node->generation = from->generation;
    node->owner = from->owner;
    node->directory = from->directory;
    node->size_bytes = from->size_bytes;
    node->changed_ns = from->changed_ns;
}

bool ram_put_page(struct ram_tree *tree, const struct files_state_page *from) {
    struct flat_page *entry = &tree->own.pages[from->page - 1];
    if (find_page(tree, from->file, from->part) != 0)
        return false;
    entry->part = from->part;
    entry->file = (uint16_t)from->file;
    enter_page(tree, from->page);
    return true;
}
