/*
 * Limits on the number of processes. A process counts in one account and in all accounts above it. A process that sets
 * a limit for itself gets an account of its own; children that it makes later count there too, wherever they go. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/wire/protocol.h"

#define ACCOUNTS_MAX 64U

struct account {
    uint32_t above; /* number of the account in which this one counts; account 0 is above all others */
    uint32_t owner; /* pid of the process that set the limit */
    uint32_t count; /* of processes; 0: the account is free (account 0 never is). It is not noted: it can be counted */
    uint64_t most;
};

struct accounts {
    struct account entries[ACCOUNTS_MAX];
};

void accounts_init(struct accounts *accounts);

/* Count one more process. False: a limit is reached. */
bool accounts_join(struct accounts *accounts, uint32_t number);
void accounts_leave(struct accounts *accounts, uint32_t number);

/* Count one more process again, after all counts were set to 0: it had joined before. */
void accounts_count(struct accounts *accounts, uint32_t number);

/* Does whoever counts in account `number` count in `above`, too? */
bool accounts_counts_in(const struct accounts *accounts, uint32_t number, uint32_t above);

/*
 * Limit process `pid`, which counts in account *number, to `most` processes. Errors: P_LIMIT all ACCOUNTS_MAX accounts
 * are in use.
 */
MUST_USE uint32_t accounts_limit(struct accounts *accounts, uint32_t *number, uint32_t pid, uint64_t most);
