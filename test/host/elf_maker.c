#include "test/host/elf_maker.h"

#include <string.h>

static const uint8_t sound_ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

void maker_elf(struct maker_file *file, uint64_t base) {
    for (uint32_t i = 0; i < sizeof file->rest; i++)
        file->rest[i] = (uint8_t)(i * 7 + 1);
    memcpy((uint8_t *)file + 0x1000, "/lib/ld", 8);
    file->header = (struct maker_file_header){
        .e_type = 2,
        .e_machine = 62,
        .e_version = 1,
        .e_entry = base + 0x800,
        .e_phoff = sizeof(struct maker_file_header),
        .e_ehsize = sizeof(struct maker_file_header),
        .e_phentsize = sizeof(struct maker_program_header),
        .e_phnum = MAKER_HEADER_COUNT,
    };
    memcpy(file->header.e_ident, sound_ident, sizeof sound_ident);
    const struct maker_program_header headers[MAKER_HEADER_COUNT] = {
        {MAKER_PHDR, MAKER_R, 0x40, base + 0x40, 0, 0x1c0, 0x1c0, 8},
        {MAKER_LOAD, MAKER_R | MAKER_X, 0, base, 0, 0x1000, 0x1000, 0x1000},
        {MAKER_LOAD, MAKER_R, 0x1000, base + 0x1000, 0, 0x1000, 0x1000, 0x1000},
        {MAKER_LOAD, MAKER_R | MAKER_W, 0x2000, base + 0x2000, 0, 0x100, 0x3000, 0x1000},
        {MAKER_TLS, MAKER_R, 0x2000, base + 0x2000, 0, 0x10, 0x20, 16},
        {MAKER_STACK, MAKER_R | MAKER_W, 0, 0, 0, 0, 0, 16},
        {MAKER_RELRO, MAKER_R, 0x2000, base + 0x2000, 0, 0x100, 0x1000, 1},
        {MAKER_INTERP, MAKER_R, 0x1000, base + 0x1000, 0, 8, 8, 1},
    };
    memcpy(file->headers, headers, sizeof headers);
}

void maker_note(struct maker_file *file) {
    static const uint32_t note[] = {6, 4, 1, 0x6f746142, 0x6e, 1};
    memcpy((uint8_t *)file + 0x1100, note, sizeof note);
    file->headers[7] = (struct maker_program_header){
        .p_type = MAKER_NOTE, .p_offset = 0x1100, .p_filesz = sizeof note, .p_memsz = sizeof note};
}
