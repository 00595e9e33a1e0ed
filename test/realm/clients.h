/*
 * The suite's threads, as suite.c uses them.
 */
#pragma once

#include "test/realm/realm.h"

/*
 * Become the watcher of all other threads, of which the first runs `code`. They take CLIENTS_MAX + 1 windows of the
 * suite's capability `memory`.
 */
_Noreturn void clients_watch(client_code *code);

extern const char *suite_case; /* the name of the one that runs */

/* End all clients. */
void clients_clear(void);

/* End all mocks, and fail the case for calls that they did not expect. */
void mocks_clear(void);
