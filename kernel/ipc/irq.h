/*
 * Interrupt lines. An Irq capability stands for a range of lines; a line can be bound to one notification. When the
 * line fires, the notification is raised; a level-triggered line is masked until irq_ack.
 */
#pragma once

#include "kernel/arch.h"
#include "kernel/cap/cap.h"

struct irq_line {
    struct cap_slot notification; /* bound by irq_bind; empty: none */
    uint64_t bits;
};

/* Lock: kernel lock, for everything here. */

extern struct irq_line irq_lines[IRQ_LINES];

void irq_fire(uint32_t line);

/* How many lines are bound, each by a capability. */
uint64_t irq_bound_count(void);
