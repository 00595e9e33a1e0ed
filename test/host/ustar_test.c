/*
 * Does the ustar reader find what is in an archive, name each kind of damage, and never read outside its bytes?
 */
#include "libsys/format/ustar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host/suite.h"
#include "test/host/ustar_maker.h"
#include "test/lib/random.h"

enum { NAME = 0, SIZE = 124, CHECKSUM = 148, TYPE = 156, LINK = 157, MAGIC = 257, PREFIX = 345, DATA = 512 };

static struct maker_archive archive;
static struct ustar_entry entry;

/* A pax header, a folder, and two files, the second empty: where each header lies is known. */
enum { PAX_AT = 0, FOLDER_AT = 1024, FILE_AT = 1536, EMPTY_AT = 3072, END_AT = 3584, ARCHIVE_BYTES = 4608 };

static void make_archive(void) {
    static char data[1000];
    memset(data, 'd', sizeof data);
    archive.bytes_used = 0;
    maker_ustar_add(&archive, "PaxHeaders/align", 'x', "17 comment=-----\n", 17);
    maker_ustar_add(&archive, "boot/", '5', "", 0);
    maker_ustar_add(&archive, "boot/file", '0', data, sizeof data);
    maker_ustar_add(&archive, "./empty", '0', "", 0);
    maker_ustar_end(&archive);
}

/* Walk a copy of exactly these bytes; returns how the walk ended, and how many entries it met. */
static enum ustar_error walk(uint64_t bytes, uint32_t *ret_count, uint64_t *ret_offset) {
    uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
    memcpy(copy, archive.bytes, bytes);
    struct ustar_cursor cursor = {.archive = copy, .archive_bytes = bytes};
    enum ustar_error error = ustar_next(&cursor, &entry);
    *ret_count = 0;
    while (error == USTAR_OK) {
        ++*ret_count;
        CHECK(entry.data_offset <= bytes && entry.data_bytes <= bytes - entry.data_offset);
        CHECK(entry.path[0] != 0 && memchr(entry.path, 0, sizeof entry.path) != NULL);
        error = ustar_next(&cursor, &entry);
    }
    *ret_offset = cursor.offset;
    free(copy);
    return error;
}

static void entries_are_walked(void) {
    make_archive();
    CHECK_EQUAL(archive.bytes_used, ARCHIVE_BYTES);
    struct ustar_cursor cursor = {.archive = archive.bytes, .archive_bytes = archive.bytes_used};
    CHECK_EQUAL(ustar_next(&cursor, &entry), USTAR_OK);
    CHECK(strcmp(entry.path, "boot") == 0);
    CHECK_EQUAL(entry.kind, USTAR_FOLDER);
    CHECK_EQUAL(ustar_next(&cursor, &entry), USTAR_OK);
    CHECK(strcmp(entry.path, "boot/file") == 0);
    CHECK_EQUAL(entry.kind, USTAR_FILE);
    CHECK_EQUAL(entry.data_offset, FILE_AT + DATA);
    CHECK_EQUAL(entry.data_bytes, 1000);
    CHECK_EQUAL(ustar_next(&cursor, &entry), USTAR_OK);
    CHECK(strcmp(entry.path, "empty") == 0);
    CHECK_EQUAL(entry.data_bytes, 0);
    CHECK_EQUAL(ustar_next(&cursor, &entry), USTAR_END);
    CHECK_EQUAL(ustar_next(&cursor, &entry), USTAR_END);
    CHECK(strcmp(entry.path, "empty") == 0);
}

static void files_are_found(void) {
    make_archive();
    uint64_t offset = 0;
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "boot/file", &entry, NULL), USTAR_OK);
    CHECK_EQUAL(entry.data_offset, FILE_AT + DATA);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "empty", &entry, NULL), USTAR_OK);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "boot", &entry, &offset), USTAR_END); /* a folder */
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "boot/fil", &entry, &offset), USTAR_END);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "boot/file2", &entry, &offset), USTAR_END);
    CHECK_EQUAL(offset, END_AT);
}

