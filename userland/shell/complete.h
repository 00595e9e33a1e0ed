/*
 * Completion by Tab, as pure functions: they find the word before the cursor, match it with the known names, and tell
 * what to insert or show.
 *
 *     text         ls /bin/un| x
 *     folder          /bin/          prefix  un          offered: uptime, unset, ...
 */
#pragma once

#include <stddef.h>

#define COMPLETE_WORD_MAX 256U   /* longest word to complete, and longest name to offer */
#define COMPLETE_NAMES_MAX 256U  /* most names shown; ... */
#define COMPLETE_BYTES_MAX 8192U /* ... and their bytes in all */
#define COMPLETE_INSERT_MAX (2 * COMPLETE_WORD_MAX + 1)

enum complete_kind {
    COMPLETE_NOTHING, /* nothing to complete: no command begun, or a word with quotes or a value */
    COMPLETE_COMMAND, /* a program's name */
    COMPLETE_PATH,
};

struct complete {
    char folder[COMPLETE_WORD_MAX + 1]; /* up to and including the last slash; empty: there is no slash */
    char prefix[COMPLETE_WORD_MAX + 1]; /* the rest of the word */
    size_t prefix_length;

    size_t count; /* matching names, each counted once; beyond COMPLETE_NAMES_MAX some may count twice */
    char common[COMPLETE_WORD_MAX + 1]; /* longest common beginning of all */
    size_t common_length;
    int is_folder; /* the only match is a folder */

    char bytes[COMPLETE_BYTES_MAX]; /* matching names, each with its terminating zero */
    size_t used;
    const char *names[COMPLETE_NAMES_MAX]; /* sorted */
    size_t name_count;
    size_t longest;
};

/* Find the word that ends at `cursor` of `text`. */
enum complete_kind complete_begin(struct complete *complete, const char *text, size_t cursor);

/* Offer a name. It counts if it begins with the prefix. */
void complete_offer(struct complete *complete, const char *name, size_t length, int is_folder);

/*
 * Build the text to insert at the cursor: the rest of the common beginning and, if only one name matches, the end of
 * the word. Returns its length.
 */
size_t complete_insertion(const struct complete *complete, char insertion[static COMPLETE_INSERT_MAX]);

/*
 * Build a row of the list of names, zero-terminated; the names run down the columns. Returns 0: there are no more rows.
 */
int complete_row(const struct complete *complete, size_t row, char *ret_text, size_t size_bytes);
