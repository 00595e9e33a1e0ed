#include "servers/process/vm_file.h"

#include "libsys/program.h"
#include "servers/process/system.h"

struct vm_file *file_add(struct system *system, cap_t memory, uint64_t offset_bytes, uint64_t size_bytes) {
    struct vm_file *file = system->free_files;
    if (file != NULL)
        system->free_files = file->next_free;
    else if (system->file_count < VM_FILES_MAX)
        file = &system->files[system->file_count++];
    else
        return NULL;
    system->files_held++;
    *file = (struct vm_file){.memory = memory, .holders = 1, .offset_bytes = offset_bytes, .size_bytes = size_bytes};
    return file;
}

void file_drop(struct system *system, struct vm_file *file) {
    if (file == NULL || --file->holders > 0)
        return;
    slot_drop(&file->memory);
    system->files_held--;
    file->next_free = system->free_files;
    system->free_files = file;
}
