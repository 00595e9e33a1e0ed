#pragma once

#include "kernel/cap/cap.h"

struct thread;

/*
 * For irq_bind and endpoint_watch: find the capability in `slot`, through which the kernel is to raise `bits`. The
 * caller then puts a copy of it into `bound`. Slot 0: nothing is to be bound, and *ret_source is NULL. Errors: those of
 * table_find; E_LIMIT, E_CAP: no capability can be derived from it; E_ARG: no bits; E_RIGHTS: its badge forbids these
 * bits; CALL_RESTART: depth corrections are left in one of the two lists.
 */
enum status notification_find_source(const struct thread *self, cap_t slot, uint64_t bits, const struct cap_slot *bound,
                                     struct cap_slot **ret_source);
