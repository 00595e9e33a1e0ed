/*
 * Functions that fault. Each ends in a fault at the label NAME_at; the first argument is the address it touches, if it
 * touches one.
 */
#define FAULT(name) .globl name, name##_at; name:

    .text
FAULT(fault_read)
fault_read_at:
    movb (%rdi), %al
    ret
FAULT(fault_write)
fault_write_at:
    movb $0, (%rdi)
    ret
FAULT(fault_jump)
    jmp *%rdi
fault_jump_at:
FAULT(fault_undefined)
fault_undefined_at:
    ud2
FAULT(fault_breakpoint)
    int3
fault_breakpoint_at: /* it is reported after the instruction */
    ret
FAULT(fault_divide)
    xor %ecx, %ecx
    xor %edx, %edx
    mov $1, %eax
fault_divide_at:
    div %ecx
    ret
FAULT(fault_privileged)
fault_privileged_at:
    hlt
    ret
FAULT(fault_port)
fault_port_at:
    in $0x80, %al
    ret
FAULT(fault_interrupt)
fault_interrupt_at:
    int $0x80
    ret
FAULT(fault_step)
    pushfq
    orq $0x100, (%rsp)
    popfq
    nop
fault_step_at: /* after the first traced instruction */
    ret
FAULT(fault_float)
    fninit
    pushq $0x37b /* division by zero is not masked */
    fldcw (%rsp)
    popq %rax
    fld1
    fldz
    fdivrp
fault_float_at: /* the next instruction that waits for the unit */
    fwait
    ret
FAULT(fault_stack)
fault_stack_at:
    pushq %rax
    jmp fault_stack_at

    .section .note.GNU-stack, "", @progbits
