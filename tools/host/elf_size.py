"""Owns one question to an ELF file: how many bytes of executable code does it hold?"""

from __future__ import annotations

import pathlib
import struct

SHF_EXECINSTR = 0x4
SECTION_HEADER_OFFSET = 0x28  # e_shoff of a 64-bit header; e_shentsize and e_shnum are at 0x3a


def text_bytes(path: pathlib.Path) -> int:
    """The summed sizes of the executable sections of a 64-bit little-endian ELF file."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{path} is not a 64-bit ELF file")
    (table,) = struct.unpack_from("<Q", data, SECTION_HEADER_OFFSET)
    entry_bytes, entries = struct.unpack_from("<HH", data, 0x3A)
    total = 0
    for number in range(entries):
        _, _, flags, _, _, size = struct.unpack_from("<IIQQQQ", data, table + number * entry_bytes)
        total += size if flags & SHF_EXECINSTR else 0
    return total
