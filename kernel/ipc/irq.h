/*
 * Interrupt lines: an Irq capability stands for a range of lines; a line can be bound to one notification. When it
 * fires the notification is raised, and a level-triggered line masked until irq_ack.
 */
#pragma once

#include <stdint.h>

#include "kernel/cap/cap.h"

/* Lock: kernel lock. */
void irq_fire(uint32_t line);

/* How many lines are bound, each by a capability. */
uint64_t irq_bound_count(void);

/* A bound notification must go, see cap_take_away. */
void irq_unbind(struct cap_slot *slot);
