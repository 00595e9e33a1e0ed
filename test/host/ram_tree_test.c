/*
 * Does a file tree in memory behave like a flat list of paths, keep its contents when pages or nodes run out,
 * and give all pages back?
 */
#include "servers/files/ram_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host/ram_model.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define PAGES_MAX 2048U

static struct ram_tree tree;
static void *memory;

static void make(uint32_t page_count) {
    free(memory);
    memory = aligned_alloc(RAM_PAGE_BYTES, (page_count + 1) * (size_t)RAM_PAGE_BYTES);
    memset(memory, 0xa5, (page_count + 1) * (size_t)RAM_PAGE_BYTES); /* what others had there */
    memset(&tree, 0, sizeof tree);
    ram_init(&tree, memory, page_count);
}

static struct ram_path at(const char *text) { return (struct ram_path){text, false}; }

static uint32_t create(const char *path, enum files_kind kind) {
    uint32_t node;
    return ram_create(&tree, at(path), kind, &node);
}

static uint32_t node_of(const char *path) {
    uint32_t node = 0;
    CHECK_EQUAL(ram_find(&tree, at(path), &node), OK);
    return node;
}

static uint64_t written;

static uint32_t write(const char *path, uint64_t offset, const char *text) {
    return ram_write(&tree, node_of(path), offset, text, strlen(text), &written);
}

static void check_text(const char *path, const char *wanted) {
    char seen[64] = "";
    uint64_t length = ram_read(&tree, node_of(path), 0, seen, sizeof seen - 1);
    if (!CHECK(length == strlen(wanted) && strcmp(seen, wanted) == 0))
        printf("#   %s: seen `%s`, wanted `%s`\n", path, seen, wanted);
}

static void files_are_written(void) {
    make(8);
    CHECK_EQUAL(create("a", FILES_FILE), OK);
    check_text("a", "");
    CHECK_EQUAL(write("a", 0, "one"), OK);
    CHECK_EQUAL(write("a", FILES_APPEND, " two"), OK);
    check_text("a", "one two");
    CHECK_EQUAL(write("a", 1, "__"), OK);
    check_text("a", "o__ two");
    CHECK_EQUAL(tree.pages.free_count, 7 - RAM_INDEX_PAGES);
    CHECK_EQUAL(write("a", 0, ""), OK);
    CHECK_EQUAL(written, 0);
}

static void cut_bytes_do_not_come_back(void) {
    static const char zeros[8];
    char seen[8];
    make(8);
    CHECK_EQUAL(create("a", FILES_FILE), OK);
    CHECK_EQUAL(write("a", 0, "secret"), OK);
    CHECK_EQUAL(ram_truncate(&tree, node_of("a"), 2), OK);
    CHECK_EQUAL(ram_truncate(&tree, node_of("a"), 6), OK);
    CHECK_EQUAL(ram_read(&tree, node_of("a"), 2, seen, 8), 4);
    CHECK(memcmp(seen, zeros, 4) == 0);
    CHECK_EQUAL(ram_truncate(&tree, node_of("a"), 0), OK);
    CHECK_EQUAL(tree.pages.free_count, 8);
}

static void a_page_shows_nothing_of_its_last_owner(void) {
    static const uint8_t zeros[4095];
    static uint8_t seen[4096];
    make(3);
    CHECK_EQUAL(create("a", FILES_FILE), OK);
    CHECK_EQUAL(write("a", 4095, "x"), OK); /* memory that was somebody else's */
    CHECK_EQUAL(ram_read(&tree, node_of("a"), 0, seen, 4096), 4096);
    CHECK(memcmp(seen, zeros, 4095) == 0);
    memset(seen, 'y', sizeof seen);
    CHECK_EQUAL(ram_write(&tree, node_of("a"), 0, seen, 4096, &written), OK);
    CHECK_EQUAL(ram_remove(&tree, at("a"), FILES_FILE), OK);
    CHECK_EQUAL(create("b", FILES_FILE), OK);
    CHECK_EQUAL(write("b", 4095, "x"), OK); /* pages of `a` */
    CHECK_EQUAL(ram_read(&tree, node_of("b"), 0, seen, 4096), 4096);
    CHECK(memcmp(seen, zeros, 4095) == 0);
}