static void long_paths_are_joined(void) {
    char wanted[USTAR_PATH_MAX];
    memset(wanted, 'p', 155);
    wanted[155] = '/';
    memset(wanted + 156, 'n', 100);
    wanted[256] = 0;
    archive.bytes_used = 0;
    maker_ustar_add(&archive, "n", '0', "", 0);
    memset(archive.bytes + NAME, 'n', 100);
    memset(archive.bytes + PREFIX, 'p', 155);
    maker_ustar_checksum(archive.bytes);
    maker_ustar_end(&archive);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, wanted, &entry, NULL), USTAR_OK);
}

static void other_kinds_have_no_data(void) {
    for (char type = '1'; type <= '6'; type++) {
        archive.bytes_used = 0;
        maker_ustar_add(&archive, "other", type, "", 0);
        memcpy(archive.bytes + SIZE, "00000001000", 11);
        maker_ustar_checksum(archive.bytes);
        maker_ustar_end(&archive);
        struct ustar_cursor cursor = {.archive = archive.bytes, .archive_bytes = archive.bytes_used};
        bool served = type == '1' || type == '5';
        enum ustar_error error = type == '2' ? USTAR_SYMBOLIC_LINK : USTAR_BAD_KIND;
        CHECK_EQUAL(ustar_next(&cursor, &entry), served ? USTAR_OK : error);
        CHECK(strcmp(entry.path, "other") == 0);
        if (!served)
            continue;
        CHECK_EQUAL(entry.kind, type == '5' ? USTAR_FOLDER : USTAR_HARD_LINK);
        CHECK_EQUAL(entry.data_bytes, 0);
        CHECK_EQUAL(ustar_next(&cursor, &entry), USTAR_END);
    }
}

static void numbers_end_with_their_field(void) {
    make_archive();
    memcpy(archive.bytes + FILE_AT + SIZE, "00000000175077777777777", 23); /* and on into the field after it */
    maker_ustar_checksum(archive.bytes + FILE_AT);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "boot/file", &entry, NULL), USTAR_OK);
    CHECK_EQUAL(entry.data_bytes, 1000);
}

static void other_magics_are_accepted(void) {
    make_archive();
    static const char magics[][9] = {"ustar  ", ""}; /* GNU tar's, and none: older than ustar */
    for (uint32_t i = 0; i < 2; i++) {
        memcpy(archive.bytes + FILE_AT + MAGIC, magics[i], 8);
        maker_ustar_checksum(archive.bytes + FILE_AT);
        CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "boot/file", &entry, NULL), USTAR_OK);
    }
}

static enum ustar_error one(const char *path, char type) {
    archive.bytes_used = 0;
    maker_ustar_add(&archive, path, type, "", 0);
    maker_ustar_end(&archive);
    struct ustar_cursor cursor = {.archive = archive.bytes, .archive_bytes = archive.bytes_used};
    return ustar_next(&cursor, &entry);
}

