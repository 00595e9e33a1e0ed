#include "servers/process/memory/vm_file.h"

#include "libsys/program/program.h"

struct vm_file *vm_file_add(struct vm_files *files, cap_t memory, uint64_t offset_bytes, uint64_t size_bytes) {
    struct vm_file *file = files->free;
    if (file != NULL)
        files->free = file->next_free;
    else if (files->used_count < VM_FILES_MAX)
        file = &files->entries[files->used_count++];
    else
        return NULL;
    files->held_count++;
    *file = (struct vm_file){.memory = memory, .holders = 1, .offset_bytes = offset_bytes, .size_bytes = size_bytes};
    return file;
}

void vm_file_drop(struct vm_files *files, struct vm_file *file) {
    if (file == NULL || --file->holders > 0)
        return;
    slot_drop(&file->memory);
    files->held_count--;
    file->next_free = files->free;
    files->free = file;
}
