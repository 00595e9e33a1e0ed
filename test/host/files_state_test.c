/*
 * Does one make of a tree in memory take over what the other has exported, to the byte, with the numbers that clients
 * have and the files that are open without a name? Does it refuse what it can't keep, with the reason, and touch no
 * page with bytes then? And what does it do with an export that is damaged?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/files/files_state.h"
#include "test/host/files_state_side.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define PAGES_MAX 300U
#define EXPORT_BYTES (1U << 18)

static _Alignas(RAM_PAGE_BYTES) uint8_t memory[PAGES_MAX * RAM_PAGE_BYTES];
static _Alignas(8) uint8_t first_bytes[EXPORT_BYTES], second_bytes[EXPORT_BYTES];
static struct ram_model model;
static const struct side *const sides[2] = {&side_of_make, &flat_side};

struct seeded_choices {
    struct model_choices choices;
    uint64_t state;
};

static uint32_t choose_random(struct model_choices *choices, uint32_t limit) {
    struct seeded_choices *random = (struct seeded_choices *)(void *)choices;
    return (uint32_t)(random_step(&random->state) >> 32) % limit;
}

static struct export export_from(const struct side *side, uint8_t *bytes) {
    struct export export = {.bytes = bytes, .room_bytes = EXPORT_BYTES};
    side->export(&export);
    CHECK(export.used_bytes > 0 && export.used_bytes <= export.room_bytes);
    return export;
}

/* What the records say, in whichever order. */
static uint64_t digest(const struct export *export) {
    struct export_record record;
    uint64_t sum = 0;
    for (uint64_t at = 0; export_next(export, &at, &record);) {
        uint64_t hash = record.kind;
        for (uint32_t i = 0; i < record.length_bytes; i++)
            hash = (hash ^ ((const uint8_t *)record.bytes)[i]) * 0x100000001b3ULL;
        sum += hash;
    }
    return sum;
}

/* Let others own what is exported: the model itself works for the system only. */
static void change_owners(struct export *export, uint64_t seed) {
    struct export_record record;
    for (uint64_t at = 0; export_next(export, &at, &record);) {
        uint32_t owner = 1 + (uint32_t)(random_step(&seed) >> 32) % 5;
        uint8_t *bytes = export->bytes + at - record.length_bytes; /* no record needs padding */
        if (record.kind == FILES_STATE_PAGE)
            memcpy(bytes + offsetof(struct files_state_page, owner), &owner, sizeof owner);
        else if (((const struct files_state_node *)record.bytes)->kind != 0)
            memcpy(bytes + offsetof(struct files_state_node, owner), &owner, sizeof owner);
    }
}

/* What the next make must say to the model's files. */
static const char *predict(const struct side *to, uint32_t page_count) {
    static char reason[KEEP_NO_MAX];
    uint32_t pages = 0, files = 0;
    for (uint32_t i = 0; i < MODEL_ENTRIES_MAX + MODEL_HELD_MAX; i++) {
        const struct model_entry *entry = i < MODEL_HELD_MAX ? &model.held[i] : &model.entries[i - MODEL_HELD_MAX];
        uint32_t has = 0;
        if (entry->size_bytes > to->file_bytes_max) {
            (void)snprintf(reason, sizeof reason,
                           "a file is larger than %llu MiB:", (unsigned long long)(to->file_bytes_max >> 20));
            return reason;
        }
        for (uint32_t page = 0; page < MODEL_FILE_PAGES; page++)
            has += entry->pages[page];
        pages += has;
        files += has > 0;
    }
    return pages + files * to->index_pages > page_count ? "no page is free for the index of a file" : "";
}

/* Swap to the other make and on. Returns the make that serves then. */
static unsigned swap(unsigned from, uint32_t page_count, uint32_t *counts) {
    unsigned to = 1 - from;
    struct export first = export_from(sides[from], first_bytes);
    change_owners(&first, first.used_bytes);
    const char *wanted = predict(sides[to], page_count);
    const char *reason = sides[to]->import(&model, memory, page_count, &first);
    CHECK(reason == NULL ? wanted[0] == '\0' : wanted[0] != '\0' && strncmp(reason, wanted, strlen(wanted)) == 0);
    CHECK(reason == NULL || strlen(reason) < KEEP_NO_MAX);
    counts[reason != NULL]++;
    if (reason != NULL)
        return from;
    struct export second = export_from(sides[to], second_bytes);
    CHECK_EQUAL(second.used_bytes, first.used_bytes);
    CHECK_EQUAL(digest(&second), digest(&first));
    return to;
}

