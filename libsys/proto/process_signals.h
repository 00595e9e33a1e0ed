/*
 * Protocol `process`, signals and alarms; process.h lists the operations.
 */
#pragma once

#include "libsys/wire/protocol.h"

/* Numbers as in Linux. Numbers without a name can be used, too. */
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
    PROCESS_SIGCHLD = 17, /* by default nothing happens: this, CONT, URG and WINCH */
    PROCESS_SIGCONT = 18,
    PROCESS_SIGSTOP = 19, /* by default the process stops: this, TSTP, TTIN and TTOU (see below); all others end it */
    PROCESS_SIGTSTP = 20,
    PROCESS_SIGTTIN = 21,
    PROCESS_SIGTTOU = 22,
    PROCESS_SIGURG = 23,
    PROCESS_SIGXCPU = 24,
    PROCESS_SIGWINCH = 28,
    PROCESS_SIGNAL_MAX = 64,
};

/*
 * A group is orphaned when none of its members has a living parent in the same session but another group: no shell is
 * left that would continue it. TSTP, TTIN and TTOU then do nothing by default. When the end of a process orphans a
 * group with a stopped member, all of the group get HUP, then CONT. A change of group or session does not count as
 * orphaning.
 */

/*
 * Signals with handlers. A program names once the code that calls its handlers (signal_entry). For a signal the process
 * continues at that code, with RDI = signal and RSI = address of a struct process_signal_frame, on its stack or on the
 * one that signal_stack named. A handler begins with the FPU's initial state. The code can end in two ways:
 * - It executes the undefined instruction at `leave`, with RDI = address of the frame. The server then restores the
 *   frame's registers, FPU state and mask.
 * - For half the price, it sets the mask itself by PROCESS_MASK_QUIETLY and then loads the registers. It may do so if
 *   the frame has no FPU state and the FPU was not used since (struct message_page says so).
 * libsys/runtime/signal.h does all this.
 *
 * A call that no server has begun to serve, or whose answer is deferred, ends with P_INTERRUPTED when a handler is to
 * run. It has had no effect, and the library makes it again. If a server is serving the call, the handler waits for the
 * answer, but at most PROCESS_SERVED_MOST_NS; then the call ends with E_CANCEL and may or may not have had its effect.
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
/*
 * Set what a signal does. Errors: P_ARGUMENT no such signal or disposition; KILL or STOP; a handler before
 * signal_entry.
 */
struct process_signal_action_request {
    uint64_t signal;
    uint64_t disposition;
    uint64_t mask; /* bit n - 1: signal n is also masked while the handler runs */
};
struct process_signal_action_reply {
    uint64_t disposition; /* the disposition before */
};

enum process_signal_mask_how {
    PROCESS_MASK_SET = 0,     /* pending signals that this unmasks come at once */
    PROCESS_MASK_ASK = 1,     /* change nothing */
    PROCESS_MASK_QUIETLY = 2, /* set it, unless a signal would come at once: then P_BUSY, and nothing has changed */
};
/* Set the signal mask of the calling thread. Errors: P_BUSY see PROCESS_MASK_QUIETLY; P_ARGUMENT `how`. */
struct process_signal_mask_request {
    uint64_t mask;
    uint64_t how; /* enum process_signal_mask_how */
};
struct process_signal_mask_reply {
    uint64_t mask; /* the mask before */
    uint64_t pending;
};

/* Name an alternate stack for handlers; size 0: they run on the stack in use. Errors: P_ARGUMENT too small. */
#define PROCESS_SIGNAL_STACK_MIN 4096U
#define PROCESS_SIGNAL_ROOM \
    1024U /* bytes of it to be left below a handler's frame; with fewer left, the process ends by SEGV */
struct process_signal_stack_request {
    uint64_t at;
    uint64_t size_bytes;
};
struct process_signal_stack_reply {
    uint64_t zero;
};

/*
 * Wait with another mask until a signal's handler has run; the old mask is then put back. Errors: P_BUSY, P_LIMIT as
 * for wait.
 */
struct process_signal_wait_request {
    uint64_t mask;
};
struct process_signal_wait_reply {
    uint64_t zero;
};

/* Have ALRM sent after this time; 0: cancel the alarm. */
struct process_alarm_request {
    uint64_t duration_ns;
};
struct process_alarm_reply {
    uint64_t left_ns; /* of the previous alarm; 0: there was none */
};

/* The frame on the stack while a handler runs. */
struct process_signal_frame {
    uint64_t registers[19]; /* struct thread_registers */
    uint64_t mask;          /* mask before the signal */
    uint32_t signal;
    uint32_t has_fpu; /* 1: a struct thread_fpu follows; 0: the FPU was in its initial state */
    uint64_t fault;   /* enum fault_kind if a fault raised the signal; otherwise 0 */
    uint64_t address; /* of a page fault */
    uint64_t sender;  /* pid if a process raised it, the first if several did while it was pending; otherwise 0 */
};
