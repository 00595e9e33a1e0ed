/*
 * Some processes map, unmap, protect, write and fork at random, and are compared with a model of each page: its rights
 * and contents. Every so often a call fails; then either nothing or all of the operation has happened.
 */
#include <string.h>

#include "kernel/abi/rights.h"
#include "test/host/process_world.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define AREA (0x10000000ULL + 1016 * PAGE_BYTES) /* a leaf ends within it */
#define PAGES 20U
#define PROCESSES 5U
#define CELLS 65536U
#define READ_WRITE (MEMORY_READ | MEMORY_WRITE)

static struct server_context *const context = &served_context;

struct process_model_page {
    bool there;
    uint64_t rights;
    uint32_t cell; /* shared: where its word is; 0 = in `word` */
    uint64_t word;
};

struct process_model {
    uint64_t pid; /* 0 = none */
    struct process_model_page pages[PAGES];
};
static struct process_model models[PROCESSES];
static uint64_t cells[CELLS];
static uint32_t cell_count;
static uint64_t state;

static cap_t thread_of(uint64_t pid) { return world_thread(pid); }
static uaddr_t page_at(uint64_t number) { return AREA + number * PAGE_BYTES + 16; }

static uint64_t *word_of(struct process_model_page *page) { return page->cell != 0 ? &cells[page->cell] : &page->word; }

static void compare_page(struct process_model *model, uint64_t number) {
    struct process_model_page *page = &model->pages[number];
    cap_t thread = thread_of(model->pid);
    bool readable = page->there && page->rights != 0;
    bool writable = page->there && (page->rights & MEMORY_WRITE) != 0;
    CHECK(readable || !fake_may_access(thread, page_at(number), MEMORY_READ));
    CHECK(writable || !fake_may_access(thread, page_at(number), MEMORY_WRITE));
    CHECK_EQUAL(world_word(thread, page_at(number)), readable ? *word_of(page) : UINT64_MAX);
    if (!writable)
        CHECK_EQUAL(world_touch(thread, page_at(number), MEMORY_WRITE), P_ADDRESS);
}

static void compare_all(void) {
    for (uint32_t i = 0; i < PROCESSES; i++)
        for (uint32_t j = 0; models[i].pid != 0 && j < PAGES; j++)
            compare_page(&models[i], j);
}

/* The file's word in page `number` of a mapping. */
static uint64_t file_word(uint64_t number) {
    uint64_t word = 0;
    if (number * PAGE_BYTES < MAKER_FILE_BYTES)
        memcpy(&word, &fake_file[number][16], sizeof word);
    return word;
}

static bool is_free(const struct process_model *model, uint64_t first, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        if (model->pages[first + i].there)
            return false;
    return true;
}

/* After a failure with REPLACE either nothing or only the removal has happened: the first page tells which. */
static void note_removal(struct process_model *model, uint64_t first, uint64_t count) {
    const struct vm *vm = world_objects(model->pid)->incarnation.vm;
    if (!vm_is_free(vm, AREA + first * PAGE_BYTES, AREA + (first + count) * PAGE_BYTES))
        return;
    for (uint64_t i = 0; i < count; i++)
        model->pages[first + i].there = false;
}

static void map(struct process_model *model, uint64_t first, uint64_t count, uint64_t random) {
    static const uint64_t all_rights[] = {0, MEMORY_READ, READ_WRITE, READ_WRITE};
    uint64_t rights = all_rights[random % 4];
    bool file = random / 4 % 4 == 0, together = random / 4 % 4 == 1, replace = random / 16 % 2 == 0;
    uint64_t flags = PROCESS_MAP_AT | (replace ? PROCESS_MAP_REPLACE : 0) | (together ? PROCESS_MAP_TOGETHER : 0);
    uaddr_t at = AREA + first * PAGE_BYTES;
    uint32_t status = file ? world_map_file(model->pid, at, count, rights, flags, &at)
                           : world_map(model->pid, at, count, rights, flags, &at);
    bool fits = replace || is_free(model, first, count);
    CHECK(status != OK || (fits && !fake_failed()));
    CHECK(status == OK || status == P_LIMIT || fake_failed() || !fits);
    if (status != OK && replace)
        note_removal(model, first, count);
    for (uint64_t i = 0; status == OK && i < count; i++) {
        model->pages[first + i] = (struct process_model_page){true, rights, 0, file ? file_word(i) : 0};
        if (together)
            model->pages[first + i].cell = ++cell_count % CELLS;
        *word_of(&model->pages[first + i]) = model->pages[first + i].word;
    }
}