static void names_are_cleaned(void) {
    static const char *const names[][2] = {
        {"/a/b", "a/b"}, {"a//b", "a/b"},    {"a/./b", "a/b"}, {"././a/b", "a/b"},   {"./.a/..b/c.", ".a/..b/c."},
        {"a b", "a b"},  {"a/...", "a/..."}, {"///a/.", "a"},  {".//a//./b", "a/b"}, {"gr\303\274n", "gr\303\274n"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK_EQUAL(one(names[i][0], '0'), USTAR_OK);
        CHECK(strcmp(entry.path, names[i][1]) == 0);
    }
    CHECK_EQUAL(one("./", '5'), USTAR_END); /* the root needs no entry */
    CHECK_EQUAL(one("old/", 0), USTAR_OK);  /* a folder before there was a type for one */
    CHECK_EQUAL(entry.kind, USTAR_FOLDER);
    CHECK_EQUAL(one("a/../b", '0'), USTAR_GOES_UP);
    CHECK(strcmp(entry.path, "a/../b") == 0); /* as it is, for the message */
}

/* A name of `bytes` bytes, told before the header by pax ('x') or by GNU tar ('L'). */
static enum ustar_error find_long(char type, uint32_t bytes, char *name) {
    char data[400] = {0};
    memset(name, 'n', bytes);
    name[bytes] = 0;
    name[bytes / 2] = '/';
    int used = type == 'L' ? snprintf(data, sizeof data, "%s", name) + 1
                           : snprintf(data, sizeof data, "%u path=%s\n", bytes + 10, name); /* three digits */
    archive.bytes_used = 0;
    maker_ustar_add(&archive, "x", type, data, (uint64_t)used);
    maker_ustar_add(&archive, "short", '0', "long", 4);
    maker_ustar_add(&archive, "next", '0', "", 0);
    maker_ustar_end(&archive);
    enum ustar_error error = ustar_find(archive.bytes, archive.bytes_used, name, &entry, NULL);
    struct ustar_entry next;
    CHECK(error != USTAR_OK || ustar_find(archive.bytes, archive.bytes_used, "next", &next, NULL) == USTAR_OK);
    return error;
}

static void long_names_are_whole(void) {
    char name[400];
    for (uint32_t i = 0; i < 2; i++) {
        char type = "xL"[i];
        for (uint32_t bytes = 100; bytes < USTAR_PATH_MAX; bytes += 12) {
            CHECK_EQUAL(find_long(type, bytes, name), USTAR_OK);
            CHECK_EQUAL(entry.data_bytes, 4);
        }
        CHECK_EQUAL(find_long(type, USTAR_PATH_MAX, name), USTAR_LONG_PATH);
        name[USTAR_PATH_MAX - 1] = 0; /* as much of it as there is room for */
        CHECK(strcmp(entry.path, name) == 0);
    }
}

static void sizes_of_pax_count(void) {
    archive.bytes_used = 0;
    maker_ustar_add(&archive, "x", 'x', "10 size=3\n", 10);
    maker_ustar_add(&archive, "file", '0', "", 0);
    memset(archive.bytes + archive.bytes_used, 'd', 512);
    archive.bytes_used += 512;
    maker_ustar_add(&archive, "next", '0', "", 0);
    maker_ustar_end(&archive);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "file", &entry, NULL), USTAR_OK);
    CHECK_EQUAL(entry.data_bytes, 3);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "next", &entry, NULL), USTAR_OK);
    memcpy(archive.bytes + DATA, "10 size=9\n11 size=99\n14 size=99999\n", 35);
    memcpy(archive.bytes + SIZE, "00000000043", 11);
    maker_ustar_checksum(archive.bytes);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "file", &entry, NULL), USTAR_TRUNCATED);
    memcpy(archive.bytes + DATA, "18 size=1234567890\n", 19);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "file", &entry, NULL), USTAR_BAD_RECORD);
    archive.bytes[TYPE] = 'g'; /* no size is that of all members */
    memcpy(archive.bytes + DATA, "10 size=3\n25 comment=1234567890123\n", 35);
    maker_ustar_checksum(archive.bytes);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "file", &entry, NULL), USTAR_BAD_RECORD);
}

static void sparse_files_of_pax_are_named(void) {
    archive.bytes_used = 0;
    maker_ustar_add(&archive, "x", 'x', "25 GNU.sparse.name=a/big\n22 GNU.sparse.major=1\n", 47);
    maker_ustar_add(&archive, "GNUSparseFile.0/big", '0', "", 0);
    maker_ustar_end(&archive);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "a/big", &entry, NULL), USTAR_SPARSE);
    CHECK(strcmp(entry.path, "a/big") == 0);
}

static void add_link(const char *path, const char *target) {
    uint8_t *header = archive.bytes + archive.bytes_used;
    maker_ustar_add(&archive, path, '1', "", 0);
    memcpy(header + LINK, target, strlen(target));
    maker_ustar_checksum(header);
}

