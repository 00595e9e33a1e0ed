/*
 * What outlives a server's programs, as init has it: the kept memory, its head, and an export beside it
 * (libsys/program/keep.h, export.h).
 */
#pragma once

#include "libsys/program/export.h"
#include "servers/init/child.h"

/* Map it, and the export if there is one, into the program's Space. False: it can't be done, and the log says why. */
bool kept_map(const struct child *child);

/* Let this page be zero. what: its name, for the log. False: it can't be done, and the log says why. */
bool kept_clear_page(const struct child *child, const char *what, const struct memory_run *page);

/*
 * Tell the program of child->generation which one it is, and for what it is started. dead: where the one before ended;
 * NULL: there is none, or it was told already. False: it can't be done, and the log says why.
 */
bool kept_write_head(struct child *child, const struct world *world, const struct thread_registers *dead,
                     enum keep_trial trial);

/*
 * Take memory for an export, or for a second state: as much as the child keeps, in one run, all zero. False: there is
 * none, and *ret_run has no pages.
 */
bool kept_take(const struct child *child, struct world *world, struct memory_run *ret_run);

/* Give up a program's export, if there is one. Nobody can see it any more. */
void kept_drop_export(struct child *child, struct world *world);

/* A word of the program's kept memory; 0 if it has none. */
uint64_t kept_word(const struct child *child, const struct world *world, uint64_t offset_bytes);

/* Does the program say that it keeps no state? Then nothing can take its place, and nobody knows what it has heard. */
static inline bool kept_is_nothing(const struct child *child, const struct world *world) {
    return kept_word(child, world, offsetof(struct keep_head, layout)) == KEEP_NOTHING;
}
