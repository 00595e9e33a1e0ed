"""Owns the reading of a dead machine's trace: the ring that trace_control fills
(kernel/abi/trace.h), decoded for a report.

The kernel's variable `trace` (kernel/run/trace.h) says where the ring lies. It is found through the symbol table and
read through the sealed root. The ring's own header is user memory, so it is not trusted.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import struct

from evidence import pagewalk
from evidence.pagewalk import PAGE_BYTES, PhysicalMemory
from host import elf_symbols, paths

SYMBOL = "trace"
VARIABLE = struct.Struct("<4Q")  # the beginning of struct trace
RECORD = struct.Struct("<QIHBB2Q")  # struct trace_record
PAGES_MAX = 16
SHOWN_MAX = 20
CALL, RETURN, SWITCH, FAULT, INTERRUPT, MESSAGE = range(6)
TIMER = 0xFFFF

CALLS_FILE = paths.ROOT / "kernel/abi/syscall.def"
STATUSES_FILE = paths.ROOT / "kernel/abi/status.def"
FAULTS_FILE = paths.ROOT / "kernel/abi/thread.h"
CALL_ROW = re.compile(r"^SYSCALL(?:_MESSAGE)?\((\d+), (\w+)", re.MULTILINE)
STATUS_ROW = re.compile(r"^STATUS\((\d+), (\w+)", re.MULTILINE)
FAULT_ROW = re.compile(r"^    FAULT_(\w+) = (\d+),", re.MULTILINE)
FAULT_ENUM = re.compile(r"^enum fault_kind \{$(.*?)^\};", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Record:
    ticks: int
    thread: int
    detail: int
    event: int
    cpu: int
    words: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Names:
    """Names for the numbers in records."""

    calls: dict[int, str]
    statuses: dict[int, str]
    faults: dict[int, str]

    def call(self, number: int) -> str:
        return self.calls.get(number, f"call {number}")

    def status(self, number: int) -> str:
        return self.statuses.get(number, f"status {number}")

    def fault(self, kind: int) -> str:
        return self.faults.get(kind, f"kind {kind}")


def read_names() -> Names:
    """The names from the tables that the kernel is made from."""
    faults = FAULT_ENUM.search(FAULTS_FILE.read_text())
    return Names({int(number): name for number, name in CALL_ROW.findall(CALLS_FILE.read_text())},
                 {int(number): name for number, name in STATUS_ROW.findall(STATUSES_FILE.read_text())},
                 {int(kind): name.lower() for name, kind in FAULT_ROW.findall(faults[1] if faults else "")})


def thread_name(number: int) -> str:
    return f"thread {number}" if number else "idle"


def describe(record: Record, names: Names) -> str:
    """A record in a few words."""
    who, (first, second) = thread_name(record.thread), record.words
    if record.event == CALL:
        return f"{who}: {names.call(record.detail)}(0x{first:x}, 0x{second:x}, ...)"
    if record.event == RETURN:
        call = f"{names.call(record.detail)} returns" if record.detail else "wait ends:"
        return f"{who}: {call} {names.status(first)}, value 0x{second:x}"
    if record.event == SWITCH:
        return f"{who} -> {thread_name(first)}"
    if record.event == FAULT:
        return f"{who}: fault {names.fault(record.detail)}, address 0x{first:x}, rip 0x{second:x}"
    if record.event == INTERRUPT:
        return f"{who}: interrupt, {'timer' if record.detail == TIMER else f'line {record.detail}'}"
    if record.event == MESSAGE:
        return f"{who}: {'answer' if record.detail else 'message'} to {thread_name(first)}, info 0x{second:x}"
    return f"{who}: event {record.event}, detail {record.detail}, words 0x{first:x} 0x{second:x}"


def find(memory: PhysicalMemory, root: int, kernel: pathlib.Path) -> tuple[int, int, int] | None:
    """First frame, pages and records written of the trace that ran; None when there was none."""
    address = elf_symbols.address(kernel, SYMBOL)
    physical = pagewalk.walk(memory, root, address).physical if address is not None else None
    data = memory.read(physical, VARIABLE.size) if physical is not None else None
    if data is None:
        return None
    events, first_frame, page_count, written = VARIABLE.unpack(data)
    return (first_frame, page_count, written) if events and 0 < page_count <= PAGES_MAX else None


def last_records(memory: PhysicalMemory, first_frame: int, page_count: int, written: int) -> list[Record]:
    """The records that were written last, oldest first."""
    held = page_count * PAGE_BYTES // RECORD.size - 1
    records = []
    for number in range(max(0, written - min(held, SHOWN_MAX)), written):
        place = first_frame * PAGE_BYTES + (1 + number % held) * RECORD.size
        data = memory.read(place, RECORD.size)
        if data is not None:
            ticks, thread, detail, event, cpu, first, second = RECORD.unpack(data)
            records.append(Record(ticks, thread, detail, event, cpu, (first, second)))
    return records


def lines(memory: PhysicalMemory, root: int | None, kernel: pathlib.Path | None) -> list[str]:
    """The report's part on the trace; nothing when none ran."""
    if root is None or kernel is None:
        return []
    found = find(memory, root, kernel)
    if found is None:
        return []
    records, names = last_records(memory, *found), read_names()
    end = records[-1].ticks if records else 0
    return [f"trace: the last {len(records)} of {found[2]} records, ticks before the last one:",
            *(f"  {end - record.ticks:12} CPU {record.cpu} {describe(record, names)}" for record in records)]
