#include "kernel/cap/cap.h"

#include "kernel/base/assert.h"

uint64_t cap_count;

void cap_set_first(struct cap_slot *slot, struct object *object, uint32_t rights, uint64_t data) {
    assert(cap_is_empty(slot) && object->first_cap == NULL);
    slot->head = cap_pack(object) | (uint64_t)(rights & 0xff) << 8 | object->type;
    slot->data = data;
    slot->next = 0;
    cap_count++;
    object->first_cap = slot;
}

void cap_derive(struct cap_slot *slot, struct cap_slot *parent, uint32_t rights, uint64_t data) {
    assert(cap_is_empty(slot) && cap_depth(parent) < CAP_DEPTH_MAX);
    cap_link_child(slot, parent, rights, data);
}

void cap_transfer(struct cap_slot *slot, struct cap_slot *source) {
    assert(cap_is_empty(slot));
    slot->head = source->head;
    slot->data = source->data;
    slot->next = source->next;
    slot->previous = (source->previous & ~0xffffULL) | (slot->previous & 0xffff);
    struct object *object = cap_object(source);
    struct cap_slot *next = cap_next(source), *previous = cap_previous(source);
    if (next != NULL)
        cap_set_previous(next, slot);
    if (previous != NULL)
        cap_set_next(previous, slot);
    else
        object->first_cap = slot;
    if (object->adjust_at == source)
        object->adjust_at = slot;
    source->head = source->data = source->next = 0;
    source->previous &= 0xffff;
}

/*
 * When a capability is unlinked, its parent takes over its children. Their depths must become smaller, or they would
 * look like children of the slot before them:
 *
 *      A 0 -> X 1 -> B 1 -> C 2 -> D 3        remove B: C and D must become 1 and 2, or X would seem to own them
 *
 * There can be any number of them, so the correction is only noted here; cap_settle does it in bounded steps. From
 * `adjust_at` on, a slot is an orphan if no slot between `adjust_at` and it is shallower. Orphans get `adjust_depth`,
 * and their descendants move up with them.
 */
void cap_note_orphans(struct object *object, struct cap_slot *first, uint32_t depth) {
    assert(object->adjust_at == NULL);
    if (cap_depth(first) <= depth)
        return;
    object->adjust_at = first;
    object->adjust_depth = (uint16_t)depth;
    object->adjust_cut = (uint16_t)cap_depth(first);
}

bool cap_settle_some(struct object *object, uint32_t budget) {
    struct cap_slot *slot = object->adjust_at;
    while (slot != NULL && cap_depth(slot) > object->adjust_depth) {
        if (budget-- == 0) {
            object->adjust_at = slot;
            return false;
        }
        if (cap_depth(slot) < object->adjust_cut)
            object->adjust_cut = (uint16_t)cap_depth(slot);
        slot->next -= (uint64_t)(object->adjust_cut - object->adjust_depth); /* the depth is its low bits */
        slot = cap_next(slot);
    }
    object->adjust_at = NULL;
    return true;
}
