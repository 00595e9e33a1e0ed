#include "libsys/signal.h"

#include "libsys/program.h"
#include "libsys/string.h"

static signal_handler handlers[PROCESS_SIGNAL_MAX + 1];

extern const uint8_t signal_enter[], signal_leave[];

/* The process comes here with RDI = signal, RSI = frame, RSP as behind a call; the end is for the process server to see. */
__asm__(".text\n"
        ".globl signal_enter, signal_leave\n"
        ".hidden signal_enter, signal_leave\n"
        "signal_enter:\n"
        "    cld\n"
        "    push %rsi\n"
        "    sub $8, %rsp\n"
        "    xor %ebp, %ebp\n"
        "    call signal_dispatch\n"
        "    add $8, %rsp\n"
        "    pop %rdi\n"
        "signal_leave:\n"
        "    ud2\n");

void signal_dispatch(uint64_t signal, const struct process_signal_frame *frame);
void signal_dispatch(uint64_t signal, const struct process_signal_frame *frame) {
    /* The message page may hold what the interrupted code had put there for its next call, or not yet taken out. */
    uint8_t saved[offsetof(struct message_page, reserved)];
    if (program.has_threads)
        thread_block_complete(thread_block(), (const struct thread_registers *)(const void *)frame->registers);
    memcpy(saved, program_message(), sizeof saved);
    if (signal <= PROCESS_SIGNAL_MAX && handlers[signal] != NULL)
        handlers[signal](signal, frame);
    memcpy(program_message(), saved, sizeof saved);
}

static uint32_t act(uint64_t signal, uint64_t disposition, uint64_t mask) {
    struct process_signal_action_request request = {signal, disposition, mask};
    struct process_signal_action_reply reply;
    return process_signal_action(program_process(), &request, &reply, NULL);
}

uint32_t signal_handle(uint64_t signal, signal_handler handler, uint64_t mask) {
    static bool is_known; /* to the server: where handlers are called from */
    if (signal > PROCESS_SIGNAL_MAX)
        return P_ARGUMENT;
    if (handler == NULL)
        return act(signal, PROCESS_SIGNAL_DEFAULT, 0);
    if (!is_known) {
        struct process_signal_entry_request request = {(uaddr_t)signal_enter, (uaddr_t)signal_leave};
        struct process_signal_entry_reply reply;
        uint32_t status = process_signal_entry(program_process(), &request, &reply, NULL);
        if (status != OK)
            return status;
        is_known = true;
    }
    handlers[signal] = handler;
    return act(signal, PROCESS_SIGNAL_HANDLE, mask);
}

uint32_t signal_ignore(uint64_t signal) { return act(signal, PROCESS_SIGNAL_IGNORE, 0); }

uint32_t signal_self(uint64_t signal) {
    struct process_get_pid_request who = {0};
    struct process_get_pid_reply self;
    uint32_t status = process_get_pid(program_process(), &who, &self, NULL);
    if (status != OK)
        return status;
    struct process_kill_request request = {self.pid, signal};
    struct process_kill_reply reply;
    return process_kill(program_process(), &request, &reply, NULL);
}