static void hard_links_are_followed(void) {
    uint64_t offset = 0;
    archive.bytes_used = 0;
    maker_ustar_add(&archive, "first", '0', "1st", 3);
    add_link("second", "./first");
    add_link("third", "second");
    add_link("lost", "behind");
    maker_ustar_add(&archive, "behind", '0', "", 0);
    add_link("self", "self");
    maker_ustar_end(&archive);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "third", &entry, NULL), USTAR_OK);
    CHECK_EQUAL(entry.data_offset, 512);
    CHECK_EQUAL(entry.data_bytes, 3);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "lost", &entry, &offset), USTAR_LOST_LINK);
    CHECK(strcmp(entry.path, "lost") == 0);
    CHECK_EQUAL(offset, 2048);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "self", &entry, NULL), USTAR_LOST_LINK);
}

static void signed_checksums_are_accepted(void) {
    archive.bytes_used = 0;
    maker_ustar_add(&archive, "gr\303\274n", '0', "", 0);
    maker_ustar_end(&archive);
    unsigned sum = (unsigned)strtoul((const char *)archive.bytes + CHECKSUM, NULL, 8);
    snprintf((char *)archive.bytes + CHECKSUM, 8, "%06o", sum - 512);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "gr\303\274n", &entry, NULL), USTAR_OK);
    snprintf((char *)archive.bytes + CHECKSUM, 8, "%06o", sum - 256);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "gr\303\274n", &entry, NULL), USTAR_BAD_CHECKSUM);
}

/* One kind of damage to the header at `at`, made good with a right checksum unless it is the checksum's own. */
struct ustar_damage {
    uint32_t at;
    uint32_t field;
    const char *bytes;
    uint32_t count;
    enum ustar_error error;
};

static const struct ustar_damage damages[] = {
    {FILE_AT, MAGIC, "uster", 5, USTAR_BAD_MAGIC},
    {FILE_AT, MAGIC, "ustar!", 6, USTAR_BAD_MAGIC},
    {FILE_AT, CHECKSUM, "000001", 7, USTAR_BAD_CHECKSUM},
    {FILE_AT, CHECKSUM, "zzzzzz", 7, USTAR_BAD_CHECKSUM},
    {FILE_AT, SIZE, "00000001x50", 11, USTAR_BAD_SIZE},
    {FILE_AT, SIZE, "\0\0\0\0\0\0\0\0\0\0\0\0", 12, USTAR_BAD_SIZE},
    {FILE_AT, SIZE, "\200\0\0\0\0\0\0\0\0\0\3\350", 12, USTAR_BAD_SIZE},
    {FILE_AT, SIZE, "777777777777", 12, USTAR_TRUNCATED},
    {FILE_AT, SIZE, "00000005001", 11, USTAR_TRUNCATED},
    {EMPTY_AT, NAME, "\0", 1, USTAR_NO_PATH},
    {EMPTY_AT, NAME, "././//.", 7, USTAR_NO_PATH},
    {EMPTY_AT, NAME, "a/../b", 7, USTAR_GOES_UP},
    {EMPTY_AT, NAME, "..", 3, USTAR_GOES_UP},
    {EMPTY_AT, NAME, "a\33[2J", 6, USTAR_CONTROL_BYTE},
    {EMPTY_AT, NAME, "a\177", 3, USTAR_CONTROL_BYTE},
    {EMPTY_AT, TYPE, "2", 1, USTAR_SYMBOLIC_LINK},
    {EMPTY_AT, TYPE, "3", 1, USTAR_BAD_KIND},
    {EMPTY_AT, TYPE, "6", 1, USTAR_BAD_KIND},
    {EMPTY_AT, TYPE, "V", 1, USTAR_BAD_KIND},
    {FILE_AT, TYPE, "S", 1, USTAR_SPARSE},
    {PAX_AT, DATA, "16", 2, USTAR_BAD_RECORD},
    {PAX_AT, DATA, "18", 2, USTAR_BAD_RECORD},
    {PAX_AT, DATA, "x7", 2, USTAR_BAD_RECORD},
    {PAX_AT, DATA, "17 size=12345 67", 16, USTAR_BAD_RECORD},
    {PAX_AT, DATA, "17 size=        ", 16, USTAR_BAD_RECORD},
};

