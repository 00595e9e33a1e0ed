#include "libsys/wire/server.h"

#include "kernel/abi/system.h"
#include "libsys/program/export.h"
#include "libsys/program/keep.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "libsys/wire/commit.h"
#include "libsys/wire/recover.h"
#include "libsys/wire/transfer.h"

#define AT(member, offset) (__builtin_offsetof(struct server, member) == (offset))
_Static_assert(AT(journal.mark, COMMIT_MARK) & AT(endpoint, COMMIT_ENDPOINT) & AT(answer, COMMIT_ANSWER) &
                   AT(event.badge, COMMIT_BADGE) & AT(event.message, COMMIT_INFO) & AT(heard, COMMIT_HEARD) &
                   (COMMIT_RECEIVED == SERVER_RECEIVED),
               "commit.S finds them there");

/* Of this program alone, whatever it keeps. */
static struct server *served;
static cap_t current;         /* where the right to answer the event is: 0, as the kernel gives it, or the spare slot */
static bool comes_again;      /* the next event is the one that the program before was at */
static bool is_long;          /* the running handler's reply is in reply_words */
static uint64_t layout_to_be; /* of the state that this program begins */

static enum server_stage stage_of(const struct server *server) { return SERVER_STAGE(server->journal.mark); }

/* ---- after the program before ---- */

/*
 * Finish or undo what the program before was at. If it died behind a system call and before the record of it, its
 * registers have what is missing (commit.S).
 */
static void recover(struct server *server, const struct thread_registers *dead) {
    if (recover_made_call(dead, server_receive_made, server_receive_end)) {
        server->event = (struct server_event){dead->rdi, {dead->rsi, {dead->rdx, dead->r10, dead->r8, dead->r9}}};
        journal_commit(&server->journal, SERVER_RECEIVED);
    }
    recover_change(&server->journal, dead);
}

bool server_keep(struct server *server, uint64_t layout, size_t bytes) {
    struct keep_head *head = keep_head();
    uint64_t size_bytes = program_need_size("keep", KEEP_STATE_AT - KEEP_AT + bytes + JOURNAL_BYTES);
    uint8_t *notes = (uint8_t *)(KEEP_AT + size_bytes - JOURNAL_BYTES);
    layout = keep_sized_layout(layout, bytes);
    journal = &server->journal;
    slots_keep(&program.slots, &head->slots_end);
    bool follows = head->layout == layout;
    keep_decide(head, follows);
    if (follows)
        recover(server, &head->dead);
    __asm__ volatile("" : : : "memory"); /* only then */
    head->recovered = head->generation;
    if (follows)
        return true;
    head->layout = 0;
    memset(server, 0, bytes);
    server->journal.notes = notes;
    layout_to_be = layout;
    return false;
}

/*
 * Go on where the program before ended. The right to answer the event comes into the spare slot: there it stays if this
 * program, too, ends before it has answered.
 */
static void go_on(struct server *server) {
    enum server_stage stage = stage_of(server);
    enum message_kind kind = server_event_kind(server);
    uint64_t tries = SERVER_TRIES(server->journal.mark) + keep_head()->failed;
    (void)sys_cap_move(0, server->spare, 0);
    current = sys_cap_query(server->spare).status == OK ? server->spare : 0;
    if (current == 0 && kind != MESSAGE_NOTIFICATION)
        stage = SERVER_WAITS; /* the caller has its answer, or is gone */
    if (stage != SERVER_RECEIVED && stage != SERVER_COPIED) {
        journal_commit(&server->journal, (uint64_t)stage);
    } else if (tries < SERVER_TRIES_MAX) {
        comes_again = true;
        if (stage == SERVER_RECEIVED) /* before anybody else uses the message page */
            (void)message_get(&server->event.message, server->request_words);
        journal_commit(&server->journal, SERVER_COPIED | tries << 4);
    } else {
        server->status = P_FAILED;
        server->call.reason[0] = '\0';
        journal_commit(&server->journal, kind == MESSAGE_CALL ? SERVER_BUILDS : SERVER_WAITS);
    }
}

