#include "kernel/abi/system.h"
#include "libsys/runtime/print.h"
#include "libsys/text/number.h"
#include "userland/lib/command.h"

static uint64_t microseconds(uint64_t ticks) {
    return ticks / (sys_system_info(INFO_TICKS_PER_SECOND, 0).value / 1000000);
}

static void print_cpu(uint64_t cpu) {
    print("CPU %lu: %lu switches of address space, %lu waits for the kernel lock, %lu us in all, %lu us at most\n", cpu,
          sys_system_info(INFO_SWITCHES, cpu).value, sys_system_info(INFO_LOCK_WAITS, cpu).value,
          microseconds(sys_system_info(INFO_LOCK_WAIT_TICKS, cpu).value),
          microseconds(sys_system_info(INFO_LOCK_LONGEST_WAIT, cpu).value));
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] =
        "uptime    how long the machine has been running, its timer interrupts, and what its CPUs do";
    if (command_help(argc, argv, usage))
        return 0;
    if (!command_is_alone(argc, argv, usage))
        return COMMAND_USAGE;
    uint64_t ms = sys_clock_read().value / NS_PER_MS;
    uint64_t cpus = sys_system_info(INFO_CPUS, 0).value;
    uint64_t ticks = 0;
    for (uint64_t cpu = 0; cpu < cpus; cpu++)
        ticks += sys_system_info(INFO_TIMER_TICKS, cpu).value;
    print("up %lu:%02lu:%02lu.%03lu, %lu %s, %lu timer interrupts\n", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60,
          ms % 1000, cpus, cpus == 1 ? "CPU" : "CPUs", ticks);
    for (uint64_t cpu = 0; cpus > 1 && cpu < cpus; cpu++)
        print_cpu(cpu);
    return 0;
}
