#include "kernel/arch/x86_64/fpu.h"

#include "kernel/abi/syscall.h"
#include "kernel/arch/x86_64/asm.h"
#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/assert.h"
#include "kernel/cpu.h"
#include "kernel/fastpath.h"
#include "kernel/thread.h"

#define CR4_FXSAVE (1ULL << 9 | 1ULL << 10) /* FXSAVE and SIMD exceptions */
#define CR4_XSAVE (1ULL << 18)
#define STATE_X87 (1ULL << 0)
#define STATE_SSE (1ULL << 1)
#define STATE_AVX (1ULL << 2)

#define AREA_OFFSET ((sizeof(struct thread) + 63) & ~63ULL) /* behind the thread, in its page */
#define AREA_BYTES (PAGE_BYTES - AREA_OFFSET)
#define LEGACY_BYTES 512U
#define HEADER_BYTES 64U
#define CONTROL_WORD_INITIAL 0x37fU
#define MXCSR_INITIAL 0x1f80U

/* Source: Intel SDM vol. 1, FXSAVE area and XSAVE header. */
struct fpu_area {
    uint16_t control_word;
    uint16_t others[11];
    uint32_t mxcsr;
    uint8_t registers[LEGACY_BYTES - 28];
    uint64_t header[HEADER_BYTES / 8]; /* all zero: every component is in its initial state */
};

static uint64_t components; /* XCR0; 0: no XSAVE, FXSAVE is used */
static struct fpu_area initial __attribute__((aligned(64)));

static struct fpu_area *area_of(struct thread *thread) {
    return (struct fpu_area *)(void *)((char *)thread + AREA_OFFSET);
}

static void save(struct fpu_area *area) {
    if (components != 0)
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"((uint32_t)components), "d"(0) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static void load(const struct fpu_area *area) {
    if (components != 0)
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((uint32_t)components), "d"(0) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

void fpu_init(void) {
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
    initial.control_word = CONTROL_WORD_INITIAL;
    initial.mxcsr = MXCSR_INITIAL;
    load(&initial);
    write_cr0(read_cr0() | CR0_TASK_SWITCHED);
}

void fpu_use(struct cpu *cpu, struct thread *thread) {
    assert(cpu->arch.fpu_owner == NULL);
    __asm__ volatile("clts");
    if (thread->arch.fpu_used) /* else the registers are in their initial state, and what is in memory is old */
        load(area_of(thread));
    thread->arch.fpu_used = 1;
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
