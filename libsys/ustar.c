#include "libsys/ustar.h"

#include <stdbool.h>
#include <stddef.h>

struct ustar_header {
    char name[100];
    char mode[8];
    char owner[8];
    char group[8];
    char size[12];
    char time[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char owner_name[32];
    char group_name[32];
    char device_major[8];
    char device_minor[8];
    char prefix[155];
    char padding[12];
};
_Static_assert(sizeof(struct ustar_header) == USTAR_BLOCK_BYTES, "one block");
_Static_assert(sizeof(((struct ustar_header *)0)->prefix) + 1 + sizeof(((struct ustar_header *)0)->name) + 1 ==
                   USTAR_PATH_MAX,
               "the longest path");

/* The only way to the untrusted bytes. */
static bool block_read(const struct ustar_cursor *cursor, uint64_t offset, struct ustar_header *ret_block) {
    if (offset > cursor->archive_bytes || cursor->archive_bytes - offset < USTAR_BLOCK_BYTES) {
        return false;
    }
    const uint8_t *source = (const uint8_t *)cursor->archive + offset;
    uint8_t *target = (uint8_t *)ret_block;
    for (uint32_t i = 0; i < USTAR_BLOCK_BYTES; i++) {
        target[i] = source[i];
    }
    return true;
}

static bool block_is_zero(const struct ustar_header *block) {
    const uint8_t *bytes = (const uint8_t *)block;
    uint8_t any = 0;
    for (uint32_t i = 0; i < USTAR_BLOCK_BYTES; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

/*
 * A field of octal digits, perhaps after spaces, ended by a space, a zero byte or the field's end. Twelve digits hold
 * 36 bits, so nothing overflows. The vendors' binary form for larger numbers is refused.
 */
static bool octal_parse(const char *field, size_t field_bytes, uint64_t *ret_value) {
    size_t i = 0;
    while (i < field_bytes && field[i] == ' ') {
        i++;
    }
    size_t first = i;
    uint64_t value = 0;
    while (i < field_bytes && field[i] >= '0' && field[i] <= '7') {
        value = value * 8 + (uint64_t)(field[i] - '0');
        i++;
    }
    if (i == first || (i < field_bytes && field[i] != ' ' && field[i] != 0)) {
        return false;
    }
    *ret_value = value;
    return true;
}

/* The sum of all bytes, the checksum field itself counted as spaces. */
static bool checksum_is_good(const struct ustar_header *header) {
    uint64_t expected = 0;
    if (!octal_parse(header->checksum, sizeof(header->checksum), &expected)) {
        return false;
    }
    const uint8_t *bytes = (const uint8_t *)header;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < USTAR_BLOCK_BYTES; i++) {
        bool in_field = i >= offsetof(struct ustar_header, checksum) && i < offsetof(struct ustar_header, type);
        sum += in_field ? ' ' : bytes[i];
    }
    return sum == expected;
}

static size_t path_append(char *path, size_t length, const char *field, size_t field_bytes) {
    for (size_t i = 0; i < field_bytes && field[i] != 0; i++) {
        path[length++] = field[i];
    }
    return length;
}

/* `path` has room for the longest path and starts out zeroed. */
static bool path_build(const struct ustar_header *header, char path[USTAR_PATH_MAX]) {
    size_t length = path_append(path, 0, header->prefix, sizeof(header->prefix));
    if (length != 0) {
        path[length++] = '/';
    }
    length = path_append(path, length, header->name, sizeof(header->name));
    while (length != 0 && path[length - 1] == '/') {
        path[--length] = 0;
    }
    if (length >= 2 && path[0] == '.' && path[1] == '/') {
        for (size_t i = 0; i + 2 <= length; i++) {
            path[i] = path[i + 2];
        }
        length -= 2;
    }
    return length != 0;
}

static enum ustar_kind kind_of(char type) {
    switch (type) {
    case '0':
    case '7': /* contiguous file: read as a file */
    case 0:
        return USTAR_FILE;
    case '5':
        return USTAR_FOLDER;
    default:
        return USTAR_OTHER;
    }
}

static bool magic_is_good(const struct ustar_header *header) {
    /* POSIX writes a zero byte after "ustar", GNU tar a space. */
    return header->magic[0] == 'u' && header->magic[1] == 's' && header->magic[2] == 't' && header->magic[3] == 'a' &&
           header->magic[4] == 'r' && (header->magic[5] == 0 || header->magic[5] == ' ');
}

/* Links, devices and folders have no data, whatever their size field says (POSIX). */
static bool type_has_data(char type) { return !(type >= '1' && type <= '6'); }

static enum ustar_error header_check(const struct ustar_cursor *cursor, const struct ustar_header *header,
                                     uint64_t *ret_bytes) {
    if (!magic_is_good(header)) {
        return USTAR_BAD_MAGIC;
    }
    if (!checksum_is_good(header)) {
        return USTAR_BAD_CHECKSUM;
    }
    uint64_t bytes = 0;
    if (!octal_parse(header->size, sizeof(header->size), &bytes)) {
        return USTAR_BAD_SIZE;
    }
    if (!type_has_data(header->type)) {
        bytes = 0;
    }
    if (bytes > cursor->archive_bytes - cursor->offset - USTAR_BLOCK_BYTES) {
        return USTAR_TRUNCATED;
    }
    *ret_bytes = bytes;
    return USTAR_OK;
}

enum ustar_error ustar_next(struct ustar_cursor *cursor, struct ustar_entry *ret_entry) {
    for (;;) {
        struct ustar_header header;
        if (!block_read(cursor, cursor->offset, &header)) {
            return USTAR_NO_END;
        }
        if (block_is_zero(&header)) {
            bool second = block_read(cursor, cursor->offset + USTAR_BLOCK_BYTES, &header) && block_is_zero(&header);
            return second ? USTAR_END : USTAR_NO_END;
        }
        uint64_t bytes = 0;
        enum ustar_error error = header_check(cursor, &header, &bytes);
        if (error != USTAR_OK) {
            return error;
        }
        bool is_pax = header.type == 'x' || header.type == 'g';
        struct ustar_entry entry = {.kind = kind_of(header.type), .data_bytes = bytes};
        entry.data_offset = cursor->offset + USTAR_BLOCK_BYTES;
        if (!is_pax && !path_build(&header, entry.path)) {
            return USTAR_NO_PATH;
        }
        cursor->offset = entry.data_offset + (bytes + USTAR_BLOCK_BYTES - 1) / USTAR_BLOCK_BYTES * USTAR_BLOCK_BYTES;
        if (!is_pax) {
            *ret_entry = entry;
            return USTAR_OK;
        }
    }
}

static bool path_equals(const char *left, const char *right) {
    size_t i = 0;
    while (left[i] != 0 && left[i] == right[i]) {
        i++;
    }
    return left[i] == right[i];
}

enum ustar_error ustar_find(const void *archive, uint64_t archive_bytes, const char *path,
                            struct ustar_entry *ret_entry, uint64_t *ret_offset) {
    struct ustar_cursor cursor = {.archive = archive, .archive_bytes = archive_bytes};
    struct ustar_entry entry;
    enum ustar_error error = ustar_next(&cursor, &entry);
    while (error == USTAR_OK && !(entry.kind == USTAR_FILE && path_equals(entry.path, path))) {
        error = ustar_next(&cursor, &entry);
    }
    if (error == USTAR_OK) {
        *ret_entry = entry;
    }
    if (ret_offset != NULL) {
        *ret_offset = cursor.offset;
    }
    return error;
}

const char *ustar_error_text(enum ustar_error error) {
    switch (error) {
    case USTAR_OK:
        return "no error";
    case USTAR_END:
        return "no such entry";
#define USTAR_ERROR(name, text) \
    case USTAR_##name:          \
        return text;
#include "libsys/ustar_error.def"
    }
    return "unknown error";
}
