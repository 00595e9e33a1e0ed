/*
 * Messages: docs/abi/ep_call.md, ep_wait.md, ep_reply.md, ep_reply_wait.md.
 */
#include "test/host/kernel/model/model.h"

#define REFUSED_MAX 4U /* senders in a row whose message cannot be delivered */
#define SENDER_BITS (0xffffffffULL << 32 | MESSAGE_DEADLINE | 0xfffULL)

static uint64_t *page_of(uint32_t thread) {
    uint32_t frame = model_thread(thread)->message_frame;
    return frame == MODEL_NONE ? 0 : model.frames[frame].words;
}

static uint64_t check_info(uint32_t self, uint64_t info) {
    bool plain = message_words(info) <= MESSAGE_REGISTERS && (info & 0xffffff00) == 0;
    if (plain)
        return OK;
    if ((info & ~SENDER_BITS) != 0 || message_words(info) > MESSAGE_WORDS || message_caps(info) > MESSAGE_CAPS)
        return E_ARG;
    return page_of(self) == 0 ? E_STATE : OK;
}

static uint64_t check_caps(uint32_t from, uint32_t to, uint32_t count, uint32_t *sources, uint32_t *slots) {
    for (uint32_t i = 0; i < count; i++) {
        sources[i] = model_slot(from, page_of(from)[WORD_SEND + i]);
        slots[i] = model_slot(to, page_of(to)[WORD_RECEIVE + i]);
        if (sources[i] == 0 || model.caps[sources[i]].object == 0)
            return E_CAP;
        if (model.caps[sources[i]].type == OBJECT_REPLY)
            return E_TYPE;
        if (slots[i] == 0 || model.caps[slots[i]].object != 0)
            return E_RECEIVE;
        for (uint32_t j = 0; j < i; j++) {
            if (slots[j] == slots[i])
                return E_RECEIVE;
        }
    }
    return OK;
}

/* Transfer words and capabilities from one thread to another: all or nothing. */
static uint64_t transfer(uint32_t from, uint32_t to, uint64_t info) {
    uint32_t words = message_words(info), count = message_caps(info), sources[MESSAGE_CAPS], slots[MESSAGE_CAPS];
    if (words > MESSAGE_REGISTERS || count > 0) {
        if (page_of(from) == 0)
            return E_STATE;
        if (page_of(to) == 0)
            return E_RECEIVE;
        uint64_t status = check_caps(from, to, count, sources, slots);
        if (status != OK)
            return status;
        for (uint32_t i = 0; i < count; i++)
            model_derive(slots[i], sources[i], RIGHTS_ALL, model.caps[sources[i]].data);
        for (uint32_t i = MESSAGE_REGISTERS; i < words; i++)
            page_of(to)[i] = page_of(from)[i];
    }
    for (uint32_t i = 0; i < MESSAGE_REGISTERS; i++)
        model_thread(to)->regs.words[i] = model_thread(from)->regs.words[i];
    model_thread(to)->regs.info = info & ~MESSAGE_DEADLINE;
    return OK;
}

/* Transfer the first words of a fault; compare.c checks those in the message page. */
static void transfer_fault(uint32_t from, uint32_t to) {
    const struct model_thread *sender = model_thread(from);
    struct model_regs *regs = &model_thread(to)->regs;
    uint64_t kind = sender->fault_kind == FAULT_SYSCALL ? MESSAGE_SYSCALL : MESSAGE_FAULT;
    uint64_t words = page_of(to) == 0 ? MESSAGE_REGISTERS : FAULT_WORDS;
    regs->words[0] = sender->fault_kind;
    regs->words[1] = sender->fault_address;
    regs->words[2] = sender->fault_access;
    regs->words[3] = sender->regs.rip;
    regs->info = MESSAGE_INFO(sender->fault_kind, words, 0) | kind << 12;
    if (page_of(to) != 0)
        model.frames[model_thread(to)->message_frame].open = OPEN_FAULT;
}

static void deliver(uint32_t sender, uint32_t receiver, uint64_t badge) {
    model_thread(receiver)->queue = 0;
    model_thread(receiver)->deadline_ns = DEADLINE_NEVER;
    model_set_reply(model_place(receiver, PLACE_REPLY), sender);
    model_thread(receiver)->regs.target = badge;
    model_thread(receiver)->regs.status = OK;
}

