"""Owns the reading of the kernel's log: lines `seconds.micros LEVEL module: text`, and a panic's block at the end."""

from __future__ import annotations

import dataclasses
import re

SEALED_ROOT = re.compile(r"\bboot: image phys (0x[0-9a-f]+), sealed root phys (0x[0-9a-f]+)", re.IGNORECASE)
POWER_OFF = re.compile(r"\bpower: off, status (\d+)\s*$", re.MULTILINE)
REBOOT = re.compile(r"^\d+\.\d+ INFO power: reboot\s*$", re.MULTILINE)
PANIC = re.compile(r"^(?:.*\s)?PANIC: (.*)$", re.MULTILINE)
PANIC_END = "PANIC END"
REGISTER = re.compile(r"\b([a-z][a-z0-9]{1,7}) 0x([0-9a-f]{16})\b")
FRAME = re.compile(r"^\s*frame 0x([0-9a-f]+)", re.MULTILINE)
WALK = re.compile(r"^\s*walk 0x[0-9a-f]+:.*$", re.MULTILINE)
USER = re.compile(r"\buser: (.*)$", re.MULTILINE)
LOADER_FAILURE = re.compile(r"^baton: (.*)$", re.MULTILINE)
# init's statuses and last words at a power-off of its own accord: servers/init/serve.h
STATUS_CANNOT_START, STATUS_VITAL_ENDED = 74, 75
CANNOT_START = "init: the system can't be started"
VITAL_ENDED = re.compile(r"init: (.*) is vital: switching off$")
MAIN_RETURNED = ": main returned "  # libsys/maker/fault.c
TAIL_LINES = 40


@dataclasses.dataclass
class Panic:
    """The kernel's own words on its end."""

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
        """The exit status of an orderly power-off; None without one."""
        found = POWER_OFF.findall(self.text)
        return int(found[-1]) if found else None

    @property
    def has_rebooted(self) -> bool:
        """Did a program ask for a reset?"""
        return REBOOT.search(self.text) is not None

    @property
    def user_lines(self) -> list[str]:
        """What programs said, in order."""
        return [line.rstrip("\r") for line in USER.findall(self.text)]

    @property
    def loader_failure(self) -> str | None:
        """Why the loader gave up; None when it did not."""
        found = LOADER_FAILURE.search(self.text)
        return found[1].strip() if found else None

    @property
    def start_failure(self) -> str | None:
        """Why init could not start the system: its last words before it says so. None when it could."""
        if self.power_off_status != STATUS_CANNOT_START or CANNOT_START not in self.user_lines:
            return None
        before = self.user_lines[: self.user_lines.index(CANNOT_START)]
        return next((line for line in reversed(before) if line.startswith("init: ")), CANNOT_START)

    @property
    def server_end(self) -> str | None:
        """How a vital server ended, and its last words, from init's report. None when none ended."""
        found = next((found for line in self.user_lines if (found := VITAL_ENDED.match(line))), None)
        if self.power_off_status != STATUS_VITAL_ENDED or found is None:
            return None
        before = self.user_lines[: self.user_lines.index(found.string)]
        own = [line for line in before if line.startswith(f"{found[1]}: ")]
        report = max((number for number, line in enumerate(own) if line.startswith(f"{found[1]}: image ")),
                     default=len(own))
        what = own[report + 1].partition(", rip 0x")[0] if report + 1 < len(own) else f"{found[1]} ended"
        has_given_up = report > 0 and MAIN_RETURNED in what
        return what + (f"; its last words: {own[report - 1].partition(': ')[2]}" if has_given_up else "")

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
