#include "kernel/arch/x86_64/fpu.h"

#include "kernel/base/boot_only.h"
#include "kernel/base/string.h"
#include "kernel/machine/cpu.h"
#include "kernel/run/fastpath.h"
#include "kernel/run/thread.h"

#define CR4_FXSAVE (1ULL << 9 | 1ULL << 10) /* FXSAVE and SIMD exceptions */
#define CR4_XSAVE (1ULL << 18)
#define STATE_X87 (1ULL << 0)
#define STATE_SSE (1ULL << 1)
#define STATE_AVX (1ULL << 2)

#define AREA_OFFSET ((sizeof(struct thread) + 63) & ~63ULL) /* after the thread, in its page */
#define AREA_BYTES (PAGE_BYTES - AREA_OFFSET)
#define CONTROL_WORD_INITIAL 0x37fU
#define MXCSR_INITIAL 0x1f80U
#define MXCSR_MASK_OLDEST 0xffbfU /* if a CPU stores 0. Source: Intel SDM vol. 1, "MXCSR_MASK Field" */

_Static_assert(sizeof(struct thread_fpu) <= AREA_BYTES, "a thread's page has room for its FPU area");

static uint64_t components;       /* XCR0; 0: no XSAVE, FXSAVE is used */
static uint32_t mxcsr_mask = ~0U; /* bits of MXCSR that every CPU has; loading others raises an exception */
static struct thread_fpu initial __attribute__((aligned(64)));

static struct thread_fpu *area_of(const struct thread *thread) {
    return (struct thread_fpu *)((uintptr_t)thread + AREA_OFFSET);
}

/* The components of a state that is not the initial one, for XSAVE and for users. */
static uint64_t all_components(void) { return components != 0 ? components : STATE_X87 | STATE_SSE; }

static void save(struct thread_fpu *area) {
    if (components != 0)
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"((uint32_t)components), "d"(0) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

/*
 * Some CPUs save the addresses of the x87's last instruction and operand only while an exception is pending. There
 * FXRSTOR does not change them (AMD64 Architecture Programmer's Manual vol. 5, FXRSTOR), so FNINIT clears those of
 * another thread. XRSTOR needs no FNINIT: the initial state is loaded between any two threads, and that clears them.
 */
static void load(const struct thread_fpu *area) {
    if (components != 0)
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((uint32_t)components), "d"(0) : "memory");
    else
        __asm__ volatile("fninit; fxrstor64 (%0)" : : "r"(area) : "memory");
}

BOOT_ONLY void fpu_init(void) {
    struct cpuid features = read_cpuid(1, 0);
    uint64_t cr4 = read_cr4() | CR4_FXSAVE;
    if ((features.c >> 26 & 1) != 0) {
        write_cr4(cr4 | CR4_XSAVE);
        struct cpuid supported = read_cpuid(13, 0);
        uint64_t found = supported.a & (STATE_X87 | STATE_SSE | STATE_AVX);
        if (components != 0 && components != found)
            panic("the FPU of this CPU is not like the boot CPU's");
        components = found;
        __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)components), "d"(0));
        if (read_cpuid(13, 0).b > AREA_BYTES)
            panic("a thread's page is too small for this CPU's FPU state");
    } else {
        write_cr4(cr4);
    }
    __asm__ volatile("fxsave64 (%0)" : : "r"(&initial) : "memory");
    mxcsr_mask &= initial.mxcsr_mask != 0 ? initial.mxcsr_mask : MXCSR_MASK_OLDEST;
    memory_clear(&initial, sizeof initial);
    initial.control_word = CONTROL_WORD_INITIAL;
    initial.mxcsr = MXCSR_INITIAL;
    load(&initial);
    write_cr0(read_cr0() | CR0_TASK_SWITCHED);
}

void fpu_use(struct cpu *cpu, struct thread *thread) {
    assert(cpu->arch.fpu_owner == NULL);
    __asm__ volatile("clts");
    if (thread->arch.fpu_used) /* else the registers keep their initial state, since the area is out of date */
        load(area_of(thread));
    thread->arch.fpu_used = 1;
    if (thread->message != NULL)
        thread->message->fpu_opened = 1;
    cpu->arch.fpu_owner = thread;
    fastpath_update(cpu);
}

void fpu_close(struct cpu *cpu) {
    save(area_of(cpu->arch.fpu_owner));
    cpu->arch.fpu_owner->arch.fpu_saved = 1;
    load(&initial);
    cpu->arch.fpu_owner = NULL;
    fastpath_update(cpu);
    write_cr0(read_cr0() | CR0_TASK_SWITCHED);
}

void arch_fpu_read(const struct thread *thread, struct thread_fpu *fpu) {
    if (thread->arch.fpu_used != 0)
        memory_move(fpu, area_of(thread), sizeof *fpu);
    fpu->components = thread->arch.fpu_used != 0 ? all_components() : 0;
}

/*
 * XRSTOR and FXRSTOR would raise an exception in the kernel for reserved bits of MXCSR and of the header. So both are
 * written again after the copy, since the user's page may have changed meanwhile. The registers themselves may have any
 * value.
 */
bool arch_fpu_write(struct thread *thread, const struct thread_fpu *fpu) {
    struct thread_fpu *area = area_of(thread);
    uint64_t present = __atomic_load_n(&fpu->components, __ATOMIC_RELAXED);
    uint32_t mxcsr = __atomic_load_n(&fpu->mxcsr, __ATOMIC_RELAXED);
    if (present != 0 && (present != all_components() || (mxcsr & ~mxcsr_mask) != 0))
        return false;
    thread->arch.fpu_used = present != 0;
    if (present == 0)
        return true;
    memory_move(area, fpu, sizeof *area);
    area->mxcsr = mxcsr;
    area->components = present;
    memory_clear(area->reserved, sizeof area->reserved);
    thread->arch.fpu_saved = 1;
    return true;
}
