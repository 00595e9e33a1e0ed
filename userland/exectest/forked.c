#include "userland/exectest/forked.h"

#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/wire/status_text.h"
#include "userland/exectest/measure.h"

#define NO_FORK 99 /* exit status */

uint64_t fork_here(void) {
    struct process_fork_request request = {0};
    struct process_fork_reply reply;
    uint32_t status = process_fork(program_process(), &request, &reply, NULL);
    if (status != OK) {
        print("fork: %s\n", status_text(status));
        program_exit(NO_FORK);
    }
    return reply.pid;
}

/* Whether the check's child ended as expected and nothing was lost. */
static _Bool judge(const struct forked_check *check, const struct process_wait_reply *end, const struct measure *before,
                   _Bool counts) {
    struct measure after;
    _Bool as_foretold = check->signal == 0 ? end->end == PROCESS_EXITED && end->value == 0
                                           : end->end == PROCESS_KILLED && end->value == check->signal;
    if (!as_foretold)
        print("# end %lu, value %lu, address 0x%lx\n", end->end, end->value, end->address);
    if (!measure_take(program_process(), &after)) {
        print("# the process server gives no figures\n");
        return 0;
    }
    enum measure_figure figure = measure_difference(before, &after);
    if (!counts || figure == MEASURE_FIGURES)
        return as_foretold;
    print("# %s: %lu before, %lu after\n", measure_name(figure), before->figures[figure], after.figures[figure]);
    return 0;
}

int forked_run(const char *name, const struct forked_check *checks, uint64_t count) {
    int failed = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct measure before;
        _Bool measured = measure_take(program_process(), &before);
        uint64_t child = fork_here();
        if (child == 0)
            return checks[i].run();
        struct process_wait_request request = {.pid = child};
        struct process_wait_reply end = {0};
        _Bool waited = process_wait(program_process(), &request, &end, NULL) == OK;
        /* The first check copies this program's own pages, once, so it does not count. */
        _Bool passed = waited && measured && judge(&checks[i], &end, &before, i > 0);
        print("%sok %lu - %s\n", passed ? "" : "not ", i + 1, checks[i].name);
        failed += !passed;
    }
    print("%s: %lu checks, %d failed\n", name, count, failed);
    return failed;
}
