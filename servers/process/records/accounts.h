/*
 * How many processes there may be: each counts in an account, and in those above it. A process that sets a limit for itself gets
 * an account of its own, in which its later children count, too, wherever they go. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/proto/protocol.h"

#define ACCOUNTS_MAX 64U

struct account {
    uint32_t above; /* number of the account in which this one counts; 0 is above all */
    uint32_t owner; /* pid of who set the limit */
    uint32_t count; /* processes; 0 = the account is free, but for account 0 */
    uint64_t most;
};

struct accounts {
    struct account entries[ACCOUNTS_MAX];
};

void accounts_init(struct accounts *accounts);

/* Count one more process. False: a limit is reached. */
bool accounts_join(struct accounts *accounts, uint32_t number);
void accounts_leave(struct accounts *accounts, uint32_t number);

/* Does whoever counts in account `number` count in `above`, too? */
bool accounts_counts_in(const struct accounts *accounts, uint32_t number, uint32_t above);

/* Process `pid`, which counts in *number, wants at most so many. Errors: P_LIMIT there are ACCOUNTS_MAX. */
MUST_USE uint32_t accounts_limit(struct accounts *accounts, uint32_t *number, uint32_t pid, uint64_t most);