static void damage_is_named(void) {
    bool provoked[USTAR_LOST_LINK + 1] = {false};
    uint32_t count = 0;
    uint64_t offset = 0;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const struct ustar_damage *damage = &damages[i];
        make_archive();
        memcpy(archive.bytes + damage->at + damage->field, damage->bytes, damage->count);
        if (damage->field != CHECKSUM)
            maker_ustar_checksum(archive.bytes + damage->at);
        enum ustar_error error = walk(archive.bytes_used, &count, &offset);
        if (!CHECK_EQUAL(error, damage->error) || !CHECK_EQUAL(offset, damage->at))
            printf("#   in row %zu: %s\n", i, ustar_error_text(error));
        provoked[error] = true;
    }
    make_archive();
    archive.bytes[END_AT + 512] = 1; /* one zero block is the end mark only where nothing follows */
    CHECK_EQUAL(walk(archive.bytes_used, &count, &offset), USTAR_NO_END);
    provoked[USTAR_NO_END] = true;
    provoked[USTAR_LONG_PATH] = provoked[USTAR_LOST_LINK] = true; /* by other cases */
    for (uint32_t error = USTAR_END + 1; error < sizeof provoked; error++) {
        CHECK(provoked[error]);
        CHECK(strlen(ustar_error_text((enum ustar_error)error)) > 0);
    }
}

static void largest_data_ends_at_the_last_byte(void) {
    uint32_t count = 0;
    uint64_t offset = 0;
    make_archive();
    memcpy(archive.bytes + FILE_AT + SIZE, "00000005000", 11); /* 2,560: to the archive's last byte */
    maker_ustar_checksum(archive.bytes + FILE_AT);
    CHECK_EQUAL(walk(archive.bytes_used, &count, &offset), USTAR_NO_END);
    CHECK_EQUAL(count, 2);
}

static void short_archives_are_named(void) {
    uint32_t count = 0;
    uint64_t offset = 0;
    make_archive();
    for (uint64_t bytes = 0; bytes < ARCHIVE_BYTES; bytes++) {
        enum ustar_error error = walk(bytes, &count, &offset);
        CHECK(bytes < END_AT + 512 ? error == USTAR_NO_END || error == USTAR_TRUNCATED : error == USTAR_END);
    }
    CHECK_EQUAL(walk(ARCHIVE_BYTES, &count, &offset), USTAR_END);
    CHECK_EQUAL(count, 3);
}

static void random_damage_is_survived(void) {
    static const uint32_t headers[] = {PAX_AT, FOLDER_AT, FILE_AT, EMPTY_AT};
    uint64_t seed = 42;
    uint32_t ends[USTAR_LOST_LINK + 1] = {0};
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t count = 0;
        uint64_t offset = 0;
        make_archive();
        uint8_t *header = archive.bytes + headers[random_step(&seed) % 4];
        uint64_t field = random_step(&seed) % 2 ? SIZE + random_step(&seed) % 12 : random_step(&seed) % 512;
        header[field] = random_step(&seed) % 2 ? (uint8_t)('0' + random_step(&seed) % 8) : (uint8_t)random_step(&seed);
        if (random_step(&seed) % 4 != 0)
            maker_ustar_checksum(header);
        ends[walk(archive.bytes_used, &count, &offset)]++;
    }
    CHECK(ends[USTAR_END] > 1000 && ends[USTAR_TRUNCATED] > 100);
}

SUITE(CASE(entries_are_walked), CASE(files_are_found), CASE(long_paths_are_joined), CASE(other_kinds_have_no_data),
      CASE(numbers_end_with_their_field), CASE(other_magics_are_accepted), CASE(names_are_cleaned),
      CASE(long_names_are_whole), CASE(sizes_of_pax_count), CASE(sparse_files_of_pax_are_named),
      CASE(hard_links_are_followed), CASE(signed_checksums_are_accepted), CASE(damage_is_named),
      CASE(largest_data_ends_at_the_last_byte), CASE(short_archives_are_named), CASE(random_damage_is_survived));
