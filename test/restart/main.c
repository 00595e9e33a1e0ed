/* Runs the cases, and prints the results as TAP on port 0xe8. */
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/lib/baseline.h"
#include "test/lib/port.h"
#include "test/restart/suite.h"

#define TRIES_MAX 3U /* of a case after which more is in use than before */

/* First come those that read the log: after many reports of faults it takes no lines from init for a while. */
static const struct suite *const groups[] = {&group_gone, &group_swaps, &group_ends, &group_starts, &group_calls};
#define GROUP_COUNT (sizeof groups / sizeof groups[0])

static const char *const own_figures[] = {"slots of the server"};

static struct baseline take_baseline(void) {
    struct baseline now = baseline_of_kernel();
    now.figures[BASELINE_OWN] = look(server("mortal")).slots;
    return now;
}

/* Something may be taken once and kept, such as a page at its first access. That is no leak. */
static void run_case(const struct test_case *test) {
    for (uint32_t turn = 1; !test_has_failed(); turn++) {
        struct baseline before = take_baseline();
        test->run();
        struct baseline after = take_baseline();
        if (baseline_is_same(&before, &after))
            return;
        if (turn == TRIES_MAX)
            baseline_compare(&before, &after, own_figures);
    }
}

static _Noreturn void end(uint64_t status) {
    struct init_power_off_request request = {.status = status};
    struct init_power_off_reply reply;
    (void)init_power_off(server("init"), &request, &reply, NULL);
    program_exit(1);
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
                run_case(&groups[i]->cases[j]);
            all_well = test_end(number++, groups[i]->cases[j].name) && all_well;
        }
    }
    end(all_well ? 0 : 1);
}