static const struct protocol_operation *operation_of(const struct server *server) {
    return &server->protocol->operations[server->call.operation];
}

/* How many capabilities travel with the answer that is to be built. */
static uint32_t cap_count_of(const struct server *server) {
    return stage_of(server) == SERVER_SENDS ? operation_of(server)->reply.cap_count : 0;
}

static void follow(struct server *server, cap_t table) {
    enum server_stage stage = stage_of(server);
    bool call_is_over = stage != SERVER_RECEIVED && stage != SERVER_COPIED;
    uint32_t cap_count = cap_count_of(server);
    for (uint32_t i = 0; i < cap_count; i++)
        slot_claim(server->call.reply_caps[i]);
    recover_received(server->receive, call_is_over); /* some may travel back with the answer */
    slot_claim(server->spare);
    recover_sweep(table);
    go_on(server);
    for (uint32_t i = 0; stage_of(server) != SERVER_SENDS && i < cap_count; i++)
        slot_drop(&server->call.reply_caps[i]); /* the caller is gone */
}

/* ---- setting up ---- */

/* Fill the gaps in `receive`. False: no slot is free. */
static bool take_slots(struct server *server) {
    bool complete = true;
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++) {
        if (server->receive[i] == 0)
            server->receive[i] = slot_take();
        complete = complete && server->receive[i] != 0;
    }
    return complete;
}

static void fill_short_calls(struct server *server, const struct protocol *protocol) {
    for (uint32_t i = 0; i < protocol->operation_count; i++) {
        const struct protocol_operation *operation = &protocol->operations[i];
        struct server_short infos = {protocol_short_info(&operation->request, i),
                                     protocol_short_info(&operation->reply, OK)};
        if (infos.reply == PROTOCOL_NOT_SHORT || i == 0) /* 0 is the counter, which has no handler */
            infos.request = PROTOCOL_NOT_SHORT;
        server->short_calls[i] = infos;
    }
}

/*
 * Begin with a state that was imported: there is one to follow from here on. Only then say yes, and empty the slots
 * that it does not name.
 */
static void begin_imported(struct server *server, struct keep_head *head) {
    server->spare = slot_take();
    if (server->spare == 0 || !take_slots(server))
        keep_refuse("the new program has no free slot");
    head->layout = layout_to_be;
    __asm__ volatile("" : : : "memory"); /* only then */
    keep_accept(head);
    recover_sweep(program_need("table"));
}

/* Begin without a state. What a program before held is lost, and its callers are told. */
static bool begin(struct server *server, bool replaces) {
    if (replaces)
        recover_sweep(program_need("table"));
    server->spare = slot_take();
    if (server->spare == 0)
        return false;
    if (replaces && sys_cap_move(0, server->spare, 0).status == OK)
        recover_answer_lost(server->spare);
    return true;
}

uint32_t server_init(struct server *server, cap_t endpoint, const struct protocol *protocol) {
    struct keep_head *head = server->journal.notes != NULL ? keep_head() : NULL;
    if (head == NULL) {
        if (program_cap_size("keep") != 0)
            keep_nothing(keep_head());
        *server = (struct server){0};
    }
    served = server;
    server->endpoint = endpoint;
    server->protocol = protocol;
    server->long_way = true;
    fill_short_calls(server, protocol);
    if (head != NULL && head->trial == KEEP_TRIAL && !export_was_taken())
        keep_refuse(KEEP_OTHER_FORM);
    if (head != NULL && head->trial == KEEP_TRIAL)
        begin_imported(server, head);
    else if (head != NULL && head->layout != 0)
        follow(server, program_need("table"));
    else if (!begin(server, head != NULL && head->generation > 1))
        return E_LIMIT;
    if (!take_slots(server))
        return E_LIMIT;
    if (head != NULL && head->layout == 0)
        head->layout = layout_to_be; /* from here on there is a state to follow */
    return OK;
}

/* ---- the loop ---- */

/* Replace the receive slots whose capabilities handlers have kept. If no slot is left, none can be received there. */
static void refill_slots(struct server *server) {
    server->long_way = !take_slots(server);
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++)
        program.message->receive_caps[i] = server->receive[i];
}

