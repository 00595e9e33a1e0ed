"""Owns one question to an ELF file: how many bytes of executable code stay in memory?"""

from __future__ import annotations

import pathlib
import struct

SHF_EXECINSTR = 0x4
BOOT_ONLY = b".boot_only"  # kernel/base/boot_only.h: the kernel gives it away after boot
SECTION_HEADER_OFFSET = 0x28  # e_shoff of a 64-bit header; e_shentsize and e_shnum are at 0x3a


def text_bytes(path: pathlib.Path) -> int:
    """The summed sizes of the executable sections of a 64-bit little-endian ELF file, except the boot-only one."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{path} is not a 64-bit ELF file")
    (table,) = struct.unpack_from("<Q", data, SECTION_HEADER_OFFSET)
    entry_bytes, entries, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, table + number * entry_bytes) for number in range(entries)]
    names_at = headers[names][4]
    return sum(size for name, _, flags, _, _, size in headers
               if flags & SHF_EXECINSTR and not data.startswith(BOOT_ONLY + b"\0", names_at + name))