static void makes_take_over_from_each_other(void) {
    uint32_t counts[2] = {0};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct seeded_choices random = {{choose_random}, seed};
        uint32_t page_count = seed % 3 == 0 ? 6 + (uint32_t)seed / 3 : PAGES_MAX;
        const char *problem = NULL;
        unsigned serves = seed % 2;
        memset(memory, 0xa5, sizeof memory);
        sides[serves]->begin(&model, memory, page_count);
        for (uint32_t step = 0; step < 1500 && problem == NULL; step++) {
            problem = sides[serves]->step(&model, &random.choices);
            if (problem != NULL || step % 97 != 96)
                continue;
            serves = swap(serves, page_count, counts);
            problem = sides[serves]->compare(&model);
        }
        const char *at_end = sides[serves]->end(&model);
        if (!CHECK(problem == NULL && at_end == NULL))
            printf("#   seed %llu: %s\n", (unsigned long long)seed, problem != NULL ? problem : at_end);
    }
    CHECK(counts[0] > 300 && counts[1] > 50); /* both happen often */
}

/* Whatever an export says, a make takes it over or says no; then all of the tree can be removed. */
static void damaged_exports_do_no_harm(void) {
    uint32_t refused = 0, taken = 0;
    for (uint64_t seed = 100; seed < 3000; seed++) {
        struct seeded_choices random = {{choose_random}, seed};
        const struct side *serves = sides[seed / 100 % 2], *to = sides[1 - seed / 100 % 2];
        if (seed % 100 == 0) {
            serves->begin(&model, memory, PAGES_MAX);
            for (uint32_t step = 0; step < 300; step++)
                (void)serves->step(&model, &random.choices);
        }
        struct export damaged = export_from(serves, second_bytes);
        uint64_t words = damaged.used_bytes / 4;
        for (uint32_t change = 0; change <= seed % 3; change++) {
            uint32_t at = choose_random(&random.choices, (uint32_t)words), value = 0;
            memcpy(&value, damaged.bytes + 4 * at, 4);
            value = choose_random(&random.choices, 2) == 0 ? choose_random(&random.choices, 1024)
                                                           : value ^ 1U << choose_random(&random.choices, 32);
            memcpy(damaged.bytes + 4 * at, &value, 4);
        }
        if (seed % 7 == 0)
            damaged.used_bytes = choose_random(&random.choices, (uint32_t)damaged.used_bytes);
        const char *reason = to->import(NULL, memory, PAGES_MAX, &damaged);
        *(reason != NULL ? &refused : &taken) += 1;
        CHECK(reason == NULL || strlen(reason) < KEEP_NO_MAX);
        if (seed % 100 == 99)
            CHECK(serves->end(&model) == NULL);
    }
    CHECK(refused > 100 && taken > 100);
}

