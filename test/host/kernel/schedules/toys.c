#include "test/host/kernel/schedules/toys.h"

#include "kernel/base/heap.h"
#include "kernel/base/list.h"
#include "kernel/machine/lock.h"

#define ROUNDS 3U

static struct ticket_lock ticket_lock;
static uint32_t locks[2];
static uint64_t counter, ready, other, woken, item;
static struct heap heap;
static struct heap_node nodes[EXPLORE_CPUS_MAX][ROUNDS];
static struct list list = {{&list.head, &list.head}};
static struct list_node links[EXPLORE_CPUS_MAX];

static void ticket_take(void) {
    uint32_t ticket = __atomic_fetch_add(&ticket_lock.next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&ticket_lock.serving, __ATOMIC_ACQUIRE) != ticket)
        explore_relax();
}

static void ticket_leave(void) { __atomic_store_n(&ticket_lock.serving, ticket_lock.serving + 1, __ATOMIC_RELEASE); }

static void take(uint32_t *lock) {
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(lock, __ATOMIC_RELAXED) != 0)
            explore_relax();
    }
}

static void leave(uint32_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }

static bool never(uint32_t cpu, uintptr_t address, bool is_store) {
    (void)cpu;
    (void)is_store;
    return address - (uintptr_t)&ticket_lock < sizeof ticket_lock;
}

/* ---- counting ---- */

static void count_locked(uint32_t index) {
    (void)index;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        ticket_take();
        counter++;
        ticket_leave();
    }
}

static void count_bare(uint32_t index) {
    (void)index;
    for (uint32_t i = 0; i < ROUNDS; i++)
        counter++;
}

static void count_mostly_locked(uint32_t index) {
    count_locked(index);
    if (index == 0)
        __atomic_load_n(&counter, __ATOMIC_RELAXED);
}

static const char *counted(void) { return counter == 3 * ROUNDS ? NULL : "a count was lost"; }

/* ---- the kernel's own heap and list, from three CPUs ---- */

static void heap_work(uint32_t index, void (*enter)(void), void (*exit)(void)) {
    for (uint32_t i = 0; i < ROUNDS; i++) {
        enter();
        heap_insert(&heap, &nodes[index][i], i * 7 + index);
        exit();
    }
    enter();
    heap_remove(&heap, &nodes[index][1]);
    list_append(&list, &links[index]);
    exit();
}

static void nothing(void) {}
static void heap_locked(uint32_t index) { heap_work(index, ticket_take, ticket_leave); }
static void heap_bare(uint32_t index) { heap_work(index, nothing, nothing); }

static const char *heap_verdict(void) {
    uint64_t count = 0, listed = 0;
    if (!heap_is_well_formed(&heap, &count) || count != 3 * (ROUNDS - 1))
        return "the heap is not what it should be";
    for (const struct list_node *at = list_first(&list); at != &list.head && listed < 4; at = at->next)
        listed++;
    return listed == 3 ? NULL : "the list is not what it should be";
}

/* ---- locks in different orders ---- */

static void lock_both(uint32_t first) {
    take(&locks[first]);
    take(&locks[1 - first]);
    counter++;
    leave(&locks[0]);
    leave(&locks[1]);
}

static void lock_in_order(uint32_t index) {
    (void)index;
    lock_both(0);
}

static void lock_crossed(uint32_t index) { lock_both(index & 1); }

/* ---- waiting and waking: CPU 0 waits ---- */

static void sleep_well(uint32_t index) {
    if (index == 0) {
        while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) == 0) {
            if (__atomic_exchange_n(&woken, 0, __ATOMIC_ACQ_REL) == 0)
                explore_idle();
        }
    } else {
        __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
        __atomic_store_n(&woken, 1, __ATOMIC_RELEASE);
        explore_wake(0);
    }
}

/* A wake-up between the check and the sleep is lost. */
static void sleep_late(uint32_t index) {
    if (index == 0) {
        if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) == 0) {
            explore_step();
            explore_idle();
        }
        counter++;
    } else {
        __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
        explore_wake(0);
    }
}

static const char *slept(void) { return ready == 1 && counter == 1 ? NULL : "nobody woke it"; }

static void spin_for(uint32_t index) {
    if (index == 0) {
        while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) == 0)
            explore_relax();
        counter = item;
    } else if (index == 1) {
        item = 3 * ROUNDS;
        __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
    }
}

/* Each CPU makes the other check again, for ever. */
static void spin_for_ever(uint32_t index) {
    uint64_t *mine = index == 0 ? &ready : &other;
    const uint64_t *yours = index == 0 ? &other : &ready;
    while (__atomic_load_n(yours, __ATOMIC_ACQUIRE) != UINT64_MAX) {
        __atomic_fetch_add(mine, 1, __ATOMIC_RELEASE);
        explore_relax();
    }
}

/* ---- a mistake of depth 3: CPU 1 has to come in between twice ---- */

static void deep(uint32_t index) {
    if (index == 0) {
        __atomic_store_n(&ready, 1, __ATOMIC_RELAXED);
        count_locked(0);
        __atomic_store_n(&ready, 2, __ATOMIC_RELAXED);
        count_locked(0);
        __atomic_store_n(&ready, 3, __ATOMIC_RELAXED);
    } else {
        count_locked(1);
        uint64_t first = __atomic_load_n(&ready, __ATOMIC_RELAXED);
        count_locked(1);
        uint64_t second = __atomic_load_n(&ready, __ATOMIC_RELAXED);
        if (first == 1 && second == 2)
            explore_fail("in between, twice");
    }
}

/* clang-format off */
const struct toy toys[] = {
    {"counts_with_a_lock",
     {.cpu_count = 3, .cpu = count_locked, .verdict = counted, .lock = &ticket_lock, .unlocked = never}, NULL, 0},
    {"counts_without", {.cpu_count = 3, .cpu = count_bare, .verdict = counted}, "a count was lost", 100},
    {"reads_without_the_lock", {.cpu_count = 2, .cpu = count_mostly_locked, .lock = &ticket_lock, .unlocked = never},
     "CPU 0 reads", 1},
    {"heap_with_a_lock",
     {.cpu_count = 3, .cpu = heap_locked, .verdict = heap_verdict, .lock = &ticket_lock, .unlocked = never}, NULL, 0},
    {"heap_without", {.cpu_count = 3, .cpu = heap_bare, .verdict = heap_verdict}, "the", 100},
    {"locks_in_order", {.cpu_count = 2, .cpu = lock_in_order}, NULL, 0},
    {"locks_crossed", {.cpu_count = 2, .cpu = lock_crossed}, "deadlock", 200},
    {"locks_crossed_by_three", {.cpu_count = 3, .cpu = lock_crossed}, "deadlock", 200},
    {"sleeps_well", {.cpu_count = 2, .cpu = sleep_well}, NULL, 0},
    {"sleeps_late", {.cpu_count = 2, .cpu = sleep_late, .verdict = slept}, "nobody woke it", 200},
    {"spins", {.cpu_count = 3, .cpu = spin_for, .verdict = counted}, NULL, 0},
    {"spins_for_ever", {.cpu_count = 2, .cpu = spin_for_ever}, "no end", 1},
    {"deep", {.cpu_count = 2, .cpu = deep}, "in between", 5000},
};
/* clang-format on */
const uint32_t toy_count = sizeof toys / sizeof toys[0];
