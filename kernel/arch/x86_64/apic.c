#include "kernel/arch/x86_64/apic.h"

#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/base/boot_only.h"
#include "kernel/machine/log.h"

#define MSR_APIC_BASE 0x1bU
#define APIC_BASE_ENABLE (1ULL << 11)
#define APIC_BASE_X2 (1ULL << 10)

/* Local APIC registers, byte offsets; in x2APIC mode an MSR for each 16 bytes. */
#define MSR_LOCAL 0x800U
#define LOCAL_ID 0x20U
#define LOCAL_TASK_PRIORITY 0x80U
#define LOCAL_END_OF_INTERRUPT 0xb0U
#define LOCAL_SPURIOUS 0xf0U
#define LOCAL_COMMAND 0x300U
#define LOCAL_COMMAND_TARGET 0x310U
#define LOCAL_TIMER 0x320U
#define LOCAL_TIMER_INITIAL 0x380U
#define LOCAL_TIMER_CURRENT 0x390U
#define LOCAL_TIMER_DIVIDE 0x3e0U
#define SPURIOUS_ENABLE (1U << 8)
#define DIVIDE_BY_1 0xbU
#define DELIVER_NMI (4U << 8)
#define TIMER_MASKED (1U << 16)
#define COMMAND_PENDING (1U << 12)
#define COMMAND_ASSERT (1U << 14)
#define COMMAND_TRIES 100000U
#define TIMER_TRIES 8U
#define TIMER_TEST_NS 1000000U
#define TIMER_TOLERANCE 8U

/* Devices write here to raise interrupts. The local APIC usually lies in it. */
#define MESSAGE_WINDOW_PHYS 0xfee00000ULL
#define MESSAGE_WINDOW_PAGES 256U

/* I/O APIC: an index and a data register; two 32-bit words for each input from 0x10 on. */
#define IO_INDEX 0x00U
#define IO_DATA 0x10U
#define IO_VERSION 0x01U
#define IO_REDIRECTION 0x10U
#define ISA_LINES 16U /* only these can be wired to an input with another number */
#define LINE_ACTIVE_LOW (1U << 13)
#define LINE_LEVEL (1U << 15)
#define LINE_MASKED (1U << 16)

_Static_assert(VECTOR_LINES + IRQ_LINES <= VECTOR_TIMER, "each line has a vector of its own");

/* A line's input. */
struct line {
    volatile uint32_t *io; /* its I/O APIC; NULL: there is no such line */
    uint32_t entry;        /* index of its low word */
    uint32_t bits;         /* that word, without the mask */
};

static volatile uint32_t *local;
static bool by_msr; /* firmware has turned x2APIC mode on, and may have locked it */
static struct line lines[IRQ_LINES];
static const struct acpi_facts *acpi;
static uint64_t ticks_per_ns_fixed; /* timer ticks per ns, times 2^32 */

const void *apic_registers(void) { return (const void *)(uintptr_t)local; }

static uint32_t local_read(uint32_t offset) {
    return by_msr ? (uint32_t)read_msr(MSR_LOCAL + offset / 16) : local[offset / 4];
}
static void local_write(uint32_t offset, uint32_t value) {
    if (by_msr)
        write_msr(MSR_LOCAL + offset / 16, value);
    else
        local[offset / 4] = value;
}

static void io_write(volatile uint32_t *io, uint32_t index, uint32_t value) {
    io[IO_INDEX / 4] = index;
    io[IO_DATA / 4] = value;
}

/* How many inputs an I/O APIC has; 0: there is none at this address. */
BOOT_ONLY static uint32_t io_inputs(volatile uint32_t *io) {
    io[IO_INDEX / 4] = IO_VERSION;
    uint32_t version = io[IO_DATA / 4];
    return version == 0 || version == UINT32_MAX ? 0 : (version >> 16 & 0xff) + 1;
}

/*
 * Mask both 8259s, and move their vectors. Interrupts may still come, since a program that has their ports can unmask
 * them. They must not look like exceptions, but they would with the vectors that a BIOS left.
 */
BOOT_ONLY static void retire_8259s(void) {
    for (uint16_t i = 0; i < 2; i++) {
        uint16_t port = i == 0 ? 0x20 : 0xa0;
        out8(port, 0x11); /* initialise: edge-triggered, two 8259s */
        out8(port + 1, (uint8_t)(VECTOR_8259 + 8 * i));
        out8(port + 1, i == 0 ? 4 : 2); /* the second is at the first's input 2 */
        out8(port + 1, 1);              /* for an x86 */
        out8(port + 1, 0xff);
    }
}

