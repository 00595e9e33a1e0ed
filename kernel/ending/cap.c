#include "kernel/ending/cap.h"

#include "kernel/ending/pile.h"
#include "kernel/ipc/watch.h"
#include "kernel/run/wait.h"

void cap_remove(struct cap_slot *slot) {
    if (cap_remove_leaf(slot) || cap_is_empty(slot))
        return;
    if (cap_type(slot) == OBJECT_REPLY) {
        struct thread *caller = cap_object(slot);
        cap_clear_reply(slot);
        thread_refuse(caller, E_PEER);
        return;
    }
    struct object *object = cap_object(slot);
    const struct cap_slot *previous = cap_previous(slot);
    cap_unlink(slot);
    if (object->watched)
        watch_note_removal(object, slot, previous);
    cap_make_empty(slot);
    if (object->first_cap == NULL)
        object_kill(object);
}
