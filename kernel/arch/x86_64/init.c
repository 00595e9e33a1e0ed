/*
 * arch_init: brings the machine up, in order. The clock, too, which is the time-stamp counter.
 */
#include "kernel/arch/x86_64/apic.h"
#include "kernel/arch/x86_64/boot_memory.h"
#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/arch/x86_64/io.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/arch/x86_64/smp.h"
#include "kernel/base/boot_only.h"
#include "kernel/machine/log.h"
#include "kernel/run/fastpath.h"

#define LOADER_MAPS_BELOW (4ULL << 30) /* docs/boot-protocol.md */

static struct acpi_facts facts;
static const struct boot_range *all_ranges;
static uint64_t range_count;
struct clock clock;
static uint64_t tsc_hz;
static struct cpu boot_cpu;

uint64_t arch_ticks_per_second(void) { return tsc_hz; }
uint64_t arch_boot_ticks(void) { return clock.start; }

BOOT_ONLY_FROM_HERE

static void clock_init(uint64_t hz) {
    clock.start = arch_ticks();
    tsc_hz = hz;
    clock.ns_per_tick = (1000000000ULL << 32) / hz;
}

void cpu_struct_init(struct cpu *cpu, uint32_t index) {
    cpu->index = index;
    cpu->armed_ns = DEADLINE_NEVER;
    cpu->blocked = true;
    cpu->unsettled = true;
    for (uint32_t priority = 0; priority < PRIORITIES; priority++)
        list_init(&cpu->ready[priority]);
    fastpath_update(cpu);
}

void arch_log_init(const struct boot_info *boot) {
    clock_init(boot->tsc_hz);
    io_init(boot->command);
}

/* Only the memory that the boot loader's identity map surely has: the first 4 GiB, and RAM above. */
const uint8_t *acpi_reach(uint64_t phys, uint64_t bytes) {
    bool mapped = phys < LOADER_MAPS_BELOW && bytes <= LOADER_MAPS_BELOW - phys;
    for (uint64_t i = 0; i < range_count && !mapped; i++) {
        uint64_t offset = phys - all_ranges[i].phys, size = all_ranges[i].page_count * PAGE_BYTES;
        mapped = all_ranges[i].kind < BOOT_RANGE_FIRMWARE && offset < size && bytes <= size - offset;
    }
    return mapped ? arch_boot_pointer(phys) : NULL;
}

void arch_init(const struct boot_info *boot, const struct boot_range *ranges) {
    all_ranges = ranges;
    range_count = boot->range_count;
    acpi_read(boot->rsdp_phys, &facts);
    io_set_power(facts.power_port, facts.sleep_type);
    void *local_apic = boot_memory_device(facts.local_apic_phys);
    void *io_apics[IO_APICS_MAX];
    for (uint32_t i = 0; i < facts.io_apic_count; i++)
        io_apics[i] = boot_memory_device(facts.io_apics[i].phys);
    uint32_t wanted = smp_choose(boot->command, &facts);
    boot_memory_init(boot, ranges, wanted);
    log_ring = arch_boot_take(sizeof(struct log_ring));
    cpu_struct_init(&boot_cpu, 0);
    cpus[0] = &boot_cpu;
    cpu_total = 1;
    cpu_init(&boot_cpu);
    apic_init(&facts, boot->apic_timer_hz, local_apic, io_apics);
    log_line(LOG_INFO, "boot", "image phys 0x%x, sealed root phys 0x%x", boot->kernel_phys, sealed_root);
    smp_start(wanted, &facts, boot, ranges);
}
