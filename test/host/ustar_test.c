/*
 * Does the ustar reader find what is in an archive, name each kind of damage, and never read outside its bytes?
 */
#include "libsys/ustar.h"

#include <stdlib.h>
#include <string.h>

#include "test/host/check.h"
#include "test/host/ustar_maker.h"

enum { NAME = 0, SIZE = 124, CHECKSUM = 148, TYPE = 156, MAGIC = 257, PREFIX = 345, DATA = 512 };

static struct maker_archive archive;
static struct ustar_entry entry;

/* A pax header, a folder, and two files, the second empty: where each header lies is known. */
enum { PAX_AT = 0, FOLDER_AT = 1024, FILE_AT = 1536, EMPTY_AT = 3072, END_AT = 3584, ARCHIVE_BYTES = 4608 };

static void make_archive(void) {
    static char data[1000];
    memset(data, 'd', sizeof(data));
    archive.bytes_used = 0;
    maker_ustar_add(&archive, "PaxHeaders/align", 'x', "16 comment=-----\n", 17);
    maker_ustar_add(&archive, "boot/", '5', "", 0);
    maker_ustar_add(&archive, "boot/file", '0', data, sizeof(data));
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
        CHECK(entry.path[0] != 0 && memchr(entry.path, 0, sizeof(entry.path)) != NULL);
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
        CHECK_EQUAL(ustar_next(&cursor, &entry), USTAR_OK);
        CHECK_EQUAL(entry.kind, type == '5' ? USTAR_FOLDER : USTAR_OTHER);
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

static void gnu_magic_is_accepted(void) {
    make_archive();
    memcpy(archive.bytes + FILE_AT + MAGIC, "ustar  ", 8);
    maker_ustar_checksum(archive.bytes + FILE_AT);
    CHECK_EQUAL(ustar_find(archive.bytes, archive.bytes_used, "boot/file", &entry, NULL), USTAR_OK);
}

/* One kind of damage to the header at `at`, made good with a right checksum unless it is the checksum's own. */
struct damage {
    uint32_t at;
    uint32_t field;
    const char *bytes;
    uint32_t count;
    enum ustar_error error;
};

static const struct damage damages[] = {
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
    {EMPTY_AT, NAME, "///////", 7, USTAR_NO_PATH},
};

static void damage_is_named(void) {
    bool provoked[USTAR_NO_PATH + 1] = {false};
    uint32_t count = 0;
    uint64_t offset = 0;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        const struct damage *damage = &damages[i];
        make_archive();
        memcpy(archive.bytes + damage->at + damage->field, damage->bytes, damage->count);
        if (damage->field != CHECKSUM) {
            maker_ustar_checksum(archive.bytes + damage->at);
        }
        enum ustar_error error = walk(archive.bytes_used, &count, &offset);
        if (!CHECK_EQUAL(error, damage->error) || !CHECK_EQUAL(offset, damage->at)) {
            printf("#   in row %zu: %s\n", i, ustar_error_text(error));
        }
        provoked[error] = true;
    }
    make_archive();
    CHECK_EQUAL(walk(END_AT + 512, &count, &offset), USTAR_NO_END); /* one zero block is not the end mark */
    provoked[USTAR_NO_END] = true;
    for (uint32_t error = USTAR_END + 1; error < sizeof(provoked); error++) {
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
        CHECK(error == USTAR_NO_END || error == USTAR_TRUNCATED);
    }
    CHECK_EQUAL(walk(ARCHIVE_BYTES, &count, &offset), USTAR_END);
    CHECK_EQUAL(count, 3);
}

static void random_damage_is_survived(void) {
    static const uint32_t headers[] = {PAX_AT, FOLDER_AT, FILE_AT, EMPTY_AT};
    uint64_t seed = 42;
    uint32_t ends[USTAR_NO_PATH + 1] = {0};
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t count = 0;
        uint64_t offset = 0;
        make_archive();
        uint8_t *header = archive.bytes + headers[check_random(&seed) % 4];
        uint64_t field = check_random(&seed) % 2 ? SIZE + check_random(&seed) % 12 : check_random(&seed) % 512;
        header[field] =
            check_random(&seed) % 2 ? (uint8_t)('0' + check_random(&seed) % 8) : (uint8_t)check_random(&seed);
        if (check_random(&seed) % 4 != 0) {
            maker_ustar_checksum(header);
        }
        ends[walk(archive.bytes_used, &count, &offset)]++;
    }
    CHECK(ends[USTAR_END] > 1000 && ends[USTAR_TRUNCATED] > 100);
}

int main(void) {
    static const struct check_case cases[] = {
        {"entries_are_walked", entries_are_walked},
        {"files_are_found", files_are_found},
        {"long_paths_are_joined", long_paths_are_joined},
        {"other_kinds_have_no_data", other_kinds_have_no_data},
        {"numbers_end_with_their_field", numbers_end_with_their_field},
        {"gnu_magic_is_accepted", gnu_magic_is_accepted},
        {"damage_is_named", damage_is_named},
        {"largest_data_ends_at_the_last_byte", largest_data_ends_at_the_last_byte},
        {"short_archives_are_named", short_archives_are_named},
        {"random_damage_is_survived", random_damage_is_survived},
    };
    return check_run(cases, sizeof(cases) / sizeof(cases[0]));
}
