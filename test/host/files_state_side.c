#include "test/host/files_state_side.h"

#include <string.h>

#include "servers/files/files_state.h"
#include "servers/files/ram_pages.h"

static struct ram_tree tree;

static void begin(struct ram_model *model, void *memory, uint32_t page_count) {
    model_init(model, &tree, memory, page_count);
}

static void export(struct export *to) { ram_export(&tree, to); }

/* Remove all that can be reached, as far as it works: nothing here may go wrong, whatever the tree was made of. */
static void remove_all(void) {
    for (uint32_t round = 0; round < 2 * RAM_NODES_MAX; round++) {
        char path[FILES_PATH_MAX + RAM_NAME_MAX + 2] = "";
        uint32_t node = 0, child;
        while (ram_stat(&tree, node).kind == FILES_DIRECTORY && ram_child(&tree, node, 0, &child) == OK &&
               strlen(path) < FILES_PATH_MAX) {
            strcat(strcat(path, path[0] == '\0' ? "" : "/"), ram_stat(&tree, child).name);
            node = child;
        }
        if (node == 0 ||
            ram_remove(&tree, (struct ram_path){path, false}, (enum files_kind)ram_stat(&tree, node).kind) != OK)
            return;
    }
}

/* Let the model go on with this tree: who held files does so yet, and the pages are counted as this make takes them. */
static void adopt(struct ram_model *model) {
    model->tree = &tree;
    for (uint32_t i = 0; i < MODEL_ENTRIES_MAX + MODEL_HELD_MAX; i++) {
        struct model_entry *entry = i < MODEL_HELD_MAX ? &model->held[i] : &model->entries[i - MODEL_HELD_MAX];
        entry->used = 0;
        for (uint32_t page = 0; page < MODEL_FILE_PAGES; page++)
            entry->used += entry->pages[page];
        entry->index = entry->used > 0;
        entry->used += entry->index ? RAM_INDEX_PAGES : 0;
        for (uint32_t holder = 0; holder < entry->holders; holder++)
            ram_hold(&tree, entry->node);
    }
}

static const char *import(struct ram_model *model, void *memory, uint32_t page_count, const struct export *from) {
    memset(&tree, 0, sizeof tree);
    ram_pages_init(&tree, memory, page_count);
    const char *reason = ram_import(&tree, from);
    if (reason != NULL)
        return reason;
    ram_init(&tree, memory, page_count);
    if (model != NULL)
        adopt(model);
    else
        remove_all();
    return NULL;
}

const struct side side_of_make = {RAM_FILE_BYTES_MAX, RAM_INDEX_PAGES, begin,  model_step,
                                  model_compare,      model_end,       export, import};
