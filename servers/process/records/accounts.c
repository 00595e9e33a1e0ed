#include "servers/process/records/accounts.h"

#include "libsys/wire/journal.h"

void accounts_init(struct accounts *accounts) { *accounts = (struct accounts){.entries = {{.most = UINT64_MAX}}}; }

bool accounts_join(struct accounts *accounts, uint32_t number) {
    for (uint32_t at = number;; at = accounts->entries[at].above) {
        if (accounts->entries[at].count >= accounts->entries[at].most)
            return false;
        if (at == 0)
            break;
    }
    accounts_count(accounts, number);
    return true;
}

void accounts_count(struct accounts *accounts, uint32_t number) {
    for (uint32_t at = number;; at = accounts->entries[at].above) {
        accounts->entries[at].count++;
        if (at == 0)
            return;
    }
}

void accounts_leave(struct accounts *accounts, uint32_t number) {
    for (uint32_t at = number;; at = accounts->entries[at].above) {
        accounts->entries[at].count--;
        if (at == 0)
            return;
    }
}

bool accounts_counts_in(const struct accounts *accounts, uint32_t number, uint32_t above) {
    while (number != above && number != 0)
        number = accounts->entries[number].above;
    return number == above;
}

uint32_t accounts_limit(struct accounts *accounts, uint32_t *number, uint32_t pid, uint64_t most) {
    if (accounts->entries[*number].owner == pid) {
        JOURNAL_SET(accounts->entries[*number].most, most);
        return OK;
    }
    for (uint32_t i = 1; i < ACCOUNTS_MAX; i++) {
        if (accounts->entries[i].count != 0)
            continue;
        journal_note(&accounts->entries[i], sizeof accounts->entries[i]);
        accounts->entries[i] = (struct account){.above = *number, .owner = pid, .count = 1, .most = most};
        JOURNAL_SET(*number, i);
        return OK;
    }
    return P_LIMIT;
}
