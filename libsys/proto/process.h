/*
 * Protocol `process`: processes, as one of them sees them. The badge of the capability tells the server which one
 * calls.
 *
 * The strings of a new program (arguments, environment, names of capabilities) do not fit one message. A process first
 * stages them, in as many messages as it takes. spawn or exec then uses the staged strings up, even if it fails.
 *
 * A process's capabilities lie in its table and nowhere else. A string NAME=SLOT tells spawn or exec to give the new
 * program a copy of the capability in the caller's SLOT. The new program finds it as the environment string
 * `cap:NAME=SLOT`, where SLOT is its own. fork gives the child all that the parent has, in the same slots. Two kinds
 * are never passed on:
 *   - `process`. Each thread has one of its own.
 *   - Identities: capabilities by which a process calls the services of the system (console, files, pipes). They bear
 *     the process's own badge (identity.h). A new process gets identities of its own; a process that changes its group
 *     gets new ones. The server knows identities by the slots that it filled itself. So a copy in any other slot stays
 *     as it is, whoever holds it, and a capability that a program puts into such a slot counts as the identity. A
 *     process that has deleted all its copies of an identity never gets it back.
 * The slots below FIRST of `slots=FIRST,LIMIT` are for the server to fill. A program may empty them.
 */
#pragma once

#include "libsys/proto/process_limits.h"
#include "libsys/proto/process_signals.h"
#include "libsys/proto/process_threads.h"
#include "libsys/wire/protocol.h"

#define PROCESS_STAGE_MAX (64U << 10) /* bytes of all strings of one new program, with their terminating zeroes */
#define PROCESS_STRINGS_MAX 4096U     /* strings of one new program */
#define PROCESS_PATH_MAX 256U
#define PROCESS_NAME_MAX 24U /* of a capability or process, terminating zero included */

/*
 * Append bytes to the staged strings, each with its terminating zero; a message may end anywhere in a string. All
 * threads of a process share the staged strings, so they must take turns in starting programs.
 * Errors: P_ARGUMENT offset_bytes is neither 0 nor the count staged so far; P_TOO_BIG; P_NO_MEMORY.
 */
struct process_stage_request {
    uint64_t length_bytes;
    uint64_t offset_bytes; /* 0: start again from nothing */
    uint8_t bytes[PROTOCOL_TAIL_MAX];
};
struct process_stage_reply {
    uint64_t staged_bytes;
};

/* How the staged strings divide, in this order. */
struct process_strings {
    uint64_t argument_count;
    uint64_t environment_count; /* without `cap:...`, `size:...` and `slots=...`, which the server adds */
    uint64_t capability_count;
};

/*
 * Run an image as a new process, child of the caller. A capability whose slot is empty is left out, since the kernel
 * empties a slot when its object dies. A capability's name has letters, digits, `_`, `-` and `.`; of two with the same
 * name the program finds the first.
 * Errors: P_NOT_FOUND; P_NOT_FILE; P_IMAGE (reason: what is wrong with it); P_NO_MEMORY; P_LIMIT processes, memory, or
 * more capabilities than a table has slots; P_ARGUMENT the counts are not those of the staged strings, or a name is
 * malformed; P_NO_CAPABILITY a SLOT is no slot, or holds a Reply; P_PERMISSION the session has no such group; with
 * FOREGROUND also P_PERMISSION and P_BACKGROUND as for set_foreground. No trace of the process remains on error.
 */
#define PROCESS_GROUP_FOREGROUND (1ULL << 63) /* flag, added to the group: the child has the terminal at once */
#define PROCESS_GROUP_SAME 0U                 /* the caller's group ... */
#define PROCESS_GROUP_OWN 1U                  /* ... a new one with the child's pid; other: that group of the session */
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
 * Replace the caller's image; pid, parent, children and priority stay. Capabilities that no string names leave the
 * table. A capability that stays in its slot keeps its name, even if its object has died. Other threads stop before
 * anything changes, and end when exec succeeds. Does not return on success.
 * Errors: as for spawn; the caller and all other threads go on as before.
 */
