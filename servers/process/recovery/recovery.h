/*
 * In place of a program that has died: go on with its processes. What it had begun is taken back or finished, and what
 * nobody noted is computed (README.md, "How it comes back").
 *
 *     recovery_map       this server's own memory, before server_keep() undoes anything in it
 *     recovery_count     before server_init(): claim slots, count frames; makes no call that uses the message page
 *     recovery_finish    behind it
 */
#pragma once

#include "servers/process/calls/serve.h"

/* Map the memory that the context names. Errors: the kernel's. */
MUST_USE uint64_t recovery_map(const struct server_context *context);

void recovery_count(struct server_context *context);

/* Afterwards the server may wait for messages. */
void recovery_finish(struct server_context *context);
