#!/usr/bin/env python3
"""Owns the images that the conformance suite asks servers to run: one for each thing that can be wrong with an ELF
file.

    images.py FOLDER NAME...      write FOLDER/NAME for each; a name is one of libsys/format/elf_error.def or of OTHERS

Each is the sound file of sound() with one number changed, so it has exactly one error.
"""

import pathlib
import struct
import sys

ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
IDENT = b"\x7fELF\x02\x01\x01" + bytes(9)
LOAD, INTERPRETER, NOTE, TABLE, TLS, STACK, RELRO = 1, 3, 4, 6, 7, 0x6474E551, 0x6474E552
X, W, R = 1, 2, 4
BASE = 0x400000
PAGE = 4096
FILE_BYTES = 0x2100
HEADERS_AT = ELF_HEADER.size
NOTE_AT, VERSION_OF_NOTE = 0x1100, 0x1100 + 20
BATON_NOTE = struct.pack("<III8sI", 6, 4, 1, b"Baton", 1)  # libsys/runtime/note.S

# Where fields lie: in the file header, and in a program header.
TYPE, MACHINE, VERSION, ENTRY, TABLE_AT, HEADER_BYTES, HEADER_COUNT = 16, 18, 20, 24, 32, 54, 56
KIND, FLAGS, OFFSET, ADDRESS, FILE_SIZE, MEMORY_SIZE, ALIGN = 0, 4, 8, 16, 32, 40, 48
WIDTHS = {TYPE: 2, MACHINE: 2, VERSION: 4, ENTRY: 8, TABLE_AT: 8, HEADER_BYTES: 2, HEADER_COUNT: 2}
FIELD_WIDTHS = {KIND: 4, FLAGS: 4, OFFSET: 8, ADDRESS: 8, FILE_SIZE: 8, MEMORY_SIZE: 8, ALIGN: 8}


def sound() -> bytearray:
    """Headers, code that jumps to itself at 0x800, read-only bytes, variables. It runs."""
    headers = [
        (TABLE, R, 0x40, BASE + 0x40, 0, 9 * PROGRAM_HEADER.size, 9 * PROGRAM_HEADER.size, 8),
        (LOAD, R | X, 0, BASE, 0, PAGE, PAGE, PAGE),
        (LOAD, R, 0x1000, BASE + 0x1000, 0, PAGE, PAGE, PAGE),
        (LOAD, R | W, 0x2000, BASE + 0x2000, 0, 0x100, 0x3000, PAGE),
        (TLS, R, 0x2000, BASE + 0x2000, 0, 0x10, 0x20, 16),
        (STACK, R | W, 0, 0, 0, 0, 0, 16),
        (RELRO, R, 0x2000, BASE + 0x2000, 0, 0x100, 0x1000, 1),
        (0, R, 0x1000, BASE + 0x1000, 0, 8, 8, 1),  # room for an interpreter
        (NOTE, R, NOTE_AT, BASE + NOTE_AT, 0, len(BATON_NOTE), len(BATON_NOTE), 4),
    ]
    image = bytearray(FILE_BYTES)
    ELF_HEADER.pack_into(image, 0, IDENT, 2, 62, 1, BASE + 0x800, HEADERS_AT, 0, 0, ELF_HEADER.size,
                         PROGRAM_HEADER.size, len(headers), 0, 0, 0)
    for number, header in enumerate(headers):
        PROGRAM_HEADER.pack_into(image, HEADERS_AT + number * PROGRAM_HEADER.size, *header)
    image[0x800:0x802] = b"\xeb\xfe"
    image[0x1000:0x1008] = b"/lib/ld\0"
    image[NOTE_AT : NOTE_AT + len(BATON_NOTE)] = BATON_NOTE
    return image


def put(image: bytearray, at: int, width: int, value: int) -> bytearray:
    image[at : at + width] = value.to_bytes(width, "little")
    return image


def file_field(field: int, value: int) -> bytearray:
    return put(sound(), field, WIDTHS[field], value)


def ident(index: int, value: int) -> bytearray:
    return put(sound(), index, 1, value)


def header(number: int, *changes: tuple[int, int]) -> bytearray:
    image = sound()
    for field, value in changes:
        put(image, HEADERS_AT + number * PROGRAM_HEADER.size + field, FIELD_WIDTHS[field], value)
    return image


def many_segments() -> bytearray:
    """17 segments of a page each."""
    headers = [(LOAD, R | X, 0, BASE + number * PAGE, 0, 0, PAGE, 0) for number in range(17)]
    image = bytearray(HEADERS_AT + len(headers) * PROGRAM_HEADER.size)
    ELF_HEADER.pack_into(image, 0, IDENT, 2, 62, 1, BASE, HEADERS_AT, 0, 0, ELF_HEADER.size, PROGRAM_HEADER.size,
                         len(headers), 0, 0, 0)
    for number, fields in enumerate(headers):
        PROGRAM_HEADER.pack_into(image, HEADERS_AT + number * PROGRAM_HEADER.size, *fields)
    return image


