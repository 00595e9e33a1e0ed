/*
 * The server of the protocol `mortal` (mortal.h). It keeps its state as a server of the system does (servers/pipes).
 * Behind that state lie the words that say when it dies. No journal knows them, so they outlive each death as they are.
 */
#include "test/restart/mortal.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "libsys/program/export.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/wire/server.h"
#include "libsys/wire/status_text.h"

PROTOCOL_SERVER(mortal, MORTAL_OPERATIONS)

enum { OPERATION_AWAIT = 2 };

#define WAITERS_MAX 8U
#define OPENED_MAX 4U
#define OPENED_BADGE (1ULL << 63)
#define EVENT_GONE 1U
#define TOTAL_FACTOR 31U

static struct mortal_state {
    struct server server;
    uint64_t total, changes, handed, given, lost;
    struct waiter {
        cap_t reply; /* 0: the place is free */
        uint64_t changes;
    } waiters[WAITERS_MAX];
    cap_t opened[OPENED_MAX];
    cap_t stored;
    uint64_t text_bytes;
    char text[MORTAL_TEXT_MAX];
} *const kept = (struct mortal_state *)KEEP_STATE_AT;

static struct mortal_fate {
    uint64_t serial, deaths; /* of the last request that killed */
    uint64_t starts[MORTAL_STARTS + 1], events;
    uint64_t layout; /* on top of the first one */
    uint64_t forms;
} *const fate = (struct mortal_fate *)(KEEP_STATE_AT + sizeof(struct mortal_state));

static struct server keeps_nothing;
static cap_t endpoint;
static uint64_t death; /* that of the request in hand */

/* ---- dying ---- */

/* Each way in which a program ends by itself, by turns. */
static _Noreturn void die(uint64_t turn) {
    switch (turn % 3) {
    case 0:
        __builtin_trap();
    case 1:
        *(volatile uint64_t *)(KEEP_AT - PAGE_BYTES) = turn; /* nothing is mapped there */
    }
    program_exit(1);
}

static void strike(enum mortal_place place) {
    bool loops = place == MORTAL_HALF_WAY && MORTAL_PLACE(death) == MORTAL_LOOP;
    if (MORTAL_PLACE(death) != place && !loops)
        return;
    if (fate->serial != MORTAL_SERIAL(death)) {
        fate->serial = MORTAL_SERIAL(death);
        fate->deaths = 0;
    }
    if (fate->deaths >= MORTAL_TIMES(death))
        return;
    fate->deaths += MORTAL_TIMES(death) != MORTAL_ALWAYS;
    while (loops)
        __asm__ volatile("pause");
    die(fate->serial);
}

static void die_if_due(uint64_t *count) {
    if (*count == 0)
        return;
    (*count)--;
    die(*count);
}

static void begin(uint64_t with) {
    death = with;
    strike(MORTAL_BEFORE);
}

/* ---- callers that wait ---- */

/* Answer everybody who has waited for as many additions. Each answer is a change of its own. */
static void progress(void) {
    const struct mortal_await_reply answer = {kept->total, kept->changes};
    for (struct waiter *waiter = kept->waiters; waiter < kept->waiters + WAITERS_MAX; waiter++) {
        cap_t reply = waiter->reply;
        if (reply == 0 || kept->changes < waiter->changes)
            continue;
        JOURNAL_SET(waiter->reply, 0);
        strike(MORTAL_LATER);
        (void)server_answer(&kept->server, reply, OPERATION_AWAIT, OK, &answer);
        journal_settle(); /* a caller that is gone waits no longer, either */
    }
}

static uint32_t mortal_serve_await(struct server_call *call, const struct mortal_await_request *request,
                                   struct mortal_await_reply *reply) {
    (void)call;
    begin(request->death);
    *reply = (struct mortal_await_reply){kept->total, kept->changes};
    if (kept->changes >= request->changes)
        return OK;
    for (struct waiter *waiter = kept->waiters; waiter < kept->waiters + WAITERS_MAX; waiter++) {
        if (waiter->reply != 0)
            continue;
        cap_t slot = slot_take();
        if (slot == 0)
            return P_LIMIT;
        JOURNAL_SET(waiter->reply, slot);
        strike(MORTAL_HALF_WAY);
        JOURNAL_SET(waiter->changes, request->changes);
        if (server_defer_to(slot))
            return SERVER_DEFERRED;
        slot_free(slot);
        return P_KERNEL;
    }
    return P_LIMIT;
}

