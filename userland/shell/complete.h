/*
 * Completion by Tab, as pure functions: which word stands before the cursor, what of the names there are fits, and what
 * is to be inserted or shown.
 *
 *     text         ls /bin/un| x
 *     folder          /bin/          prefix  un          offered: uptime, unset, ...
 */
#pragma once

#include <stddef.h>

#define COMPLETE_WORD_MAX 256U   /* bytes of a word that is completed, and of a name that is offered */
#define COMPLETE_NAMES_MAX 256U  /* that are shown; ... */
#define COMPLETE_BYTES_MAX 8192U /* ... bytes of them all */
#define COMPLETE_INSERT_MAX (2 * COMPLETE_WORD_MAX + 1)

enum complete_kind {
    COMPLETE_NOTHING, /* no word that could be: none begun where a command stands, or with quotes or a value */
    COMPLETE_COMMAND, /* a program's name */
    COMPLETE_PATH,
};

struct complete {
    char folder[COMPLETE_WORD_MAX + 1]; /* up to the last slash and with it; empty = there is none */
    char prefix[COMPLETE_WORD_MAX + 1]; /* behind that */
    size_t prefix_length;

    size_t count; /* names that fit, each counted once; beyond COMPLETE_NAMES_MAX perhaps more often */
    char common[COMPLETE_WORD_MAX + 1]; /* what all begin with */
    size_t common_length;
    int is_folder; /* the only one is */

    char bytes[COMPLETE_BYTES_MAX]; /* the names, each with its terminating zero */
    size_t used;
    const char *names[COMPLETE_NAMES_MAX]; /* in order */
    size_t name_count;
    size_t longest;
};

/* Find the word that ends at `cursor` of `text`. */
enum complete_kind complete_begin(struct complete *complete, const char *text, size_t cursor);

/* There is this name. It counts if it fits. */
void complete_offer(struct complete *complete, const char *name, size_t length, int is_folder);

/* What is to be inserted at the cursor: the rest of what fits, with what ends the word if one name is left.
 * Returns its length. */
size_t complete_insertion(const struct complete *complete, char insertion[static COMPLETE_INSERT_MAX]);

/* A row of the list of names, zero-terminated; names in columns go down first. Returns 0: there are no more rows. */
int complete_row(const struct complete *complete, size_t row, char *ret_text, size_t size_bytes);
