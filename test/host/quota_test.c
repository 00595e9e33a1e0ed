/*
 * Quotas: may an owner take only as many places as are then left, does every owner get some, and
 * the system all it asks for?
 */
#include "libsys/wire/quota.h"

#include "test/host/suite.h"
#include "test/lib/random.h"

#define PLACES 64U
#define OWNERS 5U

static struct quota quota;
static struct quota_owner owners[PLACES];

static uint32_t take_all(uint32_t owner) {
    uint32_t count = 0;
    while (quota_take(&quota, owner))
        count++;
    return count;
}

static void quota_the_greedy_get_half(void) {
    quota_init(&quota, owners, PLACES);
    CHECK_EQUAL(quota_left(&quota, 9), 32);
    CHECK_EQUAL(take_all(9), 32);
    CHECK_EQUAL(take_all(8), 16); /* an owner that comes later finds some */
    CHECK_EQUAL(take_all(7), 8);
    quota_give(&quota, 9);
    CHECK_EQUAL(take_all(9), 0); /* it has more than are left yet */
    CHECK(quota_take(&quota, 6));

    quota_init(&quota, owners, PLACES);
    uint32_t has[2] = {0};
    for (uint32_t turn = 0; turn < 2 * PLACES; turn++)
        has[turn % 2] += quota_take(&quota, 1 + turn % 2);
    CHECK_EQUAL(has[0], 21); /* a third each */
    CHECK_EQUAL(has[1], 21);
}

static void quota_the_system_takes_what_is_free(void) {
    quota_init(&quota, owners, PLACES);
    CHECK_EQUAL(take_all(3), 32);
    CHECK_EQUAL(quota_left(&quota, 0), 32);
    CHECK_EQUAL(take_all(0), 32);
    CHECK_EQUAL(quota_left(&quota, 4), 0);
    CHECK(!quota_take(&quota, 4));
}

/* What a program before this one has granted stays granted, even if it is more than a newcomer would get. */
static void quota_claims_are_never_refused(void) {
    quota_init(&quota, owners, PLACES);
    for (uint32_t i = 0; i < 40; i++)
        quota_claim(&quota, 9);
    CHECK_EQUAL(quota.free_count, 24);
    CHECK_EQUAL(quota.owner_count, 1);
    CHECK(!quota_take(&quota, 9));
    CHECK_EQUAL(quota_left(&quota, 8), 12);
    quota_claim(&quota, 0);
    quota_claim(&quota, 8);
    CHECK_EQUAL(quota.free_count, 22);
    CHECK_EQUAL(quota.owner_count, 3);
    for (uint32_t i = 0; i < 40; i++)
        quota_give(&quota, 9);
    CHECK_EQUAL(quota.free_count, 62);
    CHECK_EQUAL(quota.owner_count, 2);
    CHECK_EQUAL(quota_left(&quota, 8), 30);
}

/* Beside plain counts. */
static void quota_counts_are_kept_and_owners_forgotten(void) {
    uint32_t has[OWNERS] = {0}, free = PLACES;
    uint64_t seed = 11;
    quota_init(&quota, owners, PLACES);
    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t owner = (uint32_t)(random_step(&seed) % OWNERS), known = 0;
        uint32_t may = owner == 0 ? free : free > has[owner] ? (free - has[owner]) / 2 : 0;
        if (random_step(&seed) % 100 < (step / 1000 % 2 == 0 ? 60 : 40)) {
            CHECK_EQUAL(quota_left(&quota, owner), may);
            CHECK_EQUAL(quota_take(&quota, owner), may > 0);
            has[owner] += may > 0;
            free -= may > 0;
        } else if (has[owner] > 0) {
            quota_give(&quota, owner);
            has[owner]--;
            free++;
        }
        for (uint32_t i = 0; i < OWNERS; i++)
            known += has[i] > 0;
        if (!CHECK_EQUAL(quota.free_count, free) || !CHECK_EQUAL(quota.owner_count, known))
            return;
    }
}

SUITE(CASE(quota_the_greedy_get_half), CASE(quota_the_system_takes_what_is_free), CASE(quota_claims_are_never_refused),
      CASE(quota_counts_are_kept_and_owners_forgotten));
