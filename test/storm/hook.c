/*
 * Faults in a server, linked into it: the server's own objects, with some of the functions that they call wrapped
 * (ld --wrap). What the hook knows lies in a page of the kept memory that the server does not use, so it outlives each
 * death, and no journal undoes it.
 */
#include "kernel/abi/rights.h"
#include "libsys/program/keep.h"
#include "libsys/program/program.h"
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
    bool started, in_call;
    uint64_t calls, effects, requests; /* since the start: calls served, kernel calls for them, what can be refused */
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
struct result __real_sys_cap_copy(cap_t table, cap_t slot, cap_t source, uint64_t rights, uint64_t badge);
struct result __wrap_sys_cap_copy(cap_t table, cap_t slot, cap_t source, uint64_t rights, uint64_t badge);
struct result __real_sys_memory_derive(cap_t memory, uint64_t offset, uint64_t pages, cap_t slot, uint64_t rights);
struct result __wrap_sys_memory_derive(cap_t memory, uint64_t offset, uint64_t pages, cap_t slot, uint64_t rights);
struct result __real_sys_cap_delete(cap_t table, cap_t slot);
struct result __wrap_sys_cap_delete(cap_t table, cap_t slot);
uint32_t __real_server_init(struct server *server, cap_t endpoint, const struct protocol *protocol);
uint32_t __wrap_server_init(struct server *server, cap_t endpoint, const struct protocol *protocol);
cap_t __real_slot_take(void);
cap_t __wrap_slot_take(void);

/* The page below the journal's notes. */
static struct hook *hook(void) {
    static struct hook *found;
    if (found == NULL)
        found = (struct hook *)(KEEP_AT + program_need_size("keep", JOURNAL_BYTES) - JOURNAL_BYTES - PAGE_BYTES);
    return found;
}

