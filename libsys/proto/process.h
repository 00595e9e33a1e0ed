/*
 * Protocol `process`: processes, from the point of view of one of them. The badge of the capability says which.
 *
 * Strings of a new program (arguments, environment, names of capabilities) do not fit one message. A process first
 * stages them, in as many messages as they take; spawn and exec then use what is staged, whether they succeed or not.
 *
 * A process's capabilities lie in its table and nowhere else. spawn and exec are told by strings NAME=SLOT what the new program is to
 * have: a copy of what the caller has in SLOT. It finds that as the environment string `cap:NAME=SLOT`, with the slot where it has it.
 * fork gives the child all that the parent has, in the same slots. Two kinds are never passed on:
 *   - `process`. Each thread has one of its own.
 *   - Identities: what a process was given to call the services of the system by (console, files, pipes). They bear the
 *     process's own badge (identity.h). In the new process they are its own, and in another group they are made anew. The server goes by
 *     the slots that it filled itself: a copy that a program puts elsewhere stays what it is, whoever has it, and what it
 *     puts in such a slot instead is taken for the identity. A process that has deleted all it had of one never gets it back.
 * The slots below the FIRST of `slots=FIRST,LIMIT` are the server's to fill. A program may empty them.
 */
#pragma once

#include "libsys/proto/process_limits.h"
#include "libsys/proto/process_signals.h"
#include "libsys/proto/process_threads.h"
#include "libsys/proto/protocol.h"

#define PROCESS_STAGE_MAX (64U << 10) /* bytes of all strings of one new program, with their terminating zeroes */
#define PROCESS_STRINGS_MAX 4096U     /* strings of one new program */
#define PROCESS_PATH_MAX 256U
#define PROCESS_NAME_MAX 24U /* of a capability or process, terminating zero included */

/*
 * Append bytes to what is staged: strings, each with its terminating zero; messages may cut them anywhere. What is staged is
 * the process's: threads that start programs take turns.
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

/* How the staged strings divide: first arguments, then environment, then NAME=SLOT of capabilities. */
struct process_strings {
    uint64_t argument_count;
    uint64_t environment_count; /* `cap:...`, `size:...` and `slots=...` are left out: the server writes those */
    uint64_t capability_count;
};

/*
 * Run an image as a new process, child of the caller. A capability whose slot is empty is left out: the kernel has emptied it when the
 * object died. A name has letters, digits, `_`, `-` and `.`; of two of the same name the program finds the first.
 * Errors: P_NOT_FOUND; P_NOT_FILE; P_IMAGE (reason = what is wrong with it); P_NO_MEMORY; P_LIMIT processes, memory, or more
 *         capabilities than a table has slots for; P_ARGUMENT the staged strings are not as many, or it is no name;
 *         P_NO_CAPABILITY it is no slot, or a Reply lies there; P_PERMISSION no such group in the session, or (with FOREGROUND)
 *         as for set_foreground; P_BACKGROUND likewise.
 *         There is no trace of the process on error.
 */
#define PROCESS_GROUP_FOREGROUND (1ULL << 63) /* or it with the group: the child has the terminal at once */
#define PROCESS_GROUP_SAME 0U                 /* the child's group: the caller's, ... */
#define PROCESS_GROUP_OWN 1U                  /* ... a new one of its own number, or one of the session by its number */
struct process_spawn_request {
    uint64_t length_bytes;
    struct process_strings strings;
    uint64_t group;
    char path[PROCESS_PATH_MAX];
};
struct process_spawn_reply {
    uint64_t pid;
};

/*
 * Go on as another image, in the same process: same pid, parent, children and priority. What the strings do not name leaves the
 * table; what stays in its slot keeps its name, even if it has died. Other threads stop before anything changes, and are gone then. Does not return when it succeeds. Errors as for
 * spawn; the caller and all other threads go on as before.
 */
struct process_exec_request {
    uint64_t length_bytes;
    struct process_strings strings;
    char path[PROCESS_PATH_MAX];
};
struct process_exec_reply {
    uint64_t zero;
};

/* End the caller, with all of its threads. Never replies. */
struct process_exit_request {
    uint64_t code; /* the low 8 bits are kept */
};
struct process_exit_reply {
    uint64_t zero;
};

