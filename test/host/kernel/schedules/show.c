/*
 * Shows a schedule to people: which CPU went on where. addr2line turns addresses into lines of code.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "test/host/kernel/schedules/run.h"

#define SWITCHES_KEPT 64U /* the last ones */

static struct {
    uint64_t step;
    uint32_t from, to;
    void *where;
} kept[SWITCHES_KEPT];
static uint64_t count;

void run_show(uint32_t to, void *where) {
    kept[count % SWITCHES_KEPT].step = run.step;
    kept[count % SWITCHES_KEPT].from = run.current;
    kept[count % SWITCHES_KEPT].to = to;
    kept[count % SWITCHES_KEPT].where = where;
    count++;
}

static void print_place(FILE *lines) {
    char text[160];
    bool is_there = lines != NULL && fgets(text, sizeof text, lines) != NULL;
    printf("%s", is_there ? text : "?\n");
}

static void print(void) {
    static char command[SWITCHES_KEPT * 20 + 80];
    uint64_t first = count < SWITCHES_KEPT ? 0 : count - SWITCHES_KEPT;
    int used = snprintf(command, sizeof command, "addr2line -p -s -f -e /proc/%d/exe", (int)getpid());
    for (uint64_t i = first; i < count; i++)
        used += snprintf(command + used, sizeof command - (size_t)used, " 0x%" PRIxPTR,
                         (uintptr_t)kept[i % SWITCHES_KEPT].where);
    fflush(stdout);
    FILE *lines = popen(command, "r");
    for (uint64_t i = first; i < count; i++) {
        printf("# %6" PRIu64 "  CPU %u -> %u  ", kept[i % SWITCHES_KEPT].step, kept[i % SWITCHES_KEPT].from,
               kept[i % SWITCHES_KEPT].to);
        print_place(lines);
    }
    if (lines != NULL)
        pclose(lines);
}

struct explore_result explore_show(const struct explore_program *program, enum explore_scheduler scheduler,
                                   uint64_t seed, uint64_t steps) {
    run.shows = true;
    count = 0;
    struct explore_result result = explore_run(program, scheduler, seed, steps);
    run.shows = false;
    print();
    return result;
}