static void queue_sender(uint32_t sender, uint32_t endpoint, uint64_t info) {
    model_thread(sender)->call_info = info;
    model_wait_at(sender, endpoint);
}

/* The receiver has its message, and runs at once if it may and no higher thread is ready. */
static void hand_over_to(uint32_t running, enum thread_run_state state, uint32_t receiver) {
    if (model_thread(receiver)->suspended) {
        model_block(running, state);
        model_wake(receiver, OK);
    } else {
        model_swap(running, state, receiver);
    }
}

uint64_t model_ep_call(uint32_t self) {
    struct model_thread *thread = model_thread(self);
    uint64_t info = thread->regs.info;
    uint32_t place;
    uint64_t status = model_find(self, thread->regs.target, OBJECT_ENDPOINT, ENDPOINT_CALL, &place);
    if (status == OK)
        status = check_info(self, info);
    if (status == OK && message_caps(info) > 0 && (model.caps[place].rights & ENDPOINT_GRANT) == 0)
        status = E_RIGHTS;
    if (status != OK)
        return status;
    uint32_t endpoint = model.caps[place].object;
    uint64_t badge = model.caps[place].data;
    uint64_t deadline_ns = (info & MESSAGE_DEADLINE) != 0 ? page_of(self)[WORD_DEADLINE] : DEADLINE_NEVER;
    uint32_t receiver = model_first_waiter(endpoint, THREAD_IN_WAIT, THREAD_IN_WAIT);
    if (receiver == 0) {
        queue_sender(self, endpoint, info);
        model_block(self, THREAD_IN_CALL);
    } else {
        status = transfer(self, receiver, info);
        if (status != OK)
            return status;
        deliver(self, receiver, badge);
        hand_over_to(self, THREAD_IN_CALL, receiver);
    }
    thread->deadline_ns = deadline_ns;
    return MODEL_BLOCKED;
}

void model_fault(uint32_t id, uint64_t kind, uint64_t address, uint64_t access) {
    struct model_thread *thread = model_thread(id);
    thread->fault_kind = kind;
    thread->fault_address = address;
    thread->fault_access = access;
    const struct model_cap *cap = &model.caps[model_place(id, PLACE_FAULT)];
    if (cap->object == 0) {
        model_block(id, THREAD_STOPPED);
        return;
    }
    uint32_t receiver = model_first_waiter(cap->object, THREAD_IN_WAIT, THREAD_IN_WAIT);
    if (receiver == 0) {
        model_block(id, THREAD_IN_FAULT);
        queue_sender(id, cap->object, 0);
        return;
    }
    transfer_fault(id, receiver);
    deliver(id, receiver, cap->data);
    hand_over_to(id, THREAD_IN_FAULT, receiver);
}

static uint64_t receive(uint32_t self, uint32_t endpoint, uint64_t deadline_ns) {
    struct model_thread *thread = model_thread(self);
    uint32_t bound = model.caps[model_place(self, PLACE_NOTIFICATION)].object;
    if (bound != 0 && model.objects[bound].notification.bits != 0) {
        thread->regs.target = 0;
        thread->regs.info = MESSAGE_INFO(0, 1, 0) | (uint64_t)MESSAGE_NOTIFICATION << 12;
        thread->regs.words[0] = model.objects[bound].notification.bits;
        model.objects[bound].notification.bits = 0;
        return OK;
    }
    for (uint32_t refused = 0; refused < REFUSED_MAX; refused++) {
        uint32_t sender = model_first_waiter(endpoint, THREAD_IN_CALL, THREAD_IN_FAULT);
        if (sender == 0) {
            if (deadline_ns <= model.now_ns)
                return E_TIMEOUT;
            model_wait_at(self, endpoint);
            thread->deadline_ns = deadline_ns;
            return MODEL_BLOCKED;
        }
        struct model_thread *from = model_thread(sender);
        bool faulted = from->state == THREAD_IN_FAULT;
        uint32_t place = model_place(sender, PLACE_FAULT);
        uint64_t status = OK;
        if (!faulted) {
            uint32_t rights = message_caps(from->call_info) > 0 ? ENDPOINT_CALL | ENDPOINT_GRANT : ENDPOINT_CALL;
            status = model_find(sender, from->regs.target, OBJECT_ENDPOINT, rights, &place);
        }
        if (status != OK || model.caps[place].object != endpoint)
            status = E_CAP; /* the capability it called through is gone */
        if (status == OK && faulted)
            transfer_fault(sender, self);
        else if (status == OK)
            status = transfer(sender, self, from->call_info);
        if (status == OK) {
            from->queue = 0;
            deliver(sender, self, model.caps[place].data);
            return OK;
        }
        model_cancel(sender);
        if (!faulted)
            model_wake(sender, status);
    }
    return E_CANCEL;
}

