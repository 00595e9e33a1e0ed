/*
 * Loading: files that are programs, looked at through a window in this server's address space, and made into regions of a new one.
 */
#pragma once

#include "libsys/elf.h"
#include "servers/process/memory/open_file.h"
#include "servers/process/memory/pager.h"

/* An image whose plan is known. */
struct elf_image {
    struct vm_file *file; /* NULL = not open */
    struct elf_plan plan;
    struct image_mark mark;
    uaddr_t base;                           /* what its addresses are moved by */
    char interpreter[PROCESS_PATH_MAX + 1]; /* "" = it wants none */
};

/* No image is open here: what elf_image_open finds, and what can be closed. */
void elf_image_none(struct elf_image *image);

/*
 * Open the image at `path` and plan how to load it; if it may go anywhere, it goes to a random place from `lowest`,
 * multiple of LAYOUT_IMAGE_BASE, on. owner: as for open_file. Followed by elf_image_close in any case. Errors: as for
 * open_file; P_IMAGE, P_LIMIT with a reason.
 */
MUST_USE uint32_t elf_image_open(struct server_context *context, uint32_t owner, const char *path, uaddr_t lowest,
                                 struct elf_image *image, char *reason);
void elf_image_close(struct server_context *context, struct elf_image *image);

/* Is the image built for this system, and for this version of its interface? Only what is to run first has to be: of a program
 * with an interpreter that is the interpreter, which may know how to run others. False: *reason says why. */
bool elf_image_is_native(const struct elf_image *image, char *reason);

/* Its segments become regions. Errors: P_IMAGE with a reason; those of pager_add. */
MUST_USE uint32_t elf_image_map(struct server_context *context, const struct elf_image *image,
                                struct incarnation *incarnation, char *reason);