/* Give up the right to answer the event, if it is still there. */
static void forget_current(void) {
    (void)sys_cap_delete(0, current);
    current = 0;
}

/* Put an answer into *ret_message and the message page. */
static inline void build_answer(const struct protocol_operation *operation, const void *reply,
                                struct message *ret_message) {
    uint32_t bytes = protocol_bytes(&operation->reply, reply);
    ret_message->info = MESSAGE_INFO(OK, message_words_of(bytes), operation->reply.cap_count);
    message_put(ret_message, reply, bytes);
}

/* Put a failing status into *ret_message and the message page. reason: may be NULL. */
static void build_failure(uint32_t status, const char *reason, struct message *ret_message) {
    if (reason != NULL && reason[0] != '\0') {
        size_t bytes = strnlen(reason, PROTOCOL_REASON_MAX - 1) + 1;
        ret_message->info = MESSAGE_INFO(status, message_words_of(bytes), 0);
        message_put(ret_message, reason, bytes);
    } else {
        *ret_message = (struct message){.info = MESSAGE_INFO(status, 0, 0)}; /* clears words of an earlier answer */
    }
}

/* Make the answer that was decided. It is the last step before it goes out, since the message page serves all calls. */
static void build(struct server *server) {
    if (server->status != OK) {
        build_failure(server->status, server->call.reason, &server->answer);
        return;
    }
    build_answer(operation_of(server), server->reply_words, &server->answer);
    for (uint32_t i = 0; i < operation_of(server)->reply.cap_count; i++)
        program.message->send_caps[i] = server->call.reply_caps[i];
}

/* Answer through a slot. If the answer is taken, all changes are committed, and the loop is at `stage`. */
static uint64_t send(struct server *server, cap_t reply, const struct message *answer, uint64_t stage) {
    const uint64_t *words = answer->words;
    const struct journal_effect effect = {SYS_ep_reply, reply, answer->info, words[0], words[1], words[2], words[3]};
    return journal_call(&server->journal.mark, &effect, stage);
}

static bool owes(enum server_stage stage) { return stage >= SERVER_DECIDED; }

/*
 * Send the answer now, and clear the slots from which capabilities were sent. False: the caller could not take it; it
 * was told if possible.
 */
static bool answer_now(struct server *server) {
    uint32_t cap_count = cap_count_of(server);
    uint64_t status;
    do { /* E_BUSY: each try does a part of the kernel's pending work on a capability */
        if (stage_of(server) != SERVER_DECIDED)
            build(server);
        status = send(server, current, &server->answer, SERVER_WAITS);
    } while (status == E_BUSY);
    bool taken = status == OK;
    if (!taken && cap_count > 0) { /* it has no slots for them */
        server->answer = (struct message){.info = MESSAGE_INFO(status, 0, 0)};
        status = send(server, current, &server->answer, SERVER_WAITS);
    }
    journal_commit(&server->journal, SERVER_WAITS);
    if (status == OK)
        current = 0;
    else
        forget_current();
    for (uint32_t i = 0; i < cap_count; i++)
        slot_drop(&server->call.reply_caps[i]);
    return taken;
}

bool server_answer_event(struct server *server) {
    bool taken = send(server, current, &server->answer, SERVER_WAITS) == OK;
    journal_commit(&server->journal, SERVER_WAITS);
    if (taken)
        current = 0;
    else
        forget_current();
    return taken;
}

bool server_flush(struct server *server) { return !owes(stage_of(server)) || answer_now(server); }

/* Wait for a message, although no answer is to be sent. */
static uint32_t wait_only(struct server *server) {
    uint64_t status;
    journal_commit(&server->journal, SERVER_WAITS);
    do {
        server->answer.info = DEADLINE_NEVER; /* it is in the same register */
        status = server_receive(server, SYS_ep_wait);
        if (status == E_BUSY)
            forget_current(); /* an unanswered message, such as a fault sent here by mistake */
    } while (status == E_CANCEL || status == E_BUSY);
    return (uint32_t)status;
}