uint64_t model_ep_wait(uint32_t self) {
    const struct model_regs *regs = &model_thread(self)->regs;
    uint32_t place;
    uint64_t status = model_find(self, regs->target, OBJECT_ENDPOINT, ENDPOINT_WAIT, &place);
    if (status == OK && model.caps[model_place(self, PLACE_REPLY)].object != 0)
        status = E_BUSY;
    if (status != OK)
        return status;
    status = receive(self, model.caps[place].object, regs->info);
    if (status == MODEL_BLOCKED)
        model_block(self, THREAD_IN_WAIT);
    return status;
}

static uint64_t answer_fault(uint32_t self, uint32_t waiting, uint64_t info, bool *ret_runs) {
    *ret_runs = message_label(info) != FAULT_STOP;
    if (message_label(info) == FAULT_RESUME || message_label(info) == FAULT_STOP)
        return OK;
    if (message_label(info) != FAULT_WRITE || page_of(self) == 0 || message_words(info) < FAULT_WORDS)
        return E_ARG;
    const struct thread_registers *registers = &((const struct fault_message *)(const void *)page_of(self))->registers;
    if (registers->rip >= USER_LIMIT)
        return E_ARG;
    model_thread(waiting)->regs.rip = registers->rip;
    return OK;
}

/* Answer the Reply at `place`. *ret_waiting: the thread that may run now; 0 = it stays stopped. */
static uint64_t answer(uint32_t self, uint32_t place, uint32_t *ret_waiting) {
    uint64_t info = model_thread(self)->regs.info;
    uint32_t waiting = model.caps[place].object;
    bool runs = true;
    uint64_t status = check_info(self, info);
    if (status != OK)
        return status;
    if (model_thread(waiting)->state == THREAD_IN_FAULT) {
        status = answer_fault(self, waiting, info, &runs);
    } else {
        status = transfer(self, waiting, info);
        if (status == OK) {
            model_thread(waiting)->regs.target = 0;
            model_thread(waiting)->regs.status = OK;
        }
    }
    if (status != OK)
        return status;
    model_cancel(waiting); /* takes the Reply */
    *ret_waiting = runs && !model_thread(waiting)->suspended ? waiting : 0;
    return OK;
}

uint64_t model_ep_reply(uint32_t self) {
    uint64_t slot = model_thread(self)->regs.target;
    uint32_t place = slot == 0 ? model_place(self, PLACE_REPLY) : model_slot(self, slot);
    if (place == 0 || model.caps[place].object == 0)
        return E_CAP;
    if (model.caps[place].type != OBJECT_REPLY)
        return E_TYPE;
    uint32_t waiting;
    uint64_t status = answer(self, place, &waiting);
    if (status == OK && waiting != 0)
        model_ready(waiting);
    return status;
}

uint64_t model_ep_reply_wait(uint32_t self) {
    uint32_t place, waiting = 0, reply = model_place(self, PLACE_REPLY);
    uint64_t status = model_find(self, model_thread(self)->regs.target, OBJECT_ENDPOINT, ENDPOINT_WAIT, &place);
    if (status == OK && model.caps[reply].object != 0)
        status = answer(self, reply, &waiting);
    if (status != OK)
        return status;
    uint32_t endpoint = model.caps[place].object;
    status = receive(self, endpoint, DEADLINE_NEVER);
    if (status == MODEL_BLOCKED && waiting != 0)
        model_swap(self, THREAD_IN_WAIT, waiting);
    else if (status == MODEL_BLOCKED)
        model_block(self, THREAD_IN_WAIT);
    else if (waiting != 0)
        model_ready(waiting);
    return status;
}
