#include "userland/exectest/measure.h"

#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/proto/init.h"
#include "libsys/proto/process.h"
#include "libsys/text/string.h"

static uint64_t restarts(void) {
    struct init_list_request request = {.index = 0};
    struct init_list_reply server;
    while (init_list(program_cap("init"), &request, &server, NULL) == OK) {
        if (strcmp(server.name, "process") == 0)
            return server.restart_count;
        request.index++;
    }
    return 0; /* nobody to ask: what differs is told */
}

_Bool measure_take(cap_t process, struct measure *ret_measure) {
    struct process_memory_request request = {.zero = 0};
    struct process_memory_reply memory;
    uint64_t restart_count;
    do {
        restart_count = restarts();
        if (process_memory(process, &request, &memory, NULL) != OK)
            return 0;
    } while (restart_count != restarts());
    *ret_measure = (struct measure){.figures = {
                                        [MEASURE_FRAMES_FREE] = memory.frames_free,
                                        [MEASURE_POOL_USED] = memory.own_pool_used,
                                        [MEASURE_SLOTS_USED] = memory.slots_used,
                                        [MEASURE_CAPABILITIES] = memory.kernel_capabilities,
                                        [MEASURE_FRAMES_KERNEL] = memory.kernel_frames,
                                        [MEASURE_FRAMES_MAPPED] = memory.mapped_frames,
                                        [MEASURE_PROCESSES] = memory.process_count,
                                        [MEASURE_RESTARTS] = restart_count,
                                    }};
    return 1;
}

enum measure_figure measure_difference(const struct measure *before, const struct measure *after) {
    bool restarted = before->figures[MEASURE_RESTARTS] != after->figures[MEASURE_RESTARTS];
    for (enum measure_figure figure = 0; figure < MEASURE_RESTARTS; figure++)
        if (before->figures[figure] != after->figures[figure] && !(restarted && figure == MEASURE_FRAMES_MAPPED))
            return figure;
    return MEASURE_FIGURES;
}

const char *measure_name(enum measure_figure figure) {
    switch (figure) {
    case MEASURE_FRAMES_FREE:
        return "free frames";
    case MEASURE_POOL_USED:
        return "pool bytes in use";
    case MEASURE_SLOTS_USED:
        return "slots in use";
    case MEASURE_CAPABILITIES:
        return "capabilities";
    case MEASURE_FRAMES_KERNEL:
        return "frames in pools";
    case MEASURE_FRAMES_MAPPED:
        return "mapped frames";
    case MEASURE_PROCESSES:
        return "processes";
    case MEASURE_RESTARTS:
    case MEASURE_FIGURES:
        return "nothing";
    }
    __builtin_unreachable();
}

uint64_t measure_ticks(void) {
    uint64_t cpus = sys_system_info(INFO_CPUS, 0).value;
    uint64_t ticks = 0;
    for (uint64_t cpu = 0; cpu < cpus; cpu++)
        ticks += sys_system_info(INFO_TIMER_TICKS, cpu).value;
    return ticks;
}
