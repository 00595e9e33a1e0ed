/*
 * Do the fast path and the long way have the same results?
 *
 * Five threads of different priorities make random message calls on each other: calls, answers and waits, short, long
 * and malformed, with capabilities, through badges, with and without the right to do so. In between they fault, and
 * another thread answers; some use the FPU or an FS base; now and then they raise each other's notification or wait for
 * their own. Everything that a thread sees (all registers after each call, the words and capabilities received) goes
 * into its checksum. When all of them wait, the main thread checks their registers and the kernel's invariants, and
 * wakes, stops or restarts one. Neither the clock nor time slices matter, so a seed must give equal checksums by the
 * fast path and by the long way.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/raw.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/worker.h"
#include "test/guest/lib/world.h"

#define PLAYERS 5U
#define ROUNDS 1800U
#define CHECK_EVERY 20U
#define POOL_PAGES 256U
#define LIMIT_MS 60000U

/* Slots in a player's table. */
enum { FIRST, SECOND, CALL_ONLY, WAIT_ONLY, OWN_BITS, OTHER_BITS, RECEIVED = 40 };
enum { IN_RANDOM, IN_INDEX, IN_HOLDS /* a right to answer */ };
enum { OUT_CALLS, OUT_SUM };

struct play {
    uint64_t sums[PLAYERS + 1]; /* the last is the main thread's */
    uint64_t calls[PLAYERS];
};
static struct play plays[2]; /* by the fast path, by the long way */

static inline void add(volatile uint64_t *sum, uint64_t value) { *sum = (*sum ^ value) * 0x100000001b3ULL + 1; }

static uint64_t random_info(uint64_t *random) {
    static const uint16_t odd[] = {65, 255, 1 << 8, 2 << 8 | 3, 5 << 8, 1 << 12, 1 << 15, 63};
    uint64_t value = random_step(random), label = value % 3 == 0 ? value >> 8 & 3 : 0, words = value >> 16 & 0xff;
    if (words < 140)
        words %= 6;
    else if (words < 230)
        words %= 65;
    else
        words = odd[words % 8];
    uint64_t caps = value >> 40 & 7 ? 0 : value >> 43 & 3 ? 1 : value >> 45 & 3;
    return label << 32 | words | caps << 8 | (value >> 32 & 31 ? 0 : MESSAGE_DEADLINE);
}

static uint64_t random_slot(const struct worker_view *view, uint64_t *random, uint64_t usual) {
    uint64_t value = random_step(random) % 32;
    if (value < 26)
        return view->caps[usual + value % 2];
    return value < 28   ? view->caps[FIRST + value % 4]
           : value < 30 ? view->caps[OWN_BITS]
                        : value % 2 * WORKER_TABLE_SLOTS;
}

static void choose_message(const struct worker_view *view, struct raw_registers *r, uint64_t *random) {
    bool serves = view->in[IN_INDEX] == 0 || view->in[IN_INDEX] == 2;
    uint64_t value = random_step(random) % 100, own = view->in[IN_INDEX] == 0 ? FIRST : SECOND;
    bool answers = value < (view->in[IN_HOLDS] || serves ? 80 : 4);
    r->rsi = random_info(random);
    if (answers) {
        r->rax = value % 8 == 0 ? SYS_ep_reply : SYS_ep_reply_wait;
        r->rdi = value % 8 == 0 ? 0 : value % 8 == 1 ? random_slot(view, random, FIRST) : view->caps[own];
    } else if (value < 97) {
        r->rax = SYS_ep_call;
        r->rdi = random_slot(view, random, FIRST);
    } else {
        r->rax = SYS_ep_wait;
        r->rdi = random_slot(view, random, FIRST);
        r->rsi = DEADLINE_NEVER;
    }
}

/* The call's number and first two arguments; the other registers are random. */
static void choose(const struct worker_view *view, struct raw_registers *r, uint64_t *random) {
    uint64_t value = random_step(random) % 100;
    if (value < 88) {
        choose_message(view, r, random);
    } else if (value < 93) {
        r->rax = SYS_signal_raise;
        r->rdi = view->caps[OTHER_BITS];
        r->rsi = 1 + value % 7;
    } else if (value < 97) {
        r->rax = value == 93 ? SYS_signal_wait : SYS_signal_poll;
        r->rdi = view->caps[OWN_BITS];
        r->rsi = DEADLINE_NEVER;
    } else {
        r->rax = SYS_cap_delete;
        r->rdi = 0;
        r->rsi = value < 98 ? 0 : RECEIVED;
    }
}

static void prepare_page(struct message_page *page, uint64_t *random) {
    for (uint32_t i = MESSAGE_REGISTERS; i < MESSAGE_WORDS; i++)
        page->words[i] = random_step(random);
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++) {
        uint64_t value = random_step(random);
        page->send_caps[i] =
            value % 16 != 0 ? OTHER_BITS + 1 : value >> 8 & 63; /* worker_give's number of OTHER_BITS */
        page->receive_caps[i] = value >> 16 & 15 ? RECEIVED + i : value >> 24 & 63;
    }
    page->deadline_ns = DEADLINE_NEVER;
}

