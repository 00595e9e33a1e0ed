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
    INIT_FAULTED = 2, /* stopped by a fault, which `fault` names */
};

/* Describe server `index` of the manifest, counted from 0. Errors: P_END no such server. */
struct init_list_request {
    uint64_t index;
};
struct init_list_reply {
    uint64_t state;   /* enum init_state */
    uint64_t fault;   /* enum fault_kind; 0: none */
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

#define INIT_OPERATIONS(ROW)                                                                                  \
    ROW(init, 1, power_off, sizeof(struct init_power_off_request), 0, sizeof(struct init_power_off_reply), 0) \
    ROW(init, 2, reboot, sizeof(struct init_reboot_request), 0, sizeof(struct init_reboot_reply), 0)          \
    ROW(init, 3, list, sizeof(struct init_list_request), 0, sizeof(struct init_list_reply), 0)                \
    ROW(init, 4, read_log, sizeof(struct init_read_log_request), 0, offsetof(struct init_read_log_reply, bytes), 0)

PROTOCOL_CLIENT(init, INIT_OPERATIONS)
