/*
 * A tree of files as a flat list of whole paths, the model of servers/files/ram_tree.h. Each step makes one operation
 * on both and compares status, numbers, sizes, contents, lists and free pages. Used by a host test and a fuzz target.
 */
#pragma once

#include "servers/files/ram_tree.h"

#define MODEL_ENTRIES_MAX 128U
#define MODEL_HELD_MAX 8U
#define MODEL_PATH_MAX 300U
#define MODEL_LARGE_PAGES 1024U                  /* some files have as many pages, ... */
#define MODEL_FILE_PAGES (3 * MODEL_LARGE_PAGES) /* ... and none has more: few others are there to append */

struct model_entry {
    char path[MODEL_PATH_MAX]; /* empty: the entry is free */
    enum files_kind kind;
    uint64_t number;
    uint8_t *bytes;
    uint64_t size_bytes;
    bool index;                   /* it has RAM_INDEX_PAGES */
    bool pages[MODEL_FILE_PAGES]; /* which pages it has */
    uint32_t used;                /* how many these are, RAM_INDEX_PAGES included */
    uint32_t holders, node;       /* the node of one that is held */
};

struct ram_model {
    struct ram_tree *tree;
    uint32_t page_count;
    uint64_t stale; /* the number of a file that was removed; 0 = none yet */
    struct model_entry entries[MODEL_ENTRIES_MAX];
    struct model_entry held[MODEL_HELD_MAX]; /* files that were removed; holders == 0: the entry is free */
    uint32_t holds;                          /* of all files: at most MODEL_HELD_MAX */
};

/* Where a step's choices come from: the next number below `limit`. */
struct model_choices {
    uint32_t (*below)(struct model_choices *choices, uint32_t limit);
};

/* Both empty. memory: page_count pages. */
void model_init(struct ram_model *model, struct ram_tree *tree, void *memory, uint32_t page_count);

/* One operation on both. Returns NULL, or what they disagree in. */
const char *model_step(struct ram_model *model, struct model_choices *choices);

/* Compare all there is. Returns NULL, or what they disagree in. */
const char *model_compare(struct ram_model *model);

/* Remove everything from both. Returns NULL, or what they disagree in: with nothing left all pages must be free. */
const char *model_end(struct ram_model *model);
