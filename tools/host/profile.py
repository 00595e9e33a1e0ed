"""Owns the profile of a bench row: from the emulator's trace of executed instructions to a table of functions.

The emulator, told to make a block of each single instruction (`-singlestep -d exec,nochain`), writes one line for each:

    Trace 0: 0x7f0c04000100 [0000000000000000/ffffffff80001370/0040c0b3/ff200000] fastpath_call

A bench runs its row between two functions that do nothing, `bench_row_begin` and `bench_row_end` (test/bench/row.c);
what is executed between them counts. Addresses outside of the given ELF files are another program's.
"""

from __future__ import annotations

import bisect
import collections
import pathlib
import re
import subprocess
from collections.abc import Iterable

TRACE_ARGUMENTS = ["-singlestep", "-d", "exec,nochain"]
BEGIN, END = "bench_row_begin", "bench_row_end"
OTHER = "(elsewhere)"
INSTRUCTION = re.compile(r"\s*([0-9a-f]+):\s+(.*)")
MARKS = {"boot_first_server": ("kernel_start", "bench_start")}


class Functions:
    """Functions of some ELF files, by address."""

    def __init__(self, files: Iterable[pathlib.Path]) -> None:
        found: list[tuple[int, str]] = []
        for path in files:
            done = subprocess.run(["llvm-nm", "--defined-only", str(path)], capture_output=True, text=True, check=True,
                                  stdin=subprocess.DEVNULL)
            for line in done.stdout.splitlines():
                address, kind, name = line.split()
                if kind in "tT":
                    found.append((int(address, 16), name))
            ends = [int(line.split()[0], 16) for line in done.stdout.splitlines() if line.split()[1] not in "tTaA"]
            after = [end for end in ends if found and end > found[-1][0]]
            if after:
                found.append((min(after), OTHER))
        self.starts, self.names = map(list, zip(*sorted(found)))

    def name(self, address: int) -> str:
        index = bisect.bisect_right(self.starts, address)
        return self.names[index - 1] if index else OTHER

    def address(self, name: str) -> int:
        return int(self.starts[self.names.index(name)])


def count(lines: Iterable[bytes], functions: Functions, first: str, last: str) -> collections.Counter[int]:
    """How often each address was executed between the functions `first` and `last`."""
    begin, end = (b"%016x" % functions.address(name) for name in (first, last))
    seen: collections.Counter[bytes] = collections.Counter()
    inside = False
    for line in lines:
        if not line.startswith(b"Trace"):
            continue
        at = line.index(b"/") + 1
        address = line[at:at + 16]
        if address == begin:
            inside = True
        elif address == end:
            inside = False
        elif inside:
            seen[address] += 1
    return collections.Counter({int(address, 16): times for address, times in seen.items()})


def table(addresses: collections.Counter[int], functions: Functions, operations: int) -> list[str]:
    """Instructions an operation, by function, the largest first; behind each how many instructions of it run at all."""
    by_name: collections.Counter[str] = collections.Counter()
    different: collections.Counter[str] = collections.Counter()
    for address, times in addresses.items():
        by_name[functions.name(address)] += times
        different[functions.name(address)] += 1
    lines = [f"{'instructions':>12}  {'of':>5}  function"]
    lines += [f"{times / operations:12.2f}  {different[name]:5}  {name}" for name, times in by_name.most_common()]
    return [*lines, f"{sum(by_name.values()) / operations:12.2f}         all"]


def disassembly(addresses: collections.Counter[int], files: Iterable[pathlib.Path], operations: int) -> list[str]:
    """Every instruction that ran, in the order of the files, and how often an operation runs it."""
    lines = []
    for path in files:
        done = subprocess.run(["llvm-objdump", "-d", "--no-show-raw-insn", str(path)], capture_output=True, text=True,
                              check=True, stdin=subprocess.DEVNULL)
        title = ""
        for line in done.stdout.splitlines():
            instruction = INSTRUCTION.match(line)
            if line.endswith(">:"):
                title = line.partition("<")[2][:-1]
            elif instruction and (times := addresses.get(int(instruction[1], 16), 0)):
                lines += [title] if title else []
                title = ""
                lines.append(f"{times / operations:10.2f}  {instruction[1]}  {instruction[2].expandtabs(8)}")
    return lines