static void unmap(struct process_model *model, uint64_t first, uint64_t count) {
    uint32_t status = world_unmap(model->pid, AREA + first * PAGE_BYTES, count);
    CHECK(status == OK || status == P_LIMIT);
    for (uint64_t i = 0; status == OK && i < count; i++)
        model->pages[first + i].there = false;
}

static void protect(struct process_model *model, uint64_t first, uint64_t count, uint64_t rights) {
    uint32_t status = world_protect(model->pid, AREA + first * PAGE_BYTES, count, rights);
    bool whole = true;
    for (uint64_t i = 0; i < count; i++)
        whole = whole && model->pages[first + i].there;
    CHECK(status == (whole ? OK : P_ADDRESS) || (whole && status == P_LIMIT));
    for (uint64_t i = 0; status == OK && i < count; i++)
        model->pages[first + i].rights = rights;
}

static void set_word(struct process_model *model, uint64_t number, uint64_t word) {
    struct process_model_page *page = &model->pages[number];
    bool writable = page->there && (page->rights & MEMORY_WRITE) != 0;
    bool written = world_set_word(thread_of(model->pid), page_at(number), word);
    CHECK_EQUAL(written, writable && !fake_failed());
    if (written)
        *word_of(page) = word;
}

static void fork(struct process_model *model) {
    uint64_t child;
    struct process_model *copy = models;
    while (copy < models + PROCESSES && copy->pid != 0)
        copy++;
    if (copy == models + PROCESSES)
        return;
    struct world_trace now = world_look();
    uint32_t status = world_fork(model->pid, &child);
    CHECK_EQUAL(status == OK, !fake_failed());
    if (status == OK) {
        *copy = *model;
        copy->pid = child;
    } else {
        CHECK(world_same(&now));
    }
}

static void end(struct process_model *model) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PROCESSES; i++)
        count += models[i].pid != 0 ? 1 : 0;
    if (count == 1)
        return;
    struct process_wait_reply reply;
    CHECK_EQUAL(world_exit(model->pid, 0), SERVER_DEFERRED);
    for (uint64_t i = 0; i < PROCESSES; i++)
        (void)world_wait(models[i].pid, PROCESS_ANY, 1, &reply);
    (void)world_wait(1, PROCESS_ANY, 1, &reply);
    model->pid = 0;
}

static void one_step(void) {
    uint64_t random = random_step(&state);
    struct process_model *model = &models[random % PROCESSES];
    uint64_t count = 1 + random / 8 % 5;
    uint64_t first = (random >> 8) % (PAGES - count + 1);
    static const uint64_t rights[] = {0, MEMORY_READ, READ_WRITE, READ_WRITE};
    if (model->pid == 0)
        return;
    fake_fail_at((random >> 20) % 4 == 0 ? (uint32_t)(random >> 24) % 12 + 1 : 0);
    switch ((random >> 50) % 16) {
    case 0:
    case 1:
    case 2:
        map(model, first, count, random >> 32);
        break;
    case 3:
        unmap(model, first, count);
        break;
    case 4:
    case 5:
        protect(model, first, count, rights[(random >> 32) % 4]);
        break;
    case 6:
        fork(model);
        break;
    case 7:
        if ((random >> 32) % 4 == 0)
            end(model);
        break;
    default:
        set_word(model, first, random >> 32);
    }
    fake_fail_at(0);
    if (model->pid != 0)
        compare_page(model, first);
}

/* Make some hundred steps; then all processes end, and nothing may be left. */
static void processes_against_a_model(void) {
    struct process_wait_reply reply;
    uint32_t forks = 0;
    for (uint64_t seed = 1; seed <= 60 && !test_has_failed(); seed++) {
        state = seed * 0x9e3779b97f4a7c15ULL;
        memset(models, 0, sizeof models);
        world_start(450);
        CHECK_EQUAL(world_start_first(), OK);
        struct world_trace before = world_look();
        CHECK_EQUAL(world_spawn(1, &models[0].pid, NULL), OK);
        for (uint32_t step = 0; step < 600 && !test_has_failed(); step++) {
            one_step();
            if (step % 20 == 0)
                compare_all();
            if (test_has_failed())
                printf("#   seed %u, step %u\n", (uint32_t)seed, step);
        }
        forks += context->processes.last_pid;
        for (uint32_t i = 0; i < PROCESSES; i++) {
            if (models[i].pid != 0)
                CHECK_EQUAL(world_exit(models[i].pid, 0), SERVER_DEFERRED);
            while (world_wait(1, PROCESS_ANY, 1, &reply) == OK) {
            }
        }
        CHECK(world_same(&before));
    }
    printf("# %u processes\n", forks);
}

SUITE(CASE(processes_against_a_model));
