/*
 * Capability slots and derivation.
 *
 * A slot is 32 bytes, in a Table or inside a kernel object ("bound": a thread's table, space, ...; the notification of an
 * interrupt line or endpoint). All capabilities to one object form one list, in order of derivation: what was derived from a
 * capability follows it directly and is deeper.
 *
 *      object.first_cap
 *         |
 *         A depth 0 -> B 1 -> C 2 -> D 2 -> E 1        B, E derived from A; C, D derived from B
 *
 * So to revoke A is to remove what follows A until something is no deeper than A.
 *
 * A Reply capability is on no list: it is the only one of its kind, `object` is the thread that waits for the answer,
 * and that thread knows where it lies (thread.reply_slot).
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

/* Where a slot lies, when not in a table: who must hear that it was emptied from afar. */
enum cap_binding {
    BOUND_NOT = 0,
    BOUND_THREAD_REPLY, /* nobody has to hear of this one */
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

/* Is anything derived from it? The object's list must be settled, see cap_settle. */
static inline bool cap_has_descendants(const struct cap_slot *slot) {
    const struct cap_slot *next = cap_next(slot);
    return next != NULL && cap_depth(next) > cap_depth(slot);
}

static inline uint64_t range_first(uint64_t range) { return range & 0xffffffff; }
static inline uint64_t range_count(uint64_t range) { return range >> 32; }

/* Lock: kernel lock, for everything here. A slot to be filled must be empty; its binding stays what it is. */

/* Can it be copied without further ado: is it there, on a list that is in order, of an object that lives, not as deep as can be? */
static inline bool cap_is_simple(const struct cap_slot *slot) {
    const struct object *object = cap_object(slot);
    return cap_type(slot) - 1U < OBJECT_REPLY - 1U && cap_depth(slot) != CAP_DEPTH_MAX &&
           ((uintptr_t)object->adjust_at | object->dying) == 0;
}

/* The first capability of an object. */
void cap_set_first(struct cap_slot *slot, struct object *object, uint32_t rights, uint64_t data);

/*
 * E_LIMIT: `parent` is as deep as can be. E_CAP: its object is dying, and so are its capabilities; with new ones made as fast as the
 * reaper takes them away it would never be gone. Else OK. Call before cap_derive.
 */
MUST_USE static inline enum status cap_can_derive(const struct cap_slot *parent) {
    if (((const struct object *)cap_object(parent))->dying)
        return E_CAP;
    return cap_depth(parent) == CAP_DEPTH_MAX ? E_LIMIT : OK;
}

extern uint64_t cap_count; /* capabilities that exist, wherever they lie */

/* A child of `parent` in `slot`. */
static inline void cap_link_child(struct cap_slot *slot, struct cap_slot *parent, uint32_t rights, uint64_t data) {
    struct cap_slot *next = cap_next(parent);
    slot->head = (parent->head & ~0xff00ULL) | (uint64_t)(rights & 0xff) << 8;
    slot->data = data;
    slot->next = parent->next + 1; /* the same next one, and one deeper */
    cap_set_previous(slot, parent);
    cap_set_next(parent, slot);
    if (next != NULL)
        cap_set_previous(next, slot);
    cap_count++;
}
void cap_derive(struct cap_slot *slot, struct cap_slot *parent, uint32_t rights, uint64_t data);

/* `slot` takes over the place that `source`, which is no Reply, has in its list. `source` becomes empty. */
void cap_transfer(struct cap_slot *slot, struct cap_slot *source);

/* The slot is in no list any more. */
static inline void cap_make_empty(struct cap_slot *slot) {
    slot->head = slot->data = slot->next = 0;
    slot->previous &= 0xffff;
    cap_count--;
}

/*
 * The common case of cap_remove() (ending/cap.h): nothing was derived from it, it is not the first in its list, and nobody else has to know. False,
 * and nothing changed: it is not that case, or the slot is empty.
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

/* From `first` on, depths are to be corrected to `depth`, up to one that is no deeper; nothing if `first` is not deeper itself. */
void cap_note_orphans(struct object *object, struct cap_slot *first, uint32_t depth);

#define STEPS_MAX 8U /* corrections of a list in one stay, or capabilities revoked */

/*
 * Depth corrections that are due in this object's list, at most `budget` of them; true when none is left. Everything
 * that reads depths (derive, remove, revoke, query) calls it first and restarts the system call until it is true.
 */
bool cap_settle_some(struct object *object, uint32_t budget);
static inline bool cap_settle(struct object *object, uint32_t budget) {
    return object->adjust_at == NULL || cap_settle_some(object, budget);
}