/* Check the received capabilities, new and old ones; delete most of them, to make room. */
static void look_at_received(volatile uint64_t *sum, uint64_t *random) {
    for (uint64_t i = 0; i < MESSAGE_CAPS; i++) {
        struct result found = sys_cap_query(RECEIVED + i);
        add(sum, found.status << 32 | found.value);
        if (found.status == OK && random_step(random) % 4 != 0)
            add(sum, sys_cap_delete(0, RECEIVED + i).status);
    }
}

static void make_call(struct worker_view *view, uint64_t *random) {
    struct raw_registers r;
    uint64_t *words = &r.rax;
    for (uint32_t i = 0; i < RAW_RFLAGS / 8; i++)
        words[i] = random_step(random);
    r.rflags = 2 | (random_step(random) & 0xc5); /* some of CF, PF, ZF, SF */
    choose(view, &r, random);
    prepare_page(view->message, random);
    view->in[IN_RANDOM] = *random; /* saved, as it may be restarted while it waits */
    view->out[OUT_CALLS]++;
    uint64_t number = r.rax;
    raw_syscall(&r);
    if (number == SYS_ep_wait || number == SYS_ep_reply_wait)
        view->in[IN_HOLDS] = r.rax == OK && message_kind(r.rsi) != MESSAGE_NOTIFICATION;
    for (uint32_t i = 0; i <= RAW_RFLAGS / 8; i++)
        add(&view->out[OUT_SUM], words[i]);
    for (uint32_t i = MESSAGE_REGISTERS; i < MESSAGE_WORDS; i++)
        add(&view->out[OUT_SUM], view->message->words[i]);
    look_at_received(&view->out[OUT_SUM], random);
}

/* A thread's first FPU instruction makes it the FPU's owner, and the fast path does not switch owners. */
static void use_fpu(struct worker_view *view, uint64_t *random) {
    uint64_t before = random_step(random), after;
    __asm__ volatile("movq %%xmm7, %0; movq %1, %%xmm7" : "=&r"(after) : "r"(before));
    add(&view->out[OUT_SUM], after);
}

static void play_on(struct worker_view *view) {
    uint64_t random = view->in[IN_RANDOM];
    for (;;) {
        uint64_t value = random_step(&random) % 64, word;
        if (value == 0)
            use_fpu(view, &random);
        if (value == 1)
            __asm__ volatile("int3"); /* goes to this test's endpoint: FAULT_RESUME lets it go on */
        if (view->in[IN_INDEX] % 2 == 1) {
            __asm__ volatile("mov %%fs:0, %0" : "=r"(word)); /* the FS base is the view's */
            add(&view->out[OUT_SUM], word);
        }
        make_call(view, &random);
    }
}

/* Runs when everybody else waits. */
static void report_idle(struct worker_view *view) {
    for (;;) {
        (void)sys_signal_wait(view->caps[0], DEADLINE_NEVER);
        (void)sys_signal_raise(view->caps[1], 1);
    }
}

struct table_of_players {
    struct worker players[PLAYERS], idler;
    cap_t bits[PLAYERS], go, idle;
};

static void start_players(struct table_of_players *all, uint64_t seed) {
    cap_t pool = world_pool(POOL_PAGES), first = world_create(OBJECT_ENDPOINT, 0),
          second = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < PLAYERS; i++)
        all->bits[i] = world_create(OBJECT_NOTIFICATION, 0);
    for (uint32_t i = 0; i < PLAYERS; i++) {
        struct worker *player = &all->players[i];
        uint64_t all_rights = ENDPOINT_CALL | ENDPOINT_WAIT | ENDPOINT_GRANT;
        worker_make(player,
                    (struct worker_plan){.code = play_on,
                                         .own_space = i > 1,
                                         .own_table = true,
                                         .pool = pool,
                                         .priority = PRIORITY_WORKER - i,
                                         .fault_endpoint = world_copy(i < 3 ? second : first, ENDPOINT_CALL, 50 + i)});
        struct worker_view *view = player->view;
        view->caps[FIRST] = worker_give(player, FIRST + 1, first, all_rights, 10 + i);
        view->caps[SECOND] = worker_give(player, SECOND + 1, second, all_rights, 20 + i);
        view->caps[CALL_ONLY] = worker_give(player, CALL_ONLY + 1, first, ENDPOINT_CALL, 0);
        view->caps[WAIT_ONLY] = worker_give(player, WAIT_ONLY + 1, second, ENDPOINT_WAIT, 0);
        view->caps[OWN_BITS] = worker_give(player, OWN_BITS + 1, all->bits[i], RIGHTS_ALL, 0);
        view->caps[OTHER_BITS] = worker_give(player, OTHER_BITS + 1, all->bits[(i + 1) % PLAYERS], RIGHTS_ALL, 0);
        view->in[IN_RANDOM] = seed * 0x9e3779b97f4a7c15ULL + i + 1;
        view->in[IN_INDEX] = i;
        if (i < 3)
            CHECK_STATUS(worker_configure(player->thread, &(struct thread_config){.notification = all->bits[i]},
                                          THREAD_NOTIFICATION),
                         OK);
    }
    all->go = world_create(OBJECT_NOTIFICATION, 0);
    all->idle = world_create(OBJECT_NOTIFICATION, 0);
    worker_make(&all->idler, (struct worker_plan){.code = report_idle, .own_table = true, .pool = pool, .priority = 1});
    all->idler.view->caps[0] = worker_give(&all->idler, 1, all->go, RIGHTS_ALL, 0);
    all->idler.view->caps[1] = worker_give(&all->idler, 2, all->idle, RIGHTS_ALL, 0);
    worker_resume(&all->idler);
}

