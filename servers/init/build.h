/*
 * Making one program of the manifest: space, thread, table, and exactly the capabilities its entry names.
 */
#pragma once

#include "libsys/fault.h"
#include "servers/init/manifest.h"
#include "servers/init/world.h"

struct child {
    const struct manifest_program *program;
    uint64_t number; /* in the manifest, from 1 on: badge of its faults and, unless told otherwise, of its calls */
    cap_t pool;      /* everything the kernel keeps for it lies in here */
    cap_t space;
    cap_t table;
    cap_t thread;
    struct thread_registers entry; /* for the handover */
    struct image image;
    bool faulted;
    struct fault_message fault;
};

/*
 * Build a program; it is not started. fault_endpoint: where its faults go.
 * False: not possible, and the log says why.
 */
bool child_build(struct child *child, struct world *world, cap_t fault_endpoint);

/* Let it run. False likewise. */
bool child_start(const struct child *child);
