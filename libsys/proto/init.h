/*
 * Protocol `init`: the machine as a whole and the servers that the manifest started.
 */
#pragma once

#include "libsys/wire/protocol.h"

#define INIT_NAME_MAX 32U

/* Switch the machine off. Only a failure is replied to. Errors: P_ARGUMENT status above 255. */
struct init_power_off_request {
    uint64_t status; /* 0..255, for the log and the emulator */
};
struct init_power_off_reply {
    uint64_t zero;
};

struct init_reboot_request {
    uint64_t zero;
};
struct init_reboot_reply {
    uint64_t zero;
};

enum init_state {
    INIT_RUNNING = 1,
    INIT_FAULTED = 2, /* it has ended, and is to be started again */
    INIT_GONE = 3,    /* it has ended, and stays away */
};

/* Why the program before ended. */
enum init_end {
    INIT_NO_END = 0, /* there was none */
    INIT_FAULT = 1,  /* `fault` names it */
    INIT_HUNG = 2,   /* it took no message for too long */
    INIT_REQUESTED = 3,
};

/* Describe server `index` of the manifest, counted from 0. Errors: P_END no such server. */
struct init_list_request {
    uint64_t index;
};
struct init_list_reply {
    uint64_t state; /* enum init_state */
    uint64_t end;   /* enum init_end */
    uint64_t restart_count;
    uint64_t fault;   /* enum fault_kind of the last fault; 0: none, or its main returned */
    uint64_t address; /* address of a page fault */
    uint64_t rip;     /* address of the faulting instruction */
    uint64_t priority;
    uint64_t pool_bytes;      /* of kernel memory that it uses for its objects */
    char name[INIT_NAME_MAX]; /* zero-terminated */
};

/*
 * Read the kernel's log from byte `position`, counted over all bytes ever written, or from the oldest byte that is
 * still kept. This takes a capability whose badge has INIT_LOG_BADGE, and such a capability allows nothing else: the
 * right to read the log is not the right to switch the machine off. Errors: P_OPERATION another badge.
 */
#define INIT_LOG_BADGE (1ULL << 63)
#define INIT_LOG_BYTES (PROTOCOL_TAIL_MAX - 8U)
struct init_read_log_request {
    uint64_t position;
};
struct init_read_log_reply {
    uint64_t length_bytes; /* 0: there is no more */
    uint64_t next;         /* position after these bytes */
    char bytes[INIT_LOG_BYTES];
};

/*
 * End a server and start it again, where its clients do not see it if it keeps its state (docs/recovery.md). Errors:
 * P_NOT_FOUND no server of this name; P_GONE it has ended for good; P_OPERATION its manifest does not allow it; P_BUSY
 * it is about to come back, is being swapped, or is at a call that must not be interrupted: ask again a little later.
 */
struct init_restart_request {
    char name[INIT_NAME_MAX]; /* zero-terminated */
};
struct init_restart_reply {
    uint64_t zero;
};

/*
 * Put another program, the boot volume's file `path`, in the place of a server that runs (docs/swap.md). It takes over
 * the state if it says yes to it. The answer comes when that is decided: after a second or two at the latest. Errors,
 * each with a reason: P_NOT_FOUND no such server, or no such file; P_OPERATION the server's entry in the manifest has
 * no `restart`; P_BUSY the server does not run, or a swap is under way; P_IMAGE the program can't be built, and the log
 * says why; P_LIMIT init has no slot for the answer (without a reason).
 */
#define INIT_PATH_MAX 64U
#define INIT_NO_MAX 64U
#define INIT_SWAP 6U
struct init_swap_request {
    char name[INIT_NAME_MAX]; /* zero-terminated, and so are the others */
    char path[INIT_PATH_MAX];
};
struct init_swap_reply {
    uint64_t is_done;     /* 0: the old program goes on */
    char no[INIT_NO_MAX]; /* why */
};

#define INIT_OPERATIONS(ROW)                                                                                        \
    ROW(init, 1, power_off, sizeof(struct init_power_off_request), 0, sizeof(struct init_power_off_reply), 0)       \
    ROW(init, 2, reboot, sizeof(struct init_reboot_request), 0, sizeof(struct init_reboot_reply), 0)                \
    ROW(init, 3, list, sizeof(struct init_list_request), 0, sizeof(struct init_list_reply), 0)                      \
    ROW(init, 4, read_log, sizeof(struct init_read_log_request), 0, offsetof(struct init_read_log_reply, bytes), 0) \
    ROW(init, 5, restart, sizeof(struct init_restart_request), 0, sizeof(struct init_restart_reply), 0)             \
    ROW(init, 6, swap, sizeof(struct init_swap_request), 0, sizeof(struct init_swap_reply), 0)

PROTOCOL_CLIENT(init, INIT_OPERATIONS)
