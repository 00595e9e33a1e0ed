#pragma once

#include "kernel/memory/space.h"

struct thread;

/* The space of a call that has arguments or results in the caller's message page. Errors: as table_find, then E_STATE. */
MUST_USE enum status space_find_with_page(const struct thread *self, cap_t space, uint32_t rights,
                                          struct space **ret_space);
