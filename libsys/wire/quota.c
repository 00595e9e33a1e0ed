#include "libsys/wire/quota.h"

#include <stdbool.h>
#include <stddef.h>

void quota_init(struct quota *quota, struct quota_owner *owners, uint32_t place_count) {
    *quota = (struct quota){.free_count = place_count, .owners = owners};
}

/* NULL: the owner holds nothing. A linear search will do, since few owners hold something at a time. */
static struct quota_owner *find(const struct quota *quota, uint32_t owner) {
    for (uint32_t i = 0; i < quota->owner_count; i++)
        if (quota->owners[i].owner == owner)
            return &quota->owners[i];
    return NULL;
}

static uint32_t left(const struct quota *quota, uint32_t owner, const struct quota_owner *has) {
    uint32_t count = has != NULL ? has->count : 0;
    if (owner == 0)
        return quota->free_count;
    return quota->free_count > count ? (quota->free_count - count) / 2 : 0;
}

uint32_t quota_left(const struct quota *quota, uint32_t owner) { return left(quota, owner, find(quota, owner)); }

static void take(struct quota *quota, uint32_t owner, struct quota_owner *has) {
    if (has == NULL) {
        has = &quota->owners[quota->owner_count++];
        *has = (struct quota_owner){.owner = owner};
    }
    has->count++;
    quota->free_count--;
}

bool quota_take(struct quota *quota, uint32_t owner) {
    struct quota_owner *has = find(quota, owner);
    if (left(quota, owner, has) == 0)
        return false;
    take(quota, owner, has);
    return true;
}

void quota_claim(struct quota *quota, uint32_t owner) { take(quota, owner, find(quota, owner)); }

void quota_give(struct quota *quota, uint32_t owner) {
    struct quota_owner *has = find(quota, owner);
    quota->free_count++;
    if (--has->count == 0)
        *has = quota->owners[--quota->owner_count];
}
