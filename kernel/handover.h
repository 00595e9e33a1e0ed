/*
 * thread_handover: see handover.c.
 */
#pragma once

#include <stdbool.h>

/* With -Dchecks, for tests: hand over whatever the audit says, to see what it would have prevented. */
extern bool handover_unaudited;
