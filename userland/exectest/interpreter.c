/*
 * The interpreter of two programs. It compares the auxiliary vector with its own image and the program's, and then
 * jumps to the program's entry with the stack unchanged. If a check fails, it ends by an undefined instruction with the
 * check's line in RAX.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/abi/system.h"
#include "libsys/format/elf_header.h"
#include "libsys/program/auxiliary.h"

#define PATH "test/exec/interpreter"
#define TYPES_MAX 64U
#define STACK_BYTES_MAX 65536U

extern const struct elf_file_header __ehdr_start
    __attribute__((visibility("hidden"))); /* defined by the linker: this image's own header */

uint64_t interpreter_enter(const uint64_t *stack);

/* Call interpreter_enter() with the initial stack pointer, restore that, and jump to the address returned. */
__asm__(".globl _start\n"
        "_start: xor %ebp, %ebp\n"
        " mov %rsp, %rdi\n"
        " mov %rsp, %rbx\n"
        " call interpreter_enter\n"
        " mov %rbx, %rsp\n"
        " jmp *%rax");

static void check(bool holds, uint64_t line) {
    if (!holds)
        __asm__ volatile("ud2" : : "a"(line));
}
#define CHECK(condition) check(condition, __LINE__)

static bool is_text(uint64_t at, const char *wanted) {
    const char *text = (const char *)at;
    for (; *wanted != '\0' && *text == *wanted; text++)
        wanted++;
    return *text == *wanted;
}

/* Read the vector; each type may appear once. Baton's own types are ignored. */
static void read_vector(const uint64_t *vector, uint64_t values[TYPES_MAX]) {
    bool seen[TYPES_MAX];
    for (uint32_t i = 0; i < TYPES_MAX; i++)
        seen[i] = values[i] = 0;
    for (; vector[0] != AT_NULL; vector += 2) {
        if (vector[0] >= TYPES_MAX)
            continue;
        CHECK(!seen[vector[0]]);
        seen[vector[0]] = true;
        values[vector[0]] = vector[1];
    }
    static const uint8_t wanted[] = {AT_PHDR,  AT_PHENT, AT_PHNUM,  AT_PAGESZ, AT_BASE,
                                     AT_ENTRY, AT_HWCAP, AT_SECURE, AT_RANDOM, AT_EXECFN};
    for (uint32_t i = 0; i < sizeof wanted; i++)
        CHECK(seen[wanted[i]]);
}

/* Check that AT_PHDR points to the program's headers, and all other entries against these. */
static void check_program(const uint64_t values[TYPES_MAX]) {
    const struct elf_program_header *headers = (const struct elf_program_header *)values[AT_PHDR];
    const struct elf_file_header *file = NULL;
    uint64_t moved_by = 0, interpreter = 0;
    CHECK(values[AT_PHENT] == sizeof *headers && values[AT_PHNUM] >= 3 && values[AT_PHNUM] < 32);
    CHECK(headers[0].kind == ELF_KIND_HEADERS); /* the linker puts it first */
    moved_by = values[AT_PHDR] - headers[0].virt;
    for (uint64_t i = 0; i < values[AT_PHNUM]; i++) {
        if (headers[i].kind == ELF_KIND_LOAD && headers[i].offset == 0)
            file = (const struct elf_file_header *)(moved_by + headers[i].virt);
        if (headers[i].kind == ELF_KIND_INTERPRETER)
            interpreter = moved_by + headers[i].virt;
    }
    CHECK(file != NULL && file->magic[0] == 0x7f && file->magic[1] == 'E');
    CHECK(values[AT_PHDR] == (uint64_t)file + file->headers_offset);
    CHECK(values[AT_PHNUM] == file->program_header_count && values[AT_PHENT] == file->program_header_bytes);
    CHECK(values[AT_ENTRY] == moved_by + file->entry);
    CHECK((file->type == 2) == (moved_by == 0)); /* ET_EXEC lies where it was linked; ET_DYN does not */
    CHECK(interpreter != 0 && is_text(interpreter, PATH));
}

uint64_t interpreter_enter(const uint64_t *stack) {
    uint64_t values[TYPES_MAX], random[2];
    const uint64_t *at = stack + 1 + stack[0] + 1;
    uint32_t eax = 1, ebx, ecx = 0, edx;
    CHECK((uint64_t)stack % 16 == 0 && stack[1 + stack[0]] == 0);
    while (*at != 0) /* skip the environment */
        at++;
    read_vector(at + 1, values);
    check_program(values);
    CHECK(values[AT_BASE] == (uint64_t)&__ehdr_start);
    CHECK(values[AT_PAGESZ] == 4096 && values[AT_SECURE] == 0);
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    CHECK(values[AT_HWCAP] == edx);
    CHECK(values[AT_RANDOM] > (uint64_t)stack && values[AT_RANDOM] - (uint64_t)stack < STACK_BYTES_MAX);
    __builtin_memcpy(random, (const void *)values[AT_RANDOM], sizeof random);
    CHECK(random[0] != 0 && random[1] != 0 && random[0] != random[1]);
    CHECK(is_text(values[AT_EXECFN], "/test/exec/entered") || is_text(values[AT_EXECFN], "/test/exec/wander-entered"));
    return values[AT_ENTRY];
}
