"""Owns the reading of page tables in a dead machine's memory: one address walked level by level, two roots compared.

Source: Intel SDM vol. 3A, "4-Level Paging".
"""

from __future__ import annotations

import dataclasses
import pathlib
import struct

PAGE_BYTES = 4096
ENTRIES = 512
KERNEL_FIRST_ENTRY = 256
PRESENT = 1 << 0
WRITABLE = 1 << 1
USER = 1 << 2
ACCESSED = 1 << 5
DIRTY = 1 << 6
LARGE = 1 << 7  # in a PDPT or PD entry
NO_EXECUTE = 1 << 63
ADDRESS_MASK = 0x000F_FFFF_FFFF_F000
LEVELS = (("PML4", 39), ("PDPT", 30), ("PD", 21), ("PT", 12))

# Where QEMU's q35 splits RAM: below this the file's offset is the physical address, the rest lies above 4 GiB.
Q35_LOW_BYTES_MAX = 0xB000_0000
Q35_LOW_BYTES = 0x8000_0000
HIGH_BASE = 1 << 32

DIFFERENCES_MAX = 24  # lines of one comparison
OTHER_TABLE = 64  # two tables that differ in more entries are not copies of each other

# What the root's entries map, for messages; the addresses are those of kernel/arch/x86_64/layout.h.
ENTRY_USES = ((range(256, 509), "direct map"), (range(509, 510), "device window"), (range(510, 511), "stack window"),
              (range(511, 512), "kernel image"))


class PhysicalMemory:
    """The machine's RAM, read from the file behind it."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.low_bytes = self.size if self.size < Q35_LOW_BYTES_MAX else Q35_LOW_BYTES

    def offset(self, address: int) -> int | None:
        """Where `address` lies in the file; None when no RAM is there."""
        if 0 <= address < self.low_bytes:
            return address
        high = address - HIGH_BASE + self.low_bytes
        return high if address >= HIGH_BASE and high < self.size else None

    def read(self, address: int, length: int) -> bytes | None:
        """`length` bytes at a physical address, within one page; None when no RAM is there."""
        offset = self.offset(address)
        if offset is None:
            return None
        with self.path.open("rb") as file:
            file.seek(offset)
            data = file.read(length)
        return data if len(data) == length else None

    def word(self, address: int) -> int | None:
        data = self.read(address, 8)
        return struct.unpack("<Q", data)[0] if data else None

    def table(self, address: int) -> tuple[int, ...] | None:
        data = self.read(address & ADDRESS_MASK, PAGE_BYTES)
        return struct.unpack("<512Q", data) if data else None


@dataclasses.dataclass(frozen=True)
class Step:
    """One level of a walk. entry is None when the table itself is not in RAM."""

    level: str
    index: int
    at: int
    entry: int | None


@dataclasses.dataclass(frozen=True)
class Walk:
    """A walk of one address; physical is None when it did not arrive, and then `problem` says where it ended."""

    address: int
    root: int
    steps: tuple[Step, ...]
    physical: int | None
    problem: str

    def lines(self) -> list[str]:
        """The walk as text, level by level."""
        text = [f"walk of 0x{self.address:016x} in CR3 0x{self.root:x}:"]
        for step in self.steps:
            entry = "not in RAM" if step.entry is None else f"0x{step.entry:016x} {flags_text(step.entry)}"
            text.append(f"  {step.level:4}[{step.index:3}] at 0x{step.at:x} = {entry}")
        text.append(f"  => {self.problem}" if self.physical is None else f"  => physical 0x{self.physical:x}")
        return text


def flags_text(entry: int) -> str:
    """An entry's rights in a few words."""
    if not entry & PRESENT:
        return "not present"
    words = ["user" if entry & USER else "supervisor", "writable" if entry & WRITABLE else "read-only"]
    words += ["no-execute"] if entry & NO_EXECUTE else ["executable"]
    return " ".join(words)


def canonical(address: int) -> bool:
    return address >> 47 in (0, 0x1FFFF)


def walk(memory: PhysicalMemory, root: int, address: int) -> Walk:
    """Translate `address` as the CPU would with `root` in CR3."""
    if not canonical(address):
        return Walk(address, root, (), None, "the address is not canonical: no table is consulted")
    table = root & ADDRESS_MASK
    steps: list[Step] = []
    for level, shift in LEVELS:
        index = address >> shift & (ENTRIES - 1)
        entry = memory.word(table + 8 * index)
        steps.append(Step(level, index, table + 8 * index, entry))
        if entry is None:
            return Walk(address, root, tuple(steps), None, f"the {level} at 0x{table:x} is not in RAM")
        if not entry & PRESENT:
            use = f" ({entry_use(index)})" if level == "PML4" and entry_use(index) else ""
            return Walk(address, root, tuple(steps), None, f"{level} entry {index}{use} is not present")
        table = entry & ADDRESS_MASK
        if level == "PT" or entry & LARGE and level in ("PDPT", "PD"):
            span = 1 << shift
            return Walk(address, root, tuple(steps), table & ~(span - 1) | address & (span - 1), "")
    raise AssertionError("the loop ends at the PT")


