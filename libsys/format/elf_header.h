/*
 * The headers of an ELF64 file, as they lie in the file and, where a segment covers them, in memory.
 * Source: System V gABI, "ELF Header" and "Program Header".
 */
#pragma once

#include <stdint.h>

/* The kind of a program header. */
enum elf_header_kind {
    ELF_KIND_LOAD = 1,
    ELF_KIND_INTERPRETER = 3,
    ELF_KIND_NOTE = 4,
    ELF_KIND_HEADERS = 6,
    ELF_KIND_TLS = 7,
    ELF_KIND_STACK = 0x6474e551,
    ELF_KIND_RELRO = 0x6474e552,
};

struct elf_file_header {
    uint8_t magic[4];
    uint8_t class;
    uint8_t data;
    uint8_t ident_version;
    uint8_t abi[9];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t headers_offset;
    uint64_t sections_offset;
    uint32_t flags;
    uint16_t header_bytes;
    uint16_t program_header_bytes;
    uint16_t program_header_count;
    uint16_t section_header_bytes;
    uint16_t section_header_count;
    uint16_t section_names;
};
_Static_assert(sizeof(struct elf_file_header) == 64, "ELF64 file header");

struct elf_program_header {
    uint32_t kind;
    uint32_t flags;
    uint64_t offset;
    uint64_t virt;
    uint64_t phys;
    uint64_t file_bytes;
    uint64_t memory_bytes;
    uint64_t align;
};
_Static_assert(sizeof(struct elf_program_header) == 56, "ELF64 program header");
