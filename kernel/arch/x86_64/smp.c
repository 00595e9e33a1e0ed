#include "kernel/arch/x86_64/smp.h"

#include "kernel/arch/x86_64/apic.h"
#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/arch/x86_64/layout.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/base/boot_only.h"
#include "kernel/base/string.h"
#include "kernel/base/tail.h"
#include "kernel/entry/leave.h"
#include "kernel/machine/command.h"
#include "kernel/machine/lock.h"
#include "kernel/machine/log.h"
#include "kernel/run/sched.h"

/*
 * Pages below 1 MiB: the code, then tables that identity-map it. Page numbers from 0xa0 on have other meanings in a
 * START.
 */
#define LOW_PAGES 4U
#define LOW_END 0xa0000ULL

/*
 * Intel SDM vol. 3A, MP Initialization Protocol: 10 ms after INIT, then START twice, 200 us apart. Here START is sent
 * more often: a virtual CPU that has not handled its INIT yet may ignore one. A running CPU ignores it in any case.
 */
#define INIT_NS 10000000U
#define START_AGAIN_NS 200000U
#define ANSWER_NS 500000000ULL /* last wait after a START, so a second in all; later the limit for an answer */

#define LOOKS_PER_READING 64U /* for an answer, until the clock is read */

#define CLOCK_NS 50000000U       /* limit for the comparison of clocks */
#define CLOCK_WINDOW_NS 5000U    /* from question to answer, if a clock is to be known well */
#define CLOCK_ERROR_NS_MAX 1000U /* outside of that window: may be due to unordered reads */

extern const uint8_t trampoline_start[], trampoline_parameters[], trampoline_end[];

/*
 * Shared by the boot CPU and one that it starts. Each word has one writer, which writes the members in front of it
 * first.
 *
 * Each CPU that is tried has a structure of its own, which is never reused. An accepted CPU may read it much later, if
 * its host suspends it, and a refused one may read it until INIT has reached it. test/spin/start.pml has the whole
 * protocol.
 */
struct start {
    struct cpu *cpu;
    struct cpu_controls controls;
    bool timer_agrees;
    uint32_t arrived;
    uint32_t asked; /* round in the comparison of clocks */
    uint64_t ticks;
    uint32_t answered;
    uint32_t accepted;
};
static struct start starts[CPUS_MAX];

