/*
 * A process server of another layout in the place of the one over the fake kernel: it has nothing of it but the export.
 */
#pragma once

#include "servers/process/recovery/process_state.h"
#include "test/host/process_world.h"

#define LAYOUTS_EXPORT_BYTES (1U << 18)

/* Map the page at KEEP_AT, once: recovery_count() reads there. */
void layouts_map_keep(void);

/* Export the server's state. bytes: LAYOUTS_EXPORT_BYTES, aligned to 8. */
struct export layouts_export(uint8_t *bytes);

/* Forget the server's memory, and import this state. Returns NULL, or why it was refused. */
const char *layouts_import(const struct export *from);

/* ... and go on with it: what it does not name is swept. */
void layouts_go_on(void);

/* Swap the server for one that imports its state. */
void layouts_swap(void);
