/*
 * Answers calls of the protocol `init`, and cleans up after the programs that have faulted.
 */
#pragma once

#include "libsys/wire/server.h"
#include "servers/init/build.h"
#include "servers/init/manifest.h"
#include "servers/init/world.h"

/*
 * The machine's exit statuses if the manifest can't be carried out, and if a vital program has ended. Each goes with a
 * line on the log, by which `./baton run` tells it from a command's own status (tools/evidence/verdict.py).
 */
#define STATUS_CANNOT_START 74U
#define STATUS_VITAL_ENDED 75U

extern const struct protocol *const serve_protocol;

/* What init has, the manifest, and the programs that it makes. main.c fills them in. */
extern struct world served_world;
extern struct manifest served_manifest;
extern struct child served_children[MANIFEST_PROGRAMS_MAX];

/* Switch the machine off with this exit status. Returns only if the kernel refuses: the error. */
uint32_t serve_power_off(uint64_t status);

/* Report a program that has faulted, and bring it back or clean up after it (recovery.h). */
void serve_fault(const struct server_event *event);