/* The event of this kind with this number and argument, if it has not come yet. argument: UINT64_MAX: any. */
static struct event *find(enum storm_what what, uint64_t number, uint64_t argument) {
    struct hook *at = hook();
    for (uint64_t i = 0; at->started && at->in_call && i < at->event_count; i++) {
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

/* The event that hits the call in hand. */
static const struct event *befalls_call(enum storm_what what) { return come(find(what, hook()->calls, UINT64_MAX)); }

static void die_if_due(enum storm_what what, uint64_t number, uint64_t argument) {
    if (come(find(what, number, argument)) != NULL)
        __builtin_trap();
}

/* ---- kernel calls within a call ---- */

static void begin_effect(void) {
    hook()->effects += hook()->in_call;
    die_if_due(STORM_DIE, hook()->effects, EFFECT_BEFORE);
}

static void end_effect(void) { die_if_due(STORM_DIE, hook()->effects, EFFECT_BEHIND); }

static bool refuses(void) {
    if (!hook()->started || !hook()->in_call || come(find(STORM_REFUSE, ++hook()->requests, UINT64_MAX)) == NULL)
        return false;
    hook()->refused++;
    return true;
}

/* Delete the right to answer in `slot`. */
static void drop(cap_t slot) {
    if (__real_sys_cap_delete(0, slot).status == OK)
        hook()->told++;
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
    begin_effect();
    if (answers && befalls_call(STORM_DROP) != NULL)
        drop(effect->rdi);
    uint64_t status = __real_journal_call(place, effect, value);
    end_effect();
    if (status == OK && answers && befalls_call(STORM_DOUBLE) != NULL)
        answer_again(effect->rdi);
    if (status == OK && effect->rax == SYS_cap_move && befalls_call(STORM_DROP) != NULL)
        drop(effect->rsi);
    return status;
}

uint64_t __wrap_journal_read(uint64_t *place, const struct journal_effect *effect, uint64_t flags) {
    begin_effect();
    uint64_t status = __real_journal_read(place, effect, flags);
    end_effect();
    return status;
}

struct result __wrap_sys_cap_copy(cap_t table, cap_t slot, cap_t source, uint64_t rights, uint64_t badge) {
    if (refuses())
        return (struct result){.status = E_LIMIT};
    begin_effect();
    struct result result = __real_sys_cap_copy(table, slot, source, rights, badge);
    end_effect();
    return result;
}

struct result __wrap_sys_memory_derive(cap_t memory, uint64_t offset, uint64_t pages, cap_t slot, uint64_t rights) {
    if (refuses())
        return (struct result){.status = E_LIMIT};
    begin_effect();
    struct result result = __real_sys_memory_derive(memory, offset, pages, slot, rights);
    end_effect();
    return result;
}

struct result __wrap_sys_cap_delete(cap_t table, cap_t slot) {
    begin_effect();
    struct result result = __real_sys_cap_delete(table, slot);
    end_effect();
    return result;
}

cap_t __wrap_slot_take(void) { return refuses() ? 0 : __real_slot_take(); }

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
    at->in_call = false;
    if (words[0] == STORM_CLEAR)
        *at = (struct hook){0};
    else if (words[0] == STORM_ADD && at->event_count < STORM_EVENTS_MAX)
        at->events[at->event_count++] = (struct event){words[1], words[2], words[3], false};
    else if (words[0] == STORM_START)
        at->started = true;
    else
        stop(at);
    server->answer =
        (struct message){.info = MESSAGE_INFO(OK, 4, 0), .words = {at->came, at->told, at->refused, at->wrong}};
    server_decide(server);
}

/* ---- calls ---- */

static void before_the_answer(const struct server *server, bool answers) {
    die_if_due(STORM_KILL, hook()->calls, KILL_DECIDED);
    if (answers && befalls_call(STORM_DROP) != NULL)
        drop(0);
    if (answers && befalls_call(STORM_DOUBLE) != NULL) {
        (void)ep_reply(0, &server->answer);
        answer_again(0);
    }
    hook()->in_call = false;
}

static void loop_for(uint64_t duration_ns) {
    for (uint64_t begin_ns = sys_clock_read().value; sys_clock_read().value - begin_ns < duration_ns;)
        __asm__ volatile("pause");
}

/* Something that befalls a call before the server sees it. Returns whether it never does. */
static bool is_swallowed(struct server *server) {
    die_if_due(STORM_KILL, hook()->calls, KILL_RECEIVED);
    if (befalls_call(STORM_HANG) != NULL)
        loop_for(UINT64_MAX);
    const struct event *delay = befalls_call(STORM_DELAY);
    if (delay != NULL)
        loop_for(delay->argument * NS_PER_MS);
    if (find(STORM_KEEP, hook()->calls, UINT64_MAX) == NULL)
        return false;
    cap_t slot = __real_slot_take();
    if (slot == 0 || sys_cap_move(0, slot, 0).status != OK)
        return false;
    (void)befalls_call(STORM_KEEP);
    hook()->kept[hook()->kept_count++] = slot;
    hook()->in_call = false;
    server->answer.info = DEADLINE_NEVER; /* it is in the same register */
    journal_commit(&server->journal, SERVER_WAITS);
    return true;
}

/* A successor must not sweep away what the hook holds. */
uint32_t __wrap_server_init(struct server *server, cap_t endpoint, const struct protocol *protocol) {
    for (uint64_t i = 0; hook()->started && i < hook()->kept_count; i++)
        slot_claim(hook()->kept[i]);
    return __real_server_init(server, endpoint, protocol);
}

uint64_t __wrap_server_receive(struct server *server, uint64_t number) {
    before_the_answer(server, number == SYS_ep_reply_wait);
    for (;;) {
        uint64_t status = __real_server_receive(server, number);
        if (status != OK || server_event_kind(server) != MESSAGE_CALL)
            return status;
        if (message_label(server->event.message.info) == STORM_LABEL) {
            obey(server);
            number = SYS_ep_reply_wait;
            continue;
        }
        hook()->in_call = true;
        hook()->calls++;
        if (!is_swallowed(server))
            return OK;
        number = SYS_ep_wait;
    }
}
