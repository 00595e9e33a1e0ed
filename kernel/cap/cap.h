/*
 * Capability slots and derivation.
 *
 * A slot is 32 bytes. It lies in a Table or inside a kernel object ("bound": a thread's table, space, ...; the
 * notification of an interrupt line or endpoint). All capabilities to one object form one list, in order of derivation:
 * the descendants of a capability directly follow it and are deeper.
 *
 *      object.first_cap
 *         |
 *         A depth 0 -> B 1 -> C 2 -> D 2 -> E 1        B, E derived from A; C, D derived from B
 *
 * So revoking A removes the slots after A, up to the first that is no deeper than A.
 *
 * A Reply capability is on no list, since there is only one for each waiting caller. Its `object` is the caller, and
 * the caller knows where the capability lies (thread.reply_slot).
 */
#pragma once

#include "kernel/abi/rights.h"
#include "kernel/cap/object.h"

struct cap_slot {
    uint64_t head;     /* 63..16 object's address, 15..8 rights, 7..0 type; 0 = empty */
    uint64_t data;     /* Endpoint, Notification: badge. Memory: see memory.h. Irq, Ports: RANGE() */
    uint64_t next;     /* 63..16 address of the next in the list, 15..0 depth */
    uint64_t previous; /* 63..16 address of the one before, 15..0 enum cap_binding */
};
_Static_assert(sizeof(struct cap_slot) == 32, "the size is promised to users by the cost of a Table");

/*
 * Where a slot lies if it is not in a table. The number tells cap_take_away() which effect ends when another thread
 * empties the slot.
 */
enum cap_binding {
    BOUND_NOT = 0,
    BOUND_THREAD_REPLY, /* its removal needs no notice */
    BOUND_THREAD_TABLE,
    BOUND_THREAD_SPACE,
    BOUND_THREAD_FAULT,
    BOUND_THREAD_NOTIFICATION,
    BOUND_THREAD_MESSAGE,
    BOUND_IRQ_LINE,
    BOUND_TRACE,
    BOUND_ENDPOINT_WATCH,
};

#define CAP_DEPTH_MAX 0xffffU

static inline bool cap_is_empty(const struct cap_slot *slot) { return slot->head == 0; }
static inline enum object_type cap_type(const struct cap_slot *slot) { return (enum object_type)(slot->head & 0xff); }
static inline uint32_t cap_rights(const struct cap_slot *slot) { return (uint32_t)(slot->head >> 8 & 0xff); }
static inline uint32_t cap_depth(const struct cap_slot *slot) { return (uint32_t)(slot->next & 0xffff); }
static inline enum cap_binding cap_binding(const struct cap_slot *slot) {
    return (enum cap_binding)(slot->previous & 0xffff);
}
static inline void *cap_unpack(uint64_t packed) { return (void *)(uintptr_t)((int64_t)packed >> 16); }
static inline uint64_t cap_pack(const void *pointer) { return (uint64_t)(uintptr_t)pointer << 16; }
static inline void *cap_object(const struct cap_slot *slot) { return cap_unpack(slot->head); }
static inline struct cap_slot *cap_next(const struct cap_slot *slot) { return cap_unpack(slot->next); }
static inline struct cap_slot *cap_previous(const struct cap_slot *slot) { return cap_unpack(slot->previous); }

static inline void cap_set_next(struct cap_slot *slot, const struct cap_slot *next) {
    slot->next = cap_pack(next) | (slot->next & 0xffff);
}
static inline void cap_set_previous(struct cap_slot *slot, const struct cap_slot *previous) {
    slot->previous = cap_pack(previous) | (slot->previous & 0xffff);
}

/* Has the capability descendants? Call cap_settle first: the depths in the object's list must be right. */
static inline bool cap_has_descendants(const struct cap_slot *slot) {
    const struct cap_slot *next = cap_next(slot);
    return next != NULL && cap_depth(next) > cap_depth(slot);
}

static inline uint64_t range_first(uint64_t range) { return range & 0xffffffff; }
static inline uint64_t range_count(uint64_t range) { return range >> 32; }