ERRORS = {
    "TOO_SHORT": lambda: sound()[:63],
    "NOT_ELF": lambda: ident(1, ord("e")),
    "NOT_64_BIT": lambda: ident(4, 1),
    "NOT_LITTLE_ENDIAN": lambda: ident(5, 2),
    "WRONG_VERSION": lambda: file_field(VERSION, 2),
    "WRONG_MACHINE": lambda: file_field(MACHINE, 183),
    "WRONG_TYPE": lambda: file_field(TYPE, 1),
    "HEADER_SIZE": lambda: file_field(HEADER_BYTES, 32),
    "TOO_MANY_HEADERS": lambda: file_field(HEADER_COUNT, 65),
    "TRUNCATED_HEADERS": lambda: file_field(TABLE_AT, FILE_BYTES - 9 * PROGRAM_HEADER.size + 1),
    "FILE_WRAPS": lambda: header(1, (OFFSET, 0xFFFFFFFFFFFFF000)),
    "FILE_BEYOND_END": lambda: header(3, (FILE_SIZE, 0x101)),
    "FILE_EXCEEDS_MEMORY": lambda: header(1, (MEMORY_SIZE, 0xFFF)),
    "ADDRESS_WRAPS": lambda: header(3, (MEMORY_SIZE, 0xFFFFFFFFFFFFF000)),
    "NOT_CANONICAL": lambda: header(3, (ADDRESS, 0x800000000000)),
    "OUTSIDE": lambda: header(1, (ADDRESS, 0x1FF000)),
    "BAD_ALIGNMENT": lambda: header(2, (ALIGN, 3)),
    "NOT_CONGRUENT": lambda: header(2, (ADDRESS, BASE + 0x1008)),
    "WRITE_EXECUTE": lambda: header(1, (FLAGS, R | W | X)),
    "OUT_OF_ORDER": lambda: header(3, (ADDRESS, BASE - 0x1000)),
    "OVERLAP": lambda: header(2, (ADDRESS, BASE)),
    "TOO_MANY_SEGMENTS": many_segments,
    "REPEATED": lambda: header(7, (KIND, STACK)),
    "BAD_INTERPRETER": lambda: header(7, (KIND, INTERPRETER), (FILE_SIZE, 7)),
    "TLS_TOO_LARGE": lambda: header(4, (MEMORY_SIZE, (1 << 20) + 1)),
    "TLS_ALIGNMENT": lambda: header(4, (ALIGN, 2 * PAGE)),
    "NO_SEGMENT": lambda: file_field(HEADER_COUNT, 0),
    "ENTRY_OUTSIDE": lambda: file_field(ENTRY, BASE + 0x1000),
    "TLS_OUTSIDE": lambda: header(4, (ADDRESS, BASE + 0x20F8)),
    "RELRO_OUTSIDE": lambda: header(6, (MEMORY_SIZE, 0x3001)),
    "HEADERS_OUTSIDE": lambda: header(0, (ADDRESS, BASE + 0x48)),
}


def shared_page() -> bytearray:
    image = header(2, (ADDRESS, BASE + 0xF10), (OFFSET, 0xF10))
    for field in (FILE_SIZE, MEMORY_SIZE):
        put(image, HEADERS_AT + PROGRAM_HEADER.size + field, 8, 0xF00)
    put(image, HEADERS_AT + 2 * PROGRAM_HEADER.size + FLAGS, 4, R | W)  # beside code: no page can be both
    return image


def relocates() -> bytearray:
    """Like a static program of glibc, it writes to its RELRO range before anything else; then comes
    an undefined instruction."""
    image = sound()
    image[0x800:0x809] = b"\x89\x04\x25" + (BASE + 0x2000).to_bytes(4, "little") + b"\x0f\x0b"
    return image


OTHERS = {
    "sound": sound,
    "foreign": lambda: header(8, (KIND, 0)),
    "other_name": lambda: put(sound(), NOTE_AT + 12, 1, ord("b")),
    "other_version": lambda: put(sound(), VERSION_OF_NOTE, 4, 2),
    "interpreter": lambda: header(7, (KIND, INTERPRETER)),
    "executable_stack": lambda: header(5, (FLAGS, R | W | X)),
    "shared_page": shared_page,
    "relocates": relocates,
    "too_large": lambda: header(3, (MEMORY_SIZE, 64 << 30)),
    "large": lambda: header(3, (MEMORY_SIZE, 60 << 20)),  # sound, while there is memory
    "one_byte": lambda: bytearray(b"\x7f"),
    "text": lambda: bytearray(b"#!/bin/shell\necho hello\n"),
    "noise": lambda: bytearray((number * number * 7919 >> 3) & 0xFF for number in range(10000)),
}


def main(arguments: list[str]) -> int:
    folder, made = pathlib.Path(arguments[0]), {**ERRORS, **OTHERS}
    for name in arguments[1:]:
        (folder / name).write_bytes(made[name]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