def entry_use(index: int) -> str:
    """What a root entry maps; empty in the user half."""
    return next((use for indexes, use in ENTRY_USES if index in indexes), "")


def runs(indexes: list[int]) -> list[tuple[int, int]]:
    """Ascending indexes as (first, last) runs of one use."""
    found: list[tuple[int, int]] = []
    for index in indexes:
        if found and found[-1][1] == index - 1 and entry_use(index) == entry_use(index - 1):
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return found


def address_of(indexes: list[int]) -> int:
    """The lowest address that these entries lead to, PML4 first."""
    address = sum(index << shift for index, (_, shift) in zip(indexes, LEVELS))
    return address | 0xFFFF_0000_0000_0000 if address >> 47 else address


def change_text(here: int, sealed: int) -> str:
    """How one entry differs, in words."""
    if not here & PRESENT:
        return f"missing: 0x{here:x}, sealed 0x{sealed:x}"
    return f"{'changed' if sealed & PRESENT else 'added'}: 0x{here:x}, sealed 0x{sealed:x}"


def leads_elsewhere(here: int, sealed: int, level: str) -> bool:
    """Do the entries differ only in the address of the next table?"""
    is_leaf = level == "PT" or level != "PML4" and bool(here & LARGE)
    ignored = ~(ADDRESS_MASK | ACCESSED | DIRTY)
    return bool(here & PRESENT) and not is_leaf and here & ignored == sealed & ignored


def compare_below(memory: PhysicalMemory, here_entry: int, sealed_entry: int, indexes: list[int]) -> list[str]:
    """How the tables below two entries differ. Where the entries lead to different tables, these are compared as
    long as they are copies."""
    level = LEVELS[len(indexes)][0]
    here, sealed = memory.table(here_entry), memory.table(sealed_entry)
    if here is None or sealed is None:
        return [f"  its {level} at 0x{here_entry & ADDRESS_MASK:x} is not in RAM"]
    ignored = ~(ACCESSED | DIRTY)
    differing = [index for index in range(ENTRIES) if here[index] & ignored != sealed[index] & ignored]
    if len(differing) > OTHER_TABLE:
        return [f"  its {level} is another table: {len(differing)} entries differ"]
    lines = []
    for index in differing:
        path = [*indexes, index]
        if leads_elsewhere(here[index], sealed[index], level):
            lines += compare_below(memory, here[index], sealed[index], path)
        else:
            lines.append(f"  {level} entry {index} (0x{address_of(path):016x}) "
                         f"{change_text(here[index], sealed[index])}")
    return lines or [f"  its {level} at 0x{here_entry & ADDRESS_MASK:x} is a copy of the sealed one at "
                     f"0x{sealed_entry & ADDRESS_MASK:x}"]


def compare_kernel_half(memory: PhysicalMemory, root: int, sealed_root: int) -> list[str]:
    """How entries 256..511 of `root` differ from the sealed root's, and the tables below an entry that leads elsewhere;
    accessed and dirty bits do not count."""
    here, sealed = memory.table(root), memory.table(sealed_root)
    if here is None or sealed is None:
        return [f"the root at 0x{(root if here is None else sealed_root):x} is not in RAM: nothing to compare"]
    ignored = ~(ACCESSED | DIRTY)
    differing = [index for index in range(KERNEL_FIRST_ENTRY, ENTRIES)
                 if here[index] & ignored != sealed[index] & ignored]
    missing = [index for index in differing if not here[index] & PRESENT]
    lines = []
    for first, last in runs(missing):
        which = f"entry {first}" if first == last else f"entries {first}..{last}"
        lines.append(f"{which} ({entry_use(first)}) missing")
    for index in differing:
        if index not in missing:
            lines.append(f"entry {index} ({entry_use(index)}) {change_text(here[index], sealed[index])}")
            if leads_elsewhere(here[index], sealed[index], "PML4"):
                lines += compare_below(memory, here[index], sealed[index], [index])
    if len(lines) > DIFFERENCES_MAX:
        lines[DIFFERENCES_MAX:] = [f"... and {len(lines) - DIFFERENCES_MAX} lines more"]
    return lines or ["no difference: entries 256..511 are the sealed ones"]
