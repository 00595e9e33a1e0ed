/*
 * Faults in a server, linked into it: the server's own objects, with some of the functions that they call wrapped
 * (ld --wrap). What the hook knows lies in a page of the kept memory that the server does not use, so it outlives each
 * death, and no journal undoes it.
 */
#include "test/storm/hook.h"

#include "kernel/abi/rights.h"
#include "libsys/program/keep.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "libsys/wire/quota.h"
#include "libsys/wire/server.h"
#include "test/storm/storm.h"

#define NS_PER_MS 1000000U
enum { KILL_RECEIVED = 0, KILL_DECIDED = 1 };  /* arguments of STORM_KILL */
enum { EFFECT_BEFORE = 0, EFFECT_BEHIND = 1 }; /* ... of STORM_DIE */

struct event {
    uint64_t number, what, argument;
    bool came;
};

struct hook {
    bool started, in_message, is_call;
    uint64_t suite;                     /* the badge of the program that gives the orders */
    uint64_t messages, calls, requests; /* since the start: served, kernel calls for them, those that can be refused */
    uint64_t memory_back;               /* the first message for which there is memory again */
    uint64_t came, told, refused, wrong;
    uint64_t event_count;
    struct event events[STORM_EVENTS_MAX];
    uint64_t kept_count;
    cap_t kept[STORM_EVENTS_MAX]; /* rights to answer */
};

uint64_t __real_server_receive(struct server *server, uint64_t number);
uint64_t __wrap_server_receive(struct server *server, uint64_t number);
uint64_t __real_journal_call(uint64_t *place, const struct journal_effect *effect, uint64_t value);
uint64_t __wrap_journal_call(uint64_t *place, const struct journal_effect *effect, uint64_t value);
uint64_t __real_journal_read(uint64_t *place, const struct journal_effect *effect, uint64_t flags);
uint64_t __wrap_journal_read(uint64_t *place, const struct journal_effect *effect, uint64_t flags);
struct result __real_sys_cap_delete(cap_t table, cap_t slot);
struct result __real_sys_cap_move(cap_t table, cap_t slot, cap_t source);
struct result __real_sys_clock_read(void);
uint32_t __real_server_init(struct server *server, cap_t endpoint, const struct protocol *protocol);
uint32_t __wrap_server_init(struct server *server, cap_t endpoint, const struct protocol *protocol);
cap_t __real_slot_take(void);
cap_t __wrap_slot_take(void);
uint32_t __real_quota_left(const struct quota *quota, uint32_t owner);
uint32_t __wrap_quota_left(const struct quota *quota, uint32_t owner);
bool __real_quota_take(struct quota *quota, uint32_t owner);
bool __wrap_quota_take(struct quota *quota, uint32_t owner);

/* The page below the journal's notes. */
static struct hook *hook(void) {
    static struct hook *found;
    if (found == NULL)
        found = (struct hook *)(KEEP_AT + program_need_size("keep", JOURNAL_BYTES) - JOURNAL_BYTES - PAGE_BYTES);
    return found;
}

static bool is_on(void) { return hook()->started && hook()->in_message; }

/* The event of this kind with this number and argument, if it has not come yet. argument: UINT64_MAX: any. */
static struct event *find(enum storm_what what, uint64_t number, uint64_t argument) {
    struct hook *at = hook();
    for (uint64_t i = 0; is_on() && i < at->event_count; i++) {
        struct event *event = &at->events[i];
        bool fits = argument == UINT64_MAX || event->argument == argument;
        if (!event->came && event->number == number && event->what == what && fits)
            return event;
    }
    return NULL;
}

static const struct event *come(struct event *event) {
    if (event != NULL) {
        event->came = true;
        hook()->came++;
    }
    return event;
}

/* The event that hits the message in hand. */
static const struct event *befalls(enum storm_what what) { return come(find(what, hook()->messages, UINT64_MAX)); }

static bool befalls_call(enum storm_what what) { return hook()->is_call && befalls(what) != NULL; }

static void die_if_due(enum storm_what what, uint64_t number, uint64_t argument) {
    if (come(find(what, number, argument)) != NULL)
        __builtin_trap();
}

/* ---- kernel calls within a message ---- */

/*
 * With which status a call can be refused although its arguments are right, by its page in docs/abi; 0: it can't.
 * space_unmap and space_protect are not here: only a large page that is cut needs memory.
 */
