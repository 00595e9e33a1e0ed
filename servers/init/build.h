/*
 * Making a program of the manifest: space, thread, table, and exactly the capabilities that its entry names.
 */
#pragma once

#include "servers/init/child.h"

#define SWAP_PAGES 512U /* set aside for what a swap has beside a program that still has its own: image and state */

/*
 * Build a program without starting it. fault_endpoint: where its faults go. False: it can't be built, and the log says
 * why.
 */
bool child_build(struct child *child, struct world *world, cap_t fault_endpoint);

/*
 * Build another program, from the file `path` of the volume, in the place of one that ended: thread, table, message
 * page and kept memory stay, and it gets the frames that the one before had to itself. dead: that one's registers.
 * False: it can't be built, the log says why, and the thread has no Space any more.
 */
bool child_rebuild(struct child *child, const char *path, struct world *world, const struct thread_registers *dead);

/*
 * Build another program beside one that runs: *ret_next is what the child will be. False: it can't be built, the log
 * says why, and nothing has changed.
 */
bool child_build_beside(const struct child *child, const char *path, struct world *world, struct child *ret_next);

/* Let the thread go on in another Space. The program's own capability then means that one. False: the log says why. */
bool child_enter(const struct child *child);

/* Give up a Space that no thread runs in any more, if there is one, and its frames. */
void child_drop_image(struct child *child, struct world *world);

/* Start a program that was built. False: the kernel refuses, and the log says why. */
bool child_start(const struct child *child);
