#include "test/host/server_till.h"

#include <string.h>

#include "libsys/program/keep.h"
#include "libsys/program/program.h"
#include "test/host/server_lives.h"

#define IS_READ (1ULL << 63)

struct till_amount_request {
    uint64_t amount;
};
struct till_amount_reply {
    uint64_t total;
};
#define till_add_request till_amount_request
#define till_add_reply till_amount_reply
#define till_text_request till_tail
#define till_text_reply till_tail
#define till_give_request till_amount_request
#define till_give_reply till_amount_reply
#define till_take_request till_amount_request
#define till_take_reply till_amount_reply
#define till_swap_request till_tail
#define till_swap_reply till_tail
#define till_sit_request till_amount_request
#define till_sit_reply till_tail
#define till_post_request till_amount_request
#define till_post_reply till_amount_reply
#define till_hand_request till_amount_request
#define till_hand_reply till_amount_reply
#define till_hand_text_request till_amount_request
#define till_hand_text_reply till_tail
#define till_drop_request till_amount_request
#define till_drop_reply till_amount_reply
#define till_beep_request till_amount_request
#define till_beep_reply till_amount_reply
#define till_evict_request till_amount_request
#define till_evict_reply till_tail
#define till_refuse_request till_tail
#define till_refuse_reply till_amount_reply
#define till_fall_request till_amount_request
#define till_fall_reply till_amount_reply

PROTOCOL_SERVER(till, TILL_OPERATIONS)

struct till *till, till_last;
uint64_t till_layout;
uint64_t till_more_bytes;
const struct protocol *const till_shape = &till_protocol;

static struct till_seat *find_seat(bool is_free) {
    struct till_seat *found = NULL;
    for (struct till_seat *seat = till->seats; seat < till->seats + TILL_PLACES; seat++)
        if ((seat->slot == 0) == is_free && !seat->leaves && (found == NULL || seat->ticket < found->ticket))
            found = seat;
    return found;
}

static cap_t *find_cap(bool is_free) {
    for (uint32_t i = 0; i < TILL_PLACES; i++)
        if ((till->caps[i] == 0) == is_free)
            return &till->caps[i];
    return NULL;
}

static void fill_tail(struct till_tail *tail, uint64_t amount) {
    tail->length_bytes = amount * 37 % (TILL_TAIL_BYTES + 1);
    memset(tail->bytes, (int)amount, tail->length_bytes);
}

static void forget_the_gone(void) {
    for (struct till_seat *seat = till->seats; seat < till->seats + TILL_PLACES; seat++)
        if (seat->slot != 0 && !seat->leaves && !server_client_waits(seat->slot))
            JOURNAL_SET(seat->slot, 0);
}

/* Answer somebody that sits, for `amount`. False: nobody does. decides: the handler's own call, with *own. */
static bool answer_seat(uint64_t amount, bool decides) {
    struct till_seat *seat;
    while ((seat = find_seat(false)) != NULL) {
        struct till_tail tail;
        cap_t slot = seat->slot;
        uint64_t total = till->total;
        fill_tail(&tail, seat->amount + amount);
        JOURNAL_SET(seat->slot, 0);
        JOURNAL_SET(till->total, total * 3 + seat->amount);
        if (decides ? server_answer_and_decide(&till->server, slot, TILL_sit, &tail)
                    : server_answer(&till->server, slot, TILL_sit, seat->amount % 8 == 0 ? P_END : OK, &tail))
            return true;
        JOURNAL_SET(till->total, total);
    }
    return false;
}

/* What was decided and is not done yet; each part of it is a change of its own. */
static void progress(void) {
    while (till->pending > 0 && find_seat(false) != NULL) {
        JOURNAL_SET(till->pending, till->pending - 1);
        if (!answer_seat(1, false))
            JOURNAL_SET(till->pending, till->pending + 1);
        journal_settle();
    }
    for (struct till_seat *seat = till->seats; seat < till->seats + TILL_PLACES; seat++) {
        if (!seat->leaves)
            continue;
        server_forget(seat->slot);
        JOURNAL_SET(seat->slot, 0);
        JOURNAL_SET(seat->leaves, false);
        journal_settle();
    }
    while (till->beeps > 0) {
        const struct journal_effect effect = {.rax = SYS_port_write, .r10 = till->beeps};
        (void)journal_call(&till->beeps, &effect, till->beeps - 1);
    }
    while (till->reads > 0) {
        const struct journal_effect effect = {.rax = SYS_port_read};
        if (till->read == 0)
            (void)journal_read(&till->read, &effect, IS_READ);
        JOURNAL_SET(till->sum, till->sum * 31 + (till->read ^ IS_READ));
        JOURNAL_SET(till->read, 0);
        JOURNAL_SET(till->reads, till->reads - 1);
        journal_settle();
    }
}