#define PROCESS_ANY UINT64_MAX /* wait for whichever child ends first */

enum process_end {
    PROCESS_EXITED = 1,    /* value = exit code 0..255 */
    PROCESS_KILLED = 2,    /* value = enum process_signal */
    PROCESS_STOPPED = 3,   /* not ended: the same */
    PROCESS_CONTINUED = 4, /* not ended */
};

/*
 * Wait until a child has ended, and forget the child; or until one has stopped or goes on, if that is asked for. The reply
 * waits. A process that ignores CHLD by its own wish (signal_action; exec and fork keep that) is not told of ends: its children
 * are forgotten as they end, and the wait ends with P_NO_CHILD when there are none left. Those that had ended before stay.
 * Errors: P_NO_CHILD; P_BUSY another wait or sleep of the same thread; P_ARGUMENT flags; E_TIMEOUT there is nothing to
 *         tell yet (with NO_HANG); P_INTERRUPTED a signal's handler ran.
 */
enum process_wait_flag {
    PROCESS_WAIT_NO_HANG = 1 << 0,
    PROCESS_WAIT_STOPPED = 1 << 1,
    PROCESS_WAIT_CONTINUED = 1 << 2,
};
#define PROCESS_NO_MEMORY_LEFT 256U /* `fault` of a process that was killed (KILL) to have pages for others or itself */
struct process_wait_request {
    uint64_t pid; /* or PROCESS_ANY, or PROCESS_GROUP | group: any child that is in the group at the time */
    uint64_t flags;
};
struct process_wait_reply {
    uint64_t pid;
    uint64_t end; /* enum process_end */
    uint64_t value;
    uint64_t fault;   /* enum fault_kind if a fault killed it; PROCESS_NO_MEMORY_LEFT; else 0 */
    uint64_t address; /* what it touched (page faults) */
    uint64_t rip;     /* where it was */
};

/*
 * Send a signal to a process, or to those of a group that the caller may signal; signal 0 only asks whether it could be done.
 *
 * Who may do what to whom. A process may *act* on itself and on all that descends from its parent, process 1 on all, an orphan on
 * its descendants: limits, nice value, maps, group, foreground. It may *signal* whatever it may act on, and all of its own
 * session: what shares a session is one user's work, where a child tells its parent and `kill` of a group reaches all of it. So a
 * program that is not trusted is started behind a set_session, which it can't take back. Nobody but itself signals process 1,
 * and what that has no handler for does nothing to it: the machine runs for its sake.
 * Errors: P_NO_PROCESS no such process or group; P_ARGUMENT signal; P_PERMISSION one, or a group of those, that the caller may
 *         not signal.
 */
#define PROCESS_GROUP (1ULL << 32) /* PROCESS_GROUP | group in place of a pid */
#define PROCESS_NAMES_GROUP(pid) ((pid) >> 32 == 1)
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
 * Name the foreground by one of its processes: the group that the terminal's Ctrl-C (INT) and Ctrl-Z (TSTP) are for, and that
 * may read from it and set its mode. The terminal is that of the first session. Only whoever is in the foreground, or has
 * named the present one, or process 1, may name another. When its last process has ended, it is the group of whoever
 * named it; if that has ended, too, the group of process 1.
 * Errors: P_NO_PROCESS; P_PERMISSION one that the caller may not act on (see kill), or it or the caller is in another session;
 *         P_BACKGROUND the foreground is another group; P_ARGUMENT goes_on.
 */
struct process_set_foreground_request {
    uint64_t pid;
    uint64_t goes_on; /* 1: all of the group get CONT, before any key: behind the key a CONT would take a stop back */
};
struct process_set_foreground_reply {
    uint64_t zero;
};

/*
 * A call was refused by P_BACKGROUND. OK: make it again. The caller is in the foreground (again); or its group has got the
 * signal, by default stops, and goes on when somebody lets it, perhaps in the background still. libsys/terminal.h does this.
 * Errors: P_PERMISSION the signal is ignored, or masked by the calling thread; or nobody is there who could let the caller go
 *         on, in another group of the session. Then the call fails. P_ARGUMENT signal.
 */
