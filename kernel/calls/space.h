#pragma once

#include "kernel/memory/space.h"

struct thread;

/*
 * Find the space of a call with arguments or results in the caller's message page. Errors: as table_find; E_STATE: the
 * caller has no message page.
 */
MUST_USE enum status space_find_with_page(const struct thread *self, cap_t space, uint32_t rights,
                                          struct space **ret_space);
