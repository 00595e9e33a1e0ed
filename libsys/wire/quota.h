/*
 * Shares out places of a server among its clients, so that no client can take all. An owner gets another place only if
 * at least as many stay free as it then holds. So one greedy owner gets half, two that take places by turns get a third
 * each, and a newcomer finds some.
 *
 * An owner is any number by which the server tells its clients apart. Owner 0 is the system, which may take all free
 * places. Makes no system calls.
 */
#pragma once

#include <stdint.h>

struct quota {
    uint32_t free_count, owner_count;
    struct quota_owner {
        uint32_t owner, count; /* > 0: an owner without places is forgotten */
    } * owners;                /* those with places, in no order */
};

/* Start with all places free. owners: an array of place_count entries. */
void quota_init(struct quota *quota, struct quota_owner *owners, uint32_t place_count);

/* Returns how many more places this owner may take now. */
uint32_t quota_left(const struct quota *quota, uint32_t owner);

/* Take a place. False: the owner may not. */
_Bool quota_take(struct quota *quota, uint32_t owner);

/* Count a place that this owner took in the time of a program before this one: whether it may is decided already. */
void quota_claim(struct quota *quota, uint32_t owner);

/* Give back a place that this owner took. */
void quota_give(struct quota *quota, uint32_t owner);