struct process_await_foreground_request {
    uint64_t signal; /* TTIN: to read; TTOU: to change something */
};
struct process_await_foreground_reply {
    uint64_t zero;
};

enum process_state {
    PROCESS_RUNNING = 1,  /* or ready, or in a call to some server */
    PROCESS_WAITING = 2,  /* in wait */
    PROCESS_SLEEPING = 3, /* in sleep */
    PROCESS_ENDED = 4,    /* its parent has not waited for it yet */
    PROCESS_HALTED = 5,   /* stopped by a signal */
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
    uint64_t threads;
    uint64_t nice;
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
    PROCESS_MAP_FILE = 1,    /* pages of a file itself, where it can be; else copies */
    PROCESS_MAP_PRIVATE = 2, /* copies of a file's pages: the image's variables */
    PROCESS_MAP_STACK = 3,
    PROCESS_MAP_MESSAGE = 4, /* a thread's message page */
    PROCESS_MAP_ANONYMOUS = 5,
    PROCESS_MAP_SHARED = 6, /* anonymous, and one with that of the processes that fork made */
    PROCESS_MAP_HEAP = 7,   /* what set_break made */
};
struct process_maps_reply {
    uint64_t at;
    uint64_t page_count;
    uint64_t rights; /* enum memory_right */
    uint64_t kind;   /* enum process_map_kind */
};

/* Reply when it is this time; UINT64_MAX = never. Errors: P_BUSY another wait or sleep of the same thread; P_LIMIT; P_INTERRUPTED. */
struct process_sleep_request {
    uint64_t until_ns; /* by the clock of clock_read, so that a sleep that is made again is no longer than the first */
};
struct process_sleep_reply {
    uint64_t now_ns; /* the clock of clock_read */
};

/*
 * Make a copy of the caller, child of it: same memory, of which no page is copied before one of the two writes to it;
 * same capabilities, in the same slots, but for Replies and the `process` of other threads. Both return from this call; in the child,
 * pid is 0. Of the caller's threads only the calling one goes on in the child, with all of its registers, the floating-point ones
 * too. The library's locks are free there; locks of the program's own stay as they were, held by threads that the
 * child does not have.
 * Errors: P_NO_MEMORY; P_LIMIT processes. There is no trace of the child on error.
 */
struct process_fork_request {
    uint64_t zero;
};
struct process_fork_reply {
    uint64_t pid; /* 0: this is the child */
};

/*
 * Memory of zeroes, which takes no frame before it is touched.
 * Errors: P_ARGUMENT misaligned, empty, rights with write and execute, unknown flags; P_ADDRESS not in
 *         [PROCESS_MAP_LOWEST, PROCESS_MAP_END); E_EXISTS (with AT) something is there; P_LIMIT regions or the size of the
 *         address space; P_NO_MEMORY.
 */
#define PROCESS_MAP_LOWEST 0x200000ULL
#define PROCESS_MAP_END 0x7fff00000000ULL
enum process_map_flag {
    PROCESS_MAP_AT = 1 << 0,       /* just there; else `at` is ignored and a place is found */
    PROCESS_MAP_REPLACE = 1 << 1,  /* with AT: what is there goes first */
    PROCESS_MAP_TOGETHER = 1 << 2, /* shared with children that fork makes: frames are taken at once */
    PROCESS_MAP_GUARDED = 1 << 3,  /* without AT: the page below is left free, and found for nothing else: a stack */
};
struct process_map_request {
    uint64_t at;
    uint64_t length_bytes; /* multiple of 4096 */
    uint64_t rights;       /* enum memory_right; 0 = no access */
    uint64_t flags;
};
struct process_map_reply {
    uint64_t at;
};

/* The same with the content of a file, private: what is written is not written to the file, and zero behind its end.
 * Errors: also P_NOT_FOUND, P_NOT_FILE; P_ARGUMENT offset. */
struct process_map_file_request {
    uint64_t length_bytes; /* of the path */
    uint64_t at;
    uint64_t size_bytes; /* of the mapping, multiple of 4096 */
    uint64_t rights;
    uint64_t flags;        /* without TOGETHER */
    uint64_t offset_bytes; /* multiple of 4096, within the file */
    char path[PROCESS_PATH_MAX];
};
struct process_map_file_reply {
    uint64_t at;
    uint64_t file_bytes; /* size of the file */
};