static bool covers(uint64_t first_frame, uint64_t page_count, uint64_t phys, uint64_t pages) {
    uint64_t frame = phys / PAGE_BYTES;
    return first_frame < frame + pages && frame < first_frame + page_count;
}

/* A write into the message window can raise any interrupt on any CPU. */
bool arch_owns_frames(uint64_t first_frame, uint64_t page_count) {
    bool owns = covers(first_frame, page_count, MESSAGE_WINDOW_PHYS, MESSAGE_WINDOW_PAGES) ||
                covers(first_frame, page_count, acpi->local_apic_phys, 1);
    for (uint32_t i = 0; i < acpi->io_apic_count; i++)
        owns = owns || covers(first_frame, page_count, acpi->io_apics[i].phys, 1);
    return owns;
}

static void write_line(const struct line *line, uint32_t mask) { io_write(line->io, line->entry, line->bits | mask); }

/*
 * The line that an input belongs to: the first that firmware has wired to it, or else the one with its number. On
 * nearly all PCs line 0 is at input 2, so there is no line 2 (formerly that of the second 8259): operations on it would
 * act on line 0.
 */
BOOT_ONLY static uint64_t line_of(uint64_t input) {
    for (uint32_t line = 0; line < ISA_LINES; line++) {
        if (acpi->line_input[line] == input && line != input)
            return line;
    }
    return input;
}

/*
 * Mask all of an I/O APIC's inputs, and route those that belong to lines. Returns how many inputs have a number too
 * high for a line.
 */
BOOT_ONLY static uint32_t init_inputs(volatile uint32_t *io, uint64_t first_input) {
    uint32_t id = (uint32_t)apic_own_id(), count = io_inputs(io), beyond = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = line_of(first_input + i);
        uint32_t entry = IO_REDIRECTION + 2 * i;
        io_write(io, entry, LINE_MASKED);
        beyond += number >= IRQ_LINES;
        if (number >= IRQ_LINES || acpi->line_input[number] != first_input + i || lines[number].io != NULL)
            continue;
        uint32_t level = acpi->line_is_level[number] ? LINE_LEVEL : 0,
                 low = acpi->line_is_low[number] ? LINE_ACTIVE_LOW : 0;
        lines[number] =
            (struct line){.io = io, .entry = entry, .bits = (VECTOR_LINES + (uint32_t)number) | level | low};
        io_write(io, entry + 1, id << 24);
        write_line(&lines[number], LINE_MASKED);
    }
    return beyond;
}

BOOT_ONLY void apic_init_cpu(struct cpu *cpu) {
    uint64_t base = read_msr(MSR_APIC_BASE), x2 = by_msr ? APIC_BASE_X2 : 0;
    if ((base & APIC_BASE_X2) != x2) { /* into x2APIC mode through xAPIC mode, and back through off */
        base &= ~(APIC_BASE_ENABLE | APIC_BASE_X2);
        write_msr(MSR_APIC_BASE, base);
        write_msr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    }
    write_msr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | x2);
    local_write(LOCAL_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    local_write(LOCAL_TASK_PRIORITY, 0);
    local_write(LOCAL_TIMER_DIVIDE, DIVIDE_BY_1);
    local_write(LOCAL_TIMER, VECTOR_TIMER); /* one-shot */
    cpu->arch.apic_id = apic_own_id();
}

BOOT_ONLY void apic_init(const struct acpi_facts *facts, uint64_t timer_hz, void *local_registers,
                         void *const io_registers[IO_APICS_MAX]) {
    local = local_registers;
    acpi = facts;
    by_msr = (read_msr(MSR_APIC_BASE) & APIC_BASE_X2) != 0;
    ticks_per_ns_fixed = (timer_hz << 32) / 1000000000;
    retire_8259s();
    apic_init_cpu(arch_this_cpu());
    uint32_t beyond = 0;
    for (uint32_t i = 0; i < facts->io_apic_count; i++)
        beyond += init_inputs(io_registers[i], facts->io_apics[i].first_input);
    if (beyond > 0)
        log_line(LOG_WARN, "boot", "inputs of I/O APICs out of reach, with numbers above %u: %u", IRQ_LINES - 1,
                 beyond);
}

