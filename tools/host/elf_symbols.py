"""Owns one question to an ELF file: at which address is the variable or function of this name?"""

from __future__ import annotations

import pathlib
import struct

# of a section: name, type, flags, address, offset, size, link, info, align, entry size
HEADER = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")  # name, info, other, section, value, size
SECTION_HEADER_OFFSET = 0x28  # e_shoff of a 64-bit header; e_shentsize and e_shnum are at 0x3a
SHT_SYMTAB = 2
STB_GLOBAL = 1


def address(path: pathlib.Path, name: str) -> int | None:
    """The value of a global symbol of a 64-bit little-endian ELF file; None: no such symbol, or not such a file."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        return None
    (table,) = struct.unpack_from("<Q", data, SECTION_HEADER_OFFSET)
    entry_bytes, entries = struct.unpack_from("<HH", data, 0x3A)
    sections = [HEADER.unpack_from(data, table + number * entry_bytes) for number in range(entries)]
    for _, kind, _, _, offset, size, link, *_ in sections:
        if kind != SHT_SYMTAB:
            continue
        texts = sections[link][4]
        for at in range(offset, offset + size, SYMBOL.size):
            text, info, _, section, value, _ = SYMBOL.unpack_from(data, at)
            if info >> 4 == STB_GLOBAL and section and data.startswith(name.encode() + b"\0", texts + text):
                return int(value)
    return None
