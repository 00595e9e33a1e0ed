#include "userland/exectest/measure.h"

#include "kernel/abi/system.h"
#include "libsys/proto/process.h"

_Bool measure_take(cap_t process, struct measure *ret_measure) {
    struct process_memory_request request = {.zero = 0};
    struct process_memory_reply memory;
    if (process_memory(process, &request, &memory, NULL) != OK)
        return 0;
    *ret_measure = (struct measure){.figures = {
                                        [MEASURE_FRAMES_FREE] = memory.frames_free,
                                        [MEASURE_POOL_USED] = memory.own_pool_used,
                                        [MEASURE_SLOTS_USED] = memory.slots_used,
                                        [MEASURE_CAPABILITIES] = memory.kernel_capabilities,
                                        [MEASURE_FRAMES_KERNEL] = memory.kernel_frames,
                                        [MEASURE_FRAMES_MAPPED] = memory.mapped_frames,
                                        [MEASURE_PROCESSES] = memory.process_count,
                                    }};
    return 1;
}

enum measure_figure measure_difference(const struct measure *before, const struct measure *after) {
    enum measure_figure figure = 0;
    while (figure < MEASURE_FIGURES && before->figures[figure] == after->figures[figure])
        figure++;
    return figure;
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
