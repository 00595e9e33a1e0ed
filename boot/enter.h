/*
 * The jump to the kernel.
 */
#pragma once

#include "boot/loader.h"

/* Returns null if this CPU can run the kernel, otherwise why not. Call it while firmware can still show a message. */
[[nodiscard]] const char *enter_check_cpu(void);

bool enter_has_giant_pages(void);

/*
 * Put the CPU in the state that docs/boot-protocol.md describes and jump to the kernel. Descriptor tables, page tables
 * and stack are the loader's own; nothing of firmware is needed any more.
 */
_Noreturn void enter_kernel(const struct loader_entry *entry);
