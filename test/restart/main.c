/* Runs the cases, and prints the results as TAP on port 0xe8. */
#include "libsys/program/program.h"
#include "test/lib/cases.h"
#include "test/lib/port.h"
#include "test/restart/suite.h"

/* First come those that read the log: after many reports of faults it takes no lines from init for a while. */
static const struct suite *const groups[] = {&group_gone, &group_swaps, &group_ends, &group_starts, &group_calls};
#define GROUP_COUNT (sizeof groups / sizeof groups[0])

static const char *const own_figures[] = {"slots of the server"};

static struct baseline take_baseline(void) {
    struct baseline now = baseline_of_kernel();
    now.figures[BASELINE_OWN] = look(server("mortal")).slots;
    return now;
}

int main(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    test_print_to(program_cap("tap"));
    uint32_t count = 0, number = 1;
    bool all_well = true;
    for (uint32_t i = 0; i < GROUP_COUNT; i++)
        count += groups[i]->case_count;
    test_print("1..%u\n", count);
    for (uint32_t i = 0; i < GROUP_COUNT; i++) {
        for (uint32_t j = 0; j < groups[i]->case_count; j++) {
            test_begin();
            if (groups[i] == &group_gone) /* what it takes away does not come back */
                groups[i]->cases[j].run();
            else
                cases_run(&groups[i]->cases[j], take_baseline, own_figures);
            all_well = test_end(number++, groups[i]->cases[j].name) && all_well;
        }
    }
    cases_end(all_well);
}
