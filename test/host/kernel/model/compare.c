#include "test/host/kernel/model/compare.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/arch.h"
#include "kernel/base/ledger.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"
#include "kernel/memory/space.h"
#include "kernel/run/queue.h"
#include "test/host/kernel/machine.h"
#include "test/host/kernel/model/model.h"

static char difference[256];

__attribute__((format(printf, 1, 2))) static bool differs(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(difference, sizeof difference, format, arguments);
    va_end(arguments);
    return false;
}

static bool same(uint64_t kernel, uint64_t expected, const char *what, uint32_t id) {
    return kernel == expected || differs("%s of object %u: kernel 0x%llx, model 0x%llx", what, id,
                                         (unsigned long long)kernel, (unsigned long long)expected);
}

const struct cap_slot *compare_slot(uint32_t place) {
    const struct model_object *owner = &model.objects[place / MODEL_SLOTS];
    uint32_t slot = place % MODEL_SLOTS;
    if (owner->type == OBJECT_TABLE)
        return &((const struct table *)owner->kernel)->slots[slot];
    if (owner->type == OBJECT_ENDPOINT)
        return &((const struct endpoint *)owner->kernel)->watch;
    if (owner->type != OBJECT_THREAD)
        return NULL;
    const struct thread *thread = owner->kernel;
    const struct cap_slot *slots[PLACES] = {&thread->reply,          &thread->table,        &thread->space,
                                            &thread->fault_endpoint, &thread->notification, &thread->message_memory};
    return slots[slot];
}

bool compare_is_empty(uint32_t place) {
    const struct cap_slot *slot = compare_slot(place);
    return slot != NULL ? cap_is_empty(slot) : (machine.unmasked_lines >> place % MODEL_SLOTS & 1) == 0;
}

uint32_t compare_thread(const void *thread) {
    for (uint32_t id = 1; thread != NULL && id < MODEL_OBJECTS; id++) {
        if (model.objects[id].type == OBJECT_THREAD && model.objects[id].kernel == thread)
            return id;
    }
    return 0;
}

static bool same_cap(uint32_t place) {
    const struct model_cap *expected = &model.caps[place];
    const struct cap_slot *slot = compare_slot(place);
    uint32_t owner = place / MODEL_SLOTS, at = place % MODEL_SLOTS;
    if (cap_is_empty(slot) != (expected->object == 0))
        return differs("slot %u of object %u: kernel %s, model %s", at, owner, cap_is_empty(slot) ? "empty" : "full",
                       expected->object == 0 ? "empty" : "full");
    if (cap_is_empty(slot))
        return true;
    if (cap_type(slot) != expected->type || cap_object(slot) != model.objects[expected->object].kernel)
        return differs("slot %u of object %u is for another object", at, owner);
    return expected->type == OBJECT_REPLY || (same(cap_rights(slot), expected->rights, "rights in a slot", owner) &&
                                              same(slot->data, expected->data, "data in a slot", owner));
}

static bool same_regs(uint32_t id, const struct frame *frame) {
    struct model_thread *thread = model_thread(id);
    const struct model_regs *regs = &thread->regs;
    if (thread->regs_open) /* E_PEER, or nothing was reported */
        thread->regs.status = frame->status;
    thread->regs_open = false;
    for (uint32_t i = 0; i < MESSAGE_REGISTERS; i++) {
        if (!same(frame->words[i], regs->words[i], "a word in the registers", id))
            return false;
    }
    return same(frame->status, regs->status, "status", id) && same(frame->target, regs->target, "RDI", id) &&
           same(frame->info, regs->info, "info", id) && same(frame->rip, regs->rip, "RIP", id);
}

static bool same_thread(uint32_t id) {
    const struct model_thread *expected = model_thread(id);
    const struct thread *thread = model.objects[id].kernel;
    bool waits =
        expected->state != THREAD_STOPPED && expected->state != THREAD_READY && expected->state != THREAD_RUNNING;
    uint64_t frame = expected->message_frame == MODEL_NONE ? 0 : expected->message_frame + model.first_frame;
    bool armed = heap_contains_node(&thread->deadline.node);
    for (uint32_t slot = 0; slot < PLACES; slot++) {
        if (!same_cap(model_place(id, slot)))
            return false;
    }
    return same(thread->state, expected->state, "state", id) &&
           same(thread->priority, expected->priority, "priority", id) &&
           same(thread->foreign, expected->foreign, "foreign", id) &&
           (!waits || same(thread->suspended, expected->suspended, "suspended", id)) &&
           same(thread->message_frame, frame, "message frame", id) &&
           same(armed ? thread->deadline.node.key : DEADLINE_NEVER, expected->deadline_ns, "deadline", id) &&
           same_regs(id, &thread->arch.frame);
}

static bool same_table(uint32_t id) {
    for (uint32_t slot = 1; slot < MODEL_SLOTS && slot < model.objects[id].table.slot_count; slot++) {
        if (!same_cap(model_place(id, slot)))
            return false;
    }
    return true;
}

