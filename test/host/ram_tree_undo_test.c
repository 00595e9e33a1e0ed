/*
 * If a program dies in an operation on a tree of files, does its successor find the tree of before, and can the
 * operation be made again? And if it dies behind one, does the successor count what the program before had counted?
 */
#include <stdio.h>
#include <string.h>

#include "libsys/wire/journal.h"
#include "servers/files/ram_pages.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

/* The largest file, or one with more pages than the journal has room to note. */
#define LARGE_PAGES (RAM_FILE_BYTES_MAX / RAM_PAGE_BYTES < 3000 ? RAM_FILE_BYTES_MAX / RAM_PAGE_BYTES : 3000)
#define PAGES (LARGE_PAGES + 8)
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

/* As a successor does. */
static void follow(struct state *state) {
    struct ram_tree *tree = &state->tree;
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

/* What a write may change though it is undone: these bytes of a file, and its time. length 0: nothing. */
struct excuse {
    uint32_t file;
    uint64_t offset, length;
};

/* Compare a node, with its bytes. */
static bool is_same_node(const struct ram_tree *left, const struct ram_tree *right, uint32_t node,
                         const struct excuse *excuse) {
    static uint8_t left_bytes[PAGES * RAM_PAGE_BYTES], right_bytes[PAGES * RAM_PAGE_BYTES];
    struct ram_stat one = ram_stat(left, node), other = ram_stat(right, node);
    bool excused = excuse->length > 0 && excuse->file == node;
    if (one.kind != other.kind || ram_file_number(left, node) != ram_file_number(right, node))
        return false;
    if (one.kind == 0)
        return true;
    if (strcmp(one.name, other.name) != 0 || one.owner != other.owner || one.parent != other.parent ||
        one.size_bytes != other.size_bytes || (one.changed_ns != other.changed_ns && !excused))
        return false;
    uint64_t length = ram_read(left, node, 0, left_bytes, sizeof left_bytes);
    if (ram_read(right, node, 0, right_bytes, sizeof right_bytes) != length)
        return false;
    for (uint64_t at = excuse->offset; excused && at < excuse->offset + excuse->length && at < length; at++)
        left_bytes[at] = right_bytes[at];
    return memcmp(left_bytes, right_bytes, length) == 0;
}

static bool are_same_children(const struct ram_tree *left, const struct ram_tree *right, uint32_t directory) {
    uint32_t one = 0, other = 0;
    for (uint64_t index = 0;; index++) {
        uint32_t status = ram_child(left, directory, index, &one);
        if (status != ram_child(right, directory, index, &other) || one != other)
            return false;
        if (status != OK)
            return true;
    }
}

/* Are two trees the same, with the pages that they use and the shares of their owners? */
static bool are_same(const struct state *left, const struct state *right, struct excuse excuse) {
    const struct ram_tree *one = &left->tree, *other = &right->tree;
    bool same = memcmp(one->used, other->used, sizeof one->used) == 0;
    for (uint32_t page = 1; page <= one->page_count && same; page++)
        same = !ram_page_is_used(one, page) || one->page_owners[page - 1] == other->page_owners[page - 1];
    for (uint32_t owner = 0; owner <= OWNERS && same; owner++)
        same = quota_left(&one->pages, owner) == quota_left(&other->pages, owner) &&
               quota_left(&one->node_places, owner) == quota_left(&other->node_places, owner);
    for (uint32_t node = 0; node < RAM_NODES_MAX && same; node++)
        same = is_same_node(one, other, node, &excuse) &&
               (ram_stat(one, node).kind != FILES_DIRECTORY || are_same_children(one, other, node));
    return same;
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
        bool wanted = operation.kind == RELEASE ? now.holds[node] > 0 : ram_stat(&now.tree, node).kind == FILES_FILE;
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
        struct ram_stat node = ram_stat(tree, i);
        if (node.kind == 0)
            continue;
        uint64_t hash = mix(node.changed_ns, bytes, ram_read(tree, i, 0, bytes, sizeof bytes));
        hash = mix(hash + node.kind + 8 * (uint64_t)node.owner, node.name, strlen(node.name) + 1);
        for (uint32_t above = node.parent; above != 0; above = ram_stat(tree, above).parent)
            hash = mix(hash, ram_stat(tree, above).name, strlen(ram_stat(tree, above).name) + 1);
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
    bool wrote = operation->kind == WRITE && operation->node != 0;
    struct excuse excuse = {operation->node, offset, wrote ? operation->length : 0};
    return CHECK(are_same(&after, &before, excuse)) && CHECK_EQUAL(apply(operation), status) &&
           CHECK_EQUAL(digest(&now.tree), wanted);
}

/* It dies behind the commit. */
static bool die_behind_commit(void) {
    journal_commit(&log_of_changes, 0);
    copy(&after, &now);
    follow(&after);
    journal_commit(&log_of_changes, 0);
    return CHECK(are_same(&after, &now, (struct excuse){0})) && CHECK_EQUAL(digest(&after.tree), digest(&now.tree));
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

/* A large file is cut, replaced and removed: are there notes enough, and is each page back? */
static void a_large_file_comes_back(void) {
    static uint8_t block[RAM_PAGE_BYTES];
    struct ram_path path = {"a", false}, other = {"b", false};
    uint32_t node = 0, second;
    uint64_t written;
    start(PAGES);
    CHECK_EQUAL(ram_create(&now.tree, path, FILES_FILE, &node), OK);
    CHECK_EQUAL(ram_create(&now.tree, other, FILES_FILE, &second), OK);
    for (uint64_t page = 0; page < LARGE_PAGES; page++) {
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
        CHECK(are_same(&after, &before, (struct excuse){0}));
    }
    journal = NULL;
}

SUITE(CASE(dies_anywhere), CASE(an_undone_write_leaves_nothing_behind), CASE(a_large_file_comes_back));
