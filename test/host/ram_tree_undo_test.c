/*
 * If a program dies in an operation on a tree of files, does its successor find the tree of before, and can the
 * operation be made again? And if it dies behind one, does the successor count what the program before had counted?
 */
#include <stdio.h>
#include <string.h>

#include "libsys/wire/journal.h"
#include "servers/files/ram_tree.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define PAGES (RAM_FILE_PAGES + 8)
#define FEW_PAGES 24U
#define OWNERS 3U
#define WRITE_BYTES_MAX 20000U

/* All that outlives a program: the tree, its pages, and how often others hold each file. */
static struct state {
    struct ram_tree tree;
    uint32_t holds[RAM_NODES_MAX];
    _Alignas(RAM_PAGE_BYTES) uint8_t memory[PAGES * RAM_PAGE_BYTES];
} now, before, after;
static struct journal log_of_changes;
static uint8_t notes[JOURNAL_BYTES];

static void copy(struct state *to, const struct state *from) {
    size_t memory_bytes = from->tree.page_count * (size_t)RAM_PAGE_BYTES;
    memcpy(to, from, offsetof(struct state, memory));
    memcpy(to->memory, from->memory, memory_bytes);
    to->tree.memory = to->memory;
}

/* As a successor does. The lists of owners are cleared, so that they can be compared behind their ends. */
static void follow(struct state *state) {
    struct ram_tree *tree = &state->tree;
    memset(tree->owners_of_pages, 0, sizeof tree->owners_of_pages);
    memset(tree->owners_of_nodes, 0, sizeof tree->owners_of_nodes);
    ram_init(tree, state->memory, tree->page_count);
    for (uint32_t node = 0; node < RAM_NODES_MAX; node++)
        for (uint32_t i = 0; i < state->holds[node]; i++)
            ram_hold(tree, node);
}

static void start(uint32_t page_count) {
    memset(&now, 0, offsetof(struct state, memory));
    memset(now.memory, 0xa5, sizeof now.memory);
    now.tree.page_count = page_count;
    log_of_changes = (struct journal){.notes = notes};
    journal = &log_of_changes;
    follow(&now);
}

static bool is_used(const struct ram_tree *tree, uint32_t page) {
    return (tree->used[(page - 1) / 64] >> (page - 1) % 64 & 1) != 0;
}

/* Blank what may differ: addresses, free pages and nodes, and what the server sets before each operation. */
static void blank(struct state *state) {
    struct ram_tree *tree = &state->tree;
    tree->memory = NULL;
    tree->pages.owners = tree->node_places.owners = NULL;
    tree->now_ns = 0;
    tree->owner = tree->written = 0;
    for (uint32_t node = 0; node < RAM_NODES_MAX; node++)
        if (tree->nodes[node].kind == 0)
            tree->nodes[node] = (struct ram_node){.generation = tree->nodes[node].generation};
    for (uint32_t page = 1; page <= tree->page_count; page++)
        if (!is_used(tree, page)) {
            tree->page_owners[page - 1] = 0;
            memset(state->memory + (page - 1) * (size_t)RAM_PAGE_BYTES, 0, RAM_PAGE_BYTES);
        }
}

static bool are_same(struct state *left, struct state *right) {
    blank(left);
    blank(right);
    return memcmp(left, right, offsetof(struct state, memory)) == 0 &&
           memcmp(left->memory, right->memory, left->tree.page_count * (size_t)RAM_PAGE_BYTES) == 0;
}

/* Bytes that were there before a write may be those of after it, and so may the time. */
static void excuse_overwritten(struct state *left, const struct state *right, uint32_t file, uint64_t offset,
                               uint64_t length) {
    const struct ram_node *node = &right->tree.nodes[file];
    left->tree.nodes[file].changed_ns = node->changed_ns;
    if (node->content == 0)
        return;
    const uint32_t *index = (const uint32_t *)(const void *)(right->memory + (node->content - 1) * 4096UL);
    for (uint64_t at = offset; at < offset + length && at < node->size_bytes; at++) {
        size_t byte = (index[at / RAM_PAGE_BYTES] - 1) * (size_t)RAM_PAGE_BYTES + at % RAM_PAGE_BYTES;
        if (index[at / RAM_PAGE_BYTES] != 0)
            left->memory[byte] = right->memory[byte];
    }
}

enum tree_operation { CREATE, WRITE, TRUNCATE, REMOVE, RENAME, HOLD, RELEASE, KINDS };
struct operation {
    enum tree_operation kind;
    char path[16], to[16];
    enum files_kind file_kind;
    uint32_t node; /* WRITE, TRUNCATE, HOLD, RELEASE */
    uint64_t offset, length;
    uint8_t byte;
};

