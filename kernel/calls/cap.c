/*
 * The system calls on capabilities of any type.
 */

#include "kernel/ending/cap.h"
#include "kernel/base/tail.h"
#include "kernel/ending/binding.h"
#include "kernel/ending/reaper.h"
#include "kernel/machine/call.h"
#include "kernel/run/table.h"

/* The source of a copy or move: slot 0 is the caller's current reply. */
static struct cap_slot *find_source(struct thread *self, cap_t index) {
    struct cap_slot *slot = index == 0 ? &self->reply : table_slot(self, index);
    return slot == NULL || cap_is_empty(slot) ? NULL : slot;
}

/*
 * The `data` that the copy gets. Badges are set once, on a capability without one; ranges of ports and lines get
 * narrower.
 */
static enum status copy_data(const struct cap_slot *source, uint64_t badge, uint64_t *ret_data) {
    switch (cap_type(source)) {
    case OBJECT_ENDPOINT:
    case OBJECT_NOTIFICATION:
        if (source->data != 0)
            return E_RIGHTS;
        break;
    case OBJECT_IRQ:
    case OBJECT_PORTS: {
        uint64_t first = range_first(badge), count = range_count(badge), start = range_first(source->data);
        if (count == 0 || first < start || first + count > start + range_count(source->data))
            return E_ARG;
        break;
    }
    case OBJECT_NONE:
    case OBJECT_MEMORY:
    case OBJECT_POOL:
    case OBJECT_SPACE:
    case OBJECT_THREAD:
    case OBJECT_TABLE:
    case OBJECT_REPLY:
        return E_ARG;
    }
    *ret_data = badge;
    return OK;
}

NOT_INLINE static struct result copy_any(cap_t table, cap_t slot, cap_t source, uint64_t rights, uint64_t badge) {
    struct thread *self = caller();
    struct cap_slot *from, *to;
    enum status status = table_find_in(self, range_count(source), TABLE_READ, range_first(source), &from);
    if (status != OK || cap_is_empty(from))
        return result(status != OK ? status : E_CAP);
    if (cap_type(from) == OBJECT_REPLY)
        return result(E_TYPE); /* one-shot: it can be moved, not copied */
    uint64_t data = from->data;
    status = badge == 0 ? OK : copy_data(from, badge, &data);
    if (status == OK)
        status = table_find_empty_in(self, table, slot, &to);
    if (status == OK)
        status = cap_can_derive(from);
    if (status != OK)
        return result(status);
    if (!cap_settle(cap_object(from), STEPS_MAX))
        return result(CALL_RESTART);
    cap_derive(to, from, cap_rights(from) & (uint32_t)rights, data);
    return result(OK);
}

/* The common case of sys_cap_copy: both slots are in the caller's own table, and the capability is simple. */
static inline bool copy_quick(cap_t table, cap_t slot, cap_t source, uint64_t rights, uint64_t badge) {
    struct thread *self = caller();
    struct cap_slot *from = table_slot(self, source), *to = table_slot(self, slot);
    if ((table | badge) != 0 || from == NULL || to == NULL || !cap_is_empty(to) || !cap_is_simple(from))
        return false;
    cap_link_child(to, from, cap_rights(from) & (uint32_t)rights, from->data);
    return true;
}

struct result sys_cap_copy(cap_t table, cap_t slot, cap_t source, uint64_t rights, uint64_t badge) {
    if (copy_quick(table, slot, source, rights, badge))
        return result(OK);
    JUMP_TO(copy_any(table, slot, source, rights, badge));
}

/* Tells only what the caller could find out by trying. The badge is left out: it is not for the holder to know. */
struct result sys_cap_query(cap_t slot) {
    const struct cap_slot *cap = table_slot(caller(), slot);
    if (cap == NULL || cap_is_empty(cap))
        return result(E_CAP);
    if (cap_type(cap) == OBJECT_REPLY)
        return result_value(OBJECT_REPLY);
    if (!cap_settle(cap_object(cap), STEPS_MAX))
        return result(CALL_RESTART);
    return result_value(cap_type(cap) | (uint64_t)cap_rights(cap) << 8 |
                        (cap_has_descendants(cap) ? QUERY_DERIVED : 0));
}

struct result sys_cap_move(cap_t table, cap_t slot, cap_t source) {
    struct thread *self = caller();
    struct cap_slot *from = find_source(self, source), *to;
    if (from == NULL)
        return result(E_CAP);
    enum status status = table_find_empty_in(self, table, slot, &to);
    if (status != OK)
        return result(status);
    if (cap_type(from) == OBJECT_REPLY)
        cap_move_reply(to, from);
    else
        cap_transfer(to, from);
    return result(OK);
}

/*
 * A cap_delete that killed an object takes it apart, in bounded steps, and is restarted until it is gone. A restarted
 * call must not look at the slot again: it may hold another capability by then, and the table may be gone. So
 * self->reaps notes the place. Giving the thread other registers clears it (arch_registers_write, syscall_watched).
 */
static struct result reap(struct thread *self, uint64_t place) {
    bool done = reaper_run_to(place, REAPER_BUDGET);
    if (caller() == self) /* it did not take itself apart */
        self->reaps = done ? 0 : place;
    return result(done ? OK : CALL_RESTART);
}

NOT_INLINE static struct result delete_any(cap_t table, cap_t slot) {
    struct thread *self = caller();
    struct cap_slot *victim;
    if (self->reaps != 0)
        return reap(self, self->reaps);
    if (table == 0 && slot == 0) {
        cap_remove(&self->reply);
        return result(OK);
    }
    enum status status = table_find_in(self, table, TABLE_WRITE, slot, &victim);
    if (status != OK || cap_is_empty(victim))
        return result(status);
    if (cap_type(victim) == OBJECT_REPLY) {
        cap_remove(victim);
        return result(OK);
    }
    const struct object *object = cap_object(victim);
    if (!cap_settle(cap_object(victim), STEPS_MAX))
        return result(CALL_RESTART);
    bool lived = !object->dying;
    cap_remove(victim);
    return lived && object->dying ? reap(self, reaper_place) : result(OK);
}

/* The common cases of sys_cap_delete: a leaf in the caller's own table, or no current reply. */
static inline bool delete_quick(cap_t table, cap_t slot) {
    struct thread *self = caller();
    if ((table | slot) == 0 && cap_is_empty(&self->reply))
        return true;
    struct cap_slot *victim = table_slot(self, slot);
    return (table | self->reaps) == 0 && victim != NULL && cap_remove_leaf(victim);
}

struct result sys_cap_delete(cap_t table, cap_t slot) {
    if (delete_quick(table, slot))
        return result(OK);
    JUMP_TO(delete_any(table, slot));
}

/*
 * A depth correction that is due may wait if it only concerns descendants of `root`: they go anyway. The object does
 * not die, since `root` stays.
 */
struct result sys_cap_revoke(cap_t slot) {
    struct thread *self = caller();
    struct cap_slot *root = table_slot(self, slot);
    if (root == NULL || cap_is_empty(root))
        return result(E_CAP);
    if (cap_type(root) == OBJECT_REPLY)
        return result(OK);
    struct object *object = cap_object(root);
    bool concerns_us_only = object->adjust_at == cap_next(root) && object->adjust_depth > cap_depth(root);
    if (!concerns_us_only && !cap_settle(object, STEPS_MAX))
        return result(CALL_RESTART);
    return result(cap_revoke_some(root, STEPS_MAX) ? OK : CALL_RESTART);
}
