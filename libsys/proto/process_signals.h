/*
 * Protocol `process`, its part on signals and alarms; process.h has the list of operations.
 */
#pragma once

#include "libsys/proto/protocol.h"

/* Numbers as in Linux; those without a name can be used too. */
enum process_signal {
    PROCESS_SIGHUP = 1,
    PROCESS_SIGINT = 2,
    PROCESS_SIGQUIT = 3,
    PROCESS_SIGILL = 4,
    PROCESS_SIGTRAP = 5,
    PROCESS_SIGABRT = 6,
    PROCESS_SIGBUS = 7,
    PROCESS_SIGFPE = 8,
    PROCESS_SIGKILL = 9, /* this and STOP can't be masked, ignored or handled */
    PROCESS_SIGUSR1 = 10,
    PROCESS_SIGSEGV = 11,
    PROCESS_SIGUSR2 = 12,
    PROCESS_SIGPIPE = 13,
    PROCESS_SIGALRM = 14,
    PROCESS_SIGTERM = 15,
    PROCESS_SIGCHLD = 17, /* nothing happens by default: this, CONT, URG and WINCH */
    PROCESS_SIGCONT = 18,
    PROCESS_SIGSTOP = 19, /* stops by default: this, TSTP, TTIN and TTOU (see below); all others end the process */
    PROCESS_SIGTSTP = 20,
    PROCESS_SIGTTIN = 21,
    PROCESS_SIGTTOU = 22,
    PROCESS_SIGURG = 23,
    PROCESS_SIGXCPU = 24,
    PROCESS_SIGWINCH = 28,
    PROCESS_SIGNAL_MAX = 64,
};

/*
 * A group is orphaned when no member has a living parent in the same session but in another group: there is no shell that would
 * let it go on. TSTP, TTIN and TTOU then do nothing by default. When the end of a process orphans a group with a stopped member,
 * all of the group get HUP, then CONT. (A change of group or session orphans none in this sense.)
 */

/*
 * Signals with handlers. A program says once where its handlers are called from (signal_entry): there the process goes on, with
 * RDI = signal and RSI = address of a struct process_signal_frame, on its stack or on the one that signal_stack gave. The
 * code there ends by the undefined instruction at `leave`, with RDI = address of the frame: registers, FPU state and mask of
 * the frame are taken. Or, for half the price, it sets the mask by itself, by PROCESS_MASK_QUIETLY, and then loads the
 * registers; it may do so if the frame has no FPU state and the FPU was not used since (struct message_page says so). A handler begins
 * with the FPU's initial state. libsys/signal.h does all this.
 *
 * A call that no server has begun to serve, or whose answer is put off, ends with P_INTERRUPTED when a handler is to run: it has had
 * no effect, and the library makes it again. If a server is just serving it, the handler waits for the answer, but no longer than
 * PROCESS_SERVED_MOST_NS: then the call ends with E_CANCEL, and may have had its effect or not.
 */
#define PROCESS_SERVED_MOST_NS 1000000000ULL

struct process_signal_entry_request {
    uint64_t entry;
    uint64_t leave;
};
struct process_signal_entry_reply {
    uint64_t zero;
};

enum process_signal_disposition {
    PROCESS_SIGNAL_DEFAULT = 0,
    PROCESS_SIGNAL_IGNORE = 1,
    PROCESS_SIGNAL_HANDLE = 2,
};
/* Errors: P_ARGUMENT no such signal or disposition; KILL or STOP; a handler before signal_entry. */
struct process_signal_action_request {
    uint64_t signal;
    uint64_t disposition;
    uint64_t mask; /* bit n - 1: signal n is masked too while the handler runs */
};
struct process_signal_action_reply {
    uint64_t disposition; /* what it was */
};

enum process_signal_mask_how {
    PROCESS_MASK_SET = 0,     /* pending signals that no longer are masked come at once */
    PROCESS_MASK_ASK = 1,     /* change nothing */
    PROCESS_MASK_QUIETLY = 2, /* set it, unless a signal would come then: P_BUSY, and nothing is changed */
};
/* Set what the calling thread masks. Errors: P_BUSY, see there; P_ARGUMENT `how`. */
struct process_signal_mask_request {
    uint64_t mask;
    uint64_t how; /* enum process_signal_mask_how */
};
struct process_signal_mask_reply {
    uint64_t mask; /* what it was */
    uint64_t pending;
};

/* Where handlers run instead of on the stack that is in use; size 0 = there. Errors: P_ARGUMENT too small. */
#define PROCESS_SIGNAL_STACK_MIN 4096U
#define PROCESS_SIGNAL_ROOM \
    1024U /* bytes of it below a handler's frame; where those are not left the process ends by SEGV */
struct process_signal_stack_request {
    uint64_t at;
    uint64_t size_bytes;
};
struct process_signal_stack_reply {
    uint64_t zero;
};

/* Wait for a signal's handler with another mask, which is put back; reply when it has run. Errors: P_BUSY, P_LIMIT as for wait. */
struct process_signal_wait_request {
    uint64_t mask;
};
struct process_signal_wait_reply {
    uint64_t zero;
};

/* Have ALRM come after this time; 0 = not at all. */
struct process_alarm_request {
    uint64_t duration_ns;
};
struct process_alarm_reply {
    uint64_t left_ns; /* of the one that was set before; 0 = there was none */
};

/* What lies on the stack while a handler runs. */
struct process_signal_frame {
    uint64_t registers[19]; /* struct thread_registers */
    uint64_t mask;          /* what was masked before */
    uint32_t signal;
    uint32_t has_fpu; /* 1: the FPU's state, a struct thread_fpu, lies behind this; 0: it was the initial one */
    uint64_t fault;   /* enum fault_kind, if a fault raised it; else 0 */
    uint64_t address; /* page faults */
    uint64_t sender;  /* pid, if a process raised it: of several while it was pending the first; else 0 */
};
