/*
 * Protocol `process`: processes, from the point of view of one of them. The badge of the capability says which.
 *
 * Strings of a new program (arguments, environment, names of capabilities) do not fit one message. A process first
 * stages them, in as many messages as they take; spawn and exec then use what is staged, whether they succeed or not.
 *
 * Capabilities are passed by name. What a process was given at its start is in its bag, kept by the server; `give` puts
 * more into the bag, and spawn and exec name those that the new program shall have. It finds them as environment
 * strings `cap:NAME=SLOT`. Each program gets a capability `process` of its own without being named.
 */
#pragma once

#include "libsys/proto/protocol.h"

#define PROCESS_STAGE_MAX (64U << 10) /* bytes of all strings of one new program, with their terminating zeroes */
#define PROCESS_STRINGS_MAX 4096U     /* strings of one new program */
#define PROCESS_PATH_MAX 256U
#define PROCESS_NAME_MAX 24U /* of a capability or process, terminating zero included */
#define PROCESS_BAG_MAX 12U  /* capabilities of one process that the server keeps to pass on */

/*
 * Append bytes to what is staged: strings, each with its terminating zero; messages may cut them anywhere.
 * Errors: P_ARGUMENT offset_bytes is neither 0 nor the count staged so far; P_TOO_BIG; P_NO_MEMORY.
 */
struct process_stage_request {
    uint64_t length_bytes;
    uint64_t offset_bytes; /* 0: forget what was staged before */
    uint8_t bytes[PROTOCOL_TAIL_MAX];
};
struct process_stage_reply {
    uint64_t staged_bytes;
};

/* Put a capability into the bag, in place of one of the same name if there is one. Errors: P_ARGUMENT name; P_LIMIT. */
struct process_give_request {
    char name[PROCESS_NAME_MAX]; /* zero-terminated; letters, digits, `_`, `-`, `.` */
};
struct process_give_reply {
    uint64_t zero;
};

/* How the staged strings divide: first arguments, then environment, then names of capabilities. */
struct process_strings {
    uint64_t argument_count;
    uint64_t environment_count; /* `cap:...`, `size:...` and `slots=...` are left out: the server writes those */
    uint64_t capability_count;
};

/*
 * Run an image as a new process, child of the caller. Named capabilities whose objects have died are left out.
 * Errors: P_NOT_FOUND; P_NOT_FILE; P_IMAGE (reason = what is wrong with it); P_NO_MEMORY; P_LIMIT processes or memory;
 *         P_ARGUMENT the staged strings are not as many; P_NO_CAPABILITY. There is no trace of the process on error.
 */
struct process_spawn_request {
    uint64_t length_bytes;
    struct process_strings strings;
    char path[PROCESS_PATH_MAX];
};
struct process_spawn_reply {
    uint64_t pid;
};

/*
 * Go on as another image, in the same process: same pid, parent, children, priority and capabilities (those not named
 * leave the bag, not the table). Does not return when it succeeds. Errors as for spawn; the caller goes on as before.
 */
struct process_exec_request {
    uint64_t length_bytes;
    struct process_strings strings;
    char path[PROCESS_PATH_MAX];
};
struct process_exec_reply {
    uint64_t zero;
};

/* End the caller. Never replies. */
struct process_exit_request {
    uint64_t code; /* the low 8 bits are kept */
};
struct process_exit_reply {
    uint64_t zero;
};

#define PROCESS_ANY UINT64_MAX /* wait for whichever child ends first */

enum process_end {
    PROCESS_EXITED = 1, /* value = exit code 0..255 */
    PROCESS_KILLED = 2, /* value = enum process_signal */
};

enum process_signal {
    PROCESS_SIGHUP = 1,
    PROCESS_SIGINT = 2,
    PROCESS_SIGILL = 4,
    PROCESS_SIGTRAP = 5,
    PROCESS_SIGBUS = 7,
    PROCESS_SIGFPE = 8,
    PROCESS_SIGKILL = 9,
    PROCESS_SIGSEGV = 11,
    PROCESS_SIGTERM = 15,
    PROCESS_SIGNAL_MAX = 64,
};

/*
 * Wait until a child has ended, and forget the child. The reply waits.
 * Errors: P_NO_CHILD; P_BUSY another wait or sleep with the same capability; P_ARGUMENT no_hang; E_TIMEOUT none has
 *         ended yet (with no_hang).
 */
struct process_wait_request {
    uint64_t pid;     /* or PROCESS_ANY */
    uint64_t no_hang; /* 1: do not wait */
};
struct process_wait_reply {
    uint64_t pid;
    uint64_t end; /* enum process_end */
    uint64_t value;
    uint64_t fault;   /* enum fault_kind if a fault killed it, else 0 */
    uint64_t address; /* what it touched (page faults) */
    uint64_t rip;     /* where it was */
};

/*
 * Kill a process: every signal ends it, since there are no handlers yet; signal 0 only asks whether it could be done. A
 * process may act on itself and on all that descends from its parent, process 1 on all, an orphan on its descendants.
 * Errors: P_NO_PROCESS; P_ARGUMENT signal; P_PERMISSION process 1, or one that the caller may not act on.
 */
