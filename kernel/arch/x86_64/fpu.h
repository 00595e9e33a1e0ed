/*
 * FPU, SSE and AVX state. A thread that never uses it costs nothing. At its first use a thread becomes the owner of this
 * CPU's registers; when another thread is switched to, the owner's state is saved and the registers are cleared, so
 * that nothing of it is there to be seen, not even speculatively.
 */
#pragma once

#include <stdbool.h>

struct cpu;
struct thread;

void fpu_init(void);

/* #NM: the running thread wants the registers. */
void fpu_use(struct cpu *cpu, struct thread *thread);

/* The owner is not the one to run: save its state and close the registers. */
void fpu_close(struct cpu *cpu);
