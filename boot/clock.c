#include "boot/clock.h"

#include "boot/cpu.h"
#include "boot/phys.h"

/* Intel 8254 Programmable Interval Timer, channel 2; port 0x61 gates it and the speaker behind it. */
enum {
    PIT_CHANNEL_2 = 0x42,
    PIT_CONTROL = 0x43,
    PIT_GATE = 0x61,
    PIT_GATE_ON = 1 << 0,
    PIT_GATE_SPEAKER = 1 << 1,
    PIT_COUNT_DOWN_2 = 0xb0, /* channel 2, low byte then high byte, mode 0 */
    PIT_LATCH_2 = 0x80,
};
#define PIT_HZ 1193182ULL
#define PIT_FIRST 0xffffU
#define WINDOW_TICKS 5966U /* 5 ms */

/* Intel SDM vol. 3A, Advanced Programmable Interrupt Controller (APIC). */
enum {
    MSR_APIC_BASE = 0x1b,
    MSR_X2APIC = 0x800,
    APIC_BASE_X2APIC = 1 << 10,
    APIC_BASE_ENABLED = 1 << 11,
    APIC_SPURIOUS = 0x0f0,
    APIC_SPURIOUS_ENABLED = 1 << 8,
    APIC_TIMER = 0x320,
    APIC_TIMER_MASKED = 1 << 16,
    APIC_TIMER_FIRST = 0x380,
    APIC_TIMER_COUNT = 0x390,
    APIC_TIMER_DIVISOR = 0x3e0,
    APIC_DIVIDE_BY_1 = 0xb,
};
#define APIC_PHYS_MASK 0x000ffffffffff000ULL
#define APIC_FIRST 0xffffffffU

/* Rates outside these are nobody's clock: the measurement went wrong. */
#define TSC_HZ_MIN 10000000ULL
#define TSC_HZ_MAX 100000000000ULL
#define APIC_HZ_MIN 1000000ULL
#define APIC_HZ_MAX 100000000000ULL

enum {
    SAMPLE_TRIES = 8,
    EDGE_POLLS_MAX = 100000, /* the counter moves every 838 ns and a read takes far more than 10 ps */
    WINDOW_POLLS_MAX = 10000000,
    SPIN_STEPS = 256,
};

struct apic {
    uint64_t base; /* MSR_APIC_BASE */
    uint32_t spurious;
    uint32_t timer;
    uint32_t divisor;
    uint32_t first;
};

/* The three counters at one moment. */
struct sample {
    uint64_t tsc;
    uint32_t apic;
    uint32_t pit;
};

static uint32_t apic_read(const struct apic *apic, uint32_t offset) {
    if (apic->base & APIC_BASE_X2APIC) {
        return (uint32_t)cpu_read_msr(MSR_X2APIC + offset / 16);
    }
    return *(volatile uint32_t *)phys_pointer((apic->base & APIC_PHYS_MASK) + offset);
}

static void apic_write(const struct apic *apic, uint32_t offset, uint32_t value) {
    if (apic->base & APIC_BASE_X2APIC) {
        cpu_write_msr(MSR_X2APIC + offset / 16, value);
    } else {
        *(volatile uint32_t *)phys_pointer((apic->base & APIC_PHYS_MASK) + offset) = value;
    }
}

/* Let the timer count down from its greatest value without interrupting; remember what firmware had set. */
static void apic_start_timer(struct apic *apic) {
    apic->base = cpu_read_msr(MSR_APIC_BASE);
    if (!(apic->base & APIC_BASE_ENABLED)) {
        apic->base |= APIC_BASE_ENABLED;
        cpu_write_msr(MSR_APIC_BASE, apic->base);
    }
    apic->spurious = apic_read(apic, APIC_SPURIOUS);
    apic->timer = apic_read(apic, APIC_TIMER);
    apic->divisor = apic_read(apic, APIC_TIMER_DIVISOR);
    apic->first = apic_read(apic, APIC_TIMER_FIRST);
    apic_write(apic, APIC_SPURIOUS, apic->spurious | APIC_SPURIOUS_ENABLED);
    apic_write(apic, APIC_TIMER, APIC_TIMER_MASKED);
    apic_write(apic, APIC_TIMER_DIVISOR, APIC_DIVIDE_BY_1);
    apic_write(apic, APIC_TIMER_FIRST, APIC_FIRST);
}

static void apic_restore_timer(const struct apic *apic) {
    apic_write(apic, APIC_TIMER_DIVISOR, apic->divisor);
    apic_write(apic, APIC_TIMER, apic->timer);
    apic_write(apic, APIC_TIMER_FIRST, apic->first);
    apic_write(apic, APIC_SPURIOUS, apic->spurious);
}

static void pit_start(void) {
    uint8_t gate = cpu_in8(PIT_GATE);
    cpu_out8(PIT_GATE, (uint8_t)((gate & ~PIT_GATE_SPEAKER) | PIT_GATE_ON));
    cpu_out8(PIT_CONTROL, PIT_COUNT_DOWN_2);
    cpu_out8(PIT_CHANNEL_2, PIT_FIRST & 0xff);
    cpu_out8(PIT_CHANNEL_2, PIT_FIRST >> 8);
}

