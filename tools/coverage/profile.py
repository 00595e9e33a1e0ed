"""Owns clang's raw profile format: makes such a file from the sections of an instrumented ELF file and its counters.

The kernel has no runtime library to write its profile. Everything but the counters is in its ELF file, so the profile
is put together here, in the layout of LLVM 14 (version 8), little-endian, 64 bits:

    header   records of functions (__llvm_prf_data)   counters (__llvm_prf_cnts)   names (__llvm_prf_names)

Source: LLVM 14, compiler-rt/include/profile/InstrProfData.inc.
"""

from __future__ import annotations

import dataclasses
import pathlib
import struct

MAGIC = 0xFF6C70726F667281
VERSION = 8
VALUE_KIND_LAST = 1
RECORD_BYTES = 48
COUNTER_BYTES = 8
COUNTERS, RECORDS, NAMES = "__llvm_prf_cnts", "__llvm_prf_data", "__llvm_prf_names"

SECTION_TABLE_OFFSET = 0x28  # e_shoff of a 64-bit header; e_shentsize, e_shnum and e_shstrndx are at 0x3a
SECTION_SHAPES_OFFSET = 0x3A
ADDRESS_MASK = (1 << 64) - 1


class ProfileError(Exception):
    """A file is not an instrumented ELF file of the kind that is read here."""


@dataclasses.dataclass(frozen=True)
class Section:
    address: int
    data: bytes


@dataclasses.dataclass(frozen=True)
class Instrumented:
    """The parts of an instrumented ELF file that a profile needs."""

    counters: Section  # its data are the counters' initial values: zeros
    records: Section
    names: Section

    def raw_profile(self, counters: bytes) -> bytes:
        """The file that clang's runtime would have written with these counters."""
        if len(counters) != len(self.counters.data):
            raise ProfileError(f"{len(counters)} bytes of counters, the ELF file has {len(self.counters.data)}")
        delta = (self.counters.address - self.records.address) & ADDRESS_MASK
        header = struct.pack("<11Q", MAGIC, VERSION, 0, len(self.records.data) // RECORD_BYTES, 0,
                             len(counters) // COUNTER_BYTES, 0, len(self.names.data), delta, self.names.address,
                             VALUE_KIND_LAST)
        return header + self.records.data + counters + self.names.data + bytes(-len(self.names.data) % 8)


def sections(data: bytes) -> dict[str, Section]:
    """The sections of a 64-bit little-endian ELF file by name."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ProfileError("not a 64-bit ELF file")
    (table,) = struct.unpack_from("<Q", data, SECTION_TABLE_OFFSET)
    entry_bytes, count, names_index = struct.unpack_from("<HHH", data, SECTION_SHAPES_OFFSET)
    headers = [struct.unpack_from("<IIQQQQ", data, table + number * entry_bytes) for number in range(count)]
    names = headers[names_index][4]
    found: dict[str, Section] = {}
    for name, _, _, address, offset, size in headers:
        start = names + name
        found[data[start:data.index(b"\0", start)].decode()] = Section(address, data[offset:offset + size])
    return found


def read(path: pathlib.Path) -> Instrumented:
    """Raises ProfileError when the file has no counters."""
    found = sections(path.read_bytes())
    missing = [name for name in (COUNTERS, RECORDS, NAMES) if name not in found]
    if missing:
        raise ProfileError(f"{path.name} has no section {', '.join(missing)}: it was built without -Dcoverage=true")
    if len(found[RECORDS].data) % RECORD_BYTES or len(found[COUNTERS].data) % COUNTER_BYTES:
        raise ProfileError(f"{path.name}: its counters are not laid out as LLVM 14 does it")
    return Instrumented(found[COUNTERS], found[RECORDS], found[NAMES])
