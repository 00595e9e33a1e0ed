/*
 * Loads the two programs that the machine starts with. A function that returns false has said why in loader->failure.
 */
#pragma once

#include "boot/claim.h"
#include "boot/page_table.h"

#define IMAGE_KERNEL_PATH "boot/kernel.elf"
#define IMAGE_INIT_PATH "boot/init.elf"

/* The kernel is linked in the top 2 GiB (code model "kernel"), the first program in the user half above 2 MiB. */
#define IMAGE_KERNEL_LOWEST 0xffffffff80000000ULL
#define IMAGE_KERNEL_END 0xfffffffffffff000ULL
#define IMAGE_INIT_LOWEST 0x0000000000200000ULL
#define IMAGE_INIT_END 0x00007ffffffff000ULL

/*
 * Copy the kernel to contiguous memory. Fills info.kernel_* and entry.kernel_entry, and leaves the kernel's plan in
 * loader->plan.
 */
[[nodiscard]] bool image_load_kernel(struct loader *loader);

/* Map the loaded kernel where it is linked. loader->plan must still be the kernel's. */
[[nodiscard]] bool image_map_kernel(const struct loader *loader, struct page_tables *tables);

/* Copy the first program's segments to memory. Fills info.init_*. */
[[nodiscard]] bool image_load_init(struct loader *loader);
