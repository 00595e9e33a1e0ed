/*
 * Owns the pipes and their ends: answers calls of the protocols `pipes` and, at the ends, `stream`. pipe.c moves the
 * bytes.
 */
#pragma once

#include "libsys/wire/server.h"

extern struct server *const served_server;

/*
 * Be ready to serve at `serve`; from then on `events` is raised whenever the copies of an end are gone. Errors: those
 * of endpoint_watch and server_init.
 */
MUST_USE uint64_t serve_start(cap_t serve, cap_t events);

/* Find the ends whose copies are gone, answer the callers that wait for them, and free the pipes without ends. */
void serve_look_for_gone(void);