struct process_kill_request {
    uint64_t pid;
    uint64_t signal; /* 0..PROCESS_SIGNAL_MAX */
};
struct process_kill_reply {
    uint64_t zero;
};

struct process_get_pid_request {
    uint64_t zero;
};
struct process_get_pid_reply {
    uint64_t pid;
    uint64_t parent; /* 0 = none */
};

/*
 * Name the process that Ctrl-C ends, itself or 0 = none. When it has ended there is none.
 * Errors: P_NO_PROCESS; P_PERMISSION one that the caller may not act on (see kill), or instead of such a one.
 */
struct process_set_foreground_request {
    uint64_t pid;
};
struct process_set_foreground_reply {
    uint64_t zero;
};

enum process_state {
    PROCESS_RUNNING = 1,  /* or ready, or in a call to some server */
    PROCESS_WAITING = 2,  /* in wait */
    PROCESS_SLEEPING = 3, /* in sleep */
    PROCESS_ENDED = 4,    /* its parent has not waited for it yet */
};

/* The living or ended process with the lowest pid that is at least `pid`. Errors: P_END there is none. */
struct process_list_request {
    uint64_t pid;
};
struct process_list_reply {
    uint64_t pid;
    uint64_t parent;
    uint64_t state;        /* enum process_state */
    uint64_t memory_pages; /* of its image, stack, tables and kernel objects */
    uint64_t cpu_time_ns;
    char name[PROCESS_NAME_MAX]; /* last component of the image's path, zero-terminated, cut to fit */
};

/* What the server has and uses. After a process has ended and was waited for, all is as it was before its start. */
struct process_memory_request {
    uint64_t zero;
};
struct process_memory_reply {
    uint64_t frames_managed; /* all that the server hands out or keeps for its own use */
    uint64_t frames_free;
    uint64_t own_pool_bytes; /* of its own kernel memory ... */
    uint64_t own_pool_used;
    uint64_t slots_used;          /* of its own capability table, besides those it started with */
    uint64_t kernel_capabilities; /* of the whole system, as the kernel counts */
    uint64_t kernel_frames;       /* in pools, of the whole system */
    uint64_t mapped_frames;       /* of the whole system */
    uint64_t process_count;       /* ended ones included */
};

/*
 * One mapping of a process, from 0 on, in ascending order.
 * Errors: P_END no such mapping; P_NO_PROCESS; P_PERMISSION one that the caller may not act on (see kill).
 */
struct process_maps_request {
    uint64_t pid; /* 0 = the caller */
    uint64_t index;
};
enum process_map_kind {
    PROCESS_MAP_FILE = 1, /* pages of the image file itself */
    PROCESS_MAP_PRIVATE = 2,
    PROCESS_MAP_STACK = 3,
    PROCESS_MAP_MESSAGE = 4,
};
struct process_maps_reply {
    uint64_t at;
    uint64_t page_count;
    uint64_t rights; /* enum memory_right */
    uint64_t kind;   /* enum process_map_kind */
};

/* Reply when the time has passed. Errors: P_BUSY another wait or sleep with the same capability. */
struct process_sleep_request {
    uint64_t duration_ns;
};
struct process_sleep_reply {
    uint64_t now_ns; /* the clock of clock_read */
};

#define PROCESS_OPERATIONS(ROW)                                                                                     \
    ROW(process, 1, stage, offsetof(struct process_stage_request, bytes), 0, sizeof(struct process_stage_reply), 0) \
    ROW(process, 2, give, sizeof(struct process_give_request), 1, sizeof(struct process_give_reply), 0)             \
    ROW(process, 3, spawn, offsetof(struct process_spawn_request, path), 0, sizeof(struct process_spawn_reply), 0)  \
    ROW(process, 4, exec, offsetof(struct process_exec_request, path), 0, sizeof(struct process_exec_reply), 0)     \
    ROW(process, 5, exit, sizeof(struct process_exit_request), 0, sizeof(struct process_exit_reply), 0)             \
    ROW(process, 6, wait, sizeof(struct process_wait_request), 0, sizeof(struct process_wait_reply), 0)             \
    ROW(process, 7, kill, sizeof(struct process_kill_request), 0, sizeof(struct process_kill_reply), 0)             \
    ROW(process, 8, get_pid, sizeof(struct process_get_pid_request), 0, sizeof(struct process_get_pid_reply), 0)    \
    ROW(process, 9, set_foreground, sizeof(struct process_set_foreground_request), 0,                               \
        sizeof(struct process_set_foreground_reply), 0)                                                             \
    ROW(process, 10, list, sizeof(struct process_list_request), 0, sizeof(struct process_list_reply), 0)            \
    ROW(process, 11, memory, sizeof(struct process_memory_request), 0, sizeof(struct process_memory_reply), 0)      \
    ROW(process, 12, maps, sizeof(struct process_maps_request), 0, sizeof(struct process_maps_reply), 0)            \
    ROW(process, 13, sleep, sizeof(struct process_sleep_request), 0, sizeof(struct process_sleep_reply), 0)

PROTOCOL_CLIENT(process, PROCESS_OPERATIONS)
