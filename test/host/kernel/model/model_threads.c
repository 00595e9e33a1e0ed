/*
 * Scheduling, waits, and deadlines.
 */
#include "kernel/run/timer.h"
#include "test/host/kernel/model/model.h"

void model_ready(uint32_t id) {
    struct model_thread *thread = model_thread(id);
    thread->state = THREAD_READY;
    thread->stamp = model.reaping ? model.stamp : ++model.stamp;
}

void model_block(uint32_t id, enum thread_run_state state) {
    if (model.current == id)
        model.current = 0;
    model_thread(id)->state = state;
}

/* The highest priority among the ready threads; -1 = there is none. */
static int64_t highest_ready(void) {
    int64_t highest = -1;
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        if (model.objects[id].type == OBJECT_THREAD && model_thread(id)->state == THREAD_READY &&
            (int64_t)model_thread(id)->priority > highest)
            highest = (int64_t)model_thread(id)->priority;
    }
    return highest;
}

bool model_is_idle(void) { return model.current == 0 && highest_ready() < 0; }

void model_swap(uint32_t running, enum thread_run_state state, uint32_t next) {
    bool higher_waits = highest_ready() > (int64_t)model_thread(next)->priority;
    model_block(running, state);
    if (higher_waits) {
        model_ready(next);
        return;
    }
    model_thread(next)->state = THREAD_RUNNING;
    model.current = next;
}

void model_wake(uint32_t id, uint64_t status) {
    struct model_thread *thread = model_thread(id);
    thread->regs.status = status;
    if (thread->suspended)
        thread->state = THREAD_STOPPED;
    else
        model_ready(id);
}

void model_cancel(uint32_t id) {
    struct model_thread *thread = model_thread(id);
    thread->deadline_ns = DEADLINE_NEVER;
    thread->queue = 0;
    if (thread->reply_place != 0)
        model_clear_reply(thread->reply_place);
    thread->state = THREAD_STOPPED;
}

void model_stop(uint32_t id) {
    if (model.current == id)
        model.current = 0;
    model_cancel(id);
}

void model_wait_at(uint32_t id, uint32_t object) {
    struct model_thread *thread = model_thread(id);
    thread->queue = object;
    thread->wait_priority = thread->priority;
    thread->wait_arrival = ++model.arrivals;
}

uint32_t model_first_waiter(uint32_t object, enum thread_run_state one, enum thread_run_state other) {
    bool last_first = one == THREAD_IN_WAIT; /* among equal receivers the last one is first */
    uint32_t first = 0;
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        const struct model_thread *thread = model_thread(id), *best = model_thread(first);
        if (model.objects[id].type != OBJECT_THREAD || thread->queue != object ||
            (thread->state != one && thread->state != other))
            continue;
        if (first == 0 || thread->wait_priority > best->wait_priority ||
            (thread->wait_priority == best->wait_priority && (thread->wait_arrival < best->wait_arrival) != last_first))
            first = id;
    }
    return first;
}

void model_deliver_bits(uint32_t id, uint32_t thread) {
    if (model_thread(thread)->state == THREAD_IN_WAIT) {
        model_thread(thread)->regs.target = 0;
        model_thread(thread)->regs.info = MESSAGE_INFO(0, 1, 0) | (uint64_t)MESSAGE_NOTIFICATION << 12;
    }
    model_thread(thread)->regs.words[0] = model.objects[id].notification.bits;
    model.objects[id].notification.bits = 0;
    model_cancel(thread);
    model_wake(thread, OK);
}

void model_raise(uint32_t id, uint64_t bits) {
    struct model_object *object = &model.objects[id];
    object->notification.bits |= bits;
    uint32_t waiter = model_first_waiter(id, THREAD_IN_SIGNAL, THREAD_IN_SIGNAL);
    uint32_t bound = object->notification.bound;
    if (waiter == 0 && bound != 0 && model_thread(bound)->state == THREAD_IN_WAIT)
        waiter = bound;
    if (waiter != 0)
        model_deliver_bits(id, waiter);
}