/* server_next(), whatever there is to be done before. */
static __attribute__((noinline)) uint32_t next_after_all(struct server *server) {
    if (comes_again) {
        comes_again = false;
        return OK;
    }
    enum server_stage stage = owes(stage_of(server)) ? stage_of(server) : SERVER_WAITS;
    journal_commit(&server->journal, (uint64_t)stage);
    if (owes(stage) && (current != 0 || stage == SERVER_SENDS)) {
        (void)answer_now(server);
        stage = SERVER_WAITS;
    } else if (!owes(stage) && current != 0) {
        forget_current();
    }
    if (server->long_way)
        refill_slots(server);
    if (!owes(stage))
        return wait_only(server);
    if (stage == SERVER_BUILDS)
        build(server);
    if (server_receive(server, SYS_ep_reply_wait) == OK)
        return OK;
    return server_next_after_failure(server);
}

uint32_t server_next_long(struct server *server) {
    if (server->journal.mark != SERVER_BUILDS || server->long_way || current != 0)
        return next_after_all(server);
    build(server);
    if (server_receive(server, SYS_ep_reply_wait) == OK)
        return OK;
    return server_next_after_failure(server);
}

uint32_t server_next_after_failure(struct server *server) {
    forget_current(); /* a client that can't take its answer must not hold up the others */
    return wait_only(server);
}

static uint32_t serve_counter(const struct server *server, const struct server_counter_request *request,
                              struct server_counter_reply *reply) {
    if (request->number >= server->protocol->operation_count)
        return P_END;
    *reply = (struct server_counter_reply){.count = server->counts[request->number]};
    const char *name = server->protocol->operations[request->number].name;
    memcpy(reply->name, name, strnlen(name, sizeof reply->name - 1));
    return OK;
}

/* Check the request and run its handler. */
static uint32_t run_handler(struct server *server, struct server_call *call, const void *request, uint32_t word_count,
                            uint32_t cap_count) {
    if (call->operation >= server->protocol->operation_count)
        return P_OPERATION;
    server->counts[call->operation]++;
    const struct protocol_operation *operation = &server->protocol->operations[call->operation];
    if (!protocol_fits(&operation->request, word_count, cap_count, request))
        return P_MESSAGE;
    for (uint32_t i = 0; i < operation->reply.cap_count; i++)
        call->reply_caps[i] = 0;
    if (call->operation == 0)
        return serve_counter(server, request, (void *)server->reply_words);
    return server->protocol->dispatch(call, request, server->reply_words);
}

/* Delete received capabilities that no handler kept. Where one was kept, the next wait needs a fresh slot. */
static void settle_received(struct server *server, struct server_call *call, uint32_t count) {
    for (uint32_t i = 0; i < count && i < MESSAGE_CAPS; i++) {
        if (call->caps[i] != 0) {
            (void)sys_cap_delete(0, call->caps[i]); /* can't fail: the slot is in our own table */
        } else {
            server->receive[i] = 0;
            server->long_way = true;
        }
    }
}

void server_answer_failure(struct server *server, uint32_t status) {
    if (status != SERVER_DEFERRED && server->call.reason[0] == '\0') {
        build_failure(status, NULL, &server->answer);
        server_decide(server);
    } else if (status != SERVER_DEFERRED) {
        server->status = status;
        journal_commit(&server->journal, SERVER_BUILDS);
    } else {
        bool deferred = stage_of(server) == SERVER_WAITS;
        journal_commit(&server->journal, SERVER_WAITS);
        if (!deferred)
            forget_current(); /* the handler gives up the answer; usually the Reply is gone already */
    }
}

/* The stage at which the answer in reply_words is decided. */
static enum server_stage stage_to_build(const struct server *server) {
    return operation_of(server)->reply.cap_count > 0 ? SERVER_SENDS : SERVER_BUILDS;
}

