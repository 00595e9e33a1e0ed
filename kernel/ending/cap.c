#include "kernel/ending/cap.h"

#include "kernel/ending/pile.h"
#include "kernel/ipc/watch.h"
#include "kernel/run/wait.h"

/* Take a slot out of its list; the caller then makes it empty. If the slot has children, its parent takes them over. */
static void unlink(struct object *object, struct cap_slot *slot) {
    struct cap_slot *next = cap_next(slot), *previous = cap_previous(slot);
    if (previous != NULL)
        cap_set_next(previous, next);
    else
        object->first_cap = next;
    if (next != NULL) {
        cap_set_previous(next, previous);
        if (!object->dying)
            cap_note_orphans(object, next, cap_depth(slot));
    }
    if (object->watched)
        watch_note_removal(object, slot, previous);
}

/* Not inlined: otherwise even the removal of a leaf would save registers, which costs 3 % of thread_create_delete. */
__attribute__((noinline)) static void remove_any(struct cap_slot *slot) {
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
        remove_any(slot);
}
