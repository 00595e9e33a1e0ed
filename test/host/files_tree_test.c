/*
 * Does the tree of the boot volume resolve every path, list each directory's entries once and in order, and refuse bad
 * requests with the right reason?
 */
#include "servers/files/tree.h"

#include <stdlib.h>
#include <string.h>

#include "test/host/suite.h"
#include "test/host/ustar_maker.h"
#include "test/lib/random.h"

static struct maker_archive archive;
static struct tree tree;
static struct tree_place place;
static const char *reason;

static void add(const char *path, char type, const char *data) {
    maker_ustar_add(&archive, path, type, data, strlen(data));
}

static void add_link(const char *path, const char *target) {
    uint8_t *header = archive.bytes + archive.bytes_used;
    add(path, '1', "");
    memcpy(header + 157, target, strlen(target));
    maker_ustar_checksum(header);
}

static struct tree_damage damage;

static enum tree_error build(void) {
    maker_ustar_end(&archive);
    damage = tree_build(&tree, archive.bytes, archive.bytes_used);
    return damage.error;
}

static void make_volume(void) {
    archive.bytes_used = 0;
    add("PaxHeaders/align", 'x', "17 comment=-----\n");
    add("etc/manifest.json", '0', "{}");
    add("bin/ls", '0', "list");
    add("bin/cat", '0', "print it");
    add("bin-old/cat", '0', "old");
    add("a/b/c/deep", '0', "d");
    add("hollow/", '5', "");
    add("bin/test/one", '0', "1");
    add("empty", '0', "");
    CHECK_EQUAL(build(), TREE_OK);
}

static uint32_t find(const char *path) {
    reason = NULL;
    place = (struct tree_place){.node = 12345};
    size_t length = strlen(path);
    char *copy = malloc(length == 0 ? 1 : length); /* without a terminating zero: a message has none */
    memcpy(copy, path, length);
    struct path clean;
    uint32_t status = path_clean(copy, length, &clean, &reason);
    free(copy);
    if (status == OK)
        status = tree_find(&tree, &clean, &place);
    CHECK_EQUAL(reason != NULL, status == P_ARGUMENT);
    CHECK(status == OK || place.node == 12345);
    return status;
}

static void check_file(const char *path, const char *data) {
    if (!CHECK_EQUAL(find(path), OK) || !CHECK_EQUAL(place.kind, FILES_FILE))
        return;
    const struct tree_node *node = &tree.nodes[place.node];
    CHECK_EQUAL(node->data_bytes, strlen(data));
    CHECK(memcmp(archive.bytes + node->data_offset, data, strlen(data)) == 0);
}

static void files_are_found(void) {
    make_volume();
    check_file("bin/ls", "list");
    check_file("/bin/cat", "print it");
    check_file("bin-old/cat", "old");
    check_file("a/b/c/deep", "d");
    check_file("//bin///.//ls", "list");
    check_file("./bin/./ls", "list");
    check_file("empty", "");
}

/* The names of a directory with blanks between them; directories have a slash. */
static void check_list(const char *path, const char *wanted) {
    char seen[512] = "";
    struct tree_child child;
    if (!CHECK_EQUAL(find(path), OK) || !CHECK_EQUAL(place.kind, FILES_DIRECTORY))
        return;
    uint64_t index = 0;
    for (; tree_child(&tree, &place, index, &child) == OK; index++) {
        strncat(seen, child.name, child.name_length);
        strcat(seen, child.kind == FILES_DIRECTORY ? "/ " : " ");
    }
    if (!CHECK(strcmp(seen, wanted) == 0))
        printf("#   `%s`: seen `%s`, wanted `%s`\n", path, seen, wanted);
    CHECK_EQUAL(tree_child(&tree, &place, index, &child), P_END);
    CHECK_EQUAL(tree_child(&tree, &place, UINT64_MAX, &child), P_END);
}

static void directories_are_listed(void) {
    make_volume();
    check_list("", "a/ bin/ bin-old/ empty etc/ hollow/ ");
    check_list("/", "a/ bin/ bin-old/ empty etc/ hollow/ ");
    check_list("bin", "cat ls test/ ");
    check_list("/bin/", "cat ls test/ ");
    check_list("bin/.", "cat ls test/ ");
    check_list("bin-old", "cat ");
    check_list("a", "b/ ");
    check_list("a/b", "c/ ");
    check_list("hollow", "");
}

