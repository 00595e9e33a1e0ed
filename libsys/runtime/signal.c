#include "libsys/runtime/signal.h"

#include "libsys/program/program.h"
#include "libsys/text/string.h"

static signal_handler handlers[PROCESS_SIGNAL_MAX + 1];

extern const uint8_t signal_enter[], signal_leave[];

#define RED_ZONE_BYTES \
    128U /* below the stack pointer, for the function's use. Source: System V ABI AMD64, "The Stack Frame" */
#define RFLAGS_TRAP (1U << 8)

/*
 * The process enters here with RDI = signal, RSI = frame, RSP as after a call. There are two ways back.
 * Usually the process restores its registers by itself. RFLAGS and RIP are written right below the red zone of the
 * interrupted code: that is inside the frame, or between the frame and the red zone. All registers are then popped from
 * the frame, RSP from the place of RIP. No part of the frame that is still needed ever lies below RSP, where another
 * handler's frame may come. (IRETQ would need no place outside the frame. But QEMU 7.2 lets it read its operands as the
 * supervisor, which SMAP forbids: an endless fault.)
 * Otherwise the process server restores them when it sees the undefined instruction.
 */
#define FRAME_WORD(name, index) \
    _Static_assert(offsetof(struct thread_registers, name) == 8 * (index), "signal_enter counts on it")
FRAME_WORD(rax, 0);
FRAME_WORD(rsp, 7);
FRAME_WORD(r8, 8);
FRAME_WORD(rip, 16);
FRAME_WORD(rflags, 17);
_Static_assert(sizeof(struct process_signal_frame) >= 8 * (18 + 2), "the last two words are no registers");
_Static_assert(RED_ZONE_BYTES == 128, "as below");
__asm__(".text\n"
        ".globl signal_enter, signal_leave\n"
        ".hidden signal_enter, signal_leave\n"
        "signal_enter:\n"
        "    cld\n"
        "    mov %rsi, %rbx\n"
        "    sub $8, %rsp\n"
        "    xor %ebp, %ebp\n"
        "    call signal_dispatch\n"
        "    mov %rbx, %rdi\n"
        "    test %al, %al\n"
        "    jz signal_leave\n"
        "    mov 8*7(%rdi), %rax\n"
        "    sub $128 + 16, %rax\n"
        "    mov 8*17(%rdi), %rcx; mov %rcx, (%rax)\n"
        "    mov 8*16(%rdi), %rcx; mov %rcx, 8(%rax)\n"
        "    mov %rax, 8*16(%rdi)\n"
        "    mov %rdi, %rsp\n"
        "    pop %rax; pop %rbx; pop %rcx; pop %rdx; pop %rsi; pop %rdi; pop %rbp\n"
        "    lea 8(%rsp), %rsp\n"
        "    pop %r8; pop %r9; pop %r10; pop %r11; pop %r12; pop %r13; pop %r14; pop %r15; pop %rsp\n"
        "    popfq\n"
        "    ret $128\n"
        "signal_leave:\n"
        "    ud2\n");

/*
 * Whether the program can go back by itself. It can't if the frame is on another stack than the interrupted code's,
 * whose bytes below the red zone must not be touched; if a single step is due, since it would stop this code instead of
 * the program's next instruction; or if FPU state must be loaded.
 */
static bool can_leave(const struct process_signal_frame *frame) {
    const struct thread_registers *registers = (const void *)frame->registers;
    uaddr_t top = (registers->rsp - RED_ZONE_BYTES) & ~(uaddr_t)15;
    return frame->has_fpu == 0 && (uaddr_t)(frame + 1) == top && (registers->rflags & RFLAGS_TRAP) == 0;
}

/* Returns whether only the registers are left to restore: the mask is as before the signal, and no signal waits. */
bool signal_dispatch(uint64_t signal, const struct process_signal_frame *frame);
bool signal_dispatch(uint64_t signal, const struct process_signal_frame *frame) {
    /* The message page may hold data that the interrupted code has prepared for its next call, or has not read yet. */
    uint8_t saved[offsetof(struct message_page, reserved)];
    if (program.has_threads)
        thread_block_complete(thread_block(), (const struct thread_registers *)(const void *)frame->registers);
    memcpy(saved, program_message(), sizeof saved);
    program_message()->fpu_opened = 0;
    if (signal <= PROCESS_SIGNAL_MAX && handlers[signal] != NULL)
        handlers[signal](signal, frame);
    bool uses_fpu = program_message()->fpu_opened != 0;
    memcpy(program_message(), saved, sizeof saved);
    struct process_signal_mask_request request = {frame->mask, PROCESS_MASK_QUIETLY};
    struct process_signal_mask_reply reply; /* it travels in registers alone */
    return !uses_fpu && can_leave(frame) && process_signal_mask(program_process(), &request, &reply, NULL) == OK;
}

static uint32_t act(uint64_t signal, uint64_t disposition, uint64_t mask) {
    struct process_signal_action_request request = {signal, disposition, mask};
    struct process_signal_action_reply reply;
    return process_signal_action(program_process(), &request, &reply, NULL);
}

uint32_t signal_handle(uint64_t signal, signal_handler handler, uint64_t mask) {
    static bool is_known; /* the server knows where to call handlers */
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