static uint32_t mortal_serve_hand(struct server_call *call, const struct mortal_hand_request *request,
                                  struct mortal_hand_reply *reply) {
    (void)call;
    begin(request->death);
    for (struct waiter *waiter = kept->waiters; waiter < kept->waiters + WAITERS_MAX; waiter++) {
        if (waiter->reply == 0 || waiter->changes != MORTAL_HAND)
            continue;
        const struct mortal_await_reply answer = {kept->total, request->amount};
        cap_t slot = waiter->reply;
        JOURNAL_SET(waiter->reply, 0);
        strike(MORTAL_HALF_WAY);
        JOURNAL_SET(kept->handed, kept->handed + 1);
        reply->handed = kept->handed;
        if (server_answer_and_decide(&kept->server, slot, OPERATION_AWAIT, &answer))
            return OK;
        JOURNAL_SET(kept->handed, kept->handed - 1);
    }
    return P_NOT_FOUND;
}

/* ---- state ---- */

static uint32_t mortal_serve_add(struct server_call *call, const struct mortal_add_request *request,
                                 struct mortal_add_reply *reply) {
    begin(request->death);
    uint64_t by = (call->badge & OPENED_BADGE) != 0 ? 1 : 0;
    JOURNAL_SET(kept->total, kept->total * TOTAL_FACTOR + request->amount * 2 + by);
    strike(MORTAL_HALF_WAY);
    JOURNAL_SET(kept->changes, kept->changes + 1);
    *reply = (struct mortal_add_reply){kept->total, kept->changes};
    server_decide_early(&kept->server);
    progress();
    return OK;
}

static uint32_t mortal_serve_swap(struct server_call *call, const struct mortal_swap_request *request,
                                  struct mortal_swap_reply *reply) {
    (void)call;
    begin(request->death);
    reply->length_bytes = kept->text_bytes;
    memcpy(reply->text, kept->text, kept->text_bytes);
    journal_note(kept->text, sizeof kept->text);
    memcpy(kept->text, request->text, request->length_bytes);
    strike(MORTAL_HALF_WAY);
    JOURNAL_SET(kept->text_bytes, request->length_bytes);
    return OK;
}

static uint32_t mortal_serve_reset(struct server_call *call, const struct mortal_reset_request *request,
                                   struct mortal_reset_reply *reply) {
    (void)call, (void)request;
    death = 0;
    reply->zero = 0;
    JOURNAL_SET(kept->total, 0);
    JOURNAL_SET(kept->changes, 0);
    JOURNAL_SET(kept->handed, 0);
    JOURNAL_SET(kept->given, 0);
    JOURNAL_SET(kept->lost, 0);
    JOURNAL_SET(kept->text_bytes, 0);
    return OK;
}

/* ---- capabilities ---- */

static uint32_t mortal_serve_open(struct server_call *call, const struct mortal_open_request *request,
                                  struct mortal_open_reply *reply) {
    begin(request->death);
    for (uint64_t index = 0; index < OPENED_MAX; index++) {
        if (kept->opened[index] != 0)
            continue;
        cap_t own = slot_derive(endpoint, ENDPOINT_CALL | ENDPOINT_WATCH, OPENED_BADGE + index);
        JOURNAL_SET(kept->opened[index], own);
        strike(MORTAL_HALF_WAY);
        call->reply_caps[0] = own == 0 ? 0 : slot_derive(own, ENDPOINT_CALL, 0);
        if (call->reply_caps[0] == 0) {
            slot_drop(&kept->opened[index]);
            return P_LIMIT;
        }
        reply->index = index;
        return OK;
    }
    return P_LIMIT;
}

static uint32_t mortal_serve_give(struct server_call *call, const struct mortal_give_request *request,
                                  struct mortal_give_reply *reply) {
    begin(request->death);
    if (kept->stored != 0)
        return P_EXISTS;
    JOURNAL_SET(kept->stored, call->caps[0]);
    call->caps[0] = 0;
    strike(MORTAL_HALF_WAY);
    JOURNAL_SET(kept->given, kept->given + 1);
    reply->given = kept->given;
    return OK;
}

static uint32_t mortal_serve_take(struct server_call *call, const struct mortal_take_request *request,
                                  struct mortal_take_reply *reply) {
    begin(request->death);
    if (kept->stored == 0)
        return P_NOT_FOUND;
    call->reply_caps[0] = kept->stored;
    JOURNAL_SET(kept->stored, 0);
    strike(MORTAL_HALF_WAY);
    reply->given = kept->given;
    return OK;
}

/* The last copy of some opened capability has gone. */
static void look_who_is_gone(void) {
    for (uint32_t index = 0; index < OPENED_MAX; index++) {
        cap_t own = kept->opened[index];
        if (own == 0 || (sys_cap_query(own).value & QUERY_DERIVED) != 0)
            continue;
        JOURNAL_SET(kept->opened[index], 0);
        die_if_due(&fate->events);
        JOURNAL_SET(kept->lost, kept->lost + 1);
        journal_settle();
        slot_drop(&own);
    }
}

/* ---- for the test ---- */

