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
    uint64_t fault;   /* enum fault_kind of the last fault; 0: none */
    uint64_t address; /* address of a page fault */
    uint64_t rip;     /* address of the faulting instruction */
    uint64_t priority;
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
 * P_NOT_FOUND no server of this name; P_OPERATION its manifest does not allow it; P_BUSY it has ended already.
 */
struct init_restart_request {
    char name[INIT_NAME_MAX]; /* zero-terminated */
};
struct init_restart_reply {
    uint64_t zero;
};

#define INIT_OPERATIONS(ROW)                                                                                        \
    ROW(init, 1, power_off, sizeof(struct init_power_off_request), 0, sizeof(struct init_power_off_reply), 0)       \
    ROW(init, 2, reboot, sizeof(struct init_reboot_request), 0, sizeof(struct init_reboot_reply), 0)                \
    ROW(init, 3, list, sizeof(struct init_list_request), 0, sizeof(struct init_list_reply), 0)                      \
    ROW(init, 4, read_log, sizeof(struct init_read_log_request), 0, offsetof(struct init_read_log_reply, bytes), 0) \
    ROW(init, 5, restart, sizeof(struct init_restart_request), 0, sizeof(struct init_restart_reply), 0)

PROTOCOL_CLIENT(init, INIT_OPERATIONS)
