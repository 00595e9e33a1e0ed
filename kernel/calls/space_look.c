/*
 * Calls that look into a space and change nothing: space_query, space_audit.
 */
#include "kernel/base/string.h"
#include "kernel/machine/call.h"
#include "kernel/memory/space.h"
#include "kernel/run/table.h"

/* The results go to the caller's message page. Errors: as table_find; E_STATE: the caller has no message page. */
static enum status find_space(const struct thread *self, cap_t space, struct space **ret_space) {
    struct cap_slot *slot;
    enum status status = table_find(self, space, OBJECT_SPACE, SPACE_QUERY, &slot);
    if (status == OK && self->message == NULL)
        status = E_STATE;
    if (status == OK)
        *ret_space = cap_object(slot);
    return status;
}

struct result sys_space_query(cap_t space, uaddr_t at) {
    struct thread *self = caller();
    struct space *target;
    enum status status = find_space(self, space, &target);
    if (status != OK)
        return result(status);
    if (at >= USER_LIMIT)
        return result(E_ARG); /* the kernel half is not for users to see */
    struct space_walk walk = {0};
    arch_walk(target->root, at, &walk);
    memory_move(self->message->data, &walk, sizeof walk);
    uint64_t present = 0;
    while (present < walk.levels && arch_entry_is_present(walk.entry[present]))
        present++;
    return result_value(present);
}

/*
 * Does the address-space checks of a handover, also in a kernel without checks. A call does one part; the value is
 * where the next part begins.
 */
struct result sys_space_audit(cap_t space, uint64_t position) {
    struct thread *self = caller();
    struct space *target;
    enum status status = find_space(self, space, &target);
    if (status != OK)
        return result(status);
    if (position >= USER_LIMIT)
        return result(E_ARG);
    struct audit_failure failure = {0};
    enum audit_check check = arch_audit_part(target->root, self, &position, &failure);
    if (check == AUDIT_OK)
        return result_value(position);
    failure.check = check;
    memory_move(self->message->data, &failure, sizeof failure);
    return (struct result){.status = E_AUDIT, .value = check};
}
