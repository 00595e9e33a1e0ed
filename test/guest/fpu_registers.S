/*
 * All FPU, SSE and AVX registers at once, from and to memory: struct fpu_registers in fpu.c. Programs here are compiled
 * without the use of any of them, so nothing else touches them.
 */
#define YMM 0        /* 16 of 32 bytes */
#define X87 512      /* 8 of 10 bytes, 16 apart */
#define CONTROL 640  /* x87 control word */
#define MXCSR 644

    .text
    .globl fpu_load
    .type fpu_load, @function
/* RDI = struct fpu_registers */
fpu_load:
    vmovups 0(%rdi), %ymm0
    vmovups 32(%rdi), %ymm1
    vmovups 64(%rdi), %ymm2
    vmovups 96(%rdi), %ymm3
    vmovups 128(%rdi), %ymm4
    vmovups 160(%rdi), %ymm5
    vmovups 192(%rdi), %ymm6
    vmovups 224(%rdi), %ymm7
    vmovups 256(%rdi), %ymm8
    vmovups 288(%rdi), %ymm9
    vmovups 320(%rdi), %ymm10
    vmovups 352(%rdi), %ymm11
    vmovups 384(%rdi), %ymm12
    vmovups 416(%rdi), %ymm13
    vmovups 448(%rdi), %ymm14
    vmovups 480(%rdi), %ymm15
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
    vmovups %ymm0, 0(%rdi)
    vmovups %ymm1, 32(%rdi)
    vmovups %ymm2, 64(%rdi)
    vmovups %ymm3, 96(%rdi)
    vmovups %ymm4, 128(%rdi)
    vmovups %ymm5, 160(%rdi)
    vmovups %ymm6, 192(%rdi)
    vmovups %ymm7, 224(%rdi)
    vmovups %ymm8, 256(%rdi)
    vmovups %ymm9, 288(%rdi)
    vmovups %ymm10, 320(%rdi)
    vmovups %ymm11, 352(%rdi)
    vmovups %ymm12, 384(%rdi)
    vmovups %ymm13, 416(%rdi)
    vmovups %ymm14, 448(%rdi)
    vmovups %ymm15, 480(%rdi)
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