/* The last player has no message page, and gets one only for the handover, which asks for it. */
static void restart(const struct worker *player) {
    const struct thread_config page = {.message_memory = player->window, .message_offset_pages = WORKER_STACK_PAGES};
    const struct thread_config no_page = {0};
    bool last = player->view->in[IN_INDEX] == PLAYERS - 1;
    struct thread_registers entry = worker_entry_state(player, play_on);
    if (player->view->in[IN_INDEX] % 2 == 1)
        entry.fs_base = (uaddr_t)player->view;
    if (last)
        CHECK_STATUS(worker_configure(player->thread, &page, THREAD_MESSAGE_PAGE), OK);
    CHECK_STATUS(worker_handover(player->thread, player->space, &entry, 0), OK);
    if (last)
        CHECK_STATUS(worker_configure(player->thread, &no_page, THREAD_MESSAGE_PAGE), OK);
    CHECK_STATUS(sys_thread_resume(player->thread), OK);
}

/* All players wait: choose one to set going again, and how. */
static void stir(struct table_of_players *all, uint64_t *random) {
    uint64_t value = random_step(random);
    uint64_t chosen = (value >> 8) % PLAYERS;
    switch (value % 8) {
    case 0:
        CHECK_STATUS(sys_thread_suspend(all->players[chosen].thread, 0), OK);
        break;
    case 1:
        for (uint32_t i = 0; i < PLAYERS; i++)
            (void)sys_thread_resume(all->players[i].thread); /* fails for a player that a fault has ended */
        break;
    case 2:
        CHECK_STATUS(sys_signal_raise(all->bits[chosen], 0x10), OK);
        break;
    default:
        restart(&all->players[chosen]);
        break;
    }
}

static void note_registers(uint64_t *sum, const struct worker *player) {
    struct thread_state state = worker_read(player->thread);
    const uint64_t *words = (const uint64_t *)&state.registers;
    for (uint32_t i = 0; i < sizeof state.registers / 8; i++)
        add(sum, words[i]);
    add(sum, state.run_state);
}

static void play(struct play *ret_play) {
    static struct table_of_players all;
    uint64_t seed = world_command_number("seed", 1), random = seed * 0xd1342543de82ef95ULL + 7, sum = 0;
    test_limit_ms(LIMIT_MS);
    start_players(&all, seed);
    for (uint32_t i = 0; i < PLAYERS; i++)
        restart(&all.players[i]);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        CHECK_STATUS(sys_signal_raise(all.go, 1), OK);
        if (!CHECK_STATUS(sys_signal_wait(all.idle, world_now() + 2 * test_limit_default_ns()), OK))
            return;
        for (uint32_t i = 0; i < PLAYERS; i++)
            note_registers(&sum, &all.players[i]);
        if (round % CHECK_EVERY == 0 && !CHECK_STATUS(sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0), OK))
            return;
        stir(&all, &random);
    }
    ret_play->sums[PLAYERS] = sum;
    for (uint32_t i = 0; i < PLAYERS; i++) {
        ret_play->sums[i] = all.players[i].view->out[OUT_SUM];
        ret_play->calls[i] = all.players[i].view->out[OUT_CALLS];
        CHECK_STATUS(sys_cap_delete(0, all.players[i].thread), OK);
    }
}

static void ep_call_and_ep_reply_wait_at_random(void) { play(&plays[0]); }

static void ep_call_and_ep_reply_wait_by_the_long_way_are_the_same(void) {
    CHECK_EQUAL(hook_test(CONTROL_TEST_FASTPATH, 0), OK);
    play(&plays[1]);
    CHECK_EQUAL(hook_test(CONTROL_TEST_FASTPATH, 1), OK);
    for (uint32_t i = 0; i < PLAYERS; i++) {
        CHECK_EQUAL(plays[1].calls[i], plays[0].calls[i]);
        CHECK_EQUAL(plays[1].sums[i], plays[0].sums[i]);
        test_note("player %u: %lu calls", i, plays[0].calls[i]);
    }
    CHECK_EQUAL(plays[1].sums[PLAYERS], plays[0].sums[PLAYERS]);
}

SUITE(CASE(ep_call_and_ep_reply_wait_at_random), CASE(ep_call_and_ep_reply_wait_by_the_long_way_are_the_same));
