/*
 * The signals of one process: which are pending, ignored or handled, and what a signal does. Each thread has a mask of
 * its own, and pending signals that are for it alone. Pure: delivery.h runs the handlers. Numbers and defaults are
 * those of POSIX, "Signal Concepts", and Linux.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/proto/process.h"

struct signals {
    uint64_t pending, ignored, handled;   /* bit n - 1 = signal n */
    uint64_t masks[PROCESS_SIGNAL_MAX];   /* by n - 1: what is masked too while its handler runs */
    uint32_t senders[PROCESS_SIGNAL_MAX]; /* by n - 1, pending for the process: pid of the sender; 0 = none */
    uint64_t entry;                       /* code that calls the handlers; 0 = there is none */
    uint64_t leave;                       /* the undefined instruction that ends a handler */
};

enum signal_action {
    SIGNAL_NOTHING, /* nothing can be delivered */
    SIGNAL_END,     /* the process ends */
    SIGNAL_STOP,    /* the process stops */
    SIGNAL_HANDLE,  /* its handler runs */
};

#define SIGNALS_STOP                                                                           \
    (signal_bit(PROCESS_SIGSTOP) | signal_bit(PROCESS_SIGTSTP) | signal_bit(PROCESS_SIGTTIN) | \
     signal_bit(PROCESS_SIGTTOU)) /* what stops by default; CONT takes them back, a thread's pending ones too */
static inline uint64_t signal_bit(uint64_t signal) { return 1ULL << (signal - 1); }

/* The mask without the signals that can't be masked. */
uint64_t signals_maskable(uint64_t mask);

/* Is this signal discarded, since the process ignores it or since its default is to do nothing? */
bool signals_discard(const struct signals *signals, uint64_t signal);

/*
 * Make a signal pending, for the process (thread_pending NULL) or for one thread. A signal that is discarded does not
 * become pending; a stop takes back a pending continue, and a continue a pending stop. A signal that is pending already
 * keeps its first sender. A signal for one thread has no sender here: its own process sent it.
 */
void signals_raise(struct signals *signals, uint64_t *thread_pending, uint64_t signal, uint32_t sender);

struct taken_signal {
    uint64_t signal;
    uint32_t sender; /* 0 = no process */
};

/* What is pending for a process, and for one of its threads alone. */
struct pending_signals {
    uint64_t process, thread;
};

/*
 * Take the next pending signal that a thread of process `pid` does not mask. Returns what it does. KILL and STOP come
 * first.
 */
enum signal_action signals_take(const struct signals *signals, struct pending_signals *pending, uint64_t masked,
                                uint32_t pid, struct taken_signal *ret_taken);

/* Would signals_take find one among these pending signals? */
bool signals_are_due(uint64_t pending, uint64_t masked);

/* The signals that are masked in addition while the handler of `signal` runs. */
uint64_t signals_handler_mask(const struct signals *signals, uint64_t signal);

/* Set what a signal does. Errors: P_ARGUMENT. */
uint32_t signals_set_action(struct signals *signals, uint64_t signal, uint64_t disposition, uint64_t mask);

/* Exec: handlers go, and with them pending signals that do nothing by default; all else stays. */
void signals_after_exec(struct signals *signals);