/* Decide on the answer in reply_words. One that needs no message page is made right here. */
static inline void decide_long(struct server *server) {
    const struct protocol_operation *operation = operation_of(server);
    server->status = OK;
    if (operation->reply.cap_count > 0 || operation->reply.most_bytes > 8U * MESSAGE_REGISTERS) {
        journal_commit(&server->journal, (uint64_t)stage_to_build(server));
    } else {
        build_answer(operation, server->reply_words, &server->answer);
        server_decide(server);
    }
}

void server_decide_early(struct server *server) {
    if (is_long)
        decide_long(server);
    else
        server_decide(server);
}

void server_serve_long(struct server *server) {
    struct server_call *call = &server->call;
    const struct message *message = &server->event.message;
    uint32_t word_count = message_words(message->info), cap_count = message_caps(message->info);
    call->badge = server->event.badge;
    call->operation = message_label(message->info);
    call->reason[0] = '\0';
    bool is_whole = word_count <= MESSAGE_REGISTERS;
    if (!is_whole && stage_of(server) != SERVER_COPIED) {
        (void)message_get(message, server->request_words);
        journal_commit(&server->journal, (server->journal.mark & 0xf0) | SERVER_COPIED);
    }
    for (uint32_t i = 0; i < cap_count && i < MESSAGE_CAPS; i++)
        call->caps[i] = server->receive[i];
    is_long = true;
    const void *request = is_whole ? message->words : server->request_words;
    uint32_t status = run_handler(server, call, request, word_count, cap_count);
    is_long = false;
    if (status == OK)
        decide_long(server);
    else
        server_answer_failure(server, status);
    if (cap_count > 0)
        settle_received(server, call, cap_count);
}

bool server_defer_to(cap_t slot) {
    const struct journal_effect effect = {.rax = SYS_cap_move, .rsi = slot, .rdx = current};
    if (journal_call(&served->journal.mark, &effect, SERVER_WAITS) != OK)
        return false;
    current = 0;
    return true;
}

cap_t server_defer(void) {
    cap_t slot = slot_take();
    if (slot == 0 || server_defer_to(slot))
        return slot;
    slot_free(slot);
    return 0;
}

/* Answer a deferred call; if the answer is taken, the loop is at `stage`. */
static bool answer_deferred(struct server *server, cap_t slot, const struct message *answer, uint64_t stage) {
    bool delivered = send(server, slot, answer, stage) == OK;
    if (!delivered)
        (void)sys_cap_delete(0, slot); /* the caller is gone; the slot may hold the remains of its call */
    slot_free(slot);
    return delivered;
}

bool server_answer(struct server *server, cap_t slot, uint32_t number, uint32_t status, const void *reply) {
    struct message answer;
    if (status == OK)
        build_answer(&server->protocol->operations[number], reply, &answer);
    else
        build_failure(status, NULL, &answer);
    return answer_deferred(server, slot, &answer, JOURNAL_STAGE(server->journal.mark));
}

bool server_answer_and_decide(struct server *server, cap_t slot, uint32_t number, const void *reply) {
    struct message answer;
    server->status = OK;
    build_answer(&server->protocol->operations[number], reply, &answer);
    return answer_deferred(server, slot, &answer, is_long ? (uint64_t)stage_to_build(server) : SERVER_DECIDED);
}

uint64_t server_call_and_decide(struct server *server, const struct journal_effect *effect) {
    server->status = OK;
    return journal_call(&server->journal.mark, effect, is_long ? (uint64_t)stage_to_build(server) : SERVER_DECIDED);
}

bool server_client_waits(cap_t slot) {
    if (sys_cap_query(slot).status == OK)
        return true;
    slot_free(slot); /* emptied by the kernel */
    return false;
}

void server_forget(cap_t slot) {
    (void)sys_cap_delete(0, slot); /* an empty slot means that the caller is gone already */
    slot_free(slot);
}

uint32_t server_counter(cap_t server, const struct server_counter_request *request,
                        struct server_counter_reply *reply) {
    static const struct protocol_operation operation = {"counter", {8, 8, 0}, {sizeof *reply, sizeof *reply, 0}};
    return protocol_call(server, 0, &operation, request, reply, NULL);
}
