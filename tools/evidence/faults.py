"""Owns what is added to reports on faults of programs: function, file and line, for each address that the kernel's log names.

A report on the log is written by libsys/fault.c and begins with who, what and where:

    1.234567 INFO user: process 7 (crash): page fault: write at 0x0000000000000010 (nothing is mapped there), rip 0x0000000000201234
    1.234570 INFO user: process 7 (crash): callers 1 to 2: 0x0000000000201250 0x0000000000200100

A process is called by its image's last name, a server by its own, which is that of its image. The images, debug information
included, are on the boot volume.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import struct

import volume
from evidence.symbols import Symbols

WHO = r"\buser: (?P<who>process \d+ \((?P<process>[^)]*)\)|(?P<server>[\w-]+)): "
FAULT = re.compile(WHO + r"(?P<what>.+), rip 0x(?P<rip>[0-9a-f]{16})$")
CALLERS = re.compile(WHO + r"callers (?P<first>\d+) to \d+:(?P<addresses>(?: 0x[0-9a-f]{16})+)$")
NAME_BYTES = 23  # what the process server keeps of a name
MOVED_TO = 0x100000000  # where position-independent images go: libsys/layout.h, LAYOUT_IMAGE_BASE
ELF_MAGIC, TYPE_MOVABLE = b"\x7fELF", 3
ELF_HEADER = struct.Struct("<16xH14xQ14xHH")  # type, offset, size and count of the program headers
PROGRAM_HEADER = struct.Struct("<II8xQ16xQ")  # type, flags, address, size in memory
PT_LOAD, PF_X = 1, 1


def code_ranges(data: bytes) -> list[range]:
    """Where an ELF file has code."""
    _, offset, size, count = ELF_HEADER.unpack_from(data)
    headers = [PROGRAM_HEADER.unpack_from(data, offset + i * size) for i in range(count)]
    return [range(address, address + length) for kind, flags, address, length in headers if kind == PT_LOAD and flags & PF_X]


@dataclasses.dataclass
class Image:
    """An ELF file of the volume, taken out of it."""

    path: pathlib.Path
    base: int  # what its own addresses were moved by
    code: list[range]  # debug information may claim addresses that the linker threw away

    def place(self, address: int, is_return: bool) -> str | None:
        """`function at file:line`; None if the address is not in there."""
        if not any(address - self.base in part for part in self.code):
            return None
        name = Symbols(user=self.path).name(address - self.base, is_return)
        return None if name.startswith("(not in") else name


class Images:
    """The programs on a volume, by the names that reports have."""

    def __init__(self, archive: pathlib.Path, folder: pathlib.Path) -> None:
        self.archive = archive
        self.folder = folder  # private: for files out of the archive
        self.members: volume.Members | None = None
        self.known: dict[str, list[Image]] = {}

    def called(self, name: str) -> list[Image]:
        """All images of this name; those in bin/ come first."""
        if name not in self.known:
            if self.members is None:
                self.members = volume.read(self.archive)
            found = [member for member in self.members
                     if member[0].rpartition("/")[2][:NAME_BYTES] == name and member[1].startswith(ELF_MAGIC)]
            found.sort(key=lambda member: not member[0].startswith("bin/"))
            self.known[name] = [self.take_out(*member) for member in found]
        return self.known[name]

    def take_out(self, name: str, data: bytes) -> Image:
        path = self.folder / name.replace("/", "-")
        path.write_bytes(data)
        kind = ELF_HEADER.unpack_from(data)[0]
        return Image(path, MOVED_TO if kind == TYPE_MOVABLE else 0, code_ranges(data))

    def place(self, name: str, address: int, is_return: bool = False) -> str:
        """Where an address of the program called `name` is, in words."""
        images = self.called(name)
        places = (image.place(address, is_return) for image in images)
        return next((place for place in places if place is not None), f"(not in the code of {name})")


def explain(line: str, images: Images) -> list[str]:
    """What a line of the kernel's log says of a fault, with names; nothing for other lines."""
    fault, callers = FAULT.search(line), CALLERS.search(line)
    if fault is not None:
        rip = int(fault["rip"], 16)
        place = images.place(fault["process"] or fault["server"], rip)
        return [f"{fault['who']}: {fault['what']}", f"  #0 0x{rip:016x} {place}"]
    if callers is not None:
        addresses = [int(word, 16) for word in callers["addresses"].split()]
        name = callers["process"] or callers["server"]
        return [f"  #{number} 0x{address:016x} {images.place(name, address, is_return=True)}"
                for number, address in enumerate(addresses, int(callers["first"]))]
    return []


class FaultReports:
    """Reads the log as it grows."""

    def __init__(self, log: pathlib.Path, images: Images) -> None:
        self.log = log
        self.images = images
        self.offset = 0
        self.pending = b""

    def poll(self) -> list[str]:
        """What is to be said about the whole lines that have come since the last call."""
        try:
            with self.log.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:  # QEMU has not made it yet
            return []
        self.offset += len(data)
        *lines, self.pending = (self.pending + data).split(b"\n")
        return [text for line in lines for text in explain(line.decode(errors="replace").rstrip("\r"), self.images)]