static void a_number_dies_with_its_file(void) {
    uint32_t node = 77;
    make(8);
    CHECK_EQUAL(create("a", FILES_FILE), OK);
    uint64_t number = ram_file_number(&tree, node_of("a"));
    CHECK(ram_file_node(&tree, number, &node) && node == node_of("a"));
    CHECK_EQUAL(ram_rename(&tree, at("a"), at("b")), OK);
    CHECK(ram_file_node(&tree, number, &node) && node == node_of("b"));
    CHECK_EQUAL(ram_remove(&tree, at("b"), FILES_FILE), OK);
    CHECK(!ram_file_node(&tree, number, &node));
    CHECK_EQUAL(create("c", FILES_FILE), OK);
    CHECK_EQUAL(node_of("c"), node); /* the same node, and yet */
    CHECK(!ram_file_node(&tree, number, &node));
    CHECK(!ram_file_node(&tree, RAM_FILE_NUMBER, &node)); /* the root is no file */
    CHECK(!ram_file_node(&tree, RAM_FILE_NUMBER | 0xffff, &node));
    CHECK(!ram_file_node(&tree, UINT64_MAX, &node));
}

static void directories_move_with_all_below(void) {
    make(8);
    CHECK_EQUAL(create("a", FILES_DIRECTORY), OK);
    CHECK_EQUAL(create("a/b", FILES_DIRECTORY), OK);
    CHECK_EQUAL(create("a/b/c", FILES_FILE), OK);
    CHECK_EQUAL(write("a/b/c", 0, "deep"), OK);
    CHECK_EQUAL(ram_rename(&tree, at("a"), at("a/b/x")), P_ARGUMENT);
    CHECK_EQUAL(ram_rename(&tree, at("a"), at("a/x")), P_ARGUMENT);
    CHECK_EQUAL(ram_rename(&tree, at("a"), at("z")), OK);
    check_text("z/b/c", "deep");
    CHECK_EQUAL(ram_remove(&tree, at("z"), FILES_DIRECTORY), P_NOT_EMPTY);
    CHECK_EQUAL(ram_rename(&tree, at("z/b"), at("z")), P_EXISTS);
    CHECK_EQUAL(ram_rename(&tree, at("z/b/c"), at("z/b")), P_EXISTS);
    CHECK_EQUAL(ram_rename(&tree, at("z/b/c"), (struct ram_path){"q", true}), P_NOT_DIRECTORY);
    CHECK_EQUAL(ram_rename(&tree, at(""), at("q")), P_READ_ONLY);
    CHECK_EQUAL(ram_remove(&tree, at(""), FILES_DIRECTORY), P_READ_ONLY);
}

static void a_file_takes_anothers_place(void) {
    make(8);
    CHECK_EQUAL(create("old", FILES_FILE), OK);
    CHECK_EQUAL(write("old", 0, "old"), OK);
    CHECK_EQUAL(create("new", FILES_FILE), OK);
    CHECK_EQUAL(write("new", 0, "new"), OK);
    CHECK_EQUAL(ram_rename(&tree, at("new"), at("old")), OK);
    check_text("old", "new");
    CHECK_EQUAL(tree.pages.free_count, 7 - RAM_INDEX_PAGES);
    CHECK_EQUAL(tree.node_places.free_count, RAM_NODES_MAX - 2);
}

/* By its node, for it has neither path nor number. */
static void check_held(uint32_t node, const char *wanted) {
    char seen[64] = "";
    CHECK_EQUAL(ram_read(&tree, node, 0, seen, sizeof seen - 1), strlen(wanted));
    CHECK(strcmp(seen, wanted) == 0);
}

