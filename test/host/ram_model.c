#include "test/host/ram_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_BYTES_MAX 9000U

static struct model_entry *find(struct ram_model *model, const char *path) {
    for (uint32_t i = 0; i < MODEL_ENTRIES_MAX; i++)
        if (model->entries[i].path[0] != '\0' && strcmp(model->entries[i].path, path) == 0)
            return &model->entries[i];
    return NULL;
}

static bool is_below(const char *path, const char *directory) {
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && path[length] == '/';
}

/* Is everything above `path` a directory? */
static uint32_t check_above(struct ram_model *model, const char *path) {
    char above[MODEL_PATH_MAX];
    for (size_t at = 0; path[at] != '\0'; at++) {
        if (path[at] != '/')
            continue;
        memcpy(above, path, at);
        above[at] = '\0';
        const struct model_entry *entry = find(model, above);
        if (entry == NULL)
            return P_NOT_FOUND;
        if (entry->kind != FILES_DIRECTORY)
            return P_NOT_DIRECTORY;
    }
    return OK;
}

static uint32_t look_up(struct ram_model *model, struct ram_path path, struct model_entry **ret_entry) {
    *ret_entry = NULL;
    if (path.text[0] == '\0')
        return OK; /* the root: no entry */
    uint32_t status = check_above(model, path.text);
    if (status != OK)
        return status;
    *ret_entry = find(model, path.text);
    if (*ret_entry == NULL)
        return P_NOT_FOUND;
    return path.directory && (*ret_entry)->kind == FILES_FILE ? P_NOT_DIRECTORY : OK;
}

static uint32_t check_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return strlen(slash == NULL ? path : slash + 1) > RAM_NAME_MAX ? P_LIMIT : OK;
}

static uint32_t pages_left(const struct ram_model *model) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < MODEL_ENTRIES_MAX; i++)
        used += model->entries[i].used;
    for (uint32_t i = 0; i < MODEL_HELD_MAX; i++)
        used += model->held[i].used;
    return model->page_count - used;
}

static void forget(struct ram_model *model, struct model_entry *entry) {
    if (entry->kind == FILES_FILE)
        model->stale = entry->number;
    if (entry->holders > 0) {
        struct model_entry *held = model->held;
        while (held->holders > 0)
            held++;
        *held = *entry;
    } else {
        free(entry->bytes);
    }
    memset(entry, 0, sizeof *entry);
}

static void resize(struct model_entry *entry, uint64_t size_bytes) {
    entry->bytes = realloc(entry->bytes, size_bytes + 1);
    if (size_bytes > entry->size_bytes)
        memset(entry->bytes + entry->size_bytes, 0, size_bytes - entry->size_bytes);
    entry->size_bytes = size_bytes;
}

static uint32_t choose(struct model_choices *choices, uint32_t limit) { return choices->below(choices, limit); }

/* One to three of a few names; seldom none, or one that is too long. */
static struct ram_path choose_path(struct model_choices *choices, char *text) {
    static const char *const names[] = {"a", "b", "ab", "c.d"};
    text[0] = '\0';
    for (uint32_t count = (choose(choices, 16) + 7) / 8; count > 0; count--) {
        uint32_t name = choose(choices, 64);
        if (text[0] != '\0')
            strcat(text, "/");
        if (name == 63)
            strcat(text, "a-name-of-64-bytes-is-longer-than-what-there-is-room-for-in-here");
        else if (name == 62)
            strcat(text, "a-name-of-63-bytes-is-just-as-long-as-what-there-is-room-for-ok");
        else
            strcat(text, names[name % 4]);
    }
    return (struct ram_path){text, text[0] == '\0' || choose(choices, 8) == 0};
}

/* Near the borders of pages; seldom near 4 MiB, where in some makes the largest file ends. */
static uint64_t choose_offset(struct model_choices *choices) {
    static const uint64_t pages[] = {0, 0, 0, 1, 1, 2, 3, MODEL_LARGE_PAGES};
    static const uint64_t deltas[] = {0, 1, 100, 4095, 2048, 4096 - 480, 4000, 7};
    const uint64_t large = MODEL_LARGE_PAGES * (uint64_t)RAM_PAGE_BYTES;
    uint64_t page = pages[choose(choices, 8)] * RAM_PAGE_BYTES;
    if (page == large && choose(choices, 16) != 0)
        page = RAM_PAGE_BYTES; /* such large files take the model's time */
    uint64_t delta = deltas[choose(choices, 8)];
    return page == large && choose(choices, 4) != 0 ? page - delta : page + delta;
}

