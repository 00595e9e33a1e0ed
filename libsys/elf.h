/*
 * The one ELF64 parser: bytes in, a validated plan or a precise error out. The boot loader uses it for the kernel and
 * the first program, the process server for every other program. It allocates nothing, calls nothing and changes
 * nothing but its result; it reads each untrusted byte once, through one bounds-checked copy, so `image` may lie at
 * any alignment and may be memory that others write.
 * Source: System V ABI, chapters 4 and 5 (Object Files, Program Loading); ELF Handling for Thread-Local Storage.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_PAGE_BYTES 4096U
#define ELF_SEGMENTS_MAX 16U        /* loadable segments */
#define ELF_PROGRAM_HEADERS_MAX 64U /* of all kinds; bounds the work of one call */
#define ELF_PROGRAM_HEADER_BYTES 56U
#define ELF_INTERPRETER_MAX 4096U    /* bytes of the interpreter's path, terminating zero included */
#define ELF_TLS_BYTES_MAX (1U << 20) /* of thread-local storage; the maker of a thread keeps a copy for each */
#define ELF_BUILD_ID_MAX 20U         /* bytes: a SHA-1 */
#define ELF_MESSAGE_MAX 128U         /* a buffer of this size holds any message */

enum elf_error {
    ELF_OK,
#define ELF_FILE_ERROR(name, text) ELF_##name,
#define ELF_SEGMENT_ERROR(name, text) ELF_##name,
#include "libsys/elf_error.def"
};

/* What was wrong and, for an error about a segment, with which program header (0 otherwise). */
struct elf_result {
    enum elf_error error;
    uint32_t segment;
};

/*
 * Where segments may lie: whole pages inside [lowest, end). Both are multiples of ELF_PAGE_BYTES in the same canonical
 * half, and end is at most 0xfffffffffffff000. For a position-independent image, whose addresses count from a base that
 * the caller picks, only end - lowest matters: the image fits at any base that keeps it inside.
 */
struct elf_limits {
    uint64_t lowest;
    uint64_t end;
};

enum elf_type {
    ELF_TYPE_FIXED = 2,       /* ET_EXEC: addresses are final */
    ELF_TYPE_RELOCATABLE = 3, /* ET_DYN: addresses count from a base; relocations are the program's own business */
};

/* One loadable segment: file_bytes bytes of the file at virt, then zeroes up to memory_bytes. */
struct elf_segment {
    uint64_t virt;         /* any alignment; congruent to file_offset modulo ELF_PAGE_BYTES */
    uint64_t file_offset;  /* file_offset + file_bytes is inside the file */
    uint64_t file_bytes;   /* 0..memory_bytes */
    uint64_t memory_bytes; /* > 0 */
    uint32_t rights;       /* enum memory_right: read, write, execute; never write with execute; may be 0 */
    uint32_t header;       /* its number among the program headers, for messages */
};

/*
 * The template of thread-local storage: a thread's copy is file_bytes bytes from virt, then zeroes up to memory_bytes.
 * memory_bytes == 0: the image has none. virt need not be a multiple of align: the copy lies as the template does, so
 * that its address and virt agree modulo align.
 */
struct elf_tls {
    uint64_t virt;         /* [virt, virt + file_bytes) lies inside the file part of one readable loadable segment */
    uint64_t file_offset;  /* where that segment has those bytes in the file */
    uint64_t file_bytes;   /* 0..memory_bytes */
    uint64_t memory_bytes; /* 0..ELF_TLS_BYTES_MAX */
    uint64_t align;        /* power of two, 1..ELF_PAGE_BYTES; 0 where there is no template */
};

#define ELF_INTERFACE 1U /* the version that this system has */

struct elf_plan {
    enum elf_type type;
    uint64_t entry; /* inside an executable segment */

    uint64_t lowest; /* first byte of the first segment */
    uint64_t end;    /* first byte after the last segment */
    uint32_t segment_count;
    uint64_t align;                                /* of the base of a movable image: the largest its segments want */
    bool shares_page;                              /* two segments have bytes in the same page */
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* in ascending order, free of overlaps */

    uint64_t headers_virt; /* where a loadable segment holds the program headers; 0 = none does */
    uint32_t header_count;
    bool executable_stack; /* PT_GNU_STACK asks for it; false where that header is absent */

    struct elf_tls tls;
    uint64_t relro_virt;  /* PT_GNU_RELRO: the program seals it once relocated; in one loadable segment */
    uint64_t relro_bytes; /* 0 = none */
    uint64_t interpreter_offset;
    uint64_t interpreter_bytes; /* PT_INTERP: path and its terminating zero; 0 = none */

    uint32_t
        interface; /* the version of Baton's that it is built for, by its note (note.S); 0 = none: another system's program */

    /* The linker's name for just this image, for reports: no loader depends on it, so a note that makes no sense is none. */
    uint64_t build_id_offset;
    uint64_t build_id_bytes; /* 0 = none; at most ELF_BUILD_ID_MAX */
};

/*
 * Check the image of `image_bytes` bytes at `image` and say how to load it.
 * Errors: see elf_error.def. *ret_plan is all zero on error.
 * Cost: O(program headers x segments). A segment of 0 bytes in memory is skipped.
 */
[[nodiscard]] struct elf_result elf_plan_image(const void *image, uint64_t image_bytes, struct elf_limits limits,
                                               struct elf_plan *ret_plan);

/*
 * Write the message for `result`, such as "segment 3: both writable and executable", into `buffer`, cut to fit and
 * zero-terminated (unless buffer_bytes is 0). Returns its length without the terminating zero.
 */
size_t elf_format_result(struct elf_result result, char *buffer, size_t buffer_bytes);
