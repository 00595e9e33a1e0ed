#include "libsys/runtime/terminal.h"

#include "libsys/program/program.h"

uint32_t terminal_await(enum process_signal signal) {
    struct process_await_foreground_request request = {.signal = signal};
    struct process_await_foreground_reply reply;
    return process_await_foreground(program_process(), &request, &reply, NULL);
}
