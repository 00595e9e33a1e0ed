/*
 * Files whose pages are mapped or copied: who holds one, and when its capability goes.
 */
#pragma once

#include <stdint.h>

#include "libsys/proto/protocol.h"

struct system;

/* An image file whose pages are mapped or copied: the Memory that the files server gave. */
struct vm_file {
    cap_t memory; /* 0 = the entry is free */
    struct vm_file *next_free;
    uint32_t holders;
    uint64_t offset_bytes; /* of its first byte, multiple of PAGE_BYTES */
    uint64_t size_bytes;
};
#define VM_FILES_MAX 4096U
#define VM_FILES_MAPPED_MAX 2048U /* no more for programs that map them: the rest is for images, two a process */

/* Note a file, with one holder; the capability belongs to it from now on. NULL: there are VM_FILES_MAX. */
struct vm_file *file_add(struct system *system, cap_t memory, uint64_t offset_bytes, uint64_t size_bytes);
void file_drop(struct system *system, struct vm_file *file);
