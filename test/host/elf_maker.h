/*
 * Makes ELF files for tests: a sound one, to be damaged.
 */
#pragma once

#include <stdint.h>

#define MAKER_FILE_BYTES 0x2100U
#define MAKER_HEADER_COUNT 8U

/* ELF64 file header and program header; field names as in the System V ABI, chapters 4 and 5. */
struct maker_file_header {
    uint8_t e_ident[16];
    uint16_t e_type, e_machine;
    uint32_t e_version;
    uint64_t e_entry, e_phoff, e_shoff;
    uint32_t e_flags;
    uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
};

struct maker_program_header {
    uint32_t p_type, p_flags;
    uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};

enum { MAKER_NULL, MAKER_LOAD, MAKER_INTERP = 3, MAKER_NOTE, MAKER_PHDR = 6, MAKER_TLS = 7 };
#define MAKER_STACK 0x6474e551U
#define MAKER_RELRO 0x6474e552U
enum { MAKER_X = 1, MAKER_W = 2, MAKER_R = 4 };

/*
 * The file, header by header:
 *
 *   0 PHDR    base + 0x40
 *   1 LOAD RX base + 0x0000  file 0x0000..0x1000, entry at base + 0x800
 *   2 LOAD R  base + 0x1000  file 0x1000..0x2000
 *   3 LOAD RW base + 0x2000  file 0x2000..0x2100, 0x3000 bytes in memory
 *   4 TLS     base + 0x2000  file 0x2000..0x2010, 0x20 bytes in memory
 *   5 STACK   RW
 *   6 RELRO   base + 0x2000  0x1000 bytes
 *   7 INTERP  file 0x1000..0x1008, "/lib/ld"
 */
struct maker_file {
    struct maker_file_header header;
    struct maker_program_header headers[MAKER_HEADER_COUNT];
    uint8_t rest[MAKER_FILE_BYTES - sizeof(struct maker_file_header) -
                 MAKER_HEADER_COUNT * sizeof(struct maker_program_header)];
};
_Static_assert(sizeof(struct maker_file) == MAKER_FILE_BYTES, "the structure is the file");

/* base: multiple of 4096. Every byte that is not in a header differs from its neighbours. */
void maker_elf(struct maker_file *file, uint64_t base);

/* In place of the interpreter: the note that it is built for Baton, at 0x1100. */
void maker_note(struct maker_file *file);
