/*
 * The jump to the kernel.
 */
#pragma once

#include "boot/loader.h"

/* Null, or why this CPU cannot run the kernel. Call it while firmware can still show a message. */
[[nodiscard]] const char *enter_check_cpu(void);

bool enter_has_giant_pages(void);

/*
 * Put the CPU in the state that docs/boot-protocol.md describes and jump. Nothing of firmware's is needed any more:
 * descriptor tables, page tables and stack are the loader's own.
 */
_Noreturn void enter_kernel(const struct loader_entry *entry);