/* Take out what is mapped in a range; holes are no error. Errors: P_ARGUMENT; P_ADDRESS; P_LIMIT regions. */
struct process_unmap_request {
    uint64_t at;
    uint64_t length_bytes;
};
struct process_unmap_reply {
    uint64_t zero;
};

/* Other rights for a range. Errors: P_ARGUMENT; P_ADDRESS there are holes in it; P_LIMIT regions. */
struct process_protect_request {
    uint64_t at;
    uint64_t length_bytes;
    uint64_t rights;
};
struct process_protect_reply {
    uint64_t zero;
};

/* Where the heap ends, which begins behind the image: any address from its beginning on; 0 only asks.
 * Errors: P_ADDRESS; E_EXISTS something is in the way; P_LIMIT; P_NO_MEMORY. */
struct process_set_break_request {
    uint64_t end;
};
struct process_set_break_reply {
    uint64_t start;
    uint64_t end;
};

/*
 * Put a process into a group of its session, whose number is the pid of one of them; 0 = a new one of its own number.
 * Errors: P_NO_PROCESS; P_PERMISSION one that the caller may not act on, or is no child of it, or leads a session; there is no
 *         such group in the session.
 */
struct process_set_group_request {
    uint64_t pid; /* 0 = the caller */
    uint64_t group;
};
struct process_set_group_reply {
    uint64_t zero;
};

struct process_get_group_request {
    uint64_t pid; /* 0 = the caller */
};
struct process_get_group_reply {
    uint64_t group;
    uint64_t session;
};

/* A new session and group of the caller's number, which it leads. Errors: P_PERMISSION it leads a group already. */
struct process_set_session_request {
    uint64_t zero;
};
struct process_set_session_reply {
    uint64_t session;
};

