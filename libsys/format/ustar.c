#include "libsys/format/ustar.h"

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

/* All reads of untrusted bytes go through here. */
static bool block_read(const struct ustar_cursor *cursor, uint64_t offset, struct ustar_header *ret_block) {
    if (offset > cursor->archive_bytes || cursor->archive_bytes - offset < USTAR_BLOCK_BYTES)
        return false;
    const uint8_t *source = (const uint8_t *)cursor->archive + offset;
    uint8_t *target = (uint8_t *)ret_block;
    for (uint32_t i = 0; i < USTAR_BLOCK_BYTES; i++)
        target[i] = source[i];
    return true;
}

static bool block_is_zero(const struct ustar_header *block) {
    const uint8_t *bytes = (const uint8_t *)block;
    uint8_t any = 0;
    for (uint32_t i = 0; i < USTAR_BLOCK_BYTES; i++)
        any |= bytes[i];
    return any == 0;
}

/*
 * Parse a field of octal digits: optional spaces, digits, then a space, a zero byte or the field's end. Twelve digits
 * hold 36 bits, so nothing overflows. Vendors' binary form for larger numbers is refused.
 */
static bool octal_parse(const char *field, size_t field_bytes, uint64_t *ret_value) {
    size_t i = 0;
    while (i < field_bytes && field[i] == ' ')
        i++;
    size_t first = i;
    uint64_t value = 0;
    while (i < field_bytes && field[i] >= '0' && field[i] <= '7') {
        value = value * 8 + (uint64_t)(field[i] - '0');
        i++;
    }
    if (i == first || (i < field_bytes && field[i] != ' ' && field[i] != 0))
        return false;
    *ret_value = value;
    return true;
}

static uint64_t sum_of(const void *bytes, uint64_t count) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += ((const uint8_t *)bytes)[i];
    return sum;
}

static uint64_t count_negative(const void *bytes, uint64_t count) {
    uint64_t negative = 0;
    for (uint64_t i = 0; i < count; i++)
        negative += ((const uint8_t *)bytes)[i] >> 7;
    return negative;
}

/* The checksum is the sum of all bytes, its own field counted as spaces. Some archivers summed signed bytes. */
static bool checksum_is_good(const struct ustar_header *header) {
    uint64_t expected = 0;
    if (!octal_parse(header->checksum, sizeof header->checksum, &expected))
        return false;
    const char *field = header->checksum, *end = (const char *)(header + 1);
    const char *behind = field + sizeof header->checksum;
    uint64_t before_bytes = offsetof(struct ustar_header, checksum), behind_bytes = (uint64_t)(end - behind);
    uint64_t sum = sum_of(header, before_bytes) + sizeof header->checksum * ' ' + sum_of(behind, behind_bytes);
    return sum == expected ||
           sum == expected + 256 * (count_negative(header, before_bytes) + count_negative(behind, behind_bytes));
}

/* ---- names ---- */

/*
 * Append a text, ended by a zero byte or its field's end, to a path of `length` bytes. False: it does not fit, and is
 * cut.
 */
static bool path_append(char path[USTAR_PATH_MAX], size_t *length, const char *text, uint64_t text_bytes) {
    uint64_t i = 0;
    while (i < text_bytes && text[i] != 0 && *length + 1 < USTAR_PATH_MAX)
        path[(*length)++] = text[i++];
    path[*length] = 0;
    return i == text_bytes || text[i] == 0;
}

static bool path_set(char path[USTAR_PATH_MAX], const char *text, uint64_t text_bytes) {
    size_t length = 0;
    return path_append(path, &length, text, text_bytes);
}

static void path_from_header(char path[USTAR_PATH_MAX], const struct ustar_header *header) {
    size_t length = 0; /* prefix, slash and name always fit */
    (void)path_append(path, &length, header->prefix, sizeof header->prefix);
    if (length != 0)
        (void)path_append(path, &length, "/", 1);
    (void)path_append(path, &length, header->name, sizeof header->name);
}

