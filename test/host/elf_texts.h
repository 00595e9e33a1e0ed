/*
 * The message for each refused image; N stands for the number of the program header. The texts are written down here a
 * second time, so that a test notices a changed text, or a new error.
 */
#pragma once

#include "libsys/format/elf.h"

static const char *const elf_texts[] = {
    [ELF_TOO_SHORT] = "too short for an ELF header",
    [ELF_NOT_ELF] = "not an ELF file",
    [ELF_NOT_64_BIT] = "not a 64-bit ELF file",
    [ELF_NOT_LITTLE_ENDIAN] = "not a little-endian ELF file",
    [ELF_WRONG_VERSION] = "unknown ELF version",
    [ELF_WRONG_MACHINE] = "made for another machine than x86-64",
    [ELF_WRONG_TYPE] = "neither an executable nor a position-independent executable",
    [ELF_HEADER_SIZE] = "program headers are not of 56 bytes each",
    [ELF_TOO_MANY_HEADERS] = "too many program headers",
    [ELF_TRUNCATED_HEADERS] = "truncated program header table",
    [ELF_FILE_WRAPS] = "segment N: file offset plus size wraps around",
    [ELF_FILE_BEYOND_END] = "segment N: file range goes beyond the end of the file",
    [ELF_FILE_EXCEEDS_MEMORY] = "segment N: larger in the file than in memory",
    [ELF_ADDRESS_WRAPS] = "segment N: address plus size wraps around",
    [ELF_NOT_CANONICAL] = "segment N: address is not canonical",
    [ELF_OUTSIDE] = "segment N: address is outside the allowed range",
    [ELF_BAD_ALIGNMENT] = "segment N: alignment is not a power of two",
    [ELF_NOT_CONGRUENT] = "segment N: file offset and address differ modulo the page size",
    [ELF_WRITE_EXECUTE] = "segment N: both writable and executable",
    [ELF_OUT_OF_ORDER] = "segment N: begins below the segment before it",
    [ELF_OVERLAP] = "segment N: overlaps the segment before it",
    [ELF_TOO_MANY_SEGMENTS] = "segment N: more loadable segments than 16",
    [ELF_REPEATED] = "segment N: a second header of a kind that may appear once",
    [ELF_TLS_TOO_LARGE] = "segment N: thread-local template takes more than 1 MiB",
    [ELF_TLS_ALIGNMENT] = "segment N: thread-local template is aligned to more than a page",
    [ELF_BAD_INTERPRETER] = "segment N: interpreter path is empty, too long or not zero-terminated",
    [ELF_NO_SEGMENT] = "no loadable segment",
    [ELF_ENTRY_OUTSIDE] = "entry point is outside every executable segment",
    [ELF_TLS_OUTSIDE] = "thread-local template is not inside a readable loadable segment",
    [ELF_RELRO_OUTSIDE] = "read-only-after-relocation range is not inside a loadable segment",
    [ELF_HEADERS_OUTSIDE] = "program header table is not where its own header says",
};