void apic_end_of_interrupt(void) { local_write(LOCAL_END_OF_INTERRUPT, 0); }

bool arch_irq_exists(uint32_t line) { return lines[line].io != NULL; }

uint32_t arch_irq_end(void) {
    uint32_t end = IRQ_LINES;
    while (end > 0 && !arch_irq_exists(end - 1))
        end--;
    return end;
}

void arch_irq_mask(uint32_t line) { write_line(&lines[line], LINE_MASKED); }
void arch_irq_unmask(uint32_t line) { write_line(&lines[line], 0); }

/* An edge that comes while its line is masked would be lost; a level stays until the device is served. */
void arch_irq_hold(uint32_t line) {
    if ((lines[line].bits & LINE_LEVEL) != 0)
        write_line(&lines[line], LINE_MASKED);
}

static uint32_t timer_count(uint64_t wait_ns) {
    unsigned __int128 ticks = ((unsigned __int128)wait_ns * ticks_per_ns_fixed >> 32) + 1;
    return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
}

/*
 * The host of a virtual CPU may suspend it between two readings, so the time that the timer has run is only known
 * within bounds. An emulator may also let one clock jump past the other. So a measurement that does not fit, or has
 * wide bounds, is repeated.
 */
BOOT_ONLY bool apic_timer_agrees(void) {
    bool agrees = false, known = false;
    local_write(LOCAL_TIMER, TIMER_MASKED | VECTOR_TIMER);
    for (uint32_t i = 0; i < TIMER_TRIES && !known; i++) {
        uint64_t before = arch_clock_ns();
        local_write(LOCAL_TIMER_INITIAL, UINT32_MAX);
        uint64_t start = arch_clock_ns(), end;
        do
            end = arch_clock_ns();
        while (end - start < TIMER_TEST_NS);
        uint32_t counted = UINT32_MAX - local_read(LOCAL_TIMER_CURRENT);
        uint64_t least = end - start, most = arch_clock_ns() - before;
        bool fits = counted >= timer_count(least - least / TIMER_TOLERANCE) &&
                    counted <= timer_count(most + most / TIMER_TOLERANCE);
        agrees = agrees || fits;
        known = fits && most - least <= least / TIMER_TOLERANCE;
    }
    local_write(LOCAL_TIMER_INITIAL, 0);
    local_write(LOCAL_TIMER, VECTOR_TIMER);
    return agrees;
}

uint64_t apic_own_id(void) { return by_msr ? local_read(LOCAL_ID) : local_read(LOCAL_ID) >> 24; }

bool apic_send(uint64_t apic_id, enum apic_command command, uint32_t page) {
    if (by_msr) {
        write_msr(MSR_LOCAL + LOCAL_COMMAND / 16, apic_id << 32 | command | COMMAND_ASSERT | page);
        return true;
    }
    local_write(LOCAL_COMMAND_TARGET, (uint32_t)apic_id << 24);
    local_write(LOCAL_COMMAND, command | COMMAND_ASSERT | page);
    for (uint32_t i = 0; i < COMMAND_TRIES; i++) {
        if ((local_read(LOCAL_COMMAND) & COMMAND_PENDING) == 0)
            return true;
        arch_relax();
    }
    return false;
}

/* If the interrupt is not sent, the missing answer shows it (request.c). */
void arch_interrupt_cpu(const struct cpu *cpu) { (void)apic_send(cpu->arch.apic_id, APIC_FIXED, VECTOR_REQUEST); }

void apic_arm_nmi(uint64_t wait_ns) {
    local_write(LOCAL_TIMER, wait_ns == 0 ? VECTOR_TIMER : DELIVER_NMI);
    local_write(LOCAL_TIMER_INITIAL, wait_ns == 0 ? 0 : timer_count(wait_ns));
    /* the armed time is lost; the timer is armed again when a deadline changes */
    arch_this_cpu()->armed_ns = DEADLINE_NEVER;
}

/* The counter has 32 bits: a deadline beyond it fires early, and the kernel arms again. */
void arch_timer_arm(uint64_t deadline_ns) {
    if (deadline_ns == DEADLINE_NEVER) {
        local_write(LOCAL_TIMER_INITIAL, 0);
        return;
    }
    uint64_t now = arch_clock_ns();
    uint64_t wait_ns = deadline_ns > now ? deadline_ns - now : 0;
    local_write(LOCAL_TIMER_INITIAL, timer_count(wait_ns));
}