static void sizes_are_listed(void) {
    struct tree_child child;
    make_volume();
    CHECK_EQUAL(find("bin"), OK);
    CHECK_EQUAL(tree_child(&tree, &place, 0, &child), OK);
    CHECK_EQUAL(child.size_bytes, 8);
    CHECK_EQUAL(tree_child(&tree, &place, 2, &child), OK);
    CHECK_EQUAL(child.size_bytes, 0);
}

static void what_is_not_there(void) {
    char path[400];
    make_volume();
    CHECK_EQUAL(find("nothing"), P_NOT_FOUND);
    CHECK_EQUAL(find("bin/l"), P_NOT_FOUND);
    CHECK_EQUAL(find("bin/lsx"), P_NOT_FOUND);
    CHECK_EQUAL(find("bi"), P_NOT_FOUND);
    CHECK_EQUAL(find("zzz/zzz"), P_NOT_FOUND);
    CHECK_EQUAL(find("hollow/x"), P_NOT_FOUND);
    CHECK_EQUAL(find("link"), P_NOT_FOUND);
    memset(path, 'x', sizeof path);
    path[256] = '\0';
    CHECK_EQUAL(find(path), P_NOT_FOUND);
    path[256] = 'x';
    path[399] = '\0';
    CHECK_EQUAL(find(path), P_NOT_FOUND);
    memset(path, '/', 256);
    path[256] = '\0';
    CHECK_EQUAL(find(path), OK);
}

static void files_are_no_directories(void) {
    make_volume();
    CHECK_EQUAL(find("bin/ls/"), P_NOT_DIRECTORY);
    CHECK_EQUAL(find("bin/ls/."), P_NOT_DIRECTORY);
    CHECK_EQUAL(find("bin/ls/x"), P_NOT_DIRECTORY);
    CHECK_EQUAL(find("bin/ls/x/y"), P_NOT_DIRECTORY);
    CHECK_EQUAL(find("empty/x"), P_NOT_DIRECTORY);
}

static void bad_paths_are_refused(void) {
    make_volume();
    CHECK_EQUAL(find(".."), P_ARGUMENT);
    CHECK_EQUAL(find("bin/../bin/ls"), P_ARGUMENT);
    CHECK_EQUAL(find("/.."), P_ARGUMENT);
    CHECK_EQUAL(find("bin/..."), P_NOT_FOUND);
    CHECK_EQUAL(find("bin/..x"), P_NOT_FOUND);
    CHECK_EQUAL(find("bin/l\ns"), P_ARGUMENT);
    CHECK_EQUAL(find("bin/\x7f"), P_ARGUMENT);
    struct path clean;
    reason = NULL;
    CHECK_EQUAL(path_clean("bin/ls\0x", 8, &clean, &reason), P_ARGUMENT);
    CHECK_EQUAL(find("bin/\xc3\xa4"), P_NOT_FOUND);
}

static void hard_links_are_files(void) {
    archive.bytes_used = 0;
    add("a/first", '0', "data");
    add_link("b", "a/first");
    add_link("c", "./b");
    CHECK_EQUAL(build(), TREE_OK);
    check_file("b", "data");
    check_file("c", "data");
}

static void damage_is_named(void) {
    archive.bytes_used = 0;
    add("a", '0', "x");
    add("a", '0', "y");
    CHECK_EQUAL(build(), TREE_REPEATED);
    CHECK_EQUAL(damage.offset, 1024);
    CHECK(strcmp(damage.path, "a") == 0);
    CHECK_EQUAL(find("a"), P_NOT_FOUND); /* nothing of it is served */

    archive.bytes_used = 0;
    add("a/b", '0', "x");
    add("a", '0', "y");
    CHECK_EQUAL(build(), TREE_CONFLICT);
    CHECK_EQUAL(damage.offset, 0);
    CHECK(strcmp(damage.path, "a/b") == 0);

    archive.bytes_used = 0;
    add("a", '0', "x");
    add("b", '2', "");
    CHECK_EQUAL(build(), TREE_ARCHIVE);
    CHECK_EQUAL(damage.ustar, USTAR_SYMBOLIC_LINK);
    CHECK(strcmp(damage.path, "b") == 0);

    archive.bytes_used = 0;
    add("d/", '5', "");
    add_link("to folder", "d");
    CHECK_EQUAL(build(), TREE_LINK);
    CHECK_EQUAL(damage.offset, 512);
    CHECK(strcmp(damage.path, "to folder") == 0);

    archive.bytes_used = 0;
    add("a", '0', "x");
    add("b", '0', "y");
    archive.bytes[1024] = 'c'; /* the second header's checksum is wrong now */
    maker_ustar_end(&archive);
    damage = tree_build(&tree, archive.bytes, archive.bytes_used);
    CHECK_EQUAL(damage.error, TREE_ARCHIVE);
    CHECK_EQUAL(damage.ustar, USTAR_BAD_CHECKSUM);
    CHECK_EQUAL(damage.offset, 1024);
}

