#include "libsys/maker/backtrace.h"

#include "kernel/abi/syscall.h"

uint32_t backtrace_walk(const struct fault_message *fault, struct backtrace_memory *memory,
                        uint64_t ret_addresses[BACKTRACE_MAX]) {
    uint64_t frame = fault->registers.rbp;
    uint64_t stack = fault->registers.rsp;
    uint64_t caller, address;
    uint32_t count = 0;
    bool went_astray = fault->kind == FAULT_PAGE && (fault->access & FAULT_ACCESS_FETCH) != 0;
    if (went_astray && stack % 8 == 0 && memory->read(memory, stack, &address))
        ret_addresses[count++] = address;
    while (count < BACKTRACE_MAX && frame >= stack && frame % 8 == 0 && frame <= UINT64_MAX - 16) {
        if (!memory->read(memory, frame, &caller) || !memory->read(memory, frame + 8, &address) || address == 0)
            break;
        ret_addresses[count++] = address;
        stack = frame + 16; /* the next frame must lie above this one, so the walk ends */
        frame = caller;
    }
    return count;
}