static uint32_t till_serve_add(struct server_call *call, const struct till_add_request *request,
                               struct till_add_reply *reply) {
    JOURNAL_SET(till->total, till->total * 5 + request->amount);
    reply->total = till->total + call->badge;
    return request->amount % 16 == 0 ? P_ARGUMENT : OK;
}

static uint32_t till_serve_text(struct server_call *call, const struct till_text_request *request,
                                struct till_text_reply *reply) {
    (void)call;
    uint64_t sum = till->sum;
    for (uint64_t i = 0; i < request->length_bytes; i++) {
        reply->bytes[request->length_bytes - 1 - i] = request->bytes[i];
        sum = sum * 31 + request->bytes[i];
    }
    JOURNAL_SET(till->sum, sum);
    reply->length_bytes = request->length_bytes;
    return OK;
}

/* A system call, at which the program may end before the loop has seen to the received capabilities. */
static void decide_and_look(cap_t slot) {
    server_decide_early(&till->server);
    (void)sys_cap_query(slot).status;
}

static uint32_t till_serve_give(struct server_call *call, const struct till_give_request *request,
                                struct till_give_reply *reply) {
    cap_t *place = find_cap(true);
    if (place == NULL || request->amount % 8 == 0)
        return P_CROWDED;
    JOURNAL_SET(*place, call->caps[0]);
    call->caps[0] = 0;
    reply->total = till->total;
    decide_and_look(*place);
    return OK;
}

static uint32_t till_serve_take(struct server_call *call, const struct till_take_request *request,
                                struct till_take_reply *reply) {
    cap_t *place = find_cap(false);
    if (place == NULL || request->amount % 8 == 0)
        return P_NOT_FOUND;
    call->reply_caps[0] = *place;
    JOURNAL_SET(*place, 0);
    JOURNAL_SET(till->total, till->total + 1);
    reply->total = till->total;
    if (request->amount % 2 == 0)
        server_decide_early(&till->server);
    return OK;
}

static uint32_t till_serve_swap(struct server_call *call, const struct till_swap_request *request,
                                struct till_swap_reply *reply) {
    call->reply_caps[0] = call->caps[0];
    call->caps[0] = 0;
    (void)till_serve_text(call, request, reply);
    decide_and_look(call->reply_caps[0]);
    return OK;
}

static uint32_t till_serve_sit(struct server_call *call, const struct till_sit_request *request,
                               struct till_sit_reply *reply) {
    (void)call;
    if (till->pending > 0) {
        JOURNAL_SET(till->pending, till->pending - 1);
        fill_tail(reply, request->amount);
        return OK;
    }
    forget_the_gone();
    struct till_seat *seat = find_seat(true);
    cap_t slot = seat != NULL ? slot_take() : 0;
    if (slot == 0)
        return P_CROWDED;
    journal_note(seat, sizeof *seat);
    *seat = (struct till_seat){.slot = slot, .ticket = till->next_ticket, .amount = request->amount};
    JOURNAL_SET(till->next_ticket, till->next_ticket + 1);
    if (journal == NULL) { /* nobody comes after this program */
        slot_free(slot);
        seat->slot = server_defer();
    } else if (!server_defer_to(slot)) {
        JOURNAL_SET(seat->slot, 0);
        slot_free(slot);
    }
    return SERVER_DEFERRED;
}

static uint32_t till_serve_post(struct server_call *call, const struct till_post_request *request,
                                struct till_post_reply *reply) {
    (void)call;
    JOURNAL_SET(till->pending, (till->pending + request->amount) % 6);
    reply->total = till->total + till->pending;
    server_decide_early(&till->server);
    progress();
    return OK;
}