struct process_exec_request {
    uint64_t length_bytes;
    struct process_strings strings;
    char path[PROCESS_PATH_MAX];
};
struct process_exec_reply {
    uint64_t zero;
};

/* End the caller with all of its threads. There is no reply. */
struct process_exit_request {
    uint64_t code; /* the low 8 bits are kept */
};
struct process_exit_reply {
    uint64_t zero;
};

#define PROCESS_ANY UINT64_MAX /* wait for any child */

enum process_end {
    PROCESS_EXITED = 1,    /* value = exit code 0..255 */
    PROCESS_KILLED = 2,    /* value = enum process_signal */
    PROCESS_STOPPED = 3,   /* not ended; value = enum process_signal */
    PROCESS_CONTINUED = 4, /* not ended */
};

/*
 * Wait until a child has ended, and forget the child; with flags, also until one has stopped or continued. The reply
 * waits. A process that chose to ignore CHLD (signal_action; exec and fork keep that) does not learn of ends: its
 * children are forgotten as they end, and the wait ends with P_NO_CHILD when none is left. A child that had ended
 * before can still be waited for.
 * Errors: P_NO_CHILD; P_BUSY another wait or sleep of the same thread; P_ARGUMENT flags; E_TIMEOUT (with NO_HANG) there
 * is nothing to report yet; P_INTERRUPTED a signal's handler ran.
 */
enum process_wait_flag {
    PROCESS_WAIT_NO_HANG = 1 << 0,
    PROCESS_WAIT_STOPPED = 1 << 1,
    PROCESS_WAIT_CONTINUED = 1 << 2,
};
/*
 * `fault` of a process that was killed (KILL) for lack of pages, or since it had used its CPU time up, or since the
 * process server failed again and again at a fault of the process.
 */
#define PROCESS_NO_MEMORY_LEFT 256U
#define PROCESS_NO_TIME_LEFT 257U
#define PROCESS_SERVER_FAILED 258U
struct process_wait_request {
    uint64_t pid; /* or PROCESS_ANY, or PROCESS_GROUP | group: any child that is in the group when it has news */
    uint64_t flags;
};
struct process_wait_reply {
    uint64_t pid;
    uint64_t end; /* enum process_end */
    uint64_t value;
    uint64_t fault; /* enum fault_kind if a fault killed it; or one of the three above; else 0 */
    union {
        uint64_t address;  /* of a page fault */
        uint64_t limit_ns; /* with PROCESS_NO_TIME_LEFT: the CPU time that it had */
    };
    uint64_t rip; /* address of the faulting instruction */
};

/*
 * Send a signal to a process, or to all members of a group that the caller may signal. Signal 0 only asks whether that
 * is possible.
 *
 * Two rights decide what a caller may do to a process. To *act* on it means to change its limits, nice value, group and
 * foreground, and to see its maps. A process may act on itself and on all descendants of its parent; process 1 on all;
 * an orphan on itself and its descendants. A process may *signal* all that it may act on, and all of its own session: a
 * session is one user's work, where a child signals its parent and `kill` of a group reaches all members. So start an
 * untrusted program behind a set_session, which it can't undo. No other process may signal process 1, and a signal
 * without a handler does nothing to it, because the machine runs for its sake.
 * Errors: P_NO_PROCESS no such process or group; P_ARGUMENT signal; P_PERMISSION the caller may not signal the process,
 * or may signal no member of the group.
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
    uint64_t parent; /* 0: none */
};

/*
 * Name the foreground by one of its processes. The foreground is the group that gets the terminal's Ctrl-C (INT) and
 * Ctrl-Z (TSTP), and that may read from the terminal and set its mode. The terminal belongs to the first session. The
 * foreground may be changed by its members, by the process that named it, and by process 1. When its last process has
 * ended, the group of the process that named it takes over; if that has ended, too, the group of process 1.
 * Errors: P_NO_PROCESS; P_PERMISSION the caller may not act on the process (see kill), or caller or process is in
 * another session; P_BACKGROUND the foreground is another group; P_ARGUMENT goes_on.
 */