static void a_held_file_outlives_its_name(void) {
    uint32_t nodes[2], found;
    make(8);
    CHECK_EQUAL(create("a", FILES_FILE), OK);
    CHECK_EQUAL(write("a", 0, "old"), OK);
    nodes[0] = node_of("a");
    uint64_t number = ram_file_number(&tree, nodes[0]);
    ram_hold(&tree, nodes[0]);
    ram_hold(&tree, nodes[0]); /* two have it */
    CHECK_EQUAL(create("b", FILES_FILE), OK);
    CHECK_EQUAL(write("b", 0, "new"), OK);
    CHECK_EQUAL(ram_rename(&tree, at("b"), at("a")), OK);
    check_text("a", "new");
    check_held(nodes[0], "old");
    CHECK(!ram_file_node(&tree, number, &found));
    CHECK(!ram_file_node(&tree, ram_file_number(&tree, nodes[0]), &found)); /* nor by one that nobody was told */
    nodes[1] = node_of("a");
    ram_hold(&tree, nodes[1]);
    CHECK_EQUAL(ram_remove(&tree, at("a"), FILES_FILE), OK);
    CHECK_EQUAL(ram_find(&tree, at("a"), &found), P_NOT_FOUND);
    CHECK_EQUAL(ram_write(&tree, nodes[1], FILES_APPEND, "er", 2, &written), OK);
    check_held(nodes[1], "newer");
    check_held(nodes[0], "old");
    CHECK_EQUAL(tree.pages.free_count, 6 - 2 * RAM_INDEX_PAGES);
    CHECK_EQUAL(tree.node_places.free_count, RAM_NODES_MAX - 3);
    ram_release(&tree, nodes[0]);
    check_held(nodes[0], "old");
    ram_release(&tree, nodes[0]);
    CHECK_EQUAL(tree.pages.free_count, 7 - RAM_INDEX_PAGES);
    ram_release(&tree, nodes[1]);
    CHECK_EQUAL(tree.pages.free_count, 8);
    CHECK_EQUAL(tree.node_places.free_count, RAM_NODES_MAX - 1);
    CHECK_EQUAL(create("c", FILES_FILE), OK);
    ram_hold(&tree, node_of("c"));
    ram_release(&tree, node_of("c")); /* it has its name yet */
    check_text("c", "");
}

/* Pages are charged to their writer, names to their maker, whoever removes the file. */
static void nobody_takes_all(void) {
    char name[16];
    make(64);
    tree.owner = 1;
    CHECK_EQUAL(create("mine", FILES_FILE), OK);
    while (write("mine", FILES_APPEND, "four") == OK)
        CHECK_EQUAL(ram_truncate(&tree, node_of("mine"), ram_stat(&tree, node_of("mine")).size_bytes + 4092), OK);
    CHECK_EQUAL(tree.pages.free_count, 32);
    CHECK_EQUAL(ram_take_run(&tree, 1), 0);
    tree.owner = 2;
    CHECK_EQUAL(create("yours", FILES_FILE), OK);
    CHECK_EQUAL(write("yours", 0, "a"), OK);
    CHECK_EQUAL(write("mine", FILES_APPEND, "b"), OK); /* this page is the writer's, ... */
    CHECK_EQUAL(tree.pages.free_count, 30 - RAM_INDEX_PAGES);
    CHECK_EQUAL(quota_left(&tree.pages, 2), 14 - RAM_INDEX_PAGES);
    CHECK_EQUAL(ram_remove(&tree, at("mine"), FILES_FILE), OK);
    CHECK_EQUAL(quota_left(&tree.pages, 2), 31 - RAM_INDEX_PAGES); /* ... and given back to it */
    CHECK_EQUAL(quota_left(&tree.pages, 1), 31);
    tree.owner = 1;
    uint32_t count = 0;
    for (uint32_t status = OK; status == OK; count++) {
        (void)snprintf(name, sizeof name, "n%u", count);
        status = create(name, FILES_FILE);
        CHECK(status == OK || status == P_NO_SPACE);
    }
    CHECK_EQUAL(count - 1, (RAM_NODES_MAX - 2) / 2);
    tree.owner = 2;
    CHECK_EQUAL(create("another", FILES_FILE), OK);
    CHECK_EQUAL(ram_rename(&tree, at("another"), at("n0")), OK); /* gives the other's name back */
    CHECK_EQUAL(ram_remove(&tree, at("yours"), FILES_FILE), OK);
    tree.owner = 1;
    CHECK_EQUAL(create("another", FILES_FILE), OK);
}

