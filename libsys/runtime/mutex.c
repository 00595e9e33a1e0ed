#include "libsys/runtime/mutex.h"

#include "libsys/program/program.h"
#include "libsys/proto/process.h"

/* Source: Drepper, "Futexes Are Tricky", its second mutex. */

/* The status does not matter: the caller checks the word again. */
static void sleep_on(uint32_t *word, uint32_t expected) {
    struct process_word_wait_request request = {(uaddr_t)word, expected, UINT64_MAX};
    struct process_word_wait_reply reply;
    (void)process_word_wait(program_process(), &request, &reply, NULL);
}

static void wake(uint32_t *word, uint64_t count) {
    struct process_word_wake_request request = {(uaddr_t)word, count};
    struct process_word_wake_reply reply;
    (void)process_word_wake(program_process(), &request, &reply, NULL);
}

void mutex_lock(struct mutex *mutex) {
    uint32_t seen = 0;
    if (__atomic_compare_exchange_n(&mutex->word, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    while (__atomic_exchange_n(&mutex->word, 2, __ATOMIC_ACQUIRE) != 0)
        sleep_on(&mutex->word, 2);
}

void mutex_unlock(struct mutex *mutex) {
    if (__atomic_exchange_n(&mutex->word, 0, __ATOMIC_RELEASE) == 2)
        wake(&mutex->word, 1);
}

void condition_wait(struct condition *condition, struct mutex *mutex) {
    uint32_t seen = __atomic_load_n(&condition->count, __ATOMIC_RELAXED);
    mutex_unlock(mutex);
    sleep_on(&condition->count, seen);
    mutex_lock(mutex);
}

void condition_wake_one(struct condition *condition) {
    __atomic_fetch_add(&condition->count, 1, __ATOMIC_RELAXED);
    wake(&condition->count, 1);
}

void condition_wake_all(struct condition *condition) {
    __atomic_fetch_add(&condition->count, 1, __ATOMIC_RELAXED);
    wake(&condition->count, UINT64_MAX);
}
