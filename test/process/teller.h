/*
 * Protocol `teller`, of a server that the suite adds to the system: it tells its clients their badges.
 */
#pragma once

#include "libsys/wire/protocol.h"

struct teller_tell_request {
    uint64_t zero;
};
struct teller_tell_reply {
    uint64_t badge;
};

#define TELLER_OPERATIONS(ROW) \
    ROW(teller, 1, tell, sizeof(struct teller_tell_request), 0, sizeof(struct teller_tell_reply), 0)

PROTOCOL_CLIENT(teller, TELLER_OPERATIONS)