/* Choose a file of the model, perhaps a removed one that is held, or NULL: then `ret_number` names no file. */
static struct model_entry *choose_file(struct ram_model *model, struct model_choices *choices, uint64_t *ret_number) {
    uint32_t start = choose(choices, MODEL_ENTRIES_MAX);
    struct model_entry *held = &model->held[start % MODEL_HELD_MAX];
    if (start < MODEL_ENTRIES_MAX / 2 && held->holders > 0)
        return held;
    for (uint32_t i = 0; i < MODEL_ENTRIES_MAX; i++) {
        struct model_entry *entry = &model->entries[(start + i) % MODEL_ENTRIES_MAX];
        if (entry->path[0] != '\0' && entry->kind == FILES_FILE) {
            *ret_number = entry->number;
            return entry;
        }
    }
    *ret_number = RAM_FILE_NUMBER | start;
    return NULL;
}

static bool is_held(const struct ram_model *model, const struct model_entry *entry) {
    return entry >= model->held && entry < model->held + MODEL_HELD_MAX;
}

/* The node of the file that choose_file chose; false: no file has this number. */
static bool find_node(const struct ram_model *model, const struct model_entry *entry, uint64_t number,
                      uint32_t *ret_node) {
    bool held = entry != NULL && is_held(model, entry);
    if (held)
        *ret_node = entry->node;
    return held || ram_file_node(model->tree, number, ret_node);
}

static const char *step_create(struct ram_model *model, struct model_choices *choices) {
    char text[MODEL_PATH_MAX];
    struct ram_path path = choose_path(choices, text);
    enum files_kind kind = choose(choices, 2) == 0 ? FILES_FILE : FILES_DIRECTORY;
    uint32_t wanted = text[0] == '\0' ? P_EXISTS : check_above(model, text);
    if (wanted == OK)
        wanted = check_name(text);
    if (wanted == OK && find(model, text) != NULL)
        wanted = P_EXISTS;
    if (wanted == OK && kind == FILES_FILE && path.directory)
        wanted = P_NOT_DIRECTORY;
    uint32_t node;
    if (ram_create(model->tree, path, kind, &node) != wanted)
        return "status of create";
    if (wanted != OK)
        return NULL;
    struct model_entry *entry = model->entries;
    while (entry->path[0] != '\0')
        entry++;
    strcpy(entry->path, text);
    entry->kind = kind;
    entry->number = ram_file_number(model->tree, node);
    return entry->number == model->stale ? "a number that was used before" : NULL;
}

/* Predict how much of a write finds room: *ret_done bytes. */
static uint32_t predict_write(struct ram_model *model, struct model_entry *entry, uint64_t offset, uint64_t length,
                              uint64_t *ret_done) {
    uint32_t left = pages_left(model);
    *ret_done = 0;
    if (length == 0)
        return OK;
    if (offset >= RAM_FILE_BYTES_MAX)
        return P_LIMIT;
    if (length > RAM_FILE_BYTES_MAX - offset)
        length = RAM_FILE_BYTES_MAX - offset;
    uint32_t cost = entry->index ? 0 : RAM_INDEX_PAGES;
    bool index = entry->index;
    for (uint64_t at = offset; at < offset + length; at++) {
        if (!entry->pages[at / RAM_PAGE_BYTES]) {
            if (left < cost + 1)
                break;
            left -= cost + 1;
            entry->used += cost + 1;
            cost = 0;
            index = true;
            entry->pages[at / RAM_PAGE_BYTES] = true;
        }
        (*ret_done)++;
    }
    entry->index = index;
    return *ret_done == 0 ? P_NO_SPACE : OK;
}

