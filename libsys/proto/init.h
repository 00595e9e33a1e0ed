/*
 * Protocol `init`: the machine as a whole and the servers that the manifest started.
 */
#pragma once

#include "libsys/proto/protocol.h"

#define INIT_NAME_MAX 32U

/* End everything. There is no reply but a failure. Errors: P_ARGUMENT status above 255. */
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
    INIT_FAULTED = 2, /* stopped by a fault; `fault` says which */
};

/* The server number `index` of the manifest, from 0 on. Errors: P_END no such server. */
struct init_list_request {
    uint64_t index;
};
struct init_list_reply {
    uint64_t state;   /* enum init_state */
    uint64_t fault;   /* enum fault_kind; 0 = none */
    uint64_t address; /* what it touched (page faults) */
    uint64_t rip;     /* where it was */
    uint64_t priority;
    char name[INIT_NAME_MAX]; /* zero-terminated */
};

/*
 * A part of the kernel's log, from byte number `position` of all that were ever written on, or from the oldest that is still
 * there. Good with a capability whose badge has INIT_LOG_BADGE, and nothing else is good with that: the right to read the log
 * is none to switch the machine off. Errors: P_OPERATION otherwise.
 */
#define INIT_LOG_BADGE (1ULL << 63)
#define INIT_LOG_BYTES (PROTOCOL_TAIL_MAX - 8U)
struct init_read_log_request {
    uint64_t position;
};
struct init_read_log_reply {
    uint64_t length_bytes; /* 0: there are no more */
    uint64_t next;         /* the position behind them */
    char bytes[INIT_LOG_BYTES];
};

#define INIT_OPERATIONS(ROW)                                                                                  \
    ROW(init, 1, power_off, sizeof(struct init_power_off_request), 0, sizeof(struct init_power_off_reply), 0) \
    ROW(init, 2, reboot, sizeof(struct init_reboot_request), 0, sizeof(struct init_reboot_reply), 0)          \
    ROW(init, 3, list, sizeof(struct init_list_request), 0, sizeof(struct init_list_reply), 0)                \
    ROW(init, 4, read_log, sizeof(struct init_read_log_request), 0, offsetof(struct init_read_log_reply, bytes), 0)

PROTOCOL_CLIENT(init, INIT_OPERATIONS)
