/*
 * A writable file tree, compared with a flat list of paths. The first byte says how many pages there are, the others
 * choose operations and what they work on.
 */
#include "test/fuzz/fuzz.h"
#include "test/host/ram_model.h"

#define STEPS_MAX 400U

struct fuzz_choices {
    struct model_choices choices;
    struct fuzz_bytes bytes;
};

static uint32_t choose_byte(struct model_choices *choices, uint32_t limit) {
    return fuzz_byte(&((struct fuzz_choices *)(void *)choices)->bytes) % limit;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static _Alignas(4096) uint8_t memory[256 * RAM_PAGE_BYTES];
    static struct ram_tree tree;
    static struct ram_model model;
    struct fuzz_choices choices = {{choose_byte}, {data, bytes}};
    model_init(&model, &tree, memory, fuzz_byte(&choices.bytes));
    const char *problem = NULL;
    for (uint32_t step = 0; step < STEPS_MAX && choices.bytes.left > 0 && problem == NULL; step++)
        problem = model_step(&model, &choices.choices);
    if (problem == NULL)
        problem = model_compare(&model);
    if (problem != NULL)
        fprintf(stderr, "tree and model disagree: %s\n", problem);
    REQUIRE(problem == NULL);
    REQUIRE(model_end(&model) == NULL);
    return 0;
}
