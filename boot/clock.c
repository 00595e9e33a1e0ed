#include "boot/clock.h"

#include "boot/acpi.h"
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

/* The ACPI power management timer: ACPI Specification, Power Management Timer. */
#define PM_TIMER_HZ 3579545ULL

/* IA-PC HPET Specification, Register Definitions: byte offsets. */
enum {
    HPET_ABILITIES = 0x000, /* the upper half is the period in fs */
    HPET_CONTROL = 0x010,
    HPET_CONTROL_ON = 1 << 0,
    HPET_COUNTER = 0x0f0,
};
#define HPET_PERIOD_MAX_FS 100000000ULL
#define FS_PER_SECOND 1000000000000000ULL

/* Motorola MC146818A real-time clock. Only its seconds are read. */
enum {
    RTC_INDEX = 0x70,
    RTC_DATA = 0x71,
    RTC_SECONDS = 0x00,
    RTC_A = 0x0a,
    RTC_A_UPDATING = 1 << 7,
    RTC_B = 0x0b,
    RTC_B_BINARY = 1 << 2,
    RTC_NOTHING = 0xff,
};

struct apic {
    uint64_t base; /* MSR_APIC_BASE */
    uint32_t spurious;
    uint32_t timer;
    uint32_t divisor;
    uint32_t first;
};

static struct apic apic; /* as firmware left it */
static struct acpi_clocks acpi;
static uint32_t hpet_control;
static uint64_t rtc_seconds; /* counted since rtc_begin() */
static uint32_t rtc_shown;   /* its seconds when it was read last */

static uint32_t apic_read(uint32_t offset) {
    if (apic.base & APIC_BASE_X2APIC)
        return (uint32_t)cpu_read_msr(MSR_X2APIC + offset / 16);
    return *(volatile uint32_t *)phys_pointer((apic.base & APIC_PHYS_MASK) + offset);
}

static void apic_write(uint32_t offset, uint32_t value) {
    if (apic.base & APIC_BASE_X2APIC)
        cpu_write_msr(MSR_X2APIC + offset / 16, value);
    else
        *(volatile uint32_t *)phys_pointer((apic.base & APIC_PHYS_MASK) + offset) = value;
}

/* Save the settings of firmware and let the timer count without interrupting. */
static void apic_take_timer(void) {
    apic.base = cpu_read_msr(MSR_APIC_BASE);
    if (!(apic.base & APIC_BASE_ENABLED)) {
        apic.base |= APIC_BASE_ENABLED;
        cpu_write_msr(MSR_APIC_BASE, apic.base);
    }
    apic.spurious = apic_read(APIC_SPURIOUS);
    apic.timer = apic_read(APIC_TIMER);
    apic.divisor = apic_read(APIC_TIMER_DIVISOR);
    apic.first = apic_read(APIC_TIMER_FIRST);
    apic_write(APIC_SPURIOUS, apic.spurious | APIC_SPURIOUS_ENABLED);
    apic_write(APIC_TIMER, APIC_TIMER_MASKED);
    apic_write(APIC_TIMER_DIVISOR, APIC_DIVIDE_BY_1);
}

static void apic_start_timer(void) { apic_write(APIC_TIMER_FIRST, APIC_FIRST); }
static uint32_t apic_read_timer(void) { return apic_read(APIC_TIMER_COUNT); }

static void apic_restore_timer(void) {
    apic_write(APIC_TIMER_DIVISOR, apic.divisor);
    apic_write(APIC_TIMER, apic.timer);
    apic_write(APIC_TIMER_FIRST, apic.first);
    apic_write(APIC_SPURIOUS, apic.spurious);
}

static bool pit_begin(void) {
    uint8_t gate = cpu_in8(PIT_GATE);
    cpu_out8(PIT_GATE, (uint8_t)((gate & ~PIT_GATE_SPEAKER) | PIT_GATE_ON));
    cpu_out8(PIT_CONTROL, PIT_COUNT_DOWN_2);
    cpu_out8(PIT_CHANNEL_2, PIT_FIRST & 0xff);
    cpu_out8(PIT_CHANNEL_2, PIT_FIRST >> 8);
    return true;
}

static uint64_t pit_read(void) {
    cpu_out8(PIT_CONTROL, PIT_LATCH_2);
    uint32_t low = cpu_in8(PIT_CHANNEL_2);
    uint32_t high = cpu_in8(PIT_CHANNEL_2);
    return PIT_FIRST - (high << 8 | low); /* it counts down */
}

static bool pm_timer_begin(void);
static uint64_t pm_timer_read(void) { return cpu_in32(acpi.timer_port); }

static volatile uint32_t *hpet_register(uint32_t offset) { return phys_pointer(acpi.hpet_phys + offset); }
static bool hpet_begin(void);
static uint64_t hpet_read(void) { return *hpet_register(HPET_COUNTER); }
static void hpet_end(void) { *hpet_register(HPET_CONTROL) = hpet_control; }