static uint64_t random_state;
static uint64_t below(uint64_t limit) { return (random_step(&random_state) >> 20) % limit; }

static void choose_path(char *path) {
    const char *directory = below(2) == 0 ? "" : below(2) == 0 ? "d/" : "e/";
    (void)snprintf(path, 16, "%s%c", directory, "abcde"[below(5)]);
}

static struct operation choose(void) {
    static const uint64_t lengths[] = {1, 100, 512, 4096, 4097, 9000, WRITE_BYTES_MAX};
    struct operation operation = {.kind = (enum tree_operation)below(KINDS), .byte = (uint8_t)below(256)};
    choose_path(operation.path);
    choose_path(operation.to);
    operation.file_kind = below(4) == 0 ? FILES_DIRECTORY : FILES_FILE;
    operation.offset = below(3) == 0 ? FILES_APPEND : below(3) * RAM_PAGE_BYTES + below(3) * 77;
    operation.length = lengths[below(sizeof lengths / sizeof lengths[0])];
    for (uint32_t i = 0, first = (uint32_t)below(RAM_NODES_MAX); i < RAM_NODES_MAX && operation.node == 0; i++) {
        uint32_t node = (first + i) % RAM_NODES_MAX;
        bool wanted = operation.kind == RELEASE ? now.holds[node] > 0 : now.tree.nodes[node].kind == FILES_FILE;
        operation.node = wanted ? node : 0;
    }
    return operation;
}

static uint32_t apply(const struct operation *operation) {
    static uint8_t bytes[WRITE_BYTES_MAX];
    struct ram_path path = {operation->path, false}, to = {operation->to, false};
    struct ram_tree *tree = &now.tree;
    uint64_t written;
    uint32_t node;
    switch (operation->kind) {
    case CREATE:
        return ram_create(tree, path, operation->file_kind, &node);
    case REMOVE:
        return ram_remove(tree, path, operation->file_kind);
    case RENAME:
        return ram_rename(tree, path, to);
    case WRITE:
        memset(bytes, operation->byte, operation->length);
        return operation->node == 0
                   ? OK
                   : ram_write(tree, operation->node, operation->offset, bytes, operation->length, &written);
    case TRUNCATE:
        return operation->node == 0 ? OK : ram_truncate(tree, operation->node, operation->offset % 10000);
    case HOLD:
        if (operation->node != 0 && now.holds[operation->node]++ < 3)
            ram_hold(tree, operation->node);
        else if (operation->node != 0)
            now.holds[operation->node]--;
        return OK;
    case RELEASE:
        if (operation->node != 0 && now.holds[operation->node]-- > 0)
            ram_release(tree, operation->node);
        return OK;
    case KINDS:
        break;
    }
    return P_OPERATION;
}

static uint64_t mix(uint64_t hash, const void *bytes, uint64_t length) {
    for (const uint8_t *at = bytes; length > 0; length--)
        hash = (hash ^ *at++) * 0x100000001b3ULL;
    return hash;
}

/* What clients can see of a tree, in whichever nodes and pages it lies. */
static uint64_t digest(const struct ram_tree *tree) {
    static uint8_t bytes[64 * RAM_PAGE_BYTES];
    uint64_t sum = 0;
    for (uint32_t i = 1; i < RAM_NODES_MAX; i++) {
        const struct ram_node *node = &tree->nodes[i];
        if (node->kind == 0)
            continue;
        uint64_t hash = mix(node->changed_ns, bytes, ram_read(tree, i, 0, bytes, sizeof bytes));
        hash = mix(hash + node->kind + 8 * (uint64_t)node->owner, node->name, strlen(node->name) + 1);
        for (uint32_t above = node->parent; above != 0; above = tree->nodes[above].parent)
            hash = mix(hash, tree->nodes[above].name, strlen(tree->nodes[above].name) + 1);
        sum += hash;
    }
    return sum;
}

/* The program dies at the end of an operation, before the commit. */
static bool die_before_commit(const struct operation *operation, uint32_t status) {
    uint64_t wanted = digest(&now.tree);
    uint64_t offset = operation->offset == FILES_APPEND ? UINT64_MAX - WRITE_BYTES_MAX : operation->offset;
    journal_undo(&log_of_changes);
    memcpy(now.holds, before.holds, sizeof now.holds);
    follow(&now);
    journal_commit(&log_of_changes, 0);
    copy(&after, &now);
    follow(&before);
    journal_commit(&log_of_changes, 0);
    if (operation->kind == WRITE && operation->node != 0)
        excuse_overwritten(&after, &before, operation->node, offset, operation->length);
    return CHECK(are_same(&after, &before)) && CHECK_EQUAL(apply(operation), status) &&
           CHECK_EQUAL(digest(&now.tree), wanted);
}

