#pragma once

#include "kernel/cap/cap.h"

struct thread;

/*
 * For irq_bind and endpoint_watch: the capability that is to raise `bits` from now on, instead of the one in `bound`; slot 0,
 * *ret_source NULL: none is. CALL_RESTART: lists are not settled yet.
 */
enum status notification_find_source(const struct thread *self, cap_t slot, uint64_t bits, const struct cap_slot *bound,
                                     struct cap_slot **ret_source);
