/*
 * A chain of execs in one process. Each link turns into the next:
 *
 *     chain LEFT PID [FIGURES...]
 *
 * The first link made by exec takes the figures and hands them on; the last one takes them again. The process lives on
 * between the two, so that its end can't hide what an exec fails to give back.
 */
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/text.h"
#include "userland/exectest/measure.h"
#include "userland/exectest/payload.h"
#include "userland/lib/launch.h"

#define NUMBER_BYTES 24U
#define FRAMES_MORE 8U /* address randomisation may cost a page or a table more; leaks of 200 execs exceed this */
#define WORDS_BEFORE_FIGURES 3 /* name, LEFT, PID */

static int wrong(const char *what) {
    print("chain: %s\n", what);
    return PAYLOAD_WRONG;
}

static uint64_t own_pid(void) {
    struct process_get_pid_request request = {.zero = 0};
    struct process_get_pid_reply reply;
    return process_get_pid(program_process(), &request, &reply, NULL) == OK ? reply.pid : 0;
}

static int exec_next(uint64_t left, uint64_t pid, const struct measure *figures, char **envp) {
    static char numbers[2 + MEASURE_FIGURES][NUMBER_BYTES];
    const char *arguments[WORDS_BEFORE_FIGURES + MEASURE_FIGURES + 1] = {"chain", numbers[0], numbers[1]};
    format_into(numbers[0], NUMBER_BYTES, "%lu", left);
    format_into(numbers[1], NUMBER_BYTES, "%lu", pid);
    for (size_t i = 0; figures != NULL && i < MEASURE_FIGURES; i++) {
        format_into(numbers[2 + i], NUMBER_BYTES, "%lu", figures->figures[i]);
        arguments[WORDS_BEFORE_FIGURES + i] = numbers[2 + i];
    }
    const struct launch launch = {
        .path = PAYLOAD_FOLDER "chain", .arguments = arguments, .environment = (const char *const *)envp};
    struct launch_failure failure;
    launch_exec(program_process(), &launch, &failure);
    return wrong(failure.reason);
}

static void forgive_frames(const struct measure *first, struct measure *last, enum measure_figure figure) {
    uint64_t before = first->figures[figure], after = last->figures[figure];
    if ((before > after ? before - after : after - before) <= FRAMES_MORE)
        last->figures[figure] = before;
}

static int compare(const struct measure *first) {
    struct measure last;
    if (!measure_take(program_process(), &last))
        return wrong("no figures");
    forgive_frames(first, &last, MEASURE_FRAMES_FREE);
    forgive_frames(first, &last, MEASURE_FRAMES_KERNEL);
    forgive_frames(first, &last, MEASURE_FRAMES_MAPPED);
    enum measure_figure figure = measure_difference(first, &last);
    if (figure == MEASURE_FIGURES)
        return PAYLOAD_CHAIN_END;
    print("chain: %s: %lu after the first exec, %lu after the last\n", measure_name(figure), first->figures[figure],
          last.figures[figure]);
    return PAYLOAD_WRONG;
}

int main(int argc, char **argv, char **envp) {
    uint64_t left;
    uint64_t pid;
    struct measure figures;
    if (argc < 2 || !text_to_number(argv[1], &left))
        return wrong("want a number of execs");
    if (argc == 2) /* the first link, which was spawned */
        return exec_next(left - 1, own_pid(), NULL, envp);
    if (!text_to_number(argv[2], &pid) || pid != own_pid())
        return wrong("the pid has changed");
    if (argc == WORDS_BEFORE_FIGURES && !measure_take(program_process(), &figures))
        return wrong("no figures");
    for (int i = WORDS_BEFORE_FIGURES; i < argc; i++)
        if (i - WORDS_BEFORE_FIGURES >= MEASURE_FIGURES ||
            !text_to_number(argv[i], &figures.figures[i - WORDS_BEFORE_FIGURES]))
            return wrong("bad figures");
    return left == 0 ? compare(&figures) : exec_next(left - 1, pid, &figures, envp);
}
