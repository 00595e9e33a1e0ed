#include "kernel/abi/system.h"
#include "libsys/print.h"
#include "userland/lib/command.h"

#define NS_PER_MS 1000000U

int main(int argc, char **argv, char **envp) {
    (void)envp;
    if (command_help(argc, argv, "uptime    how long the machine has been running, and its timer interrupts"))
        return 0;
    uint64_t ms = sys_clock_read().value / NS_PER_MS;
    uint64_t cpus = sys_system_info(INFO_CPUS, 0).value;
    uint64_t ticks = 0;
    for (uint64_t cpu = 0; cpu < cpus; cpu++)
        ticks += sys_system_info(INFO_TIMER_TICKS, cpu).value;
    print("up %lu:%02lu:%02lu.%03lu, %lu %s, %lu timer interrupts\n", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60,
          ms % 1000, cpus, cpus == 1 ? "CPU" : "CPUs", ticks);
    return 0;
}
