#include "kernel/cap/cap.h"

#include "kernel/base/assert.h"
#include "kernel/ending/watch.h"
#include "kernel/ipc/irq.h"
#include "kernel/run/thread.h"
#include "kernel/run/trace.h"

uint64_t cap_count;

static void fill(struct cap_slot *slot, const struct object *object, uint32_t rights, uint64_t data, uint32_t depth) {
    assert(cap_is_empty(slot));
    slot->head = cap_pack(object) | (uint64_t)(rights & 0xff) << 8 | object->type;
    slot->data = data;
    slot->next = depth;
    cap_count++;
}

void cap_set_first(struct cap_slot *slot, struct object *object, uint32_t rights, uint64_t data) {
    assert(object->first_cap == NULL);
    fill(slot, object, rights, data, 0);
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
    if (cap_type(source) == OBJECT_REPLY) {
        ((struct thread *)cap_object(source))->reply_slot = slot;
    } else {
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
    }
    source->head = source->data = source->next = 0;
    source->previous &= 0xffff;
}

/*
 * Unlinking a capability leaves its children behind. They become its parent's, and their depths must say so, or they
 * would look like the children of whatever stands before them:
 *
 *      A 0 -> X 1 -> B 1 -> C 2 -> D 3        remove B: C and D must become 1 and 2, or X would seem to own them
 *
 * There can be any number of them, so the correction is only noted here and done in bounded steps by cap_settle: from
 * `adjust_at` on, orphans, which are those with no shallower one since, get `adjust_depth`, and what descends from an
 * orphan moves with it.
 */
static void note_orphans(struct object *object, struct cap_slot *first, uint32_t depth) {
    assert(object->adjust_at == NULL);
    if (cap_depth(first) <= depth)
        return;
    object->adjust_at = first;
    object->adjust_depth = (uint16_t)depth;
    object->adjust_cut = (uint16_t)cap_depth(first);
}

static void unlink(struct object *object, struct cap_slot *slot) {
    struct cap_slot *next = cap_next(slot), *previous = cap_previous(slot);
    if (previous != NULL)
        cap_set_next(previous, next);
    else
        object->first_cap = next;
    if (next != NULL) {
        cap_set_previous(next, previous);
        if (!object->dying)
            note_orphans(object, next, cap_depth(slot));
    }
    if (object->watched)
        watch_note_removal(object, slot, previous);
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

/* Children of what goes are left too deep for a while; all of them follow `root`, which is all that matters here. */
bool cap_revoke_some(struct cap_slot *root, uint32_t count) {
    struct object *object = cap_object(root);
    struct cap_slot *next = cap_next(root);
    while (next != NULL && cap_depth(next) > cap_depth(root) && count-- > 0) {
        object->adjust_at = NULL;
        cap_take_away(next);
        next = cap_next(root);
    }
    object->adjust_at = NULL;
    /* The reaper unlinks from a dying object's list without a look at the note, which would outlive its slot. */
    if (next != NULL && !object->dying)
        note_orphans(object, next, cap_depth(root) + 1);
    return next == NULL || cap_depth(next) <= cap_depth(root);
}

__attribute__((noinline)) static void remove_slowly(struct cap_slot *slot) {
    if (cap_type(slot) == OBJECT_REPLY) {
        struct thread *caller = cap_object(slot);
        cap_clear_reply(slot);
        thread_refuse(caller, E_PEER);
        return;
    }
    struct object *object = cap_object(slot);
    unlink(object, slot);
    cap_make_empty(slot);
    if (object->first_cap == NULL)
        object_kill(object);
}

void cap_remove(struct cap_slot *slot) {
    if (!cap_remove_leaf(slot) && !cap_is_empty(slot))
        remove_slowly(slot);
}

void cap_take_away(struct cap_slot *slot) {
    switch (cap_binding(slot)) {
    case BOUND_NOT:
    case BOUND_THREAD_REPLY:
        cap_remove(slot);
        break;
    case BOUND_THREAD_TABLE:
    case BOUND_THREAD_SPACE:
    case BOUND_THREAD_FAULT:
    case BOUND_THREAD_NOTIFICATION:
    case BOUND_THREAD_MESSAGE:
        thread_unbind(slot);
        break;
    case BOUND_IRQ_LINE:
        irq_unbind(slot);
        break;
    case BOUND_TRACE:
        trace_unbind(slot);
        break;
    case BOUND_ENDPOINT_WATCH:
        watch_unbind(slot);
        break;
    }
}