static const char *step_write(struct ram_model *model, struct model_choices *choices) {
    static const uint64_t lengths[] = {0, 1, 100, 480, 480, 4096, 5000, WRITE_BYTES_MAX};
    static uint8_t bytes[WRITE_BYTES_MAX];
    uint64_t number = 0, wanted_done, done = 99;
    uint32_t node;
    struct model_entry *entry = choose_file(model, choices, &number);
    if (find_node(model, entry, number, &node) != (entry != NULL))
        return "whether a number names a file";
    if (entry == NULL)
        return NULL;
    bool append = choose(choices, 4) == 0;
    uint64_t offset = append ? entry->size_bytes : choose_offset(choices);
    uint64_t length = lengths[choose(choices, 8)];
    memset(bytes, (int)(1 + choose(choices, 255)), length);
    uint32_t wanted = predict_write(model, entry, offset, length, &wanted_done);
    if (ram_write(model->tree, node, append ? FILES_APPEND : offset, bytes, length, &done) != wanted)
        return "status of write";
    if (done != wanted_done)
        return "how much was written";
    if (done > 0 && offset + done > entry->size_bytes)
        resize(entry, offset + done);
    if (done > 0)
        memcpy(entry->bytes + offset, bytes, done);
    return NULL;
}

static const char *step_truncate(struct ram_model *model, struct model_choices *choices) {
    uint64_t number = 0;
    uint32_t node;
    struct model_entry *entry = choose_file(model, choices, &number);
    if (entry == NULL || !find_node(model, entry, number, &node))
        return entry == NULL ? NULL : "a file's number names nothing";
    uint64_t size_bytes = choose_offset(choices);
    uint32_t wanted = size_bytes > RAM_FILE_BYTES_MAX ? P_LIMIT : OK;
    if (ram_truncate(model->tree, node, size_bytes) != wanted)
        return "status of truncate";
    if (wanted != OK)
        return NULL;
    for (uint64_t page = (size_bytes + RAM_PAGE_BYTES - 1) / RAM_PAGE_BYTES; page < MODEL_FILE_PAGES; page++) {
        entry->used -= entry->pages[page];
        entry->pages[page] = false;
    }
    if (size_bytes == 0 && entry->index) {
        entry->index = false;
        entry->used -= RAM_INDEX_PAGES;
    }
    resize(entry, size_bytes);
    return NULL;
}

static const char *step_remove(struct ram_model *model, struct model_choices *choices) {
    char text[MODEL_PATH_MAX];
    struct model_entry *entry;
    struct ram_path path = choose_path(choices, text);
    enum files_kind kind = choose(choices, 4) != 0 ? FILES_FILE : FILES_DIRECTORY;
    uint32_t wanted = look_up(model, path, &entry);
    enum files_kind there = entry == NULL ? FILES_DIRECTORY : entry->kind;
    if (wanted == OK && there != kind)
        wanted = kind == FILES_FILE ? P_NOT_FILE : P_NOT_DIRECTORY;
    if (wanted == OK && entry == NULL)
        wanted = P_READ_ONLY;
    for (uint32_t i = 0; wanted == OK && i < MODEL_ENTRIES_MAX; i++)
        if (is_below(model->entries[i].path, text))
            wanted = P_NOT_EMPTY;
    if (ram_remove(model->tree, path, kind) != wanted)
        return "status of remove";
    uint32_t node;
    if (wanted != OK)
        return NULL;
    forget(model, entry);
    return ram_file_node(model->tree, model->stale, &node) ? "a removed file's number still names one" : NULL;
}

static uint32_t predict_rename(struct ram_model *model, struct ram_path from, struct ram_path to) {
    struct model_entry *entry;
    uint32_t wanted = look_up(model, from, &entry);
    if (wanted != OK)
        return wanted;
    if (entry == NULL || to.text[0] == '\0')
        return P_READ_ONLY;
    wanted = check_above(model, to.text);
    if (wanted == OK)
        wanted = check_name(to.text);
    if (wanted != OK)
        return wanted;
    if (entry->kind == FILES_FILE && to.directory)
        return P_NOT_DIRECTORY;
    if (is_below(to.text, from.text))
        return P_ARGUMENT;
    const struct model_entry *there = find(model, to.text);
    if (there == NULL || there == entry)
        return OK;
    return entry->kind == FILES_DIRECTORY || there->kind == FILES_DIRECTORY ? P_EXISTS : OK;
}

