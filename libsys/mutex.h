/*
 * Mutual exclusion between the threads of a program: a word that a thread that has to wait sleeps on (word_wait in
 * libsys/proto/process_threads.h). One that nobody else holds costs no system call. All zero is free.
 */
#pragma once

#include <stdint.h>

struct mutex {
    uint32_t word; /* 0 free, 1 held, 2 held and somebody may wait */
};

/* Wait until nobody holds it, and hold it. Not for one who holds it already. */
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

/* Something to wait for that a mutex protects; all zero is fresh. */
struct condition {
    uint32_t count; /* of wakes, so that none between the unlocking and the sleep is lost */
};

/* Let the mutex, which the caller holds, go; wait to be woken; hold it again. May return without having been woken. */
void condition_wait(struct condition *condition, struct mutex *mutex);
void condition_wake_one(struct condition *condition);
void condition_wake_all(struct condition *condition);