static uint32_t till_serve_hand(struct server_call *call, const struct till_hand_request *request,
                                struct till_hand_reply *reply) {
    (void)call;
    reply->total = till->total + request->amount;
    return answer_seat(request->amount, true) ? OK : P_NOT_FOUND;
}

static uint32_t till_serve_hand_text(struct server_call *call, const struct till_hand_text_request *request,
                                     struct till_hand_text_reply *reply) {
    fill_tail(reply, request->amount);
    if (answer_seat(request->amount, true))
        return OK;
    memcpy(call->reason, "nobody sits", sizeof "nobody sits");
    return P_NOT_FOUND;
}

/* The call is never answered. */
static uint32_t till_serve_drop(struct server_call *call, const struct till_drop_request *request,
                                struct till_drop_reply *reply) {
    (void)call, (void)reply;
    JOURNAL_SET(till->total, till->total ^ request->amount);
    return SERVER_DEFERRED;
}

static uint32_t till_serve_beep(struct server_call *call, const struct till_beep_request *request,
                                struct till_beep_reply *reply) {
    (void)call;
    JOURNAL_SET(till->beeps, till->beeps + request->amount % 4);
    JOURNAL_SET(till->reads, till->reads + request->amount / 4 % 4);
    reply->total = till->sum;
    server_decide_early(&till->server);
    progress();
    return OK;
}

static uint32_t till_serve_evict(struct server_call *call, const struct till_evict_request *request,
                                 struct till_evict_reply *reply) {
    (void)call;
    struct till_seat *seat = find_seat(false);
    if (seat != NULL)
        JOURNAL_SET(seat->leaves, true);
    fill_tail(reply, request->amount);
    server_decide_early(&till->server);
    progress();
    return OK;
}

static uint32_t till_serve_refuse(struct server_call *call, const struct till_refuse_request *request,
                                  struct till_refuse_reply *reply) {
    (void)reply;
    JOURNAL_SET(till->total, till->total + request->length_bytes);
    memset(call->reason, 'r', request->length_bytes % PROTOCOL_REASON_MAX);
    call->reason[request->length_bytes % PROTOCOL_REASON_MAX] = '\0';
    return P_PERMISSION;
}

static uint32_t till_serve_fall(struct server_call *call, const struct till_fall_request *request,
                                struct till_fall_reply *reply) {
    static uint8_t much[JOURNAL_BYTES];
    (void)call;
    JOURNAL_SET(till->total, till->total + request->amount);
    if (request->amount == TILL_FATAL)
        lives_fail();
    journal_note(much, request->amount);
    memset(much, 1, request->amount);
    reply->total = till->total;
    return OK;
}

static void claim(void) {
    for (uint32_t i = 0; i < TILL_PLACES; i++) {
        slot_claim(till->caps[i]);
        slot_claim(till->seats[i].slot);
    }
}

static void serve_from(uint32_t status, bool follows) {
    if (status != OK)
        return;
    if (follows) {
        memset(program.message->words, 0x5a, sizeof program.message->words); /* as any other call of its own may */
        progress();
    }
    while (server_next(&till->server) == OK) {
        const uint64_t *words = till->server.event.message.words;
        if (server_event_kind(&till->server) == MESSAGE_CALL)
            server_serve(&till->server);
        else if (server_event_kind(&till->server) == MESSAGE_NOTIFICATION)
            JOURNAL_SET(till->notified, till->notified * 31 + words[0]);
        if (server_event_kind(&till->server) == MESSAGE_NOTIFICATION && words[0] == TILL_FATAL)
            lives_fail();
    }
    till_last = *till;
}

void till_serve(void) {
    till = (struct till *)(uintptr_t)KEEP_STATE_AT;
    bool follows = server_keep(&till->server, till_layout, sizeof *till + till_more_bytes);
    if (follows)
        claim();
    serve_from(server_init(&till->server, program_need("serve"), &till_protocol), follows);
}

void till_serve_without_keeping(void) {
    static struct till plain;
    till = &plain;
    memset(till, 0, sizeof *till);
    serve_from(server_init(&till->server, program_need("serve"), &till_protocol), false);
}
