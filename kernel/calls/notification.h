#pragma once

#include "kernel/cap/cap.h"

struct thread;

/*
 * For irq_bind and endpoint_watch: find the capability in `slot`, which is to raise `bits` instead of the one in
 * `bound`. Slot 0: *ret_source is NULL, and none is to. Errors: as table_find; E_LIMIT, E_CAP: it can't be derived;
 * E_ARG no bits; E_RIGHTS its badge forbids these bits; CALL_RESTART: lists are not settled yet.
 */
enum status notification_find_source(const struct thread *self, cap_t slot, uint64_t bits, const struct cap_slot *bound,
                                     struct cap_slot **ret_source);
