/*
 * One make of a tree in memory, with the model that plays with it. The test has one of each make; they share model and
 * memory, as two programs of a swap share what clients know and the pages.
 */
#pragma once

#include "libsys/program/export.h"
#include "test/host/ram_model.h"

struct side {
    uint64_t file_bytes_max;
    uint32_t index_pages;
    void (*begin)(struct ram_model *model, void *memory, uint32_t page_count);
    const char *(*step)(struct ram_model *model, struct model_choices *choices);
    const char *(*compare)(struct ram_model *model);
    const char *(*end)(struct ram_model *model);
    void (*export)(struct export *to);

    /* Take over the tree; with model NULL nobody holds anything, and all of the tree is removed then. */
    const char *(*import)(struct ram_model *model, void *memory, uint32_t page_count, const struct export *from);
};

extern const struct side side_of_make, flat_side;
