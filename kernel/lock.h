/*
 * The kernel lock: one, held by whichever CPU is in the kernel. Interrupts are off whenever it is held, so nothing that
 * wants it can interrupt its holder. A ticket lock: first come, first served. Whoever waits answers the holder's requests.
 */
#pragma once

#include <stdint.h>

#include "kernel/arch.h"

struct ticket_lock {
    uint32_t next;    /* the ticket that the next to come draws */
    uint32_t serving; /* whose turn it is */
};

extern struct ticket_lock kernel_ticket_lock;

/* Wait for the turn of `ticket` (request.c). */
void kernel_lock_wait(uint32_t ticket);

static inline void kernel_lock(void) {
    uint32_t ticket = __atomic_fetch_add(&kernel_ticket_lock.next, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&kernel_ticket_lock.serving, __ATOMIC_ACQUIRE) != ticket)
        kernel_lock_wait(ticket);
}

static inline void kernel_unlock(void) {
    uint32_t served = __atomic_load_n(&kernel_ticket_lock.serving, __ATOMIC_RELAXED); /* both in one instruction */
    __atomic_store_n(&kernel_ticket_lock.serving, served + 1, __ATOMIC_RELEASE);
}
