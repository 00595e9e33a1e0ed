"""Owns one machine of a storm: it boots the system whose servers have a hook, runs plans one after the other, and ends
at the first that fails. With one CPU all is deterministic: the same plans do the same in every machine.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import threading
import time
from collections.abc import Iterable, Sequence

import volume
from host import paths
from machine.command_line import DirectBoot, Machine
from machine.guest import Cause, Guest
from machine.places import private_places
from storm.plans import SERVERS, Counts, Plan

PROGRAMS = pathlib.Path("test/storm")  # below a build folder, like the paths of host/paths.py
ON_VOLUME = {"etc/manifest.json": "manifest.json", "bin/storm_suite": "storm_suite",
             **{f"{PROGRAMS}/{server}": f"storm_{server}" for server in SERVERS}}
PLANS = "etc/storm"
MEMORY_MIB = 128
ICOUNT_SHIFT = 3  # 8 ns an instruction: a server that hangs is found out after 12 to 25 million of them
START_SECONDS, PLAN_SECONDS = 60.0, 2.0  # of a host that is very busy
PUMP_SECONDS = 0.1
LINES = 4  # as in test/storm/session.c
XON = "\x11"  # the console says so that it takes input
CUT = re.compile(r"^# plan (\d+) is cut short: fault (\d+)$", re.M)  # not all of its lines are printed
CAME = re.compile(r"^# (\d+) events came$", re.M)
COUNTS = re.compile(r"^# (\w+): (\d+) messages, (\d+) calls, (\d+) requests$", re.M)
RESULT = re.compile(r"(not )?ok (\d+) - ")


class EndedError(Exception):
    """Nobody wants the rest of the plans any more."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of some plans: how many passed, and why the next one failed; empty: all passed."""

    passed: int
    reasons: tuple[str, ...] = ()
    came: int = 0  # events, if all passed: one may be due at a call that a session does not make
    cut: dict[int, int] = dataclasses.field(default_factory=dict)  # plans that ended a program, and its end's `fault`
    counts: dict[str, Counts] = dataclasses.field(default_factory=dict)  # ... of the last plan without events

    def lines(self, chosen: Sequence[Plan]) -> list[str]:
        """What is printed about a failure; `chosen`: the plans that were run."""
        return [f"fails: {chosen[self.passed]}", *("  " + reason for reason in self.reasons)] if self.reasons else []


def way(reasons: Iterable[str]) -> str:
    """In which way a plan failed: the first reason, without its numbers."""
    return re.sub(r"0x[0-9a-f]+|\d+", "N", next(iter(reasons), ""))


@dataclasses.dataclass(frozen=True)
class System:
    """What is booted. drill: a mistake that is planted in a server (test/storm/drills.json). is_over: once it is set,
    machines end at once (EndedError), in whatever thread they run."""

    built: pathlib.Path
    drill: tuple[str, str] | None = None  # server, name
    smp: int = 1
    is_over: threading.Event = dataclasses.field(default_factory=threading.Event, compare=False)

    def members(self, chosen: Sequence[Plan]) -> volume.Members:
        members = volume.read(self.built / paths.VOLUME)
        for name, program in ON_VOLUME.items():
            if self.drill is not None and name == f"{PROGRAMS}/{self.drill[0]}":
                program = f"storm_drill_{self.drill[1]}"
            members = volume.replace(members, name, (self.built / PROGRAMS / program).read_bytes())
        return volume.replace(members, PLANS, "".join(f"{plan}\n" for plan in chosen).encode())

    def run(self, chosen: Sequence[Plan]) -> Outcome:
        """Run plans in a new machine."""
        with private_places() as places:
            archive = places.files / "boot.tar"
            archive.write_bytes(volume.build(self.members(chosen)))
            console = places.files / "console.txt"
            machine = Machine(boot=DirectBoot(self.built / paths.PVH_LOADER, archive, "debug_exit=0xf4 seed=1"),
                              folder=places.files, sockets=places.sockets, cpu="max", smp=self.smp,
                              memory_mib=MEMORY_MIB, icount_shift=ICOUNT_SHIFT if self.smp == 1 else None, seed=1,
                              console_file=console)
            with Guest(machine) as guest:
                tap = wait(guest, START_SECONDS + PLAN_SECONDS * len(chosen), self.is_over)
                over = guest.end is not None and guest.end.cause == Cause.TIMEOUT
                log = machine.kernel_log.read_text(errors="replace").splitlines()
            return judge(tap, console.read_text(errors="replace"), len(chosen), over, log)


def wait(guest: Guest, seconds: float, is_over: threading.Event) -> str:
    """What the machine says of its plans, once it has ended or its time is over."""
    said = b""
    while guest.end is None:
        if is_over.is_set():
            raise EndedError
        said += b"".join(data for channel, data in guest.pump(PUMP_SECONDS) if channel == "tap")
        if guest.end is None and time.monotonic() - guest.started > seconds:
            guest.stop(Cause.TIMEOUT)
    said += b"".join(data for channel, data in guest.drain() if channel == "tap")
    return said.decode(errors="replace")


def said_by(number: int) -> list[str]:
    """What plan `number` prints on the console."""
    return [f"plan {number}, line {line} of {LINES}" for line in range(1, LINES + 1)]


def judge(tap: str, console: str, count: int, over: bool, log: Sequence[str] = ()) -> Outcome:
    """What came of `count` plans. All that is not said to have passed has failed."""
    passed, reasons = 0, []
    for line in tap.splitlines():
        result = RESULT.match(line)
        if result is None:
            reasons += [line.removeprefix("# ")] if line.startswith("# ") else []
        elif result[1] is None and int(result[2]) == passed + 1:
            passed, reasons = passed + 1, []
        else:
            reasons = reasons or [f"an unexpected line: {line}"]
            break
    printed = console.replace("\r", "").removeprefix(XON).splitlines()
    cut = {int(number): int(fault) for number, fault in CUT.findall(tap)}
    expected: list[str] = []
    for number in range(1, passed + 1):
        lines = said_by(number)
        if number in cut:
            here = printed[len(expected):len(expected) + LINES]
            differs = (count for count, pair in enumerate(zip(here, lines)) if pair[0] != pair[1])
            lines = lines[:next(differs, len(here))]
        expected += lines
        if printed[:len(expected)] != expected:
            wrong = next(pair for pair in zip(printed + [""] * len(expected), expected) if pair[0] != pair[1])
            return Outcome(number - 1, (f"the console has {wrong[0]!r}, not {wrong[1]!r}",))
    came = CAME.search(tap)
    if passed == count and came is not None:
        counts = {name: Counts(*map(int, numbers)) for name, *numbers in COUNTS.findall(tap)}
        return Outcome(passed, came=int(came[1]), cut=cut, counts=counts)
    if reasons and not over:
        return Outcome(passed, tuple(reasons))
    end = "the machine's time was over" if over else "the machine ended"
    return Outcome(passed, (*reasons, end, *(f"log: {line}" for line in log[-3:])))
