"""Owns the programs of a bench: which program and function an executed instruction belongs to, and its kind.

Programs lie at the same addresses. So the counter (tools/counter/counter.c) names an instruction's page by a
hash of its bytes, which is compared with the hashes of each ELF file's pages of code. The upper half of all
addresses is the kernel's.
"""

from __future__ import annotations

import bisect
import functools
import pathlib
import re
import struct
import subprocess
from collections.abc import Iterator

PAGE_BYTES = 4096
KERNEL_PAGE = 0  # in place of a hash, for the kernel's half
# type, flags, offset, address, physical, file bytes, memory bytes, alignment
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
PROGRAM_HEADER_OFFSET = 0x20  # e_phoff of a 64-bit header; e_phentsize and e_phnum are at 0x36
PT_LOAD, PF_X = 1, 1
INSTRUCTION = re.compile(r"\s*([0-9a-f]+):\s+(.*)")
# events that cost a real CPU much more than an emulator: the name, and the instructions as the disassembler writes them
EVENTS = (
    ("syscall", re.compile(r"syscall")),
    ("sysret", re.compile(r"sysret")),
    ("iret", re.compile(r"iret")),
    ("swapgs", re.compile(r"swapgs")),
    ("cr3", re.compile(r"mov\S*\s+%\w+, %cr3")),
    ("cr0_cr4", re.compile(r"clts|mov\S*\s+%\w+, %cr[04]")),
    ("invlpg", re.compile(r"invlpg|invpcid")),
    ("wrmsr", re.compile(r"wrmsr")),
    ("xsave", re.compile(r"fxsave|xsave|fxrstor|xrstor")),
    ("lock", re.compile(r"lock|xchg\S*\s.*\(")),
    ("port", re.compile(r"(in|out)[bwl]\s")),
)


def page_hash(page: bytes) -> int:
    """FNV-1a of the words of a page, as page_hash() in counter.c."""
    value = 0xCBF29CE484222325
    for word in struct.unpack("<512Q", page):
        value = (value ^ word) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def run(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True,
                          stdin=subprocess.DEVNULL).stdout.splitlines()


class Image:
    """One ELF file."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.name = path.name.removesuffix(".elf")
        data = path.read_bytes()
        (table,) = struct.unpack_from("<Q", data, PROGRAM_HEADER_OFFSET)
        entry_bytes, entries = struct.unpack_from("<HH", data, 0x36)
        (self.entry,) = struct.unpack_from("<Q", data, 0x18)
        headers = [PROGRAM_HEADER.unpack_from(data, table + number * entry_bytes) for number in range(entries)]
        code = [(offset, address, size) for kind, flags, offset, address, _, size, *_ in headers
                if kind == PT_LOAD and flags & PF_X]
        self.pages = dict(self._pages(data, code))
        found = [line.split() for line in run("llvm-nm", "--defined-only", str(path))]
        functions = sorted((int(address, 16), name) for address, kind, name in found if kind in "tT")
        self.starts, self.names = [start for start, _ in functions], [name for _, name in functions]

    @staticmethod
    def _pages(data: bytes, code: list[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
        for offset, address, size in code:
            for at in range(address & -PAGE_BYTES, address + size, PAGE_BYTES):
                whole = data[offset + at - address:offset + at - address + PAGE_BYTES].ljust(PAGE_BYTES, b"\0")
                used = min(PAGE_BYTES, address + size - at)
                yield page_hash(whole), at  # if pages of the file are mapped directly, the bytes behind the code stay
                yield page_hash(whole[:used].ljust(PAGE_BYTES, b"\0")), at

    @property
    def is_kernel(self) -> bool:
        return bool(self.entry >> 63)

    def pages_of(self, address: int) -> list[int]:
        """The hashes by which the counter may name an instruction's page."""
        if self.is_kernel:
            return [KERNEL_PAGE]
        return [page for page, at in self.pages.items() if at == address & -PAGE_BYTES]

    def page_address(self, address: int, page: int) -> int | None:
        """Where the page of an instruction lies in this file; None: it belongs to another file."""
        if self.is_kernel:
            return address & -PAGE_BYTES if address >> 63 else None
        return self.pages.get(page)

    def function(self, address: int) -> str:
        index = bisect.bisect_right(self.starts, address)
        return self.names[index - 1] if index else "(before the first function)"

    def address(self, function: str) -> int:
        return self.starts[self.names.index(function)]

    @functools.cached_property
    def disassembly(self) -> dict[int, str]:
        """The instruction at each address, in the file's order."""
        lines = run("llvm-objdump", "-d", "--no-show-raw-insn", str(self.path))
        found = [match for line in lines if (match := INSTRUCTION.match(line))]
        return {int(match[1], 16): match[2].expandtabs(8) for match in found}

    @functools.cached_property
    def events(self) -> dict[int, str]:
        """Addresses of instructions that are events, and the kind of each."""
        return {address: kind for address, text in self.disassembly.items()
                if (kind := next((name for name, form in EVENTS if form.match(text)), None))}


class Images:
    """All programs of a bench, the kernel among them."""

    def __init__(self, paths: list[pathlib.Path]) -> None:
        self.all = [Image(path) for path in paths]
        self._known: dict[tuple[int, int], tuple[Image | None, int]] = {}

    def find(self, address: int, page: int) -> tuple[Image | None, int]:
        """The program that an instruction belongs to, and its address in the file; code may have been copied elsewhere.

        None: firmware, loader, or unknown code.
        """
        key = address & -PAGE_BYTES, page
        if key not in self._known:
            found = ((image, image.page_address(address, page)) for image in self.all)
            self._known[key] = next(((image, at) for image, at in found if at is not None), (None, key[0]))
        image, at = self._known[key]
        return image, at + address % PAGE_BYTES

    @property
    def kernel(self) -> Image:
        return next(image for image in self.all if image.is_kernel)
