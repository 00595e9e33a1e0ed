/*
 * Making a program of the manifest: space, thread, table, and exactly the capabilities that its entry names.
 */
#pragma once

#include "libsys/maker/fault.h"
#include "servers/init/manifest.h"
#include "servers/init/world.h"

struct child {
    const struct manifest_program *program;
    uint64_t number; /* in the manifest, from 1 on: badge of its faults and, unless told otherwise, of its calls */
    cap_t pool;      /* all kernel objects of the program lie in here */
    cap_t space;
    cap_t table;
    cap_t thread;
    struct thread_registers entry; /* for the handover */
    struct image image;
    bool faulted;
    struct fault_message fault;
};

/*
 * Build a program without starting it. fault_endpoint: where its faults go. False: it can't be built, and the log says
 * why.
 */
bool child_build(struct child *child, struct world *world, cap_t fault_endpoint);

/* Start a program that was built. False: the kernel refuses, and the log says why. */
bool child_start(const struct child *child);