/* A deadline's time and priority: the priority of the waiting thread, or of the thread that set the timer. */
static uint64_t deadline_of(const struct model_object *object, uint64_t *ret_priority) {
    if (object->type == OBJECT_THREAD) {
        *ret_priority = object->thread.priority;
        return object->thread.deadline_ns;
    }
    *ret_priority = object->notification.timer_priority;
    return object->type == OBJECT_NOTIFICATION ? object->notification.timer_ns : DEADLINE_NEVER;
}

/* Does a deadline of this priority have to wait for a pause after earlier ones? */
static bool must_pause(uint64_t now_ns, uint64_t priority) {
    if (model.current == 0 || priority > model.batch_priority)
        return false;
    return now_ns < model.batch_ns || (priority < model_thread(model.current)->priority && now_ns < model.low_batch_ns);
}

/* The object whose expired deadline is served next: the highest priority, then the earliest; 0 = none. */
static uint32_t first_due(uint64_t now_ns) {
    uint32_t first = 0;
    uint64_t earliest = 0, highest = 0;
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        uint64_t priority, at = deadline_of(&model.objects[id], &priority);
        if (at > now_ns || must_pause(now_ns, priority) || (first != 0 && priority < highest))
            continue;
        if (first != 0 && priority == highest && at >= earliest)
            continue;
        first = id;
        earliest = at;
        highest = priority;
    }
    return first;
}

static void expire(uint32_t id) {
    if (model.objects[id].type == OBJECT_THREAD) {
        model_cancel(id);
        model_wake(id, E_TIMEOUT);
    } else {
        model.objects[id].notification.timer_ns = DEADLINE_NEVER;
        model_raise(id, model.objects[id].notification.timer_bits);
    }
}

static void expire_batch(uint64_t now_ns) {
    uint64_t highest = 0, priority = 0;
    uint32_t count = 0;
    for (uint32_t id; count < TIMER_BATCH && (id = first_due(now_ns)) != 0; count++) {
        deadline_of(&model.objects[id], &priority);
        highest = count == 0 ? priority : highest;
        expire(id);
    }
    if (count == 0)
        return;
    model.batch_priority = highest;
    model.batch_ns = now_ns + TIMER_PAUSE_NS;
    if (model.current != 0 && priority < model_thread(model.current)->priority)
        model.low_batch_ns = now_ns + TIMER_LOW_PAUSE_NS;
}

static bool equal_waits(uint32_t running) {
    return running != 0 && highest_ready() >= (int64_t)model_thread(running)->priority;
}

void model_timer(uint64_t now_ns, bool slice_is_over) {
    model.now_ns = now_ns;
    expire_batch(now_ns);
    uint32_t running = model.current;
    if (slice_is_over && equal_waits(running)) {
        for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
            if (model.objects[id].type == OBJECT_THREAD && model_thread(id)->state == THREAD_READY &&
                model_thread(id)->priority == model_thread(running)->priority) {
                model_block(running, THREAD_STOPPED);
                model_ready(running);
                return;
            }
        }
    }
}

static bool is_first_ready(uint32_t chosen) {
    if (chosen == 0 || model.objects[chosen].type != OBJECT_THREAD || model_thread(chosen)->state != THREAD_READY ||
        (int64_t)model_thread(chosen)->priority != highest_ready())
        return false;
    for (uint32_t id = 1; id < MODEL_OBJECTS; id++) {
        if (model.objects[id].type == OBJECT_THREAD && model_thread(id)->state == THREAD_READY &&
            model_thread(id)->priority == model_thread(chosen)->priority &&
            model_thread(id)->stamp < model_thread(chosen)->stamp)
            return false;
    }
    return true;
}

void model_leave(uint32_t chosen) {
    uint32_t running = model.current;
    if (running != 0 && highest_ready() > (int64_t)model_thread(running)->priority) {
        model_thread(running)->state = THREAD_READY;
        model_thread(running)->stamp = --model.front_stamp; /* it did not use up its slice */
        running = 0;
    }
    if (running == 0) {
        if (!is_first_ready(chosen)) {
            model.objection = "a thread runs that is not the first of the highest";
            return;
        }
        model_thread(chosen)->state = THREAD_RUNNING;
        model.current = chosen;
    } else if (running != chosen) {
        model.objection = "another thread runs, and nobody higher was ready";
    }
}
