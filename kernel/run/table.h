/*
 * Tables: flat arrays of capability slots, indexed by the number that a user passes. Slot 0 is never used, so it is
 * always empty. Number 0 as a source names the thread's current reply capability; as a table, the caller's own. A
 * look-up beyond the end finds slot 0, too.
 */
#pragma once

#include "kernel/run/thread.h"

struct table {
    struct object object;
    uint64_t slot_count; /* power of two */
    uint64_t reaped;     /* slots emptied so far, while it dies */
    struct cap_slot *slots;
};

/* Lock: kernel lock. */

/* NULL: the pool has no memory. */
struct table *table_make(struct pool *pool, uint64_t slot_count);

/* The slot that a user's number means; slot 0 if there is no such slot. All look-ups begin here. */
static inline struct cap_slot *table_look_up(const struct thread *self, cap_t index) {
    (void)arch_bound(&index, &self->slot_count);
    return &self->slots[index];
}

/* The slot `index` of the caller's table, which may be empty. NULL: no table or no such slot, 0 included. */
static inline struct cap_slot *table_slot(const struct thread *self, cap_t index) {
    if (!arch_bound(&index, &self->slot_count))
        return NULL;
    struct cap_slot *slot = arch_one_register(&self->slots[index]);
    if (slot == NULL)
        __builtin_unreachable(); /* spares a caller the comparison */
    return slot;
}

/* Find the caller's capability of this type with all of these rights. Errors: E_CAP, E_TYPE, E_RIGHTS. */
MUST_USE static inline enum status table_find(const struct thread *self, cap_t index, enum object_type type,
                                              uint32_t rights, struct cap_slot **ret_slot) {
    struct cap_slot *slot = table_look_up(self, index);
    if (cap_type(slot) != type)
        return cap_is_empty(slot) ? E_CAP : E_TYPE;
    if ((cap_rights(slot) & rights) != rights)
        return E_RIGHTS;
    *ret_slot = slot;
    return OK;
}

/* Check that there is a slot and that it is empty. Errors: E_CAP no such slot, E_EXISTS occupied. */
MUST_USE static inline enum status table_check_empty(struct cap_slot *slot, struct cap_slot **ret_slot) {
    if (slot == NULL)
        return E_CAP;
    if (!cap_is_empty(slot))
        return E_EXISTS;
    *ret_slot = slot;
    return OK;
}
MUST_USE static inline enum status table_find_empty(const struct thread *self, cap_t index,
                                                    struct cap_slot **ret_slot) {
    return table_check_empty(table_slot(self, index), ret_slot);
}

/* Find slot `index`, empty or not, of the table that capability `table` names, which needs `right`; 0: the caller's. */
MUST_USE static inline enum status table_find_in(const struct thread *self, cap_t table, uint32_t right, cap_t index,
                                                 struct cap_slot **ret_slot) {
    if (table == 0) {
        *ret_slot = table_slot(self, index);
        return *ret_slot == NULL ? E_CAP : OK;
    }
    struct cap_slot *table_cap;
    enum status status = table_find(self, table, OBJECT_TABLE, right, &table_cap);
    if (status != OK)
        return status;
    const struct table *other = cap_object(table_cap);
    if (!arch_bound(&index, &other->slot_count))
        return E_CAP;
    *ret_slot = &other->slots[index];
    return OK;
}

/* Find an empty slot of the table that capability `table` names, which needs TABLE_WRITE; 0: the caller's own. */
MUST_USE enum status table_find_empty_in(const struct thread *self, cap_t table, cap_t index,
                                         struct cap_slot **ret_slot);

/* The first occupied slot among INFO_SLOTS_SEEN from `first` on; 0: none. */
uint64_t table_next_occupied(const struct table *table, uint64_t first);