static void times_are_those_of_changes(void) {
    make(8);
    tree.now_ns = 5;
    CHECK_EQUAL(create("d", FILES_DIRECTORY), OK);
    CHECK_EQUAL(create("d/f", FILES_FILE), OK);
    tree.now_ns = 6;
    CHECK_EQUAL(ram_stat(&tree, node_of("d/f")).changed_ns, 5);
    CHECK_EQUAL(write("d/f", 0, "x"), OK);
    CHECK_EQUAL(ram_stat(&tree, node_of("d/f")).changed_ns, 6);
    CHECK_EQUAL(ram_stat(&tree, node_of("d")).changed_ns, 5);
    tree.now_ns = 7;
    CHECK_EQUAL(ram_remove(&tree, at("d/f"), FILES_FILE), OK);
    CHECK_EQUAL(ram_stat(&tree, node_of("d")).changed_ns, 7);
}

/* One file has all pages, and then none. */
static void a_file_takes_all_pages(void) {
    static uint8_t block[4096];
    make(MODEL_LARGE_PAGES + RAM_INDEX_PAGES);
    memset(block, 'x', sizeof block);
    CHECK_EQUAL(create("a", FILES_FILE), OK);
    for (uint32_t page = 0; page < MODEL_LARGE_PAGES; page++)
        CHECK_EQUAL(ram_write(&tree, node_of("a"), FILES_APPEND, block, 4096, &written), OK);
    CHECK_EQUAL(tree.pages.free_count, 0);
    CHECK_EQUAL(ram_truncate(&tree, node_of("a"), 1), OK);
    CHECK_EQUAL(tree.pages.free_count, MODEL_LARGE_PAGES - 1);
    CHECK_EQUAL(ram_remove(&tree, at("a"), FILES_FILE), OK);
    CHECK_EQUAL(tree.pages.free_count, MODEL_LARGE_PAGES + RAM_INDEX_PAGES);
}

/* The largest file, most of which is a hole, and not a byte more. */
static void the_largest_file(void) {
    static uint8_t block[8192];
    make(8);
    memset(block, 'x', sizeof block);
    CHECK_EQUAL(create("a", FILES_FILE), OK);
    CHECK_EQUAL(ram_truncate(&tree, node_of("a"), RAM_FILE_BYTES_MAX + 1), P_LIMIT);
    CHECK_EQUAL(ram_truncate(&tree, node_of("a"), RAM_FILE_BYTES_MAX - 4096), OK);
    CHECK_EQUAL(ram_write(&tree, node_of("a"), FILES_APPEND, block, 8192, &written), OK);
    CHECK_EQUAL(written, 4096);
    CHECK_EQUAL(write("a", FILES_APPEND, "x"), P_LIMIT);
    CHECK_EQUAL(write("a", RAM_FILE_BYTES_MAX, "x"), P_LIMIT);
    CHECK_EQUAL(write("a", RAM_FILE_BYTES_MAX - 1, "yz"), OK);
    CHECK_EQUAL(written, 1);
    CHECK_EQUAL(ram_stat(&tree, node_of("a")).size_bytes, RAM_FILE_BYTES_MAX);
    CHECK_EQUAL(tree.pages.free_count, 7 - RAM_INDEX_PAGES);
    CHECK_EQUAL(ram_truncate(&tree, node_of("a"), 1), OK);
    CHECK_EQUAL(tree.pages.free_count, 8 - RAM_INDEX_PAGES);
}

static void nodes_run_out(void) {
    char name[16];
    make(8);
    for (uint32_t i = 1; i < RAM_NODES_MAX; i++) {
        snprintf(name, sizeof name, "f%u", i);
        CHECK_EQUAL(create(name, FILES_FILE), OK);
    }
    CHECK_EQUAL(create("one-more", FILES_FILE), P_NO_SPACE);
    CHECK_EQUAL(tree.node_places.free_count, 0);
    CHECK_EQUAL(ram_rename(&tree, at("f7"), at("seven")), OK); /* needs none */
    CHECK_EQUAL(ram_remove(&tree, at("f8"), FILES_FILE), OK);
    CHECK_EQUAL(create("one-more", FILES_FILE), OK);
    for (uint32_t left = RAM_NODES_MAX - 1; left > 0; left--) {
        uint32_t node = 0;
        CHECK_EQUAL(ram_child(&tree, 0, 0, &node), OK);
        CHECK_EQUAL(ram_remove(&tree, at(ram_stat(&tree, node).name), FILES_FILE), OK);
    }
    CHECK_EQUAL(tree.node_places.free_count, RAM_NODES_MAX - 1);
}