static bool same_notification(uint32_t id) {
    const struct model_object *expected = &model.objects[id];
    const struct notification *notification = expected->kernel;
    bool armed = heap_contains_node(&notification->deadline.node);
    return same(notification->bits, expected->notification.bits, "bits", id) &&
           same(compare_thread(notification->bound), expected->notification.bound, "bound thread", id) &&
           same(armed ? notification->deadline.node.key : DEADLINE_NEVER, expected->notification.timer_ns, "timer", id);
}

static bool same_endpoint(uint32_t id) {
    const struct endpoint *endpoint = model.objects[id].kernel;
    if (!same_cap(model_place(id, PLACE_WATCH)) ||
        (!cap_is_empty(&endpoint->watch) &&
         !same(endpoint->watch_bits, model.objects[id].endpoint.watch_bits, "bits to watch by", id)))
        return false;
    return same(compare_thread(queue_first(&endpoint->senders)),
                model_first_waiter(id, THREAD_IN_CALL, THREAD_IN_FAULT), "first sender", id) &&
           same(compare_thread(queue_first(&endpoint->receivers)),
                model_first_waiter(id, THREAD_IN_WAIT, THREAD_IN_WAIT), "first receiver", id);
}

static bool same_space(uint32_t id, bool all) {
    const struct space *space = model.objects[id].kernel;
    const struct model_object *expected = &model.objects[id];
    if (!same(space->mapped_pages, expected->space.page_count, "mapped pages", id))
        return false;
    for (uint32_t i = 0; all && i < expected->space.page_count; i++) {
        const struct model_page *page = &expected->space.pages[i];
        uaddr_t at = page->page * PAGE_BYTES;
        const uint64_t *table = arch_table_find(space->root, at);
        uint64_t entry = table == NULL ? 0 : table[arch_table_index(at)];
        uint64_t wanted = arch_entry_make(page->frame + model.first_frame, page->rights, page->limit, true);
        if (!same(entry, wanted, "a page table entry", id))
            return false;
    }
    return true;
}

static bool same_lines(uint32_t id) {
    for (uint32_t line = 0; line < MODEL_LINES; line++) {
        if (!same(machine.unmasked_lines >> line & 1, model.caps[model_place(id, line)].object != 0, "a line's mask",
                  id))
            return false;
    }
    return true;
}

static bool same_object(uint32_t id, bool all) {
    const struct model_object *expected = &model.objects[id];
    switch (expected->type) {
    case OBJECT_THREAD:
        return same_thread(id);
    case OBJECT_TABLE:
        return same_table(id);
    case OBJECT_NOTIFICATION:
        return same_notification(id);
    case OBJECT_ENDPOINT:
        return same_endpoint(id);
    case OBJECT_SPACE:
        return same_space(id, all);
    case OBJECT_POOL: {
        const struct pool *pool = expected->kernel;
        return same(pool->used_bytes, model_pool_used(id), "bytes in use", id) &&
               same(pool->frame_count, expected->pool.frame_count, "frames", id);
    }
    case OBJECT_IRQ:
        return same_lines(id);
    case OBJECT_NONE:
    case OBJECT_MEMORY:
    case OBJECT_PORTS:
    case OBJECT_REPLY:
        break;
    }
    return true;
}

static bool same_words(uint32_t i) {
    struct model_frame *frame = &model.frames[i];
    const uint64_t *words = arch_pointer((model.first_frame + i) * PAGE_BYTES);
    for (uint32_t word = 0; frame->open != OPEN_NOT && word < MODEL_WORDS; word++) {
        bool cleared = frame->open == OPEN_CLEARED && words[word] == 0;
        bool fault = frame->open == OPEN_FAULT && word >= MESSAGE_REGISTERS && word < FAULT_WORDS;
        if (cleared || fault)
            frame->words[word] = words[word];
    }
    frame->open = OPEN_NOT;
    return memcmp(words, frame->words, sizeof frame->words) == 0 || differs("words in frame %u", i);
}

static bool same_frames(bool all) {
    uint64_t pool_frames = 0;
    for (uint32_t i = 0; i < MODEL_FRAMES; i++) {
        const struct model_frame *frame = &model.frames[i];
        enum frame_type type = frame_type(model.first_frame + i);
        if ((type == FRAME_USER || type == FRAME_ZERO) != (frame->pool == 0))
            return differs("frame %u: type %u in the kernel, in pool %u in the model", i, type, frame->pool);
        if (frame->pool == 0 && !same(frame_count(model.first_frame + i), frame->count, "holders of frame", i))
            return false;
        if (frame->pool == 0 && (all || frame->open != OPEN_NOT || frame->count > 0) && !same_words(i))
            return false;
        pool_frames += frame->pool != 0;
    }
    return same(ledger.mapped_count, model_mapped_count(), "INFO_FRAMES_MAPPED", 0) &&
           same(ledger.kernel_count, pool_frames + MACHINE_FIRST_FREE - 2, "INFO_FRAMES_KERNEL", 0);
}

const char *compare_states(bool all) {
    if (model.objection != NULL)
        return model.objection;
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        if (!same_object(id, all))
            return difference;
    }
    if (!same(cap_count, model.cap_total, "INFO_CAPABILITIES", 0) || !same_frames(all))
        return difference;
    return NULL;
}
