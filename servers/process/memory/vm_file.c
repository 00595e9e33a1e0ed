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

void vm_files_forget(struct vm_files *files) {
    for (uint32_t i = 0; i < files->used_count; i++)
        files->entries[i].holders = 0;
}

void vm_files_claim(struct vm_files *files) {
    files->free = NULL;
    files->held_count = 0;
    for (uint32_t i = files->used_count; i > 0; i--) {
        struct vm_file *file = &files->entries[i - 1];
        if (file->holders > 0) {
            slot_claim(file->memory);
            files->held_count++;
        } else {
            *file = (struct vm_file){.next_free = files->free};
            files->free = file;
        }
    }
}
