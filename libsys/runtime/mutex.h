/*
 * Mutual exclusion between the threads of a program. A mutex is a word at which waiting threads sleep (word_wait in
 * libsys/proto/process_threads.h). Taking a free one costs no system call. All zero is free.
 */
#pragma once

#include <stdint.h>

struct mutex {
    uint32_t word; /* 0 free, 1 held, 2 held, and threads may be waiting */
};

/* Wait until the mutex is free, then hold it. A thread that holds it already waits forever. */
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

/* A condition to wait for, protected by a mutex; all zero is the initial state. */
struct condition {
    uint32_t count; /* of wakes, so that none between unlocking and sleeping is lost */
};

/*
 * Release the mutex, which the caller holds; wait to be woken; take the mutex again. May return without having been
 * woken.
 */
void condition_wait(struct condition *condition, struct mutex *mutex);
void condition_wake_one(struct condition *condition);
void condition_wake_all(struct condition *condition);
