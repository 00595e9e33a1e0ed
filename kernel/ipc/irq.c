#include "kernel/ipc/irq.h"

#include "kernel/ipc/notification.h"
#include "kernel/machine/call.h"
#include "kernel/run/trace.h"

struct irq_line irq_lines[IRQ_LINES];

void irq_fire(uint32_t line) {
    if (trace_wants(TRACE_INTERRUPT))
        trace_note_interrupt(caller(), line);
    arch_irq_hold(line);
    if (!cap_is_empty(&irq_lines[line].notification))
        notification_raise(cap_object(&irq_lines[line].notification), irq_lines[line].bits);
}

uint64_t irq_bound_count(void) {
    uint64_t count = 0;
    for (uint32_t line = 0; line < IRQ_LINES; line++)
        count += !cap_is_empty(&irq_lines[line].notification);
    return count;
}
