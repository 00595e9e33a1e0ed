/*
 * A program's first instruction. RSP points at argc (System V AMD64 ABI, Process Initialization) and is a multiple of
 * 16. RBP = 0 ends the chain of frames for backtraces.
 */
    .cfi_sections .debug_frame
    .section .text._start, "ax", @progbits
    .globl _start
    .type _start, @function
_start:
    .cfi_startproc
    .cfi_undefined rip /* so that a debugger's backtrace ends here, too */
    xor %ebp, %ebp
    mov %rsp, %rdi
    call program_start
    ud2
    .cfi_endproc
    .size _start, . - _start

#include "libsys/runtime/note.S"
