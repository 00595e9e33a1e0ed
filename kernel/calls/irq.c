#include "kernel/ipc/irq.h"

#include "kernel/calls/notification.h"
#include "kernel/ending/binding.h"
#include "kernel/ending/cap.h"
#include "kernel/machine/call.h"
#include "kernel/run/table.h"

/* Find the line of a capability for a single line that the machine has. */
static enum status find_line(const struct thread *self, cap_t irq, struct irq_line **ret_line) {
    struct cap_slot *slot;
    enum status status = table_find(self, irq, OBJECT_IRQ, IRQ_BIND, &slot);
    if (status != OK)
        return status;
    if (range_count(slot->data) != 1 || !arch_irq_exists((uint32_t)range_first(slot->data)))
        return E_ARG;
    *ret_line = &irq_lines[range_first(slot->data)];
    return OK;
}

/*
 * Binding again replaces the bound notification without masking, since an edge that comes meanwhile would be lost.
 * Notification 0 only unbinds.
 */
struct result sys_irq_bind(cap_t irq, cap_t notification, uint64_t bits) {
    struct thread *self = caller();
    struct irq_line *line;
    struct cap_slot *source;
    enum status status = find_line(self, irq, &line);
    if (status == OK)
        status = notification_find_source(self, notification, bits, &line->notification, &source);
    if (status != OK)
        return result(status);
    if (source == NULL) {
        if (!cap_is_empty(&line->notification))
            irq_unbind(&line->notification);
        return result(OK);
    }
    cap_remove(&line->notification);
    line->notification.previous = BOUND_IRQ_LINE;
    cap_derive(&line->notification, source, cap_rights(source), source->data);
    line->bits = bits;
    arch_irq_unmask((uint32_t)(line - irq_lines));
    return result(OK);
}

struct result sys_irq_ack(cap_t irq) {
    struct irq_line *line;
    enum status status = find_line(caller(), irq, &line);
    if (status == OK && cap_is_empty(&line->notification))
        status = E_STATE; /* an unbound line stays masked */
    if (status != OK)
        return result(status);
    arch_irq_unmask((uint32_t)(line - irq_lines));
    return result(OK);
}