static void too_many_entries(void) {
    static uint8_t many[(TREE_NODES_MAX + 3) * 512];
    static const uint8_t end[1024];
    uint64_t used = 0;
    for (unsigned i = 0; i <= TREE_NODES_MAX; i++) {
        char path[16];
        snprintf(path, sizeof path, "f%u", i);
        archive.bytes_used = 0;
        add(path, '0', "");
        memcpy(many + used, archive.bytes, 512);
        used += 512;
    }
    memcpy(many + used, end, sizeof end);
    CHECK_EQUAL(tree_build(&tree, many, used + sizeof end).error, TREE_TOO_MANY);
    memcpy(many + used - 512, end, sizeof end); /* one less fits */
    CHECK_EQUAL(tree_build(&tree, many, used + 512).error, TREE_OK);
    CHECK_EQUAL(find("f0"), OK);
    CHECK_EQUAL(find("f1023"), OK);
}

static void a_mount_is_listed(void) {
    make_volume();
    CHECK_EQUAL(tree_add_directory(&tree, "tmp"), TREE_OK);
    check_list("", "a/ bin/ bin-old/ empty etc/ hollow/ tmp/ ");
    check_list("tmp", "");
    CHECK_EQUAL(tree_add_directory(&tree, "tmp"), TREE_OK);
    check_list("", "a/ bin/ bin-old/ empty etc/ hollow/ tmp/ ");
    CHECK_EQUAL(tree_add_directory(&tree, "empty"), TREE_CONFLICT);
    check_file("bin/ls", "list");
}

static const char *below(const char *path) {
    static struct path clean;
    const char *none = NULL;
    return path_clean(path, strlen(path), &clean, &none) == OK ? path_below(&clean, "tmp") : NULL;
}

static void paths_lead_below_a_mount(void) {
    CHECK(strcmp(below("/tmp/./a//b"), "a/b") == 0);
    CHECK(strcmp(below("tmp/"), "") == 0);
    CHECK(below("tmpx/a") == NULL && below("") == NULL && below("tm") == NULL && below("a/tmp") == NULL);
}

/* Any path of any bytes gives an answer, and lists end. */
static void random_paths(void) {
    static const char likely[] = "//..abincls-etyo\x01";
    uint64_t random = 3;
    make_volume();
    for (unsigned i = 0; i < 300000; i++) {
        char path[13];
        size_t length = random_step(&random) % sizeof path;
        for (size_t at = 0; at < length; at++)
            path[at] = likely[random_step(&random) % (sizeof likely - 1)];
        struct path clean;
        reason = NULL;
        uint32_t status = path_clean(path, length, &clean, &reason);
        if (status == OK)
            status = tree_find(&tree, &clean, &place);
        CHECK(status == OK || status == P_NOT_FOUND || status == P_NOT_DIRECTORY || status == P_ARGUMENT);
        struct tree_child child;
        for (uint64_t index = 0; status == OK && place.kind == FILES_DIRECTORY; index++) {
            if (tree_child(&tree, &place, index, &child) != OK)
                break;
            CHECK(index < 10 && child.name_length > 0);
        }
    }
}

SUITE(CASE(files_are_found), CASE(directories_are_listed), CASE(sizes_are_listed), CASE(what_is_not_there),
      CASE(files_are_no_directories), CASE(bad_paths_are_refused), CASE(hard_links_are_files), CASE(damage_is_named),
      CASE(too_many_entries), CASE(a_mount_is_listed), CASE(paths_lead_below_a_mount), CASE(random_paths));
