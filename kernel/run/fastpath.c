#include "kernel/run/fastpath.h"

#include "kernel/machine/call.h"
#include "kernel/run/thread.h"

static uint8_t reasons; /* enum fastpath_bar */

/*
 * An FPU with an owner bars the fast path, too: its state has to be saved before another thread runs, and the long way
 * does that.
 */
void fastpath_update(struct cpu *cpu) {
    bool watched = reasons != 0 || (cpu->current != NULL && cpu->current->foreign);
    cpu->arch.call_limit = watched ? 0 : CALL_WHOLE_FIRST;
    cpu->arch.direct = watched || cpu->arch.fpu_owner != NULL ? CPU_DIRECT_NOBODY : (uint64_t)(uintptr_t)cpu;
}

void fastpath_bar(enum fastpath_bar reason, bool barred) {
    if (barred)
        reasons |= (uint8_t)reason;
    else
        reasons &= (uint8_t)~reason;
    for (uint32_t i = 0; i < cpu_total; i++)
        fastpath_update(cpus[i]);
}
