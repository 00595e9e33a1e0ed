/*
 * Places of a server that its clients share, such that none of them can take all: an owner gets another one only while more than
 * it then has stays free. One that is greedy gets half, two that take turns a third each, and who comes later finds some.
 *
 * An owner is whatever number the server tells its clients apart by; 0 is the system, which may take all that is free.
 * Nothing here makes a system call.
 */
#pragma once

#include <stdint.h>

struct quota {
    uint32_t free_count, owner_count;
    struct quota_owner {
        uint32_t owner, count; /* > 0: one who has nothing is forgotten */
    } * owners;                /* those that have something, in no order */
};

/* All free. owners: as many entries as there are places. */
void quota_init(struct quota *quota, struct quota_owner *owners, uint32_t place_count);

/* How many more this owner may take now. */
uint32_t quota_left(const struct quota *quota, uint32_t owner);

/* Take one. False: the owner may not. */
_Bool quota_take(struct quota *quota, uint32_t owner);

/* Give one back that this owner took. */
void quota_give(struct quota *quota, uint32_t owner);
