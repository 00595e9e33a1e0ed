#include "servers/process/records/signals.h"

#define BIT(signal) (1ULL << ((signal)-1))
#define UNMASKABLE (BIT(PROCESS_SIGKILL) | BIT(PROCESS_SIGSTOP))
#define HARMLESS (BIT(PROCESS_SIGCHLD) | BIT(PROCESS_SIGCONT) | BIT(PROCESS_SIGURG) | BIT(PROCESS_SIGWINCH))

uint64_t signals_maskable(uint64_t mask) { return mask & ~UNMASKABLE; }

bool signals_discard(const struct signals *signals, uint64_t signal) {
    uint64_t bit = signal_bit(signal);
    return (signals->ignored & bit) != 0 || ((HARMLESS & bit) != 0 && (signals->handled & bit) == 0);
}

void signals_raise(struct signals *signals, uint64_t *thread_pending, uint64_t signal, uint32_t sender) {
    uint64_t bit = signal_bit(signal);
    if (signal == PROCESS_SIGCONT)
        signals->pending &= ~SIGNALS_STOP;
    if ((bit & SIGNALS_STOP) != 0)
        signals->pending &= ~BIT(PROCESS_SIGCONT);
    if (thread_pending == NULL && (signals->pending & bit) == 0)
        signals->senders[signal - 1] = sender;
    if (!signals_discard(signals, signal))
        *(thread_pending != NULL ? thread_pending : &signals->pending) |= bit;
}

bool signals_are_due(uint64_t pending, uint64_t masked) { return (pending & (~masked | UNMASKABLE)) != 0; }

enum signal_action signals_take(const struct signals *signals, struct pending_signals *pending, uint64_t masked,
                                uint32_t pid, struct taken_signal *ret_taken) {
    uint64_t due = (pending->process | pending->thread) & (~masked | UNMASKABLE);
    if (due == 0)
        return SIGNAL_NOTHING;
    if ((due & UNMASKABLE) != 0)
        due &= UNMASKABLE;
    uint64_t signal = (uint64_t)__builtin_ctzll(due) + 1, bit = signal_bit(signal);
    bool for_thread = (pending->thread & bit) != 0;
    *(for_thread ? &pending->thread : &pending->process) &= ~bit;
    *ret_taken = (struct taken_signal){signal, for_thread ? pid : signals->senders[signal - 1]};
    if ((signals->handled & bit) != 0)
        return SIGNAL_HANDLE;
    return (SIGNALS_STOP & bit) != 0 ? SIGNAL_STOP : SIGNAL_END;
}

uint64_t signals_handler_mask(const struct signals *signals, uint64_t signal) {
    return signals->masks[signal - 1] | signal_bit(signal);
}

uint32_t signals_set_action(struct signals *signals, uint64_t signal, uint64_t disposition, uint64_t mask) {
    if (signal == 0 || signal > PROCESS_SIGNAL_MAX || disposition > PROCESS_SIGNAL_HANDLE)
        return P_ARGUMENT;
    uint64_t bit = signal_bit(signal);
    if (disposition != PROCESS_SIGNAL_DEFAULT && (bit & UNMASKABLE) != 0)
        return P_ARGUMENT;
    if (disposition == PROCESS_SIGNAL_HANDLE && signals->entry == 0)
        return P_ARGUMENT; /* nobody has said where handlers are called from */
    signals->ignored &= ~bit;
    signals->handled &= ~bit;
    if (disposition == PROCESS_SIGNAL_IGNORE)
        signals->ignored |= bit;
    if (disposition == PROCESS_SIGNAL_HANDLE)
        signals->handled |= bit;
    if (signals_discard(signals, signal))
        signals->pending &= ~bit;
    signals->masks[signal - 1] = mask & ~UNMASKABLE;
    return OK;
}

void signals_after_exec(struct signals *signals) {
    signals->pending &= ~(HARMLESS & signals->handled);
    signals->handled = 0;
    signals->entry = signals->leave = 0;
}