/* The root, and three nodes that each row changes. */
static void exports_that_contradict_themselves(void) {
    enum { DIRECTORY = FILES_DIRECTORY, FILE_KIND = FILES_FILE };
    const struct files_state_node root = {.kind = DIRECTORY};
    const struct files_state_node outer = {.node = 1, .kind = DIRECTORY, .name = "outer"};
    static const struct {
        const char *what;
        bool is_good;
        struct files_state_node second, third;
        struct files_state_page pages[2];
    } rows[] = {
        {"good", true, {2, 0, DIRECTORY, 0, 1, 0, 0, 0, "b"}, {3, 0, FILE_KIND, 0, 2, 0, 5, 0, "c"}, {{1, 3, 0, 0}}},
        {"below themselves",
         false,
         {2, 0, DIRECTORY, 0, 3, 0, 0, 0, "b"},
         {3, 0, DIRECTORY, 0, 2, 0, 0, 0, "c"},
         {{0}}},
        {"below itself", false, {2, 0, DIRECTORY, 0, 2, 0, 0, 0, "b"}, {3, 0, FILE_KIND, 0, 1, 0, 0, 0, "c"}, {{0}}},
        {"below a file", false, {2, 0, FILE_KIND, 0, 1, 0, 0, 0, "b"}, {3, 0, FILE_KIND, 0, 2, 0, 0, 0, "c"}, {{0}}},
        {"below a free node",
         false,
         {2, 0, DIRECTORY, 0, 9, 0, 0, 0, "b"},
         {3, 0, FILE_KIND, 0, 2, 0, 0, 0, "c"},
         {{0}}},
        {"one name", false, {2, 0, DIRECTORY, 0, 1, 0, 0, 0, "b"}, {3, 0, FILE_KIND, 0, 1, 0, 0, 0, "b"}, {{0}}},
        {"one node", false, {2, 0, DIRECTORY, 0, 1, 0, 0, 0, "b"}, {2, 0, FILE_KIND, 0, 1, 0, 0, 0, "c"}, {{0}}},
        {"two roots", false, {2, 0, DIRECTORY, 0, 1, 0, 0, 0, "b"}, {0, 0, DIRECTORY, 0, 0, 0, 0, 0, ""}, {{0}}},
        {"a name with a slash",
         false,
         {2, 0, DIRECTORY, 0, 1, 0, 0, 0, "b/"},
         {3, 0, FILE_KIND, 0, 2, 0, 5, 0, "c"},
         {{0}}},
        {"a page twice",
         false,
         {2, 0, DIRECTORY, 0, 1, 0, 0, 0, "b"},
         {3, 0, FILE_KIND, 0, 2, 0, 8192, 0, "c"},
         {{1, 3, 0, 0}, {1, 3, 1, 0}}},
        {"a part twice",
         false,
         {2, 0, DIRECTORY, 0, 1, 0, 0, 0, "b"},
         {3, 0, FILE_KIND, 0, 2, 0, 8192, 0, "c"},
         {{1, 3, 0, 0}, {2, 3, 0, 0}}},
        {"behind the end",
         false,
         {2, 0, DIRECTORY, 0, 1, 0, 0, 0, "b"},
         {3, 0, FILE_KIND, 0, 2, 0, 4096, 0, "c"},
         {{1, 3, 1, 0}}},
        {"of a directory",
         false,
         {2, 0, DIRECTORY, 0, 1, 0, 0, 0, "b"},
         {3, 0, FILE_KIND, 0, 2, 0, 5, 0, "c"},
         {{1, 2, 0, 0}}},
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        struct export export = {.bytes = first_bytes, .room_bytes = EXPORT_BYTES};
        for (uint32_t page = 0; page < 2; page++) /* before their files: records come in any order */
            if (rows[i / 2].pages[page].page != 0)
                export_put(&export, FILES_STATE_PAGE, &rows[i / 2].pages[page], sizeof rows[0].pages[0]);
        export_put(&export, FILES_STATE_NODE, &rows[i / 2].third, sizeof root);
        export_put(&export, FILES_STATE_NODE, &outer, sizeof root);
        export_put(&export, FILES_STATE_NODE, &rows[i / 2].second, sizeof root);
        export_put(&export, FILES_STATE_NODE, &root, sizeof root);
        const char *reason = sides[i % 2]->import(NULL, memory, PAGES_MAX, &export);
        if (!CHECK(rows[i / 2].is_good ? reason == NULL : reason != NULL && strcmp(reason, FILES_STATE_DAMAGED) == 0))
            printf("#   %s: %s\n", rows[i / 2].what, reason != NULL ? reason : "taken over");
    }
}

static void exports_without_a_root(void) {
    struct export export = {.bytes = first_bytes, .room_bytes = EXPORT_BYTES};
    const struct files_state_node free_node = {.node = 1, .generation = 1};
    export_put(&export, FILES_STATE_NODE, &free_node, sizeof free_node);
    for (size_t i = 0; i < 2; i++)
        CHECK_TEXT(sides[i]->import(NULL, memory, PAGES_MAX, &export), FILES_STATE_DAMAGED);
}

SUITE(CASE(makes_take_over_from_each_other), CASE(damaged_exports_do_no_harm), CASE(exports_that_contradict_themselves),
      CASE(exports_without_a_root));
