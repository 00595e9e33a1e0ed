/*
 * All FPU, SSE and AVX registers at once, from and to memory: struct fpu_registers. Programs here are compiled without
 * the use of any of them, so nothing else touches them.
 */
#define YMM 0        /* 16 of 32 bytes */
#define X87 512      /* 8 of 10 bytes, 16 apart */
#define CONTROL 640  /* x87 control word */
#define MXCSR 644

/* Source: Intel SDM vol. 2A, "CPUID", leaf 1. */
#define FEATURES_AVX (1 << 27 | 1 << 28) /* OSXSAVE, AVX */
#define XCR0_AVX (1 << 2)

    .text
    .globl fpu_words
    .type fpu_words, @function
/* EAX = the words in a vector register of this CPU: 2, or 4 with AVX. Keeps RDI. */
fpu_words:
    push %rbx
    mov $1, %eax
    xor %ecx, %ecx
    cpuid
    pop %rbx
    mov $2, %eax
    and $FEATURES_AVX, %ecx
    cmp $FEATURES_AVX, %ecx
    jne 1f
    xor %ecx, %ecx
    xgetbv
    and $XCR0_AVX, %eax /* 4 with AVX */
    jnz 1f
    mov $2, %eax
1:
    ret

    .globl fpu_load
    .type fpu_load, @function
/* RDI = struct fpu_registers */
fpu_load:
    call fpu_words
    cmp $4, %eax
    jne 1f
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovups 32 * \i(%rdi), %ymm\i
    .endr
1:
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movups 32 * \i(%rdi), %xmm\i /* leaves the upper half alone */
    .endr
    fninit
    fldcw CONTROL(%rdi)
    .set i, 7
    .rept 8
    fldt X87 + 16 * i(%rdi)
    .set i, i - 1
    .endr
    ldmxcsr MXCSR(%rdi)
    ret

    .globl fpu_store
    .type fpu_store, @function
/* RDI = struct fpu_registers. The x87 registers are popped and pushed again. */
fpu_store:
    call fpu_words
    cmp $4, %eax
    jne 1f
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovups %ymm\i, 32 * \i(%rdi)
    .endr
1:
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movups %xmm\i, 32 * \i(%rdi)
    .endr
    .set i, 0
    .rept 8
    fstpt X87 + 16 * i(%rdi)
    .set i, i + 1
    .endr
    .set i, 7
    .rept 8
    fldt X87 + 16 * i(%rdi)
    .set i, i - 1
    .endr
    fnstcw CONTROL(%rdi)
    stmxcsr MXCSR(%rdi)
    ret

    .globl fpu_state_words
    .type fpu_state_words, @function
/* RDI = four words: x87 control, status and abridged tag word, MXCSR. Leaves the registers alone. */
fpu_state_words:
    push %rbp
    mov %rsp, %rbp
    sub $520, %rsp
    and $-16, %rsp
    fxsave64 (%rsp)
    movzwl 0(%rsp), %eax
    mov %rax, 0(%rdi)
    movzwl 2(%rsp), %eax
    mov %rax, 8(%rdi)
    movzbl 4(%rsp), %eax
    mov %rax, 16(%rdi)
    mov 24(%rsp), %eax
    mov %rax, 24(%rdi)
    mov %rbp, %rsp
    pop %rbp
    ret

    .section .note.GNU-stack, "", @progbits
