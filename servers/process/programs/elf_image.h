/*
 * Loading images: program files are read through a window in this server's address space, and become regions of a new
 * address space.
 */
#pragma once

#include "libsys/format/elf.h"
#include "servers/process/memory/open_file.h"
#include "servers/process/memory/pager.h"

/* An image whose plan is known. */
struct elf_image {
    struct vm_file *file; /* NULL: not open */
    struct elf_plan plan;
    struct image_mark mark;
    uaddr_t base;                           /* is added to its addresses */
    char interpreter[PROCESS_PATH_MAX + 1]; /* "" = it asks for none */
};

/* Set an image to "not open": elf_image_open may open it, and elf_image_close does nothing. */
void elf_image_none(struct elf_image *image);

/*
 * Open the image at `path` and plan how to load it. A movable image gets a random place from `lowest`, a multiple of
 * LAYOUT_IMAGE_BASE, on. owner: as for open_file. Call elf_image_close afterwards, on errors too.
 * Errors: those of open_file; P_IMAGE, P_LIMIT with a reason.
 */
MUST_USE uint32_t elf_image_open(struct server_context *context, uint32_t owner, const char *path, uaddr_t lowest,
                                 struct elf_image *image, char *reason);
void elf_image_close(struct server_context *context, struct elf_image *image);

/*
 * Is the image built for this system, and for this version of its interface? Only the image that runs first has to be:
 * of a program with an interpreter, that is the interpreter, which may be able to run others. False: *reason says why.
 */
bool elf_image_is_native(const struct elf_image *image, char *reason);

/* Make regions of the image's segments. Errors: P_IMAGE with a reason; those of pager_add. */
MUST_USE uint32_t elf_image_map(struct server_context *context, const struct elf_image *image,
                                struct incarnation *incarnation, char *reason);