static uint64_t count_slots(void) {
    uint64_t count = 0, table = program_need("table");
    for (uint64_t at = 1; at < program.slots.limit;) {
        uint64_t slot = sys_system_info(INFO_NEXT_SLOT, RANGE(table, at)).value;
        count += slot != 0;
        at = slot != 0 ? slot + 1 : at + INFO_SLOTS_SEEN;
    }
    return count;
}

static uint32_t mortal_serve_look(struct server_call *call, const struct mortal_look_request *request,
                                  struct mortal_look_reply *reply) {
    (void)call, (void)request;
    death = 0;
    *reply = (struct mortal_look_reply){.generation = keep_generation(), .lost = kept->lost, .slots = count_slots()};
    for (uint32_t i = 0; i < WAITERS_MAX; i++)
        reply->waiting += kept->waiters[i].reply != 0;
    for (uint32_t i = 0; i < OPENED_MAX; i++)
        reply->opened += kept->opened[i] != 0;
    return OK;
}

static uint32_t mortal_serve_doom(struct server_call *call, const struct mortal_doom_request *request,
                                  struct mortal_doom_reply *reply) {
    (void)call;
    death = 0;
    reply->zero = 0;
    if (request->place > MORTAL_START_HANGS)
        return P_ARGUMENT;
    fate->starts[request->place] = request->starts;
    fate->layout = request->layout;
    fate->events = request->events;
    fate->forms = request->forms;
    return OK;
}

/* Name the slots that the state holds, before any other is taken. */
static void claim(void) {
    for (uint32_t i = 0; i < WAITERS_MAX; i++)
        slot_claim(kept->waiters[i].reply);
    for (uint32_t i = 0; i < OPENED_MAX; i++)
        slot_claim(kept->opened[i]);
    slot_claim(kept->stored);
}

/* The state in a form for programs that use another layout. */
#define EXPORT_FORM KEEP_LAYOUT('m', 'o', 'r', 1U)
enum { EXPORT_FATE = 1, EXPORT_STATE = 2 };
#define STATE_OFFSET offsetof(struct mortal_state, total)

static void export_state(void) {
    struct export export = export_begin();
    export_put(&export, EXPORT_FATE, fate, sizeof *fate);
    die_if_due(&fate->starts[MORTAL_START_EXPORT]);
    export_put(&export, EXPORT_STATE, &kept->total, sizeof *kept - STATE_OFFSET);
    export_end(&export, EXPORT_FORM);
}

/* False: there is none to import. */
static bool import_state(void) {
    struct export from;
    struct export_record record;
    uint64_t at = 0;
    if (!export_is_there(EXPORT_FORM, &from))
        return false;
    while (export_next(&from, &at, &record))
        memcpy(record.kind == EXPORT_FATE ? (void *)fate : (uint8_t *)kept + STATE_OFFSET, record.bytes,
               record.length_bytes);
    if (fate->forms != MORTAL_IMPORTS)
        keep_refuse("it takes over nothing");
    die_if_due(&fate->starts[MORTAL_START_IMPORT]);
    fate->layout = 0; /* as server_keep() was told */
    return true;
}

static uint64_t start(void) {
    cap_t events = program_need("events");
    endpoint = program_need("serve");
    if (keep_generation() == 1)
        *fate = (struct mortal_fate){0};
    die_if_due(&fate->starts[MORTAL_START_FIRST]);
    if (fate->starts[MORTAL_START_HANGS] != 0) {
        fate->starts[MORTAL_START_HANGS] = 0;
        while (true)
            __asm__ volatile("pause");
    }
    if (fate->forms == MORTAL_KEEPS_NOTHING)
        return server_init(&keeps_nothing, endpoint, &mortal_protocol);
    if (export_is_wanted() && fate->forms != MORTAL_NO_FORM)
        export_state();
    bool follows = server_keep(&kept->server, 1 + fate->layout, sizeof *kept) || import_state();
    die_if_due(&fate->starts[MORTAL_START_KEPT]);
    if (follows)
        claim();
    uint64_t status = sys_endpoint_watch(endpoint, events, EVENT_GONE).status;
    if (status == OK)
        status = server_init(&kept->server, endpoint, &mortal_protocol);
    die_if_due(&fate->starts[MORTAL_START_READY]);
    if (status == OK && follows) {
        progress();
        look_who_is_gone();
    }
    return status;
}

int main(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    uint64_t status = start();
    while (status == OK && (status = server_next(&kept->server)) == OK) {
        if (server_event_kind(&kept->server) == MESSAGE_NOTIFICATION)
            look_who_is_gone();
        if (server_event_kind(&kept->server) != MESSAGE_CALL)
            continue;
        server_serve(&kept->server);
        strike(MORTAL_DECIDED);
    }
    log_print("mortal: %s", status_text(status));
    return 1;
}