struct process_set_foreground_request {
    uint64_t pid;
    uint64_t goes_on; /* 1: send CONT to the whole group first. After a Ctrl-Z, a CONT would undo the stop */
};
struct process_set_foreground_reply {
    uint64_t zero;
};

/*
 * Ask what to do after a call was refused with P_BACKGROUND. OK: make the call again. Either the caller is in the
 * foreground again; or its group has got the signal, has stopped (the default), and was continued, perhaps still in the
 * background. libsys/runtime/terminal.h does all this.
 * Errors, upon which the call fails: P_PERMISSION the signal is ignored, or masked by the calling thread, or no process
 * in another group of the session could continue the caller; P_ARGUMENT signal.
 */
struct process_await_foreground_request {
    uint64_t signal; /* TTIN: to read; TTOU: to change a setting */
};
struct process_await_foreground_reply {
    uint64_t zero;
};

enum process_state {
    PROCESS_RUNNING = 1,  /* or ready, or in a call to a server */
    PROCESS_WAITING = 2,  /* in wait */
    PROCESS_SLEEPING = 3, /* in sleep */
    PROCESS_ENDED = 4,    /* its parent has not waited for it yet */
    PROCESS_HALTED = 5,   /* stopped by a signal */
};

/* Describe the process, living or ended, with the lowest pid that is at least `pid`. Errors: P_END there is none. */
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

/* What the server has and uses. Once a process has ended and was waited for, all numbers are as before its start. */
struct process_memory_request {
    uint64_t zero;
};
struct process_memory_reply {
    uint64_t frames_managed; /* handed out by the server, or kept for its own use */
    uint64_t frames_free;
    uint64_t own_pool_bytes; /* the server's own kernel memory */
    uint64_t own_pool_used;
    uint64_t slots_used;          /* of the server's own capability table, without those it started with */
    uint64_t kernel_capabilities; /* of the whole system, counted by the kernel */
    uint64_t kernel_frames;       /* in pools, of the whole system */
    uint64_t mapped_frames;       /* of the whole system, without those that frames_free counts as free */
    uint64_t process_count;       /* ended ones included */
};

/*
 * Describe mapping `index` of a process, counted from 0, in ascending order.
 * Errors: P_END no such mapping; P_NO_PROCESS; P_PERMISSION the caller may not act on it (see kill).
 */
struct process_maps_request {
    uint64_t pid; /* 0: the caller */
    uint64_t index;
};
enum process_map_kind {
    PROCESS_MAP_FILE = 1,    /* the file's own pages where possible, otherwise copies */
    PROCESS_MAP_PRIVATE = 2, /* copies of a file's pages: the image's variables */
    PROCESS_MAP_STACK = 3,
    PROCESS_MAP_MESSAGE = 4, /* a thread's message page */
    PROCESS_MAP_ANONYMOUS = 5,
    PROCESS_MAP_SHARED = 6, /* anonymous, shared with the processes that fork made */
    PROCESS_MAP_HEAP = 7,   /* made by set_break */
};
struct process_maps_reply {
    uint64_t at;
    uint64_t page_count;
    uint64_t rights; /* enum memory_right */
    uint64_t kind;   /* enum process_map_kind */
};

/*
 * Reply at a given time; UINT64_MAX: never. Errors: P_BUSY another wait or sleep of the same thread; P_LIMIT;
 * P_INTERRUPTED.
 */
struct process_sleep_request {
    uint64_t until_ns; /* by the clock of clock_read: a repeated sleep is no longer than the first */
};
struct process_sleep_reply {
    uint64_t now_ns; /* the clock of clock_read */
};

/*
 * Copy the caller into a child, copy-on-write. The child has the same capabilities in the same slots, except Replies
 * and the `process` of other threads. Both return from this call; in the child, pid is 0. Only the calling thread
 * continues in the child, with all of its registers, including floating-point ones. The library's locks are free there.
 * The program's own locks stay as they were, even if a thread holds them that the child does not have.
 * Errors: P_NO_MEMORY; P_LIMIT processes. No trace of the child remains on error.
 */
