/*
 * A process that turns into itself again and again. Each time it waits until the timer has interrupted twice since its
 * first instruction:
 *
 *     ticks LEFT
 */
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/text.h"
#include "userland/exectest/measure.h"
#include "userland/exectest/payload.h"
#include "userland/lib/launch.h"

#define TICKS_WANTED 2U
#define PATIENCE_NS 3000000000ULL

int main(int argc, char **argv, char **envp) {
    uint64_t left;
    if (argc != 2 || !text_to_number(argv[1], &left)) {
        print("ticks: want a number of execs\n");
        return PAYLOAD_WRONG;
    }
    uint64_t begin_ns = sys_clock_read().value;
    uint64_t begin_ticks = measure_ticks();
    while (measure_ticks() < begin_ticks + TICKS_WANTED) {
        if (sys_clock_read().value - begin_ns > PATIENCE_NS) {
            print("ticks: %lu left, no timer interrupt for %llu ns\n", left, PATIENCE_NS);
            return PAYLOAD_WRONG;
        }
    }
    if (left == 0)
        return PAYLOAD_TICKS_SEEN;

    char number[24];
    format_into(number, sizeof number, "%lu", left - 1);
    const char *const arguments[] = {"ticks", number, NULL};
    const struct launch launch = {
        .path = PAYLOAD_FOLDER "ticks", .arguments = arguments, .environment = (const char *const *)envp};
    struct launch_failure failure;
    launch_exec(program_process(), &launch, &failure);
    print("ticks: %s\n", failure.reason);
    return PAYLOAD_WRONG;
}
