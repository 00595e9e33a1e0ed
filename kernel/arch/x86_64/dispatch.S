/*
 * Jumps from a system call's number, in RAX, to its handler. The arguments are where C expects them.
 */
#include "kernel/arch/x86_64/contract/offsets.h"

/* handler_NUMBER is the handler of that call. 0 is no call, and 12 is none any more: the search below has no holes. */
#define SYSCALL(number, name, count, prototype) .set handler_##number, sys_##name;
#define SYSCALL_MESSAGE(number, name)
#include "kernel/abi/syscall.def"
    .set handler_0, unknown_call
    .set handler_12, unknown_call

/*
 * Jump to the handler of the call whose number, one of first..last, is in EAX, by binary search. A table of addresses
 * would need an indirect jump, which a user's number would steer.
 */
.macro DISPATCH first, last
    .if \first == \last
    jmp handler_\first
    .else
    DISPATCH_HALVES \first, %((\first + \last) / 2), %((\first + \last) / 2 + 1), \last
    .endif
.endm
.macro DISPATCH_HALVES first, middle, next, last
    cmp $\next, %eax
    .if \next == \last
    jae handler_\last
    DISPATCH \first, \middle
    .else
    jae .Lupper\@
    DISPATCH \first, \middle
.Lupper\@:
    DISPATCH \next, \last
    .endif
.endm

    .text
    .globl dispatch, dispatch_any
    .type dispatch, @function
    .type dispatch_any, @function
dispatch_any:
    cmp $NUMBER_EP_CALL, %rax
    jae unknown_call
/* For numbers below those of message calls. */
dispatch:
    .altmacro
    DISPATCH 0, %(NUMBER_EP_CALL - 1)
    .noaltmacro
unknown_call:
    mov $STATUS_CALL, %eax
    xor %edx, %edx
    ret

    .section .note.GNU-stack, "", @progbits