struct process_fork_request {
    uint64_t zero;
};
struct process_fork_reply {
    uint64_t pid; /* 0: the caller is the child */
};

/*
 * Map anonymous memory: zeroes on demand, no frame before the first touch.
 * Errors: P_ARGUMENT misaligned, empty, rights with write and execute, unknown flags; P_ADDRESS not in
 * [PROCESS_MAP_LOWEST, PROCESS_MAP_END); E_EXISTS (with AT) something is mapped there; P_LIMIT regions or the size of
 * the address space; P_NO_MEMORY.
 */
#define PROCESS_MAP_LOWEST 0x200000ULL
#define PROCESS_MAP_END 0x7fff00000000ULL
enum process_map_flag {
    PROCESS_MAP_AT = 1 << 0,       /* exactly at `at`; otherwise the server chooses an address and ignores `at` */
    PROCESS_MAP_REPLACE = 1 << 1,  /* with AT: unmap first what is there */
    PROCESS_MAP_TOGETHER = 1 << 2, /* shared with children that fork makes: frames are taken at once */
    PROCESS_MAP_GUARDED = 1 << 3,  /* without AT: the page below stays free, and no search finds it: for a stack */
};
struct process_map_request {
    uint64_t at;
    uint64_t length_bytes; /* multiple of 4096 */
    uint64_t rights;       /* enum memory_right; 0: no access */
    uint64_t flags;
};
struct process_map_reply {
    uint64_t at;
};

/*
 * Map a file privately: writes do not reach the file, and bytes behind its end are zero.
 * Errors: those of map; P_NOT_FOUND, P_NOT_FILE; P_ARGUMENT offset.
 */
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

/* Unmap a range, which may have holes. Errors: P_ARGUMENT; P_ADDRESS; P_LIMIT regions. */
struct process_unmap_request {
    uint64_t at;
    uint64_t length_bytes;
};
struct process_unmap_reply {
    uint64_t zero;
};

/* Change the rights of a range. Errors: P_ARGUMENT; P_ADDRESS the range has holes; P_LIMIT regions. */
struct process_protect_request {
    uint64_t at;
    uint64_t length_bytes;
    uint64_t rights;
};
struct process_protect_reply {
    uint64_t zero;
};

/*
 * Set the end of the heap, which begins behind the image. `end` is any address from the heap's start on; 0 only asks.
 * Errors: P_ADDRESS; E_EXISTS something is in the way; P_LIMIT; P_NO_MEMORY.
 */
struct process_set_break_request {
    uint64_t end;
};
struct process_set_break_reply {
    uint64_t start;
    uint64_t end;
};

/*
 * Put a process into a group of its session. A group has the pid of one of its processes as its number; 0: a new group
 * with the process's own pid.
 * Errors: P_NO_PROCESS; P_PERMISSION the caller may not act on the process, or it is neither the caller nor its child,
 * or it leads a session, or the session has no such group.
 */
struct process_set_group_request {
    uint64_t pid; /* 0: the caller */
    uint64_t group;
};
struct process_set_group_reply {
    uint64_t zero;
};

struct process_get_group_request {
    uint64_t pid; /* 0: the caller */
};
struct process_get_group_reply {
    uint64_t group;
    uint64_t session;
};

/*
 * Start a session and a group with the caller's pid as number, which it leads. Errors: P_PERMISSION a group with that
 * number exists already.
 */
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
 * The stub gets another name, since process_fork() does more for every caller: it frees the library's own locks
 * (libsys/runtime/locks.h) in the child, whatever thread held them in the parent.
 */
#define process_fork process_fork_alone
PROTOCOL_CLIENT(process, PROCESS_OPERATIONS)
#undef process_fork
MUST_USE uint32_t process_fork(cap_t server, const struct process_fork_request *request,
                               struct process_fork_reply *reply, struct protocol_extra *extra);