struct random_choices {
    struct model_choices choices;
    uint64_t state;
};

static uint32_t choose_random(struct model_choices *choices, uint32_t limit) {
    struct random_choices *random = (struct random_choices *)(void *)choices;
    return (uint32_t)(random_step(&random->state) >> 32) % limit;
}

static struct ram_model model;

/* Tree and model do the same for `step_count` steps; then all is removed. */
static void play(uint32_t page_count, uint64_t seed, uint32_t step_count) {
    struct random_choices random = {{choose_random}, seed};
    const char *problem = NULL;
    make(page_count);
    model_init(&model, &tree, memory, page_count);
    uint32_t step = 0;
    for (; step < step_count && problem == NULL; step++) {
        problem = model_step(&model, &random.choices);
        if (problem == NULL && step % 64 == 0)
            problem = model_compare(&model);
    }
    if (problem == NULL)
        problem = model_compare(&model);
    const char *end_problem = model_end(&model);
    if (problem == NULL)
        problem = end_problem;
    if (!CHECK(problem == NULL))
        printf("#   %u pages, seed %llu, step %u: %s\n", page_count, (unsigned long long)seed, step, problem);
}

/* Runs of pages, beside an array of flags: the first that is free, or none; and files in what is left. */
static void runs_of_pages(void) {
    enum { PAGES = 200, RUNS = 40 };
    static bool used[PAGES + 1];
    static struct { uint32_t page, count; } runs[RUNS];
    uint64_t random = 3;
    make(PAGES);
    memset(used, 0, sizeof used);
    memset(runs, 0, sizeof runs);
    for (unsigned step = 0; step < 20000; step++) {
        size_t i = random_step(&random) % RUNS;
        uint32_t count = 1 + (uint32_t)(random_step(&random) % 30), wanted = 0, free = 0;
        if (runs[i].count > 0) {
            ram_give_run(&tree, runs[i].page, runs[i].count);
            memset(used + runs[i].page, 0, runs[i].count);
            runs[i].count = 0;
            continue;
        }
        for (uint32_t page = 1; page <= PAGES && wanted == 0; page++) {
            free = used[page] ? 0 : free + 1;
            wanted = free == count ? page - count + 1 : 0;
        }
        if (!CHECK_EQUAL(ram_take_run(&tree, count), wanted))
            return;
        if (wanted == 0)
            continue;
        runs[i].page = wanted;
        runs[i].count = count;
        memset(used + wanted, 1, count);
    }
    for (size_t i = 0; i < RUNS; i++)
        if (runs[i].count > 0)
            ram_give_run(&tree, runs[i].page, runs[i].count);
    CHECK_EQUAL(tree.pages.free_count, PAGES);
    CHECK_EQUAL(ram_take_run(&tree, PAGES + 1), 0);
    CHECK_EQUAL(ram_take_run(&tree, PAGES), 1);
    CHECK_EQUAL(create("a", FILES_FILE), OK);
    CHECK_EQUAL(write("a", 0, "x"), P_NO_SPACE);
    ram_give_run(&tree, 100, 1 + RAM_INDEX_PAGES);
    CHECK_EQUAL(write("a", 0, "x"), OK);
    CHECK_EQUAL(tree.pages.free_count, 0);
}

static void agrees_with_a_model(void) {
    for (uint64_t seed = 1; seed <= 8; seed++)
        play(PAGES_MAX, seed, 5000);
}

/* The request for a page that comes when k are in use fails, for each k: partly written, or
 * refused and nothing lost. */
static void agrees_when_the_pages_run_out(void) {
    for (uint32_t page_count = 0; page_count <= 48; page_count++)
        play(page_count, 100 + page_count, 1500);
}

SUITE(CASE(files_are_written), CASE(cut_bytes_do_not_come_back), CASE(a_page_shows_nothing_of_its_last_owner),
      CASE(a_number_dies_with_its_file), CASE(directories_move_with_all_below), CASE(a_file_takes_anothers_place),
      CASE(a_held_file_outlives_its_name), CASE(nobody_takes_all), CASE(times_are_those_of_changes),
      CASE(a_file_takes_all_pages), CASE(the_largest_file), CASE(nodes_run_out), CASE(runs_of_pages),
      CASE(agrees_with_a_model), CASE(agrees_when_the_pages_run_out));