static const char *step_rename(struct ram_model *model, struct model_choices *choices) {
    char from_text[MODEL_PATH_MAX], to_text[MODEL_PATH_MAX], moved[2 * MODEL_PATH_MAX];
    struct ram_path from = choose_path(choices, from_text), to = choose_path(choices, to_text);
    uint32_t wanted = predict_rename(model, from, to);
    if (ram_rename(model->tree, from, to) != wanted)
        return "status of rename";
    if (wanted != OK || strcmp(from_text, to_text) == 0)
        return NULL;
    struct model_entry *there = find(model, to_text);
    if (there != NULL)
        forget(model, there);
    for (uint32_t i = 0; i < MODEL_ENTRIES_MAX; i++) {
        struct model_entry *entry = &model->entries[i];
        if (strcmp(entry->path, from_text) != 0 && !is_below(entry->path, from_text))
            continue;
        snprintf(moved, sizeof moved, "%s%s", to_text, entry->path + strlen(from_text));
        if (strlen(moved) >= MODEL_PATH_MAX)
            return "the model has no room for such a path";
        strcpy(entry->path, moved);
    }
    return NULL;
}

static const char *step_look_up(struct ram_model *model, struct model_choices *choices) {
    char text[MODEL_PATH_MAX];
    struct model_entry *entry;
    uint32_t node;
    struct ram_path path = choose_path(choices, text);
    uint32_t wanted = look_up(model, path, &entry);
    if (ram_find(model->tree, path, &node) != wanted)
        return "status of find";
    bool is_file = wanted == OK && entry != NULL && entry->kind == FILES_FILE;
    return is_file && ram_file_number(model->tree, node) != entry->number ? "what is at a path" : NULL;
}

/* A part of a file, by an offset inside it. */
static const char *step_read(struct ram_model *model, struct model_choices *choices) {
    static uint8_t seen[WRITE_BYTES_MAX];
    uint64_t number = 0;
    uint32_t node;
    struct model_entry *entry = choose_file(model, choices, &number);
    if (entry == NULL || !find_node(model, entry, number, &node))
        return entry == NULL ? NULL : "a file's number names nothing";
    uint64_t offset = choose_offset(choices);
    uint64_t left = offset < entry->size_bytes ? entry->size_bytes - offset : 0;
    uint64_t wanted = left < sizeof seen ? left : sizeof seen;
    if (ram_read(model->tree, node, offset, seen, sizeof seen) != wanted)
        return "how much was read";
    return wanted > 0 && memcmp(seen, entry->bytes + offset, wanted) != 0 ? "what was read" : NULL;
}

static const char *step_hold(struct ram_model *model, struct model_choices *choices) {
    uint64_t number = 0;
    struct model_entry *entry = choose_file(model, choices, &number);
    if (entry == NULL || model->holds == MODEL_HELD_MAX)
        return NULL;
    if (!find_node(model, entry, number, &entry->node))
        return "a file's number names nothing";
    ram_hold(model->tree, entry->node);
    entry->holders++;
    model->holds++;
    return NULL;
}

static void release(struct ram_model *model, struct model_entry *entry) {
    ram_release(model->tree, entry->node);
    entry->holders--;
    model->holds--;
    if (entry->holders > 0 || !is_held(model, entry))
        return;
    free(entry->bytes);
    memset(entry, 0, sizeof *entry);
}

static const char *step_release(struct ram_model *model, struct model_choices *choices) {
    uint64_t number;
    struct model_entry *entry = choose_file(model, choices, &number);
    if (entry != NULL && entry->holders > 0)
        release(model, entry);
    return NULL;
}

/* Another program takes the tree over. */
static const char *step_follow(struct ram_model *model, struct model_choices *choices) {
    (void)choices;
    ram_init(model->tree, model->tree->memory, model->page_count);
    for (uint32_t i = 0; i < MODEL_ENTRIES_MAX + MODEL_HELD_MAX; i++) {
        const struct model_entry *entry = i < MODEL_HELD_MAX ? &model->held[i] : &model->entries[i - MODEL_HELD_MAX];
        for (uint32_t holder = 0; holder < entry->holders; holder++)
            ram_hold(model->tree, entry->node);
    }
    return NULL;
}

const char *model_step(struct ram_model *model, struct model_choices *choices) {
    static const char *(*const steps[])(struct ram_model *, struct model_choices *) = {
        step_create, step_create,  step_write, step_write,    step_write, step_write,   step_read,   step_remove,
        step_rename, step_look_up, step_read,  step_truncate, step_hold,  step_release, step_follow,
    };
    model->tree->now_ns++;
    const char *problem = steps[choose(choices, sizeof steps / sizeof steps[0])](model, choices);
    if (problem == NULL && model->tree->pages.free_count != pages_left(model))
        problem = "how many pages are left";
    return problem;
}