static const uint8_t refusals[] = {
    [SYS_cap_copy] = E_LIMIT,        [SYS_memory_derive] = E_LIMIT, [SYS_memory_fill] = E_LIMIT,
    [SYS_memory_copy] = E_LIMIT,     [SYS_pool_create] = E_BUSY,    [SYS_pool_extend] = E_LIMIT,
    [SYS_object_create] = E_MEMORY,  [SYS_space_map] = E_MEMORY,    [SYS_thread_configure] = E_LIMIT,
    [SYS_thread_handover] = E_LIMIT, [SYS_irq_bind] = E_LIMIT,      [SYS_endpoint_watch] = E_LIMIT,
    [SYS_log_write] = E_LIMIT,
};

static bool refuses(void) {
    if (!is_on() || come(find(STORM_REFUSE, ++hook()->requests, UINT64_MAX)) == NULL)
        return false;
    hook()->refused++;
    return true;
}

uint64_t hook_begin_call(uint64_t number) {
    uint64_t status = number < sizeof refusals ? refusals[number] : (uint64_t)OK;
    if (!is_on())
        return OK;
    if (status != OK && refuses())
        return status;
    hook()->calls++;
    die_if_due(STORM_DIE, hook()->calls, EFFECT_BEFORE);
    return OK;
}

void hook_end_call(void) {
    if (is_on())
        die_if_due(STORM_DIE, hook()->calls, EFFECT_BEHIND);
}

/*
 * Must a program report that this call failed? A server's own call has no badge, and the server decides whether a
 * program is told. The library calls signal_mask at the end of a handler, and leaves the handler in another way if that
 * fails.
 */
static bool is_reported(const struct server *server) {
    uint32_t operation = message_label(server->event.message.info);
    return server->event.badge != 0 && operation < server->protocol->operation_count &&
           strcmp(server->protocol->operations[operation].name, "signal_mask") != 0;
}

/* Delete the right to answer in `slot`. */
static void drop(cap_t slot) {
    bool reported = is_reported((const struct server *)KEEP_STATE_AT);
    if (__real_sys_cap_delete(0, slot).status != OK)
        return;
    hook()->told += reported;
    hook()->refused += !reported;
}

/* Answer a second time. The right to answer went with the first answer. */
static void answer_again(cap_t reply) {
    const struct message answer = {.info = MESSAGE_INFO(P_KERNEL, 0, 0)};
    hook()->wrong += ep_reply(reply, &answer) != E_CAP;
}

/* Is it the answer to the call in hand? It goes out by itself if capabilities go with it, or after a restart. */
static bool answers_call(const struct journal_effect *effect) {
    const struct server *server = (const struct server *)KEEP_STATE_AT;
    return effect->rax == SYS_ep_reply && (effect->rdi == 0 || effect->rdi == server->spare);
}

uint64_t __wrap_journal_call(uint64_t *place, const struct journal_effect *effect, uint64_t value) {
    bool answers = answers_call(effect);
    uint64_t refused = hook_begin_call(effect->rax);
    if (refused != OK)
        return refused;
    if (answers && befalls_call(STORM_DROP))
        drop(effect->rdi);
    uint64_t status = __real_journal_call(place, effect, value);
    hook_end_call();
    if (status == OK && answers && befalls_call(STORM_DOUBLE))
        answer_again(effect->rdi);
    if (status == OK && effect->rax == SYS_cap_move && befalls_call(STORM_DROP))
        drop(effect->rsi);
    return status;
}

uint64_t __wrap_journal_read(uint64_t *place, const struct journal_effect *effect, uint64_t flags) {
    (void)hook_begin_call(effect->rax);
    uint64_t status = __real_journal_read(place, effect, flags);
    hook_end_call();
    return status;
}

cap_t __wrap_slot_take(void) { return refuses() ? 0 : __real_slot_take(); }

/* ---- memory ---- */

bool hook_takes_memory(void) {
    bool taken = is_on() && hook()->messages < hook()->memory_back;
    hook()->refused += taken;
    return taken;
}

/* Places of files and pipes, their pages among them. */
uint32_t __wrap_quota_left(const struct quota *quota, uint32_t owner) {
    return hook_takes_memory() ? 0 : __real_quota_left(quota, owner);
}

bool __wrap_quota_take(struct quota *quota, uint32_t owner) {
    return !hook_takes_memory() && __real_quota_take(quota, owner);
}

/* ---- the suite's orders ---- */

static void stop(struct hook *at) {
    at->started = false;
    while (at->kept_count > 0) {
        at->kept_count--;
        (void)__real_sys_cap_delete(0, at->kept[at->kept_count]);
        slot_free(at->kept[at->kept_count]);
    }
}

