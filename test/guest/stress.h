/*
 * Shared by the parts of suite stress: members, which are workers that run for ever, and their roles.
 *
 *     stress.c         the rounds: begin, let all storms blow, come to rest, look
 *     stress_roles.c   members that check whether what they see is right
 *     stress_chaos.c   members that disturb the others: they map, kill, stop, move
 */
#pragma once

#include "test/guest/lib/suite.h"
#include "test/guest/lib/worker.h"
#include "test/guest/lib/world.h"

#define STRESS_CPUS 4U
#define STRESS_MEMBERS_MAX 48U
#define STRESS_KILLERS 2U /* at most */
#define STRESS_SHARE 2U   /* doomed members of each killer */
#define STRESS_SPACES 2U  /* whose touchers share the frames, one after another */
#define STRESS_PAGES 36U  /* of each; more than the kernel forgets one by one */
#define STRESS_FRAMES (STRESS_SPACES * STRESS_PAGES + 4)
#define STRESS_TOUCHES 24U  /* in one turn */
#define STRESS_COUNTER 511U /* the word of each page that its touchers count in; the others hold a canary */
#define STRESS_PRIORITY 15U /* of members of stress_roles.c; those of stress_chaos.c have PRIORITY_WORKER */
#define STRESS_POOL_PAGES 64U

/* in[] of all roles, */
enum { STRESS_RANDOM, STRESS_AT, STRESS_CANARY, STRESS_MORTAL, STRESS_KILLER, STRESS_PACE_NS, STRESS_UNIT_NS };
/* caps[] besides what the roles say, */
enum { STRESS_SILENCE = 15 };
/* and out[]. BREAKS and up: how many breakpoints the pager has seen of each badge. */
enum { STRESS_TURNS, STRESS_WRONG, STRESS_WHAT, STRESS_VALUE, STRESS_ENDED, STRESS_BREAKS = 32 };

/* The first error, in out[STRESS_WHAT]; out[STRESS_VALUE] is the wrong value. */
enum stress_wrong {
    WRONG_REGISTERS = 1,
    WRONG_FPU,
    WRONG_STATUS,
    WRONG_VALUE,
    WRONG_TIME,
    WRONG_ANSWER,
    WRONG_CAPABILITY,
    WRONG_FAULT,
    WRONG_CANARY,
    WRONG_FREE_FRAME,
    WRONG_LATE_WRITE,
    WRONG_STATE,
    WRONG_REVIVAL,
};

static inline void stress_wrong(struct worker_view *view, enum stress_wrong what, uint64_t value) {
    if (view->out[STRESS_WRONG]++ == 0) {
        view->out[STRESS_WHAT] = what;
        view->out[STRESS_VALUE] = value;
    }
}

static inline void stress_expect(struct worker_view *view, struct result result, uint64_t status) {
    if (result.status != status)
        stress_wrong(view, WRONG_STATUS, result.status);
}

/* May be handed over again at any time: it begins anew. */
#define MEMBER_RESTARTS (1U << 0)
/* Its priority may be changed. */
#define MEMBER_FLEXIBLE (1U << 1)
/* Ends when `stop` is set. */
#define MEMBER_PLAYS (1U << 2)
/* Its thread does not exist all the time. */
#define MEMBER_DOOMED (1U << 3)
/* Makes progress only when others do. */
#define MEMBER_SERVES (1U << 4)

struct member {
    struct worker worker;
    worker_code *code;
    const char *name;
    uint32_t flags;
};

/* A thread from a pool of its own. The pool is destroyed and made again, with everything in it, in
 * the same slots and frames. */
struct doomed {
    struct member *member;
    cap_t pool, endpoint;
    uint64_t frame; /* of the pool, in world.region */
};

struct stress {
    struct member members[STRESS_MEMBERS_MAX];
    uint32_t member_count;
    struct doomed doomed[STRESS_KILLERS * STRESS_SHARE];
    uint64_t doomed_count;
    volatile uint64_t stop;
    cap_t pool;                        /* of all that are not doomed */
    cap_t faults;                      /* where the pager waits */
    cap_t frames;                      /* Memory: STRESS_FRAMES, */
    volatile uint64_t *seen;           /* and where all of them are mapped in the main space */
    cap_t spaces[STRESS_SPACES];       /* of touchers, */
    uaddr_t pages;                     /* in each of which they lie from here on */
    volatile uint64_t kills, meddling; /* how often something was destroyed; done to a thread */
};
extern struct stress stress;

static inline uint64_t stress_canary(uint64_t space) { return 0xc0ffee0000000000ULL + space; }
/* A random page number; some pages are touched and unmapped more often than others. */
static inline uint64_t stress_page_number(uint64_t random) {
    return random % 8 == 0 ? (random >> 3) % STRESS_PAGES : (random >> 3) % 6;
}
#define STRESS_FREE_CANARY 0xf4eef4eef4eef4eeULL

/* stress_roles.c. They have no variables, so they run in any space. */
void stress_keep_registers(struct worker_view *view); /* in[CANARY] in all of them */
void stress_make_calls(struct worker_view *view);     /* caps[0]: a notification that nobody raises */
void stress_wander(struct worker_view *view);         /* caps[0]: its own thread */
void stress_break(struct worker_view *view);
void stress_ping(struct worker_view *view);  /* raises caps[0], waits for caps[1] */
void stress_time(struct worker_view *view);  /* caps[0]: a notification of its own */
void stress_touch(struct worker_view *view); /* in[AT], in[CANARY]: STRESS_PAGES of them */
void stress_page(struct worker_view *view);  /* answers faults at caps[0]; in[AT]: where there may be page faults */
void stress_serve(struct worker_view *view); /* at caps[0]; caps[1], caps[2]: empty slots; in[MORTAL]: that dies */
void stress_call(
    struct worker_view *view); /* caps[0]; caps[1]: empty slot; caps[2]: to send; in[MORTAL]: servers die */

/* stress_chaos.c. They run in the main space. */
void stress_map(struct worker_view *view);
void stress_meddle(struct worker_view *view);
void stress_kill(struct worker_view *view); /* in[KILLER]: which share is its own */
