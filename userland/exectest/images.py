#!/usr/bin/env python3
"""Makes the ELF images of exectest that no compiler makes: tiny good ones, and damaged ones.

    images.py KIND GOOD OUTPUT      GOOD is a sound executable to damage; images made from nothing ignore it
"""

import pathlib
import struct
import sys
from collections.abc import Callable

ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
ELF_IDENT = b"\x7fELF\x02\x01\x01" + bytes(9)  # 64 bit, little endian, version 1, System V
ET_EXEC, ET_DYN, EM_X86_64, EM_AARCH64 = 2, 3, 62, 183
PT_LOAD, PT_INTERP, PT_NOTE, PF_X, PF_W, PF_R = 1, 3, 4, 1, 2, 4
PAGE_BYTES = 4096
LOOP_BASE = 0x400000
BATON_NOTE = struct.pack("<III8sI", 6, 4, 1, b"Baton", 1)  # libsys/runtime/note.S
TOO_LARGE_BYTES = 64 << 30  # more than any machine of the tests has, and inside the user half
ENTRY_AT, MACHINE_AT, HEADERS_AT, HEADER_COUNT_AT = 24, 18, 32, 56  # offsets in the ELF header


def one_page(kind: int, base: int, code: bytes) -> bytes:
    """One page to read and execute: the headers, Baton's note, then the code."""
    note_at, count = ELF_HEADER.size + 2 * PROGRAM_HEADER.size, 2
    start = note_at + len(BATON_NOTE)
    size = start + len(code)
    header = ELF_HEADER.pack(ELF_IDENT, kind, EM_X86_64, 1, base + start, ELF_HEADER.size, 0, 0, ELF_HEADER.size,
                             PROGRAM_HEADER.size, count, 0, 0, 0)
    segment = PROGRAM_HEADER.pack(PT_LOAD, PF_R | PF_X, 0, base, base, size, size, PAGE_BYTES)
    note = PROGRAM_HEADER.pack(PT_NOTE, PF_R, note_at, base + note_at, 0, len(BATON_NOTE), len(BATON_NOTE), 4)
    return header + segment + note + BATON_NOTE + code


def loop() -> bytes:
    """`jmp .`"""
    return one_page(ET_EXEC, LOOP_BASE, b"\xeb\xfe")


def movable() -> bytes:
    """Position-independent. Ends by `ud2` if it lies above 4 GiB, otherwise by `int3`."""
    where = b"\x48\x8d\x05\xf9\xff\xff\xff"  # lea _start(%rip), %rax
    high = b"\x48\xc1\xe8\x20"  # shr $32, %rax
    return one_page(ET_DYN, 0, where + high + b"\x74\x02\x0f\x0b\xcc")  # jz 1f; ud2; 1: int3


def interpreted() -> bytes:
    """Names test/exec/movable, which alone has the note, as its interpreter. Ends by `int3` if it runs itself."""
    path, count = b"test/exec/movable\0", 2
    start = ELF_HEADER.size + count * PROGRAM_HEADER.size
    size = start + len(path) + 1
    header = ELF_HEADER.pack(ELF_IDENT, ET_EXEC, EM_X86_64, 1, LOOP_BASE + size - 1, ELF_HEADER.size, 0, 0,
                             ELF_HEADER.size, PROGRAM_HEADER.size, count, 0, 0, 0)
    wish = PROGRAM_HEADER.pack(PT_INTERP, PF_R, start, LOOP_BASE + start, 0, len(path), len(path), 1)
    segment = PROGRAM_HEADER.pack(PT_LOAD, PF_R | PF_X, 0, LOOP_BASE, LOOP_BASE, size, size, PAGE_BYTES)
    return header + wish + segment + path + b"\xcc"


def load_headers(image: bytes) -> list[tuple[int, list[int]]]:
    """The offset and fields of each loadable segment's program header."""
    (at,) = struct.unpack_from("<Q", image, HEADERS_AT)
    (count,) = struct.unpack_from("<H", image, HEADER_COUNT_AT)
    offsets = [at + i * PROGRAM_HEADER.size for i in range(count)]
    headers = [(offset, list(PROGRAM_HEADER.unpack_from(image, offset))) for offset in offsets]
    return [(offset, fields) for offset, fields in headers if fields[0] == PT_LOAD]


def patched(image: bytes, offset: int, data: bytes) -> bytes:
    return image[:offset] + data + image[offset + len(data) :]


def truncated(good: bytes) -> bytes:
    """Ends in the middle of the last loadable segment's bytes."""
    fields = load_headers(good)[-1][1]
    if fields[5] < 2:
        raise ValueError("the last segment of the good image has no bytes in the file")
    return good[: fields[2] + fields[5] // 2]


def truncated_headers(good: bytes) -> bytes:
    """Ends in the middle of the program headers."""
    return good[: ELF_HEADER.size + PROGRAM_HEADER.size // 2]


def wrong_machine(good: bytes) -> bytes:
    return patched(good, MACHINE_AT, struct.pack("<H", EM_AARCH64))


def write_execute(good: bytes) -> bytes:
    """The segment with the code is also writable."""
    offset, fields = next((offset, fields) for offset, fields in load_headers(good) if fields[1] & PF_X)
    fields[1] |= PF_W
    return patched(good, offset, PROGRAM_HEADER.pack(*fields))


def entry_outside(good: bytes) -> bytes:
    """The entry is 16 pages after the last segment."""
    fields = load_headers(good)[-1][1]
    return patched(good, ENTRY_AT, struct.pack("<Q", fields[3] + fields[6] + 16 * PAGE_BYTES))


def with_memory(good: bytes, memory_bytes: int) -> bytes:
    """The last segment, which holds variables, asks for `memory_bytes` of zeroed memory."""
    offset, fields = load_headers(good)[-1]
    fields[6] = memory_bytes
    return patched(good, offset, PROGRAM_HEADER.pack(*fields))


def too_large(good: bytes) -> bytes:
    """More than any process may have."""
    return with_memory(good, TOO_LARGE_BYTES)


MADE: dict[str, Callable[[], bytes]] = {"loop": loop, "movable": movable, "interpreted": interpreted}

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": truncated,
    "truncated-headers": truncated_headers,
    "wrong-machine": wrong_machine,
    "write-execute": write_execute,
    "entry-outside": entry_outside,
    "too-large": too_large,
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 3 or (arguments[0] not in MADE and arguments[0] not in DAMAGES):
        print(f"usage: images.py {'|'.join([*MADE, *DAMAGES])} GOOD OUTPUT", file=sys.stderr)
        return 2
    kind, good, output = arguments[0], pathlib.Path(arguments[1]), pathlib.Path(arguments[2])
    image = MADE[kind]() if kind in MADE else DAMAGES[kind](good.read_bytes())
    output.write_bytes(image)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