static uint8_t rtc_read_register(uint8_t index) {
    cpu_out8(RTC_INDEX, index);
    return cpu_in8(RTC_DATA);
}

static uint32_t rtc_read_seconds(void) {
    uint8_t seconds = rtc_read_register(RTC_SECONDS);
    bool binary = (rtc_read_register(RTC_B) & RTC_B_BINARY) != 0;
    return (binary ? seconds : (seconds >> 4) * 10U + (seconds & 0xf)) % 60;
}

static bool rtc_begin(void) {
    rtc_shown = rtc_read_seconds();
    return rtc_read_register(RTC_A) != RTC_NOTHING;
}

/*
 * Returns the seconds counted so far. While the clock updates itself its registers are undefined, so the count stays as
 * it is; a later reading includes the new second.
 */
static uint64_t rtc_read(void) {
    if ((rtc_read_register(RTC_A) & RTC_A_UPDATING) != 0)
        return rtc_seconds;
    uint32_t seconds = rtc_read_seconds();
    rtc_seconds += (seconds + 60 - rtc_shown) % 60;
    rtc_shown = seconds;
    return rtc_seconds;
}

/* In the order in which they are tried. */
enum { PIT, PM_TIMER, HPET, RTC, REFERENCES };
static struct reference references[REFERENCES] = {
    [PIT] = {.name = "the 8254 timer", .hz = PIT_HZ, .mask = 0xffff, .begin = pit_begin, .read = pit_read},
    [PM_TIMER] = {.name = "the ACPI timer", .hz = PM_TIMER_HZ, .begin = pm_timer_begin, .read = pm_timer_read},
    [HPET] = {.name = "the HPET", .mask = UINT32_MAX, .begin = hpet_begin, .read = hpet_read, .end = hpet_end},
    [RTC] = {.name = "the real-time clock",
             .hz = 1,
             .mask = UINT64_MAX,
             .is_slow = true,
             .begin = rtc_begin,
             .read = rtc_read},
};

static bool pm_timer_begin(void) {
    references[PM_TIMER].mask = acpi.timer_is_wide ? UINT32_MAX : (1U << 24) - 1;
    return acpi.timer_port != 0;
}

static bool hpet_begin(void) {
    if (acpi.hpet_phys == 0)
        return false;
    uint64_t period_fs = *hpet_register(HPET_ABILITIES + 4);
    if (period_fs == 0 || period_fs > HPET_PERIOD_MAX_FS)
        return false;
    references[HPET].hz = FS_PER_SECOND / period_fs;
    hpet_control = *hpet_register(HPET_CONTROL);
    *hpet_register(HPET_CONTROL) = hpet_control | HPET_CONTROL_ON;
    return true;
}

/*
 * Ask the hypervisor's timing leaf, then the CPU's own (Intel SDM vol. 2A, CPUID: Time Stamp Counter and Nominal Core
 * Crystal Clock Information, Processor Frequency Information). A rate that neither states stays 0.
 */
static void ask_cpu(struct clock_rates *ret_rates) {
    bool is_virtual = (cpu_id(1).ecx & 1U << 31) != 0;
    if (is_virtual && cpu_id(0x40000000).eax >= 0x40000010 && cpu_id(0x40000000).eax < 0x40010000) {
        struct cpu_id timing = cpu_id(0x40000010);
        ret_rates->tsc_hz = timing.eax * 1000ULL;
        ret_rates->apic_timer_hz = timing.ebx * 1000ULL;
    }
    uint32_t last = cpu_id(0).eax;
    if (ret_rates->tsc_hz != 0 || last < 0x15)
        return;
    struct cpu_id crystal = cpu_id(0x15);
    if (crystal.eax == 0 || crystal.ebx == 0)
        return;
    if (crystal.ecx != 0) {
        ret_rates->tsc_hz = (uint64_t)crystal.ecx * crystal.ebx / crystal.eax;
        ret_rates->apic_timer_hz = crystal.ecx;
    } else if (last >= 0x16 && (cpu_id(0x16).eax & 0xffff) != 0) {
        ret_rates->tsc_hz = (cpu_id(0x16).eax & 0xffff) * 1000000ULL;
        ret_rates->apic_timer_hz = ret_rates->tsc_hz * crystal.eax / crystal.ebx;
    }
}

static void spin(uint32_t steps) {
    for (uint32_t step = 0; step < steps; step++)
        __asm__ volatile("");
}

bool clock_measure(uint64_t rsdp_phys, struct clock_rates *ret_rates, struct text *ret_note) {
    static const struct counters counters = {
        .tsc = cpu_read_tsc, .start_apic_timer = apic_start_timer, .apic_timer = apic_read_timer, .spin = spin};
    struct clock_rates told = {0};
    ask_cpu(&told);
    acpi = acpi_find_clocks(rsdp_phys);
    bool were_on = cpu_mask_interrupts();
    apic_take_timer();
    bool found = calibrate(&counters, references, REFERENCES, told, ret_rates, ret_note);
    apic_restore_timer();
    if (were_on)
        cpu_unmask_interrupts();
    return found;
}
