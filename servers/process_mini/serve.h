/*
 * The table of processes, and what the protocol does to it.
 */
#pragma once

#include "libsys/wire/server.h"
#include "servers/process_mini/launch.h"

extern struct server serve_server;
extern const struct protocol serve_protocol;

/* Process 1: `path`, with the one argument and the `name_count` capabilities that `strings` name, out of `origin`. */
bool serve_first(struct mini_process *origin, const char *path, uint64_t name_count);

/* A process has faulted: it is reported and ended. */
void serve_fault(const struct server_event *event);
