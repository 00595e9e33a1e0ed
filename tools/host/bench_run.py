"""Owns the run of the bench guests: which ones exist, and the rows of each with the counter's figures."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import subprocess
from typing import Any

from claims import private_folder
from host import bench_rows, counts, paths
from host.bench_rows import CALIBRATE, Row, RowError
from host.counts import CountError, Group
from host.images import Images
from host.say import UserError, say
from machine.command_line import QEMU, comma

BENCH_SECONDS = 600
SCALING = "scaling"  # the bench that measures in the host's time
ELF = b"\x7fELF"
INTERRUPTS = "interrupt_stubs", "interrupt_of_device"  # where interrupts enter the kernel: first address, and end


@dataclasses.dataclass(frozen=True)
class Bench:
    """A bench as Meson describes it."""

    name: str
    command: list[str]
    folder: pathlib.Path = paths.BUILD_RELEASE

    @property
    def counter(self) -> pathlib.Path:
        return self.folder / "tools" / "counter" / "counter.so"

    @property
    def counts(self) -> bool:
        """Whether its rows are instructions executed between marks, about which the counter has more detail."""
        return "--bench" in self.command

    @functools.cached_property
    def images(self) -> Images:
        """The programs that run in it, as named by its command."""
        named = [word.rpartition("=")[2] for option, word in zip(self.command, self.command[1:])
                 if option in ("--kernel", "--init", "--file")]
        files = [self.folder / name for name in named]
        return Images([file for file in files if file.read_bytes()[:4] == ELF])


@dataclasses.dataclass(frozen=True)
class Result:
    """What a bench printed, and the counter's groups: one for each row, in the same order; none without counter."""

    bench: Bench
    rows: list[Row]
    groups: list[Group]


def introspect(folder: pathlib.Path) -> list[Bench]:
    done = subprocess.run(["meson", "introspect", "--benchmarks", str(folder)], capture_output=True,
                          text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise UserError(f"meson introspect failed:\n{done.stdout}{done.stderr}")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return [Bench(test["name"], [str(word) for word in test["cmd"]], folder) for test in found]


def benches(folder: pathlib.Path = paths.BUILD_RELEASE) -> list[Bench]:
    """The benches that count instructions."""
    return [bench for bench in introspect(folder) if bench.name != SCALING]


def scaling() -> list[str]:
    """The lines of the bench that measures in the host's time, one for each number of CPUs."""
    bench = next(bench for bench in introspect(paths.BUILD_RELEASE) if bench.name == SCALING)
    done = subprocess.run(bench.command, cwd=bench.folder, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    lines = [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith(f"# {SCALING}: ")]
    if done.returncode != 0 or not lines:
        raise UserError(f"bench {bench.name} failed:\n{done.stdout}{done.stderr}")
    return lines


@functools.cache
def counter_loads(counter: pathlib.Path) -> bool:
    """Whether this QEMU can load the counter: not if it lacks plugins, or has only newer interfaces."""
    done = subprocess.run([QEMU, "-M", "none", "-display", "none", "-monitor", "stdio", "-plugin",
                           f"file={comma(counter)},out=/dev/null"], input="quit\n", capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        say(f"this QEMU does not load {paths.shown(counter)}, so there are no shares and no events: "
            f"{done.stderr.strip()}")
    return done.returncode == 0


def run(bench: Bench, append: str = "", stops: tuple[str, ...] = ()) -> Result:
    """Run a bench. append: more words for the kernel's command line. stops: see counter.c.

    Raises UserError with the guest's output when it fails.
    """
    with private_folder() as place:
        file = place / "counts"
        command = [*bench.command, "--timeout", str(BENCH_SECONDS), *(["--append", append] if append else [])]
        counted = bench.counts and counter_loads(bench.counter)
        if counted:
            kernel = bench.images.kernel
            first, end = (kernel.address(name) for name in INTERRUPTS)
            words = ",".join([f"file={comma(bench.counter)}", f"out={comma(file)}", f"interrupt={first:x}:{end:x}",
                              *(f"stop={stop}" for stop in stops)])
            command += ["--", "-plugin", words]
        done = subprocess.run(command, cwd=bench.folder, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise UserError(f"bench {bench.name} failed:\n{done.stdout}{done.stderr}")
        try:
            rows = bench_rows.parse_output(done.stdout)
            with file.open() if counted else open("/dev/null") as lines:
                return Result(bench, rows, counts.read(lines))
        except (RowError, CountError) as error:
            raise UserError(f"bench {bench.name}: {error}") from None


def with_counts(result: Result) -> list[Row]:
    """The rows, with shares and events where the counter counted them."""
    if not result.groups:
        return [row for row in result.rows if row.instructions]
    groups = counts.by_row(result.groups)
    if len(groups) != len(result.rows):
        raise UserError(f"bench {result.bench.name} printed {len(result.rows)} rows, {len(groups)} were counted")
    try:
        return [bench_rows.with_group(row, group, result.bench.images) for row, group in zip(result.rows, groups)]
    except RowError as error:
        raise UserError(f"bench {result.bench.name}: {error}") from None


def measure() -> list[Row]:
    """All rows of all benches."""
    rows: list[Row] = []
    for bench in benches():
        for row in with_counts(run(bench)):
            if row.id == CALIBRATE:
                say(f"bench {bench.name}: calibration loop, {row.instructions:g} ticks a turn")
            else:
                rows.append(row)
    return rows


def find_row(name: str) -> tuple[Result, Row, Group]:
    """Run benches until one has this row."""
    for bench in benches():
        if not bench.counts:
            continue
        result = run(bench)
        for row, group in zip(result.rows, counts.by_row(result.groups)):
            if row.id == name and group.times:
                return result, row, group
    raise UserError(f"no bench counts the instructions of a row {name!r}")
