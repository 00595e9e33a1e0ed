"""Owns the reading of the kernel's log: lines `seconds.micros LEVEL module: text`, and a panic's block at the end."""

from __future__ import annotations

import dataclasses
import re

SEALED_ROOT = re.compile(r"\bboot: image phys (0x[0-9a-f]+), sealed root phys (0x[0-9a-f]+)", re.IGNORECASE)
POWER_OFF = re.compile(r"\bpower: off, status (\d+)\s*$", re.MULTILINE)
PANIC = re.compile(r"^(?:.*\s)?PANIC: (.*)$", re.MULTILINE)
PANIC_END = "PANIC END"
REGISTER = re.compile(r"\b([a-z][a-z0-9]{1,7}) 0x([0-9a-f]{16})\b")
FRAME = re.compile(r"^\s*frame 0x([0-9a-f]+)", re.MULTILINE)
WALK = re.compile(r"^\s*walk 0x[0-9a-f]+:.*$", re.MULTILINE)
TAIL_LINES = 40


@dataclasses.dataclass
class Panic:
    """What the kernel said about its own end."""

    text: str
    complete: bool  # PANIC END was reached
    registers: dict[str, int]
    frames: list[int]
    walks: list[str]


@dataclasses.dataclass
class KernelLog:
    """The whole log as text, and the facts the host needs from it."""

    text: str

    @property
    def sealed_root(self) -> int | None:
        """Physical address of the kernel's own PML4, whose upper half every space shares."""
        found = SEALED_ROOT.search(self.text)
        return int(found[2], 16) if found else None

    @property
    def power_off_status(self) -> int | None:
        """The exit status of an orderly power-off; None when there was none."""
        found = POWER_OFF.findall(self.text)
        return int(found[-1]) if found else None

    @property
    def panic(self) -> Panic | None:
        found = PANIC.search(self.text)
        if not found:
            return None
        block, end, _ = self.text[found.end():].partition(PANIC_END)
        lines = [line for line in block.splitlines() if not FRAME.match(line) and not WALK.match(line)]
        registers = {name: int(value, 16) for name, value in REGISTER.findall("\n".join(lines))}
        frames = [int(value, 16) for value in FRAME.findall(block)]
        return Panic(found[1].strip(), bool(end), registers, frames, [line.strip() for line in WALK.findall(block)])

    def tail(self) -> list[str]:
        """The last lines, for a report."""
        return self.text.splitlines()[-TAIL_LINES:]