#define PROCESS_OPERATIONS(ROW)                                                                                      \
    ROW(process, 1, stage, offsetof(struct process_stage_request, bytes), 0, sizeof(struct process_stage_reply), 0)  \
    ROW(process, 2, set_nice, sizeof(struct process_set_nice_request), 0, sizeof(struct process_set_nice_reply), 0)  \
    ROW(process, 3, spawn, offsetof(struct process_spawn_request, path), 0, sizeof(struct process_spawn_reply), 0)   \
    ROW(process, 4, exec, offsetof(struct process_exec_request, path), 0, sizeof(struct process_exec_reply), 0)      \
    ROW(process, 5, exit, sizeof(struct process_exit_request), 0, sizeof(struct process_exit_reply), 0)              \
    ROW(process, 6, wait, sizeof(struct process_wait_request), 0, sizeof(struct process_wait_reply), 0)              \
    ROW(process, 7, kill, sizeof(struct process_kill_request), 0, sizeof(struct process_kill_reply), 0)              \
    ROW(process, 8, get_pid, sizeof(struct process_get_pid_request), 0, sizeof(struct process_get_pid_reply), 0)     \
    ROW(process, 9, set_foreground, sizeof(struct process_set_foreground_request), 0,                                \
        sizeof(struct process_set_foreground_reply), 0)                                                              \
    ROW(process, 10, list, sizeof(struct process_list_request), 0, sizeof(struct process_list_reply), 0)             \
    ROW(process, 11, memory, sizeof(struct process_memory_request), 0, sizeof(struct process_memory_reply), 0)       \
    ROW(process, 12, maps, sizeof(struct process_maps_request), 0, sizeof(struct process_maps_reply), 0)             \
    ROW(process, 13, sleep, sizeof(struct process_sleep_request), 0, sizeof(struct process_sleep_reply), 0)          \
    ROW(process, 14, fork, sizeof(struct process_fork_request), 0, sizeof(struct process_fork_reply), 0)             \
    ROW(process, 15, map, sizeof(struct process_map_request), 0, sizeof(struct process_map_reply), 0)                \
    ROW(process, 16, map_file, offsetof(struct process_map_file_request, path), 0,                                   \
        sizeof(struct process_map_file_reply), 0)                                                                    \
    ROW(process, 17, unmap, sizeof(struct process_unmap_request), 0, sizeof(struct process_unmap_reply), 0)          \
    ROW(process, 18, protect, sizeof(struct process_protect_request), 0, sizeof(struct process_protect_reply), 0)    \
    ROW(process, 19, set_break, sizeof(struct process_set_break_request), 0, sizeof(struct process_set_break_reply), \
        0)                                                                                                           \
    ROW(process, 20, signal_entry, sizeof(struct process_signal_entry_request), 0,                                   \
        sizeof(struct process_signal_entry_reply), 0)                                                                \
    ROW(process, 21, signal_action, sizeof(struct process_signal_action_request), 0,                                 \
        sizeof(struct process_signal_action_reply), 0)                                                               \
    ROW(process, 22, signal_mask, sizeof(struct process_signal_mask_request), 0,                                     \
        sizeof(struct process_signal_mask_reply), 0)                                                                 \
    ROW(process, 23, signal_stack, sizeof(struct process_signal_stack_request), 0,                                   \
        sizeof(struct process_signal_stack_reply), 0)                                                                \
    ROW(process, 24, signal_wait, sizeof(struct process_signal_wait_request), 0,                                     \
        sizeof(struct process_signal_wait_reply), 0)                                                                 \
    ROW(process, 25, alarm, sizeof(struct process_alarm_request), 0, sizeof(struct process_alarm_reply), 0)          \
    ROW(process, 26, set_group, sizeof(struct process_set_group_request), 0, sizeof(struct process_set_group_reply), \
        0)                                                                                                           \
    ROW(process, 27, get_group, sizeof(struct process_get_group_request), 0, sizeof(struct process_get_group_reply), \
        0)                                                                                                           \
    ROW(process, 28, set_session, sizeof(struct process_set_session_request), 0,                                     \
        sizeof(struct process_set_session_reply), 0)                                                                 \
    ROW(process, 29, thread_create, sizeof(struct process_thread_create_request), 0,                                 \
        sizeof(struct process_thread_create_reply), 0)                                                               \
    ROW(process, 30, thread_exit, sizeof(struct process_thread_exit_request), 0,                                     \
        sizeof(struct process_thread_exit_reply), 0)                                                                 \
    ROW(process, 31, thread_join, sizeof(struct process_thread_join_request), 0,                                     \
        sizeof(struct process_thread_join_reply), 0)                                                                 \
    ROW(process, 32, thread_detach, sizeof(struct process_thread_detach_request), 0,                                 \
        sizeof(struct process_thread_detach_reply), 0)                                                               \
    ROW(process, 33, set_pointer, sizeof(struct process_set_pointer_request), 0,                                     \
        sizeof(struct process_set_pointer_reply), 0)                                                                 \
    ROW(process, 34, word_wait, sizeof(struct process_word_wait_request), 0, sizeof(struct process_word_wait_reply), \
        0)                                                                                                           \
    ROW(process, 35, word_wake, sizeof(struct process_word_wake_request), 0, sizeof(struct process_word_wake_reply), \
        0)                                                                                                           \
    ROW(process, 36, thread_signal, sizeof(struct process_thread_signal_request), 0,                                 \
        sizeof(struct process_thread_signal_reply), 0)                                                               \
    ROW(process, 37, get_limit, sizeof(struct process_get_limit_request), 0, sizeof(struct process_get_limit_reply), \
        0)                                                                                                           \
    ROW(process, 38, set_limit, sizeof(struct process_set_limit_request), 0, sizeof(struct process_set_limit_reply), \
        0)                                                                                                           \
    ROW(process, 39, await_foreground, sizeof(struct process_await_foreground_request), 0,                           \
        sizeof(struct process_await_foreground_reply), 0)

/*
 * The library's own locks are free in a child (libsys/locks.h), whatever other threads held: so the stub of fork has another name,
 * and this is for all.
 */
#define process_fork process_fork_alone
PROTOCOL_CLIENT(process, PROCESS_OPERATIONS)
#undef process_fork
MUST_USE uint32_t process_fork(cap_t server, const struct process_fork_request *request,
                               struct process_fork_reply *reply, struct protocol_extra *extra);
