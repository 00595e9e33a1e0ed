/*
 * The signals of one process: which are pending, ignored, handled; what becomes of one. Each thread has a mask of its own, and
 * pending ones that are for it alone. Pure: how a handler comes to
 * run is in delivery.h. Numbers and defaults are those of POSIX, "Signal Concepts", and Linux.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/proto/process.h"

struct signals {
    uint64_t pending, ignored, handled;   /* bit n - 1 = signal n */
    uint64_t masks[PROCESS_SIGNAL_MAX];   /* by n - 1: what is masked besides while its handler runs */
    uint32_t senders[PROCESS_SIGNAL_MAX]; /* by n - 1, pending for the process: who has sent it; 0 = no process */
    uint64_t entry;                       /* where handlers are called from; 0 = there are none */
    uint64_t leave;                       /* the undefined instruction that ends a handler */
};

enum signal_action {
    SIGNAL_NOTHING, /* nothing can be delivered */
    SIGNAL_END,     /* the process ends */
    SIGNAL_STOP,    /* ... stops */
    SIGNAL_HANDLE,  /* its handler runs */
};

#define SIGNALS_STOP                                                                           \
    (signal_bit(PROCESS_SIGSTOP) | signal_bit(PROCESS_SIGTSTP) | signal_bit(PROCESS_SIGTTIN) | \
     signal_bit(PROCESS_SIGTTOU)) /* what stops by default; CONT takes them back, a thread's pending ones too */
static inline uint64_t signal_bit(uint64_t signal) { return 1ULL << (signal - 1); }

/* A mask without what can't be masked. */
uint64_t signals_maskable(uint64_t mask);

/* Does nothing come of it, by wish or by nature? */
bool signals_discard(const struct signals *signals, uint64_t signal);

/*
 * A signal comes, for the process (thread_pending NULL) or one thread. What is discarded is not even
 * pending; a stop takes back a continue, and the other way round. One that is pending already stays its first sender's. A
 * signal for one thread has no sender here: it is from the thread's own process.
 */
void signals_raise(struct signals *signals, uint64_t *thread_pending, uint64_t signal, uint32_t sender);

struct taken_signal {
    uint64_t signal;
    uint32_t sender; /* 0 = no process */
};

/*
 * The next pending signal that a thread of process `pid` does not mask, taken out of the pending ones, and what it does. KILL
 * and STOP come first.
 */
enum signal_action signals_take(struct signals *signals, uint64_t *thread_pending, uint64_t masked, uint32_t pid,
                                struct taken_signal *ret_taken);

/* Is there one among these that signals_take would give? */
bool signals_are_due(uint64_t pending, uint64_t masked);

/* What is masked besides while the handler of a signal runs. */
uint64_t signals_handler_mask(const struct signals *signals, uint64_t signal);

/* Errors: P_ARGUMENT. */
uint32_t signals_set_action(struct signals *signals, uint64_t signal, uint64_t disposition, uint64_t mask);

/* What a new program keeps of them. */
void signals_after_exec(struct signals *signals);
