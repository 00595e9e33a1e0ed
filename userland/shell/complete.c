#include "userland/shell/complete.h"

#include "libsys/text/string.h"
#include "userland/shell/line.h"

/* Bytes with a meaning in the shell's language. */
static const char special[] = " \t'\"\\$;&|<>#`";
static const char separators[] = " \t;&|<>";

static int is_in(const char *set, char byte) { return byte != '\0' && strchr(set, byte) != NULL; }

/* Find the word's first byte. A separator after a backslash belongs to the word. */
static size_t word_start(const char *text, size_t cursor) {
    size_t start = cursor;
    while (start > 0 && (!is_in(separators, text[start - 1]) || (start > 1 && text[start - 2] == '\\')))
        start--;
    return start;
}

static int is_command(const char *text, size_t start) {
    while (start > 0 && is_in(" \t", text[start - 1]))
        start--;
    return start == 0 || is_in(";&|", text[start - 1]);
}

enum complete_kind complete_begin(struct complete *complete, const char *text, size_t cursor) {
    size_t start = word_start(text, cursor), length = 0, folder = 0;
    char word[COMPLETE_WORD_MAX + 1];
    memset(complete, 0, sizeof *complete);
    for (size_t at = start; at < cursor; at++) {
        int escaped = text[at] == '\\' && at + 1 < cursor;
        if (length == COMPLETE_WORD_MAX || (!escaped && is_in("'\"$\\`", text[at])))
            return COMPLETE_NOTHING;
        at += (size_t)escaped;
        word[length++] = text[at];
        folder = text[at] == '/' ? length : folder;
    }
    memcpy(complete->folder, word, folder);
    memcpy(complete->prefix, word + folder, length - folder);
    complete->prefix_length = length - folder;
    if (folder > 0 || !is_command(text, start))
        return COMPLETE_PATH;
    return length > 0 ? COMPLETE_COMMAND : COMPLETE_NOTHING;
}

/* Find where the name belongs in the sorted list; *ret_known: it is in the list already. */
static size_t find_place(const struct complete *complete, const char *name, int *ret_known) {
    size_t place = 0;
    while (place < complete->name_count && strcmp(complete->names[place], name) < 0)
        place++;
    *ret_known = place < complete->name_count && strcmp(complete->names[place], name) == 0;
    return place;
}

static void keep_name(struct complete *complete, size_t place, const char *name, size_t length) {
    if (complete->name_count == COMPLETE_NAMES_MAX || complete->used + length + 1 > COMPLETE_BYTES_MAX)
        return;
    char *copy = complete->bytes + complete->used;
    memcpy(copy, name, length + 1);
    complete->used += length + 1;
    memmove(&complete->names[place + 1], &complete->names[place],
            (complete->name_count - place) * sizeof complete->names[0]);
    complete->names[place] = copy;
    complete->name_count++;
    complete->longest = length > complete->longest ? length : complete->longest;
}

void complete_offer(struct complete *complete, const char *name, size_t length, int is_folder) {
    char copy[COMPLETE_WORD_MAX + 1];
    int known;
    if (length > COMPLETE_WORD_MAX || length < complete->prefix_length ||
        memcmp(name, complete->prefix, complete->prefix_length) != 0)
        return;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] < ' ' || name[i] == '\x7f')
            return; /* it could not be typed */
        copy[i] = name[i];
    }
    copy[length] = '\0';
    size_t place = find_place(complete, copy, &known);
    if (known)
        return;
    size_t common = 0;
    if (complete->count == 0) {
        memcpy(complete->common, copy, length);
        complete->common_length = length;
    }
    while (common < complete->common_length && common < length && complete->common[common] == copy[common])
        common++;
    while (common > 0 && line_is_continuation(copy[common])) /* two characters that share only their first bytes */
        common--;
    complete->common_length = common;
    complete->is_folder = complete->count == 0 && is_folder;
    complete->count++;
    keep_name(complete, place, copy, length);
}

size_t complete_insertion(const struct complete *complete, char insertion[static COMPLETE_INSERT_MAX]) {
    size_t length = 0;
    for (size_t i = complete->prefix_length; i < complete->common_length; i++) {
        if (is_in(special, complete->common[i]))
            insertion[length++] = '\\';
        insertion[length++] = complete->common[i];
    }
    if (complete->count == 1)
        insertion[length++] = complete->is_folder ? '/' : ' ';
    return length;
}

int complete_row(const struct complete *complete, size_t row, char *ret_text, size_t size_bytes) {
    size_t width = complete->longest + 2, per_row = LINE_COLUMNS / width > 0 ? LINE_COLUMNS / width : 1;
    size_t rows = (complete->name_count + per_row - 1) / per_row, used = 0, column = 0;
    if (row >= rows)
        return 0;
    for (size_t i = row; i < complete->name_count; i += rows, column += width) {
        size_t length = strlen(complete->names[i]);
        while (used < column)
            ret_text[used++] = ' ';
        if (used + length + width >= size_bytes)
            break;
        memcpy(ret_text + used, complete->names[i], length);
        used += length;
    }
    ret_text[used] = '\0';
    return 1;
}