static const char *compare_file(struct ram_model *model, const struct model_entry *entry, uint32_t node) {
    if (ram_stat(model->tree, node).size_bytes != entry->size_bytes)
        return "a file's size";
    uint8_t *seen = malloc(entry->size_bytes + 1);
    uint64_t length = ram_read(model->tree, node, 0, seen, entry->size_bytes + 1);
    bool same = length == entry->size_bytes && (length == 0 || memcmp(seen, entry->bytes, length) == 0);
    free(seen);
    return same ? NULL : "a file's contents";
}

/* The children of a directory: sorted, and each is in the model. Returns their number, or -1. */
static int count_children(struct ram_model *model, uint32_t directory, const char *path) {
    char child_path[2 * MODEL_PATH_MAX];
    const char *last = "";
    uint32_t child;
    int count = 0;
    for (; ram_child(model->tree, directory, (uint64_t)count, &child) == OK; count++) {
        const char *name = ram_stat(model->tree, child).name;
        snprintf(child_path, sizeof child_path, "%s%s%s", path, path[0] == '\0' ? "" : "/", name);
        if (strcmp(name, last) <= 0 || find(model, child_path) == NULL)
            return -1;
        last = name;
    }
    return count;
}

const char *model_compare(struct ram_model *model) {
    int in_model = 0, in_tree = count_children(model, 0, "");
    if (in_tree < 0)
        return "what is in the root";
    for (uint32_t i = 0; i < MODEL_ENTRIES_MAX; i++) {
        const struct model_entry *entry = &model->entries[i];
        uint32_t node;
        if (entry->path[0] == '\0')
            continue;
        in_model++;
        if (ram_find(model->tree, (struct ram_path){entry->path, false}, &node) != OK ||
            ram_stat(model->tree, node).kind != entry->kind)
            return "what is at a path";
        int below = entry->kind == FILES_DIRECTORY ? count_children(model, node, entry->path) : 0;
        const char *problem = entry->kind == FILES_FILE ? compare_file(model, entry, node) : NULL;
        if (below < 0 || problem != NULL)
            return below < 0 ? "what is in a directory" : problem;
        in_tree += below;
    }
    uint32_t held = 0;
    for (uint32_t i = 0; i < MODEL_HELD_MAX; i++) {
        const struct model_entry *entry = &model->held[i];
        if (entry->holders == 0)
            continue;
        held++;
        if (compare_file(model, entry, entry->node) != NULL)
            return "the contents of a file that was removed and is held";
    }
    if (model->tree->node_places.free_count + (uint32_t)in_model + held != RAM_NODES_MAX - 1)
        return "how many nodes are left";
    return in_model == in_tree ? NULL : "how many entries there are";
}

void model_init(struct ram_model *model, struct ram_tree *tree, void *memory, uint32_t page_count) {
    memset(model, 0, sizeof *model);
    model->tree = tree;
    model->page_count = page_count;
    memset(tree, 0, sizeof *tree);
    ram_init(tree, memory, page_count);
}

const char *model_end(struct ram_model *model) {
    const char *problem = NULL;
    bool gone = true;
    for (uint32_t i = 0; i < MODEL_ENTRIES_MAX; i++)
        while (model->entries[i].holders > 0)
            release(model, &model->entries[i]);
    for (uint32_t i = 0; i < MODEL_HELD_MAX; i++)
        while (model->held[i].holders > 0)
            release(model, &model->held[i]);
    while (gone) { /* entries without children go first */
        gone = false;
        for (uint32_t i = 0; i < MODEL_ENTRIES_MAX; i++) {
            struct model_entry *entry = &model->entries[i];
            if (entry->path[0] == '\0' ||
                ram_remove(model->tree, (struct ram_path){entry->path, false}, entry->kind) != OK)
                continue;
            forget(model, entry);
            gone = true;
        }
    }
    for (uint32_t i = 0; i < MODEL_ENTRIES_MAX; i++)
        if (model->entries[i].path[0] != '\0') {
            problem = "something can't be removed";
            forget(model, &model->entries[i]);
        }
    if (problem == NULL && model->tree->pages.free_count != model->page_count)
        problem = "not all pages are free, with nothing left";
    if (problem == NULL && model->tree->node_places.free_count != RAM_NODES_MAX - 1)
        problem = "not all nodes are free, with nothing left";
    return problem;
}
