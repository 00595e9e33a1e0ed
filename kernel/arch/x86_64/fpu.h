/*
 * FPU, SSE and AVX state. A thread that never uses it costs nothing. At its first use a thread becomes the owner of its
 * CPU's registers. At a switch to another thread the owner's state is saved and the registers are cleared, so that no
 * other thread can see that state, not even speculatively.
 */
#pragma once

#include <stdbool.h>

struct cpu;
struct thread;

void fpu_init(void);

/* Handle #NM, which the CPU raises when the running thread uses registers that are closed. */
void fpu_use(struct cpu *cpu, struct thread *thread);

/* Save the owner's state and close the registers, since another thread will run. */
void fpu_close(struct cpu *cpu);
