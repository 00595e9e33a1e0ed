/*
 * The loader's core: all work between "firmware has given us the boot volume" and "jump". Two front ends (uefi.c,
 * pvh.c) fill a loader_input; docs/boot-protocol.md tells the story.
 *
 *   firmware ──> front end ──> loader_prepare ──> front end leaves firmware ──> loader_finish ──> enter_kernel
 *
 * loader_prepare does everything that can go wrong, while firmware can still show a message; loader_finish only writes
 * the final memory map. A function that returns false has said why in loader->failure: one line, without a newline,
 * that names the file, the fault and what to do.
 */
#pragma once

#include "boot/claim.h"

/*
 * Load the kernel and the first program; build the heap, the tables and boot_info. loader->input is filled, the rest
 * zero.
 */
[[nodiscard]] bool loader_prepare(struct loader *loader);

/*
 * Write the final ranges: paint the loader's claims over `map`, the memory map after firmware has been left. The kernel
 * can be entered after this.
 */
[[nodiscard]] bool loader_finish(struct loader *loader, struct memory_map *map);