static uint32_t take(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static void put(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

/* The counter, read in program order: after all instructions before it, before all after it. */
static uint64_t ticks_in_order(void) {
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/*
 * Answer the boot CPU until it accepts this CPU, then wait for a thread. The boot CPU has the lock until boot is over,
 * and may give the boot-only pages away before this CPU has noticed that it is accepted. So this function is not on
 * these pages, nor inlined into one that is (NAMES_STAY in test/rules/check_rules.py). Then this CPU forgets where they
 * were mapped, before it runs a user's code.
 */
NOT_INLINE static _Noreturn void wait_for_start(struct start *start) {
    uint32_t round = 1;
    while (take(&start->accepted) == 0) { /* a refused CPU stays here until INIT */
        if (take(&start->asked) != round) {
            arch_relax();
            continue;
        }
        start->ticks = ticks_in_order();
        put(&start->answered, round++);
    }
    kernel_lock_first();
    invalidate_all();
    sched_start(start->cpu);
}

void smp_stop_others(void) {
    uint64_t own = apic_own_id();
    for (uint32_t i = 0; i < CPUS_MAX; i++) {
        if (cpus[i] != NULL && cpus[i]->arch.apic_id != own)
            (void)apic_send(cpus[i]->arch.apic_id, APIC_NMI, 0);
    }
}

BOOT_ONLY_FROM_HERE

static void pause_ns(uint64_t ns) {
    for (uint64_t end = arch_clock_ns() + ns; arch_clock_ns() < end;)
        arch_relax();
}

/*
 * Wait for an answer. The clock is read only now and then: in an emulator, two CPUs that read their time-stamp counters
 * all the time let it run some percent too fast, and the other CPU may be measuring by it.
 */
static bool comes(const uint32_t *word, uint32_t value, uint64_t limit_ns) {
    uint64_t end = arch_clock_ns() + limit_ns;
    for (uint32_t looks = 1; take(word) != value && (looks % LOOKS_PER_READING != 0 || arch_clock_ns() < end); looks++)
        arch_relax();
    return take(word) == value;
}

uint32_t smp_choose(const char *command, const struct acpi_facts *facts) {
    uint32_t count = facts->cpu_count < CPUS_MAX ? facts->cpu_count : CPUS_MAX;
    const char *value = command_value(command, "cpus=");
    if (value == NULL)
        return count;
    uint32_t limit = 0;
    for (; *value >= '0' && *value <= '9' && limit < CPUS_MAX; value++)
        limit = limit * 10 + (uint32_t)(*value - '0');
    if (limit == 0)
        log_line(LOG_WARN, "boot", "cpus= wants a number from 1 on, and is not heeded");
    return limit == 0 || limit > count ? count : limit;
}

/* Find LOW_PAGES free pages in a row; 0: there are none. Frame 0 is not used. */
static uint64_t find_low_pages(const struct boot_info *boot, const struct boot_range *ranges) {
    for (uint64_t i = 0; i < boot->range_count; i++) {
        uint64_t at = ranges[i].phys == 0 ? PAGE_BYTES : ranges[i].phys;
        uint64_t end = ranges[i].phys + ranges[i].page_count * PAGE_BYTES;
        end = end < LOW_END ? end : LOW_END;
        if (ranges[i].kind == BOOT_RANGE_RAM && at + LOW_PAGES * PAGE_BYTES <= end)
            return at;
    }
    return 0;
}

/* The CPU turns paging on while it runs in the trampoline, so the tables identity-map it, beside the kernel half. */
static void prepare_low_pages(uint64_t low) {
    uint64_t bits = PTE_PRESENT | PTE_WRITE;
    memory_clear(arch_pointer(low), LOW_PAGES * PAGE_BYTES);
    memory_move(arch_pointer(low), trampoline_start, (uint64_t)(trampoline_end - trampoline_start));
    uint64_t *root = arch_pointer(low + PAGE_BYTES);
    memory_move(root + ROOT_KERNEL_ENTRY, (const uint64_t *)arch_pointer(sealed_root) + ROOT_KERNEL_ENTRY,
                (ENTRIES - ROOT_KERNEL_ENTRY) * sizeof(uint64_t));
    root[0] = (low + 2 * PAGE_BYTES) | bits;
    root[ENTRIES] = (low + 3 * PAGE_BYTES) | bits;
    root[2 * ENTRIES] = PTE_LARGE | bits; /* the first 2 MiB */
}

/* The first C function on a CPU that has been started. */
static _Noreturn void cpu_main(struct start *start) {
    write_cr3(sealed_root);
    cpu_init(start->cpu);
    apic_init_cpu(start->cpu);
    start->controls = cpu_controls();
    start->timer_agrees = apic_timer_agrees();
    put(&start->arrived, 1);
    wait_for_start(start);
}

/*
 * How far `answer` is outside of [asked, heard]. If two clocks agree, one read between two readings of the other is
 * between them.
 */
static uint64_t clock_error(uint64_t asked, uint64_t answer, uint64_t heard) {
    if (answer < asked)
        return asked - answer;
    return answer > heard ? answer - heard : 0;
}

/*
 * Ask until the other CPU has answered quickly enough to know its clock well, but not for longer than CLOCK_NS: the
 * host of virtual CPUs may never run two at once. False: its clock was outside of the window by more than is allowed,
 * or it did not answer. *ret_within_ns: how far apart the two clocks are at most.
 */
static bool clocks_agree(struct start *start, uint64_t *ret_within_ns) {
    uint64_t end = arch_clock_ns() + CLOCK_NS, closest_ns = UINT64_MAX;
    for (uint32_t round = 1; closest_ns > CLOCK_WINDOW_NS && (round == 1 || arch_clock_ns() < end); round++) {
        uint64_t asked = ticks_in_order();
        put(&start->asked, round);
        if (!comes(&start->answered, round, 8 * ANSWER_NS))
            return false;
        uint64_t heard = ticks_in_order();
        uint64_t error_ns = arch_ticks_to_ns(clock_error(asked, start->ticks, heard));
        if (error_ns > CLOCK_ERROR_NS_MAX)
            return false;
        uint64_t within_ns = error_ns + arch_ticks_to_ns(heard - asked);
        closest_ns = within_ns < closest_ns ? within_ns : closest_ns;
    }
    *ret_within_ns = closest_ns;
    return true;
}

/* Compare a CPU with the boot CPU. NULL: it is like that; else how it differs. */
static const char *examine(struct start *start, uint64_t *ret_within_ns) {
    struct cpu_controls own = cpu_controls();
    if (own.cr0 != start->controls.cr0 || own.cr4 != start->controls.cr4 || own.efer != start->controls.efer ||
        own.pat != start->controls.pat)
        return "its control registers are not the boot CPU's";
    if (!start->timer_agrees)
        log_line(LOG_WARN, "boot", "the next CPU's timer does not run as the boot CPU's does");
    return clocks_agree(start, ret_within_ns) ? NULL : "its clock is not the boot CPU's";
}

/* Start a CPU, which has had its INIT, and examine it. NULL: it may run; else what is wrong with it. */
static const char *start_cpu(struct start *start, uint64_t apic_id, uint64_t low, uint64_t *ret_within_ns) {
    uint64_t *parameters = arch_pointer(low + (uint64_t)(trampoline_parameters - trampoline_start));
    parameters[IN_TRAMPOLINE_ROOT / 8] = low + PAGE_BYTES;
    parameters[IN_TRAMPOLINE_STACK / 8] = stack_top(start->cpu->index);
    parameters[IN_TRAMPOLINE_START / 8] = (uint64_t)(uintptr_t)start;
    parameters[IN_TRAMPOLINE_ENTRY / 8] = (uint64_t)(uintptr_t)cpu_main;
    bool arrived = false;
    for (uint64_t wait_ns = START_AGAIN_NS; !arrived && wait_ns <= ANSWER_NS; wait_ns *= 2) {
        (void)apic_send(apic_id, APIC_START, (uint32_t)(low / PAGE_BYTES)); /* if it is lost, no answer comes */
        arrived = comes(&start->arrived, 1, wait_ns);
    }
    if (!arrived)
        return "it does not answer";
    return examine(start, ret_within_ns);
}

/* List the CPUs that ACPI names, except this one. */
static uint32_t list_others(const struct acpi_facts *facts, uint32_t wanted, uint8_t others[static CPUS_MAX]) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < facts->cpu_count && i < CPUS_MAX && count + 1 < wanted; i++) {
        if (facts->apic_ids[i] != cpus[0]->arch.apic_id)
            others[count++] = facts->apic_ids[i];
    }
    return count;
}

/*
 * Start CPUs one after another. Returns how many run now. A CPU that is left out gets INIT again, after which it waits
 * for a START that never comes. The next CPU gets its place.
 */
static uint32_t start_all(const uint8_t *apic_ids, uint32_t count, uint64_t low) {
    uint32_t running = 1;
    for (uint32_t i = 0; i < count; i++)
        (void)apic_send(apic_ids[i], APIC_INIT, 0);
    pause_ns(INIT_NS);
    struct cpu *cpu = NULL;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t within_ns = 0;
        if (cpu == NULL)
            cpu = arch_boot_take(sizeof *cpu);
        cpu_struct_init(cpu, running);
        starts[i].cpu = cpu;
        const char *wrong = start_cpu(&starts[i], apic_ids[i], low, &within_ns);
        if (wrong != NULL) {
            log_line(LOG_WARN, "boot", "CPU with APIC %u is left out: %s", (uint64_t)apic_ids[i], wrong);
            (void)apic_send(apic_ids[i], APIC_INIT, 0);
            pause_ns(INIT_NS);
            continue;
        }
        log_line(LOG_INFO, "boot", "CPU %u, APIC %u: started, clock within %u ns", (uint64_t)running,
                 (uint64_t)apic_ids[i], within_ns);
        if (running == 1)
            kernel_lock_share();
        cpus[running++] = cpu;
        put(&starts[i].accepted, 1);
        cpu = NULL;
    }
    return running;
}

void smp_start(uint32_t wanted, const struct acpi_facts *facts, const struct boot_info *boot,
               const struct boot_range *ranges) {
    uint8_t others[CPUS_MAX];
    uint32_t running = 1, count = list_others(facts, wanted, others);
    uint64_t low = find_low_pages(boot, ranges);
    if (count > 0 && low == 0) {
        log_line(LOG_WARN, "boot", "no free memory below 1 MiB to start CPUs from");
    } else if (count > 0) {
        prepare_low_pages(low);
        running = start_all(others, count, low);
        cpu_total = running;
        memory_clear(arch_pointer(low), LOW_PAGES * PAGE_BYTES); /* later it is a user's memory */
    }
    if (facts->cpu_count > 1)
        log_line(LOG_INFO, "boot", "%u of %u CPUs started, at most %u", (uint64_t)running, (uint64_t)facts->cpu_count,
                 (uint64_t)CPUS_MAX);
}
