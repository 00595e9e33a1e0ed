#include "libsys/maker/fault.h"
#include "libsys/proto/process.h"

uint64_t fault_signal(uint64_t kind) {
    switch ((enum fault_kind)kind) {
    case FAULT_INSTRUCTION:
    case FAULT_SYSCALL:
        return PROCESS_SIGILL;
    case FAULT_DIVIDE:
    case FAULT_FLOAT:
        return PROCESS_SIGFPE;
    case FAULT_BREAKPOINT:
    case FAULT_STEP:
        return PROCESS_SIGTRAP;
    case FAULT_ALIGNMENT:
        return PROCESS_SIGBUS;
    case FAULT_PAGE:
    case FAULT_PROTECTION:
    case FAULT_OVERFLOW:
        break;
    }
    return PROCESS_SIGSEGV;
}