static uint32_t pit_read(void) {
    cpu_out8(PIT_CONTROL, PIT_LATCH_2);
    uint32_t low = cpu_in8(PIT_CHANNEL_2);
    uint32_t high = cpu_in8(PIT_CHANNEL_2);
    return high << 8 | low;
}

/*
 * Read all counters just after the 8254 has moved on. Of several tries the one counts whose readings lie closest
 * together: a virtual machine may be put aside between two of them. False: the 8254 stands still.
 */
static bool sample_take(const struct apic *apic, struct sample *ret_sample) {
    uint64_t narrowest = UINT64_MAX;
    for (uint32_t try = 0; try < SAMPLE_TRIES; try++) {
        uint32_t first = pit_read();
        uint32_t now = first;
        uint64_t before = 0;
        for (uint32_t poll = 0; now == first; poll++) {
            if (poll == EDGE_POLLS_MAX) {
                return false;
            }
            before = cpu_read_tsc();
            now = pit_read();
        }
        uint32_t count = apic_read(apic, APIC_TIMER_COUNT);
        uint64_t after = cpu_read_tsc();
        if (after - before < narrowest) {
            narrowest = after - before;
            *ret_sample = (struct sample){.tsc = after, .apic = count, .pit = now};
        }
    }
    return true;
}

/* Between two looks at the 8254: port accesses are slow in a virtual machine. */
static void spin(void) {
    for (uint32_t step = 0; step < SPIN_STEPS; step++) {
        __asm__ volatile("");
    }
}

static const char *measure_window(const struct apic *apic, struct clock_rates *ret_rates) {
    struct sample start, end;
    pit_start();
    if (!sample_take(apic, &start)) {
        return "clock: the 8254 timer stands still and CPUID gives no frequency; turn it on in firmware set-up";
    }
    for (uint32_t poll = 0; (uint16_t)(start.pit - pit_read()) < WINDOW_TICKS; poll++) {
        if (poll == WINDOW_POLLS_MAX) {
            return "clock: the 8254 timer stopped while the CPU's clocks were measured";
        }
        spin();
    }
    if (!sample_take(apic, &end)) {
        return "clock: the 8254 timer stopped while the CPU's clocks were measured";
    }
    uint64_t ticks = (uint16_t)(start.pit - end.pit);
    ret_rates->tsc_hz = (end.tsc - start.tsc) * PIT_HZ / ticks;
    ret_rates->apic_timer_hz = (uint64_t)(start.apic - end.apic) * PIT_HZ / ticks;
    return 0;
}

/*
 * Hypervisors' timing leaf, then the CPU's own (Intel SDM vol. 2A, CPUID: Time Stamp Counter and Nominal Core Crystal
 * Clock Information, Processor Frequency Information). A rate that is not stated stays 0.
 */
static void ask_cpu(struct clock_rates *ret_rates) {
    bool is_virtual = (cpu_id(1).ecx & 1U << 31) != 0;
    if (is_virtual && cpu_id(0x40000000).eax >= 0x40000010 && cpu_id(0x40000000).eax < 0x40010000) {
        struct cpuid timing = cpu_id(0x40000010);
        ret_rates->tsc_hz = timing.eax * 1000ULL;
        ret_rates->apic_timer_hz = timing.ebx * 1000ULL;
    }
    uint32_t last = cpu_id(0).eax;
    if (ret_rates->tsc_hz != 0 || last < 0x15) {
        return;
    }
    struct cpuid crystal = cpu_id(0x15);
    if (crystal.eax == 0 || crystal.ebx == 0) {
        return;
    }
    if (crystal.ecx != 0) {
        ret_rates->tsc_hz = (uint64_t)crystal.ecx * crystal.ebx / crystal.eax;
        ret_rates->apic_timer_hz = crystal.ecx;
    } else if (last >= 0x16 && (cpu_id(0x16).eax & 0xffff) != 0) {
        ret_rates->tsc_hz = (cpu_id(0x16).eax & 0xffff) * 1000000ULL;
        ret_rates->apic_timer_hz = ret_rates->tsc_hz * crystal.eax / crystal.ebx;
    }
}

const char *clock_measure(struct clock_rates *ret_rates) {
    *ret_rates = (struct clock_rates){0};
    ask_cpu(ret_rates);
    if (ret_rates->tsc_hz == 0 || ret_rates->apic_timer_hz == 0) {
        struct apic apic;
        bool were_on = cpu_mask_interrupts();
        apic_start_timer(&apic);
        const char *problem = measure_window(&apic, ret_rates);
        apic_restore_timer(&apic);
        if (were_on) {
            cpu_unmask_interrupts();
        }
        if (problem != 0) {
            return problem;
        }
    }
    if (ret_rates->tsc_hz < TSC_HZ_MIN || ret_rates->tsc_hz > TSC_HZ_MAX) {
        return "clock: the time-stamp counter's rate is not believable; restart the machine";
    }
    if (ret_rates->apic_timer_hz < APIC_HZ_MIN || ret_rates->apic_timer_hz > APIC_HZ_MAX) {
        return "clock: the local APIC timer's rate is not believable; restart the machine";
    }
    return 0;
}
