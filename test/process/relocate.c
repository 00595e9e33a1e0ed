/*
 * The first instructions of a position-independent program: they add its load address to all words that hold addresses.
 * Source: System V gABI, "Dynamic Section"; System V ABI AMD64, "Relocation Types".
 */
#include <stddef.h>
#include <stdint.h>

#define DT_NULL 0U
#define DT_RELA 7U
#define DT_RELASZ 8U
#define R_X86_64_RELATIVE 8U

struct dynamic {
    uint64_t tag, value;
};
struct relocation {
    uint64_t offset, info, addend;
};

void relocate(uint64_t base, const struct dynamic *dynamic);

__asm__(".text\n"
        ".globl relocate_start\n"
        "relocate_start:\n"
        "    push %rsp\n"
        "    push $0\n"
        "    lea __ehdr_start(%rip), %rdi\n"
        "    lea _DYNAMIC(%rip), %rsi\n"
        "    call relocate\n"
        "    add $16, %rsp\n"
        "    jmp _start\n");

void relocate(uint64_t base, const struct dynamic *dynamic) {
    const struct relocation *relocations = NULL;
    uint64_t bytes = 0;
    for (; dynamic->tag != DT_NULL; dynamic++) {
        if (dynamic->tag == DT_RELA)
            relocations = (const struct relocation *)(base + dynamic->value);
        if (dynamic->tag == DT_RELASZ)
            bytes = dynamic->value;
    }
    for (uint64_t i = 0; i < bytes / sizeof *relocations; i++)
        if ((uint32_t)relocations[i].info == R_X86_64_RELATIVE)
            *(uint64_t *)(base + relocations[i].offset) = base + relocations[i].addend;
}