static bool component_is_up(const char *component) {
    return component[0] == '.' && component[1] == '.' && (component[2] == '/' || component[2] == 0);
}

/*
 * Remove leading, trailing and repeated slashes, and components `.`. A name with `..` or a control byte could be listed
 * but never opened; it is an error, and the path is left as it is.
 */
static enum ustar_error path_clean(char path[USTAR_PATH_MAX]) {
    for (const char *at = path; *at != 0; at++) {
        if ((uint8_t)*at < 0x20 || *at == 0x7f)
            return USTAR_CONTROL_BYTE;
        if ((at == path || at[-1] == '/') && component_is_up(at))
            return USTAR_GOES_UP;
    }
    size_t length = 0, at = 0;
    while (path[at] != 0) {
        bool begins = at == 0 || path[at - 1] == '/';
        bool ends_dot = path[at] == '.' && (path[at + 1] == '/' || path[at + 1] == 0);
        if (path[at] == '/' || (begins && ends_dot)) {
            at++;
            continue;
        }
        if (begins && length != 0)
            path[length++] = '/'; /* never beyond `at`, since a slash was left out */
        path[length++] = path[at++];
    }
    path[length] = 0;
    return USTAR_OK;
}

static enum ustar_kind kind_of(char type) {
    switch (type) {
    case '0':
    case '7': /* a contiguous file, read like any other */
    case 0:
        return USTAR_FILE;
    case '5':
        return USTAR_FOLDER;
    case '1':
        return USTAR_HARD_LINK;
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

/* ---- extended headers: each applies to the member that follows ---- */

struct extension {
    bool has_path, has_link, has_size;
    bool is_sparse;
    bool is_long; /* a name does not fit */
    uint64_t size;
};

/* Parse decimal digits followed by `end`. False: another byte is there, or there are more than 18 digits. */
static bool decimal_parse(const char *text, uint64_t text_bytes, char end, uint64_t *ret_value, uint64_t *ret_bytes) {
    uint64_t i = 0, value = 0;
    while (i < text_bytes && i < 18 && text[i] >= '0' && text[i] <= '9')
        value = value * 10 + (uint64_t)(text[i++] - '0');
    *ret_value = value;
    *ret_bytes = i + 1;
    return i > 0 && i < text_bytes && text[i] == end;
}

/* Whether a record "KEY=VALUE" begins with `key`. */
static bool record_has(const char *record, uint64_t record_bytes, const char *key) {
    uint64_t i = 0;
    while (key[i] != 0 && i < record_bytes && record[i] == key[i])
        i++;
    return key[i] == 0;
}

/* record: "KEY=VALUE" and a newline. False: the value does not suit the key. */
static bool record_apply(const char *record, uint64_t bytes, struct extension *extension, struct ustar_entry *entry) {
    static const char path[] = "path=", link[] = "linkpath=", size[] = "size=", sparse_name[] = "GNU.sparse.name=";
    if (record_has(record, bytes, path)) {
        extension->has_path = true;
        extension->is_long |= !path_set(entry->path, record + sizeof path - 1, bytes - sizeof path);
    } else if (record_has(record, bytes, link)) {
        extension->has_link = true;
        extension->is_long |= !path_set(entry->link, record + sizeof link - 1, bytes - sizeof link);
    } else if (record_has(record, bytes, size)) {
        uint64_t used;
        extension->has_size = true;
        return decimal_parse(record + sizeof size - 1, bytes - sizeof size + 1, '\n', &extension->size, &used);
    } else if (record_has(record, bytes, "GNU.sparse.")) {
        extension->is_sparse = true;
        if (record_has(record, bytes, sparse_name)) {
            extension->has_path = true;
            extension->is_long |= !path_set(entry->path, record + sizeof sparse_name - 1, bytes - sizeof sparse_name);
        }
    }
    return true;
}

/* Apply records "LENGTH KEY=VALUE" with a newline each. LENGTH counts the whole record. */
static bool records_apply(const char *records, uint64_t bytes, struct extension *extension, struct ustar_entry *entry) {
    while (bytes != 0) {
        uint64_t length, digits;
        if (!decimal_parse(records, bytes, ' ', &length, &digits) || length > bytes || length < digits + 2 ||
            records[length - 1] != '\n' || !record_apply(records + digits, length - digits, extension, entry))
            return false;
        records += length;
        bytes -= length;
    }
    return true;
}

static bool type_extends(char type) { return type == 'x' || type == 'g' || type == 'L' || type == 'K'; }

/* Apply an extended header: pax's records, or GNU tar's long name of a member or of its link's target. */
static enum ustar_error extension_apply(char type, const char *data, uint64_t bytes, struct extension *extension,
                                        struct ustar_entry *entry) {
    if (type == 'x')
        return records_apply(data, bytes, extension, entry) ? USTAR_OK : USTAR_BAD_RECORD;
    if (type == 'g') {
        struct extension of_all = {0};
        bool good = records_apply(data, bytes, &of_all, entry);
        return good && !of_all.has_path && !of_all.has_link && !of_all.has_size && !of_all.is_sparse ? USTAR_OK
                                                                                                     : USTAR_BAD_RECORD;
    }
    extension->has_path |= type == 'L';
    extension->has_link |= type == 'K';
    extension->is_long |= !path_set(type == 'L' ? entry->path : entry->link, data, bytes);
    return USTAR_OK;
}

/* ---- headers ---- */

static enum ustar_error header_check(const struct ustar_cursor *cursor, const struct ustar_header *header,
                                     const struct extension *extension, uint64_t *ret_bytes) {
    if (!checksum_is_good(header))
        return USTAR_BAD_CHECKSUM;
    uint64_t bytes = 0;
    if (!octal_parse(header->size, sizeof header->size, &bytes))
        return USTAR_BAD_SIZE;
    if (extension->has_size && !type_extends(header->type))
        bytes = extension->size;
    if (!type_has_data(header->type))
        bytes = 0;
    if (bytes > cursor->archive_bytes - cursor->offset - USTAR_BLOCK_BYTES)
        return USTAR_TRUNCATED;
    *ret_bytes = bytes;
    return USTAR_OK;
}

/* Kinds that a volume can't hold are errors, not silently skipped. */
static enum ustar_error kind_check(enum ustar_kind kind, char type, const struct extension *extension) {
    if (type == 'S' || extension->is_sparse)
        return USTAR_SPARSE;
    if (kind == USTAR_OTHER)
        return type == '2' ? USTAR_SYMBOLIC_LINK : USTAR_BAD_KIND;
    return extension->is_long ? USTAR_LONG_PATH : USTAR_OK;
}

/* Complete the member's kind and names from its header and the extended headers before it. */
static enum ustar_error member_finish(const struct ustar_header *header, const struct extension *extension,
                                      struct ustar_entry *entry) {
    if (!extension->has_path)
        path_from_header(entry->path, header);
    if (!extension->has_link)
        (void)path_set(entry->link, header->link, sizeof header->link);
    entry->kind = kind_of(header->type);
    enum ustar_error error = kind_check(entry->kind, header->type, extension);
    size_t length = 0;
    while (entry->path[length] != 0)
        length++;
    if (entry->kind == USTAR_FILE && length != 0 && entry->path[length - 1] == '/')
        entry->kind = USTAR_FOLDER; /* in archives from before there was a type for folders */
    bool is_root = entry->kind == USTAR_FOLDER && length != 0;
    if (error == USTAR_OK)
        error = path_clean(entry->path);
    if (error == USTAR_OK && entry->kind == USTAR_HARD_LINK)
        error = path_clean(entry->link);
    return error == USTAR_OK && entry->path[0] == 0 && !is_root ? USTAR_NO_PATH : error;
}

/*
 * USTAR_OK: it is a header. The end mark is two blocks of zeroes, or one at the archive's end, as some archivers write
 * it.
 */
static enum ustar_error header_read(const struct ustar_cursor *cursor, struct ustar_header *block) {
    if (!block_read(cursor, cursor->offset, block))
        return USTAR_NO_END;
    if (block_is_zero(block)) {
        bool has_second = block_read(cursor, cursor->offset + USTAR_BLOCK_BYTES, block);
        return !has_second || block_is_zero(block) ? USTAR_END : USTAR_NO_END;
    }
    bool is_older = block->magic[0] == 0; /* older than ustar: magic and prefix are empty */
    return is_older || magic_is_good(block) ? USTAR_OK : USTAR_BAD_MAGIC;
}

enum ustar_error ustar_next(struct ustar_cursor *cursor, struct ustar_entry *ret_entry) {
    struct extension extension = {0};
    for (;;) {
        struct ustar_header header;
        enum ustar_error error = header_read(cursor, &header);
        if (error == USTAR_END)
            return error;
        if (error != USTAR_OK) {
            ret_entry->path[0] = 0;
            return error;
        }
        if (!extension.has_path)
            path_from_header(ret_entry->path, &header); /* for error messages */
        uint64_t bytes = 0;
        error = header_check(cursor, &header, &extension, &bytes);
        uint64_t data_offset = cursor->offset + USTAR_BLOCK_BYTES;
        bool extends = type_extends(header.type);
        if (error == USTAR_OK && extends) {
            const char *data = (const char *)cursor->archive + data_offset;
            error = extension_apply(header.type, data, bytes, &extension, ret_entry);
        } else if (error == USTAR_OK) {
            error = member_finish(&header, &extension, ret_entry);
        }
        if (error != USTAR_OK)
            return error;
        ret_entry->header_offset = cursor->offset;
        ret_entry->data_offset = data_offset;
        ret_entry->data_bytes = bytes;
        cursor->offset = data_offset + (bytes + USTAR_BLOCK_BYTES - 1) / USTAR_BLOCK_BYTES * USTAR_BLOCK_BYTES;
        if (!extends && ret_entry->path[0] != 0)
            return USTAR_OK;
        if (!extends)
            extension = (struct extension){0}; /* after the volume's root, which needs no entry */
    }
}

static bool path_equals(const char *left, const char *right) {
    size_t i = 0;
    while (left[i] != 0 && left[i] == right[i])
        i++;
    return left[i] == right[i];
}

/* A hard link leads to an earlier entry, so the search ends. */
enum ustar_error ustar_find(const void *archive, uint64_t archive_bytes, const char *path,
                            struct ustar_entry *ret_entry, uint64_t *ret_offset) {
    char wanted[USTAR_PATH_MAX];
    uint64_t end = UINT64_MAX; /* ignore headers from here on */
    if (!path_set(wanted, path, UINT64_MAX))
        wanted[0] = 0;
    for (;;) {
        struct ustar_cursor cursor = {.archive = archive, .archive_bytes = archive_bytes};
        enum ustar_error error = ustar_next(&cursor, ret_entry);
        while (error == USTAR_OK && ret_entry->header_offset < end &&
               (ret_entry->kind == USTAR_FOLDER || !path_equals(ret_entry->path, wanted)))
            error = ustar_next(&cursor, ret_entry);
        bool found = error == USTAR_OK && ret_entry->header_offset < end;
        if (found && ret_entry->kind == USTAR_HARD_LINK) {
            end = ret_entry->header_offset;
            (void)path_set(wanted, ret_entry->link, USTAR_PATH_MAX);
            continue;
        }
        if (ret_offset != NULL)
            *ret_offset = found || end == UINT64_MAX ? cursor.offset : end;
        if (found || end == UINT64_MAX)
            return error;
        (void)path_set(ret_entry->path, path, UINT64_MAX);
        return USTAR_LOST_LINK;
    }
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
#include "libsys/format/ustar_error.def"
    }
    return "unknown error";
}
