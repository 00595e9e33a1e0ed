/*
 * The only ELF64 parser: bytes in, a validated plan or a precise error out. The boot loader uses it for the kernel and
 * the first program, the process server for every other program. It allocates nothing, calls nothing and changes
 * nothing but its result. It reads each untrusted byte once, through one bounds-checked copy; so `image` may have any
 * alignment and may be memory that others write.
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
#define ELF_TLS_BYTES_MAX (1U << 20) /* of thread-local storage, which each thread has a copy of */
#define ELF_BUILD_ID_MAX 20U         /* bytes: a SHA-1 */
#define ELF_MESSAGE_MAX 128U         /* a buffer of this size holds any message */

enum elf_error {
    ELF_OK,
#define ELF_FILE_ERROR(name, text) ELF_##name,
#define ELF_SEGMENT_ERROR(name, text) ELF_##name,
#include "libsys/format/elf_error.def"
};

/* The error and, if it concerns a segment, the number of its program header (otherwise 0). */
struct elf_result {
    enum elf_error error;
    uint32_t segment;
};

/*
 * Where segments may lie: in whole pages inside [lowest, end). Both are multiples of ELF_PAGE_BYTES in the same
 * canonical half; end is at most 0xfffffffffffff000. The addresses of a position-independent image count from a base
 * that the caller picks. For it only end - lowest matters: it fits at any base that keeps it inside.
 */
struct elf_limits {
    uint64_t lowest;
    uint64_t end;
};

enum elf_type {
    ELF_TYPE_FIXED = 2,       /* ET_EXEC: addresses are final */
    ELF_TYPE_RELOCATABLE = 3, /* ET_DYN: addresses count from a base; the program relocates itself */
};

/* One loadable segment: file_bytes bytes of the file at virt, then zeroes up to memory_bytes. */
struct elf_segment {
    uint64_t virt;         /* any alignment; congruent to file_offset modulo ELF_PAGE_BYTES */
    uint64_t file_offset;  /* file_offset + file_bytes is inside the file */
    uint64_t file_bytes;   /* 0..memory_bytes */
    uint64_t memory_bytes; /* > 0 */
    uint32_t rights;       /* enum memory_right: read, write, execute; never write with execute; may be 0 */
    uint32_t header;       /* number of its program header, for messages */
};

/*
 * The template of thread-local storage. A thread's copy is file_bytes bytes from virt, then zeroes up to memory_bytes.
 * memory_bytes == 0: the image has none. virt need not be a multiple of align; a copy's address and virt must be
 * congruent modulo align.
 */
struct elf_tls {
    uint64_t virt;         /* [virt, virt + file_bytes) lies inside the file part of one readable loadable segment */
    uint64_t file_offset;  /* offset in the file of these bytes */
    uint64_t file_bytes;   /* 0..memory_bytes */
    uint64_t memory_bytes; /* 0..ELF_TLS_BYTES_MAX */
    uint64_t align;        /* power of two, 1..ELF_PAGE_BYTES; 0: there is no template */
};

#define ELF_INTERFACE 1U /* this system's version */

struct elf_plan {
    enum elf_type type;
    uint64_t entry; /* inside an executable segment */

    uint64_t lowest; /* first byte of the first segment */
    uint64_t end;    /* first byte after the last segment */
    uint32_t segment_count;
    uint64_t align;                                /* of a movable image's base: the largest that a segment asks for */
    bool shares_page;                              /* two segments have bytes in one page */
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* in ascending order, free of overlaps */

    uint64_t headers_virt; /* address of the program headers in a loadable segment; 0: in none */
    uint32_t header_count;
    bool executable_stack; /* PT_GNU_STACK asks for it; false where that header is absent */

    struct elf_tls tls;
    uint64_t relro_virt;  /* PT_GNU_RELRO, inside one loadable segment: read-only once the program is relocated */
    uint64_t relro_bytes; /* 0: none */
    uint64_t interpreter_offset;
    uint64_t interpreter_bytes; /* PT_INTERP: path and its terminating zero; 0: none */

    uint32_t interface; /* version of Baton's interface, from its note (note.S); 0: made for another system */

    /*
     * The linker's identifier of this very image, for reports. No loader depends on it, so a malformed note counts as
     * none.
     */
    uint64_t build_id_offset;
    uint64_t build_id_bytes; /* 0: none; at most ELF_BUILD_ID_MAX */
};

/*
 * Check the `image_bytes` bytes at `image` and plan how to load them. A segment of 0 bytes in memory is skipped.
 * Errors: see elf_error.def. *ret_plan is all zero on error.
 * Cost: O(program headers x segments).
 */
[[nodiscard]] struct elf_result elf_plan_image(const void *image, uint64_t image_bytes, struct elf_limits limits,
                                               struct elf_plan *ret_plan);

/*
 * Write the message for `result`, such as "segment 3: both writable and executable", into `buffer`, cut to fit and
 * zero-terminated (unless buffer_bytes is 0). Returns its length without the terminating zero.
 */
size_t elf_format_result(struct elf_result result, char *buffer, size_t buffer_bytes);
