/*
 * Protocol `relay`: a server that asks another one, for the tests of realms themselves.
 */
#pragma once

#include "libsys/wire/protocol.h"

/* The sizes of the files "0", "1" ... together. Errors: those of files.stat. */
struct relay_total_request {
    uint64_t count; /* 1..9 */
};
struct relay_total_reply {
    uint64_t bytes;
};

/* Do a mistake. */
enum relay_mistake { RELAY_KEEPS_A_SLOT = 1, RELAY_FAULTS = 2 };
struct relay_err_request {
    uint64_t how;
};
struct relay_err_reply {
    uint64_t zero;
};

#define RELAY_OPERATIONS(ROW)                                                                        \
    ROW(relay, 1, total, sizeof(struct relay_total_request), 0, sizeof(struct relay_total_reply), 0) \
    ROW(relay, 2, err, sizeof(struct relay_err_request), 0, sizeof(struct relay_err_reply), 0)

PROTOCOL_CLIENT(relay, RELAY_OPERATIONS)