/* Lock: kernel lock, for everything here. A slot to be filled must be empty; it keeps its binding. */

/*
 * May the capability be copied without further checks? That is: the slot is not empty, it holds no Reply, its object
 * lives, its list needs no depth corrections, and it is not at the greatest depth.
 */
static inline bool cap_is_simple(const struct cap_slot *slot) {
    const struct object *object = cap_object(slot);
    return cap_type(slot) - 1U < OBJECT_REPLY - 1U && cap_depth(slot) != CAP_DEPTH_MAX &&
           ((uintptr_t)object->adjust_at | object->dying) == 0;
}

/* Make the first capability of an object in `slot`. */
void cap_set_first(struct cap_slot *slot, struct object *object, uint32_t rights, uint64_t data);

/*
 * May a capability be derived from `parent`? Call before cap_derive. E_LIMIT: `parent` is at the greatest depth. E_CAP:
 * its object is dying; it would never be gone if new capabilities came as fast as the reaper takes them away.
 */
MUST_USE static inline enum status cap_can_derive(const struct cap_slot *parent) {
    if (((const struct object *)cap_object(parent))->dying)
        return E_CAP;
    return cap_depth(parent) == CAP_DEPTH_MAX ? E_LIMIT : OK;
}

extern uint64_t cap_count; /* all capabilities, in tables and bound */

/* Make a child of `parent` in `slot`. */
static inline void cap_link_child(struct cap_slot *slot, struct cap_slot *parent, uint32_t rights, uint64_t data) {
    struct cap_slot *next = cap_next(parent);
    slot->head = (parent->head & ~0xff00ULL) | (uint64_t)(rights & 0xff) << 8;
    slot->data = data;
    slot->next = parent->next + 1; /* parent's successor, and one deeper than parent */
    cap_set_previous(slot, parent);
    cap_set_next(parent, slot);
    if (next != NULL)
        cap_set_previous(next, slot);
    cap_count++;
}
/* cap_link_child(), which also asserts that `slot` is empty and `parent` not at the greatest depth. */
void cap_derive(struct cap_slot *slot, struct cap_slot *parent, uint32_t rights, uint64_t data);

/* Move the capability in `source`, which is no Reply, to `slot`, with its place in the list. `source` becomes empty. */
void cap_transfer(struct cap_slot *slot, struct cap_slot *source);

/* Clear a slot that is out of its list. */
static inline void cap_make_empty(struct cap_slot *slot) {
    slot->head = slot->data = slot->next = 0;
    slot->previous &= 0xffff;
    cap_count--;
}

/*
 * The common case of cap_remove() (ending/cap.h): remove a capability without descendants that is not the first in its
 * list, and whose object is not watched. False, and nothing changed: it is another case, or the slot is empty.
 */
static inline bool cap_remove_leaf(struct cap_slot *slot) {
    const struct object *object = cap_object(slot);
    struct cap_slot *next = cap_next(slot), *previous = cap_previous(slot);
    if (previous == NULL || object->adjust_at != NULL || object->watched ||
        (next != NULL && cap_depth(next) > cap_depth(slot)))
        return false;
    cap_set_next(previous, next);
    if (next != NULL)
        cap_set_previous(next, previous);
    cap_make_empty(slot);
    return true;
}

/*
 * Note that the parent of `first` was removed. Depths are to be corrected from `first` on, up to the first slot that is
 * no deeper than `depth`; the orphans get `depth`. If `first` itself is no deeper, nothing is noted.
 */
void cap_note_orphans(struct object *object, struct cap_slot *first, uint32_t depth);

#define STEPS_MAX 8U /* depths corrected, or capabilities revoked, in one stay in the kernel */

/*
 * Do depth corrections that are due in this object's list, at most `budget` of them. True: none is left. Each call that
 * reads depths (derive, remove, revoke, query) does this first, and restarts the system call until it is true.
 */
bool cap_settle_some(struct object *object, uint32_t budget);
static inline bool cap_settle(struct object *object, uint32_t budget) {
    return object->adjust_at == NULL || cap_settle_some(object, budget);
}