static void obey(struct server *server) {
    const uint64_t *words = server->event.message.words;
    struct hook *at = hook();
    at->in_message = false;
    if (words[0] == STORM_CLEAR)
        *at = (struct hook){.suite = server->event.badge};
    else if (words[0] == STORM_ADD && at->event_count < STORM_EVENTS_MAX)
        at->events[at->event_count++] = (struct event){words[1], words[2], words[3], false};
    else if (words[0] == STORM_START)
        at->started = true;
    else if (words[0] == STORM_STOP)
        stop(at);
    server->answer =
        (struct message){.info = MESSAGE_INFO(OK, 4, 0), .words = {at->came, at->told, at->refused, at->wrong}};
    if (words[0] == STORM_COUNT)
        server->answer =
            (struct message){.info = MESSAGE_INFO(OK, 4, 0), .words = {at->messages, at->calls, at->requests}};
    server_decide(server);
}

/* ---- messages ---- */

static void before_the_answer(const struct server *server, bool answers) {
    die_if_due(STORM_KILL, hook()->messages, KILL_DECIDED);
    if (answers && befalls_call(STORM_DROP))
        drop(0);
    if (answers && befalls_call(STORM_DOUBLE)) {
        (void)ep_reply(0, &server->answer);
        answer_again(0);
    }
    hook()->in_message = false;
}

static void loop_for(uint64_t duration_ns) {
    for (uint64_t begin_ns = __real_sys_clock_read().value; __real_sys_clock_read().value - begin_ns < duration_ns;)
        __asm__ volatile("pause");
}

/* Keep the right to answer the call in hand, for ever. */
static bool keep(struct server *server) {
    cap_t slot = __real_slot_take();
    if (slot == 0 || __real_sys_cap_move(0, slot, 0).status != OK)
        return false;
    (void)befalls(STORM_KEEP);
    hook()->kept[hook()->kept_count++] = slot;
    hook()->in_message = false;
    server->answer.info = DEADLINE_NEVER; /* it is in the same register */
    journal_commit(&server->journal, SERVER_WAITS);
    return true;
}

/* Something that befalls a message before the server sees it. Returns whether it never does. */
static bool is_swallowed(struct server *server) {
    die_if_due(STORM_KILL, hook()->messages, KILL_RECEIVED);
    if (find(STORM_FAIL, hook()->messages, UINT64_MAX) != NULL)
        __builtin_trap();
    if (befalls(STORM_HANG) != NULL)
        loop_for(UINT64_MAX);
    const struct event *delay = befalls(STORM_DELAY);
    if (delay != NULL)
        loop_for(delay->argument * NS_PER_MS);
    const struct event *take = befalls(STORM_TAKE);
    if (take != NULL)
        hook()->memory_back = hook()->messages + 1 + take->argument;
    return hook()->is_call && find(STORM_KEEP, hook()->messages, UINT64_MAX) != NULL && keep(server);
}

/*
 * Will a successor give up the message at which the programs before it have died? libsys/wire/server.c decides so, too.
 */
static bool gives_up(const struct server *server) {
    enum server_stage stage = SERVER_STAGE(server->journal.mark);
    uint64_t tries = SERVER_TRIES(server->journal.mark) + ((const struct keep_head *)KEEP_AT)->failed;
    return (stage == SERVER_RECEIVED || stage == SERVER_COPIED) && tries >= SERVER_TRIES_MAX;
}

/* A successor must not sweep away what the hook holds. It is as likely to fail at the message as the one before. */
uint32_t __wrap_server_init(struct server *server, cap_t endpoint, const struct protocol *protocol) {
    for (uint64_t i = 0; hook()->started && i < hook()->kept_count; i++)
        slot_claim(hook()->kept[i]);
    if (is_on() && gives_up(server)) {
        hook()->refused++;
        (void)befalls(STORM_FAIL);
    }
    uint32_t status = __real_server_init(server, endpoint, protocol);
    if (SERVER_STAGE(server->journal.mark) == SERVER_COPIED && find(STORM_FAIL, hook()->messages, UINT64_MAX) != NULL)
        __builtin_trap();
    return status;
}

uint64_t __wrap_server_receive(struct server *server, uint64_t number) {
    before_the_answer(server, number == SYS_ep_reply_wait);
    for (;;) {
        uint64_t status = __real_server_receive(server, number);
        if (status != OK)
            return status;
        bool is_call = server_event_kind(server) == MESSAGE_CALL;
        if (is_call && message_label(server->event.message.info) == STORM_LABEL) {
            obey(server);
            number = SYS_ep_reply_wait;
            continue;
        }
        hook()->is_call = is_call;
        hook()->in_message = server->event.badge != hook()->suite;
        if (!is_on())
            return OK;
        hook()->messages++;
        if (!is_swallowed(server))
            return OK;
        number = SYS_ep_wait;
    }
}
