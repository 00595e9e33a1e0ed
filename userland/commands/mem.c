#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/print.h"
#include "userland/lib/command.h"

#define KIB_PER_FRAME 4U

static void show(const char *what, uint64_t frames) {
    print("%-28s %10lu frames %10lu KiB\n", what, frames, frames * KIB_PER_FRAME);
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "mem    show what memory is used for";
    if (command_help(argc, argv, usage))
        return 0;
    if (!command_is_alone(argc, argv, usage))
        return COMMAND_USAGE;
    struct process_memory_request request = {.zero = 0};
    struct process_memory_reply memory;
    uint32_t status = process_memory(program_process(), &request, &memory, NULL);
    if (status != OK)
        return command_complain("mem", "%s", command_reason(status, "memory"));
    show("RAM", sys_system_info(INFO_FRAMES_RAM, 0).value);
    show("mapped by some program", memory.mapped_frames);
    show("kernel objects' pools", memory.kernel_frames);
    show("managed for processes", memory.frames_managed);
    show("  free of these", memory.frames_free);
    print("%-28s %10lu of %lu bytes\n", "process server's own pool", memory.own_pool_used, memory.own_pool_bytes);
    print("%-28s %10lu\n", "process server's slots", memory.slots_used);
    print("%-28s %10lu\n", "capabilities", memory.kernel_capabilities);
    print("%-28s %10lu\n", "processes", memory.process_count);
    return 0;
}
