/*
 * Answers calls of the protocol `init`, and cleans up after the programs that have faulted.
 */
#pragma once

#include "libsys/wire/server.h"
extern const struct protocol *const serve_protocol;

/* Report a program that has faulted, and bring it back or clean up after it (recovery.h). */
void serve_fault(struct server *server);

/* Tell who asked for a swap how it came out, once it is over. */
void serve_answer_swap(struct server *server);