/* It dies behind the commit. */
static bool die_behind_commit(void) {
    bool same = true;
    journal_commit(&log_of_changes, 0);
    copy(&after, &now);
    follow(&after);
    journal_commit(&log_of_changes, 0);
    for (uint32_t owner = 0; owner <= OWNERS; owner++)
        same = same && CHECK_EQUAL(quota_left(&after.tree.pages, owner), quota_left(&now.tree.pages, owner)) &&
               CHECK_EQUAL(quota_left(&after.tree.node_places, owner), quota_left(&now.tree.node_places, owner));
    return same && CHECK(memcmp(after.tree.used, now.tree.used, sizeof now.tree.used) == 0) &&
           CHECK(memcmp(after.tree.page_owners, now.tree.page_owners, sizeof now.tree.page_owners) == 0) &&
           CHECK_EQUAL(digest(&after.tree), digest(&now.tree));
}

static void dies_anywhere(void) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        bool same = true;
        random_state = seed;
        start(FEW_PAGES + (uint32_t)seed * 8);
        for (uint32_t step = 0; step < 2000 && same; step++) {
            now.tree.now_ns++;
            now.tree.owner = 1 + (uint32_t)below(OWNERS);
            struct operation operation = choose();
            copy(&before, &now);
            uint32_t status = apply(&operation);
            same = below(2) == 0 ? die_before_commit(&operation, status) : die_behind_commit();
            journal_commit(&log_of_changes, 0);
            if (!same)
                printf("#   seed %llu, step %u: operation %u at `%s`, node %u\n", (unsigned long long)seed, step,
                       operation.kind, operation.path, operation.node);
        }
    }
    journal = NULL;
}

/* What a write has left behind the end of a file, before it was undone, is no part of the file when it grows. */
static void an_undone_write_leaves_nothing_behind(void) {
    static uint8_t bytes[600], seen[600];
    uint32_t node = 0;
    uint64_t written;
    start(FEW_PAGES);
    CHECK_EQUAL(ram_create(&now.tree, (struct ram_path){"a", false}, FILES_FILE, &node), OK);
    CHECK_EQUAL(ram_write(&now.tree, node, 0, "x", 1, &written), OK);
    journal_commit(&log_of_changes, 0);
    memset(bytes, 'y', sizeof bytes);
    CHECK_EQUAL(ram_write(&now.tree, node, 1, bytes, sizeof bytes, &written), OK);
    journal_undo(&log_of_changes);
    follow(&now);
    CHECK_EQUAL(ram_truncate(&now.tree, node, sizeof bytes), OK);
    memset(bytes, 0, sizeof bytes);
    bytes[0] = 'x';
    CHECK_EQUAL(ram_read(&now.tree, node, 0, seen, sizeof seen), sizeof seen);
    CHECK(memcmp(seen, bytes, sizeof seen) == 0);
    journal = NULL;
}

/* The largest file is cut, replaced and removed: are there notes enough, and is each page back? */
static void the_largest_file_comes_back(void) {
    static uint8_t block[RAM_PAGE_BYTES];
    struct ram_path path = {"a", false}, other = {"b", false};
    uint32_t node = 0, second;
    uint64_t written;
    start(PAGES);
    CHECK_EQUAL(ram_create(&now.tree, path, FILES_FILE, &node), OK);
    CHECK_EQUAL(ram_create(&now.tree, other, FILES_FILE, &second), OK);
    for (uint64_t page = 0; page < RAM_FILE_PAGES; page++) {
        memset(block, (int)page, sizeof block);
        CHECK_EQUAL(ram_write(&now.tree, node, FILES_APPEND, block, sizeof block, &written), OK);
        journal_commit(&log_of_changes, 0);
    }
    for (unsigned way = 0; way < 4; way++) {
        copy(&before, &now);
        uint32_t status = way == 0   ? ram_truncate(&now.tree, node, 1)
                          : way == 1 ? ram_truncate(&now.tree, node, 0)
                          : way == 2 ? ram_rename(&now.tree, other, path)
                                     : ram_remove(&now.tree, path, FILES_FILE);
        CHECK_EQUAL(status, OK);
        CHECK(JOURNAL_USED(log_of_changes.mark) <= 3 * RAM_PAGE_BYTES);
        journal_undo(&log_of_changes);
        follow(&now);
        follow(&before);
        journal_commit(&log_of_changes, 0);
        copy(&after, &now);
        CHECK(are_same(&after, &before));
    }
    journal = NULL;
}

SUITE(CASE(dies_anywhere), CASE(an_undone_write_leaves_nothing_behind), CASE(the_largest_file_comes_back));
