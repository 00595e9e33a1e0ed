/*
 * Files whose pages are mapped or copied: their holders. The last one's end deletes the file's capability.
 */
#pragma once

#include <stdint.h>

#include "libsys/wire/protocol.h"

/* A file: the Memory that the files server gave. */
struct vm_file {
    cap_t memory; /* 0 = the entry is free */
    struct vm_file *next_free;
    uint32_t holders;
    uint64_t offset_bytes; /* of its first byte, multiple of PAGE_BYTES */
    uint64_t size_bytes;
};
#define VM_FILES_MAX 4096U
#define VM_FILES_MAPPED_MAX 2048U /* for programs that map files; the rest is for images, two a process */

struct vm_files {
    struct vm_file entries[VM_FILES_MAX]; /* the first used_count have been in use */
    struct vm_file *free;
    uint32_t used_count;
    uint32_t held_count; /* files that have a holder */
};

/*
 * In place of a program that has died: forget the holders, whom incarnation_count() counts again; then forget the files
 * that have none, and claim the others' slots. What is not claimed goes (libsys/wire/server.h).
 */
void vm_files_forget(struct vm_files *files);
void vm_files_claim(struct vm_files *files);

/* Add a file, with one holder; it owns the capability from now on. NULL: there are VM_FILES_MAX. */
struct vm_file *vm_file_add(struct vm_files *files, cap_t memory, uint64_t offset_bytes, uint64_t size_bytes);
void vm_file_drop(struct vm_files *files, struct vm_file *file);
