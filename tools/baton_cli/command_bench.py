"""Count instructions: run the bench guests of build-release/ and print their figures beside reference and target.

Under `-icount shift=0` the emulated time-stamp counter counts executed instructions, identically from run to run, so
a regression of one instruction is visible. The events beside a figure (CR3 writes, ...) are what an emulator makes look cheap.

examples:
  ./baton bench            the table
  ./baton bench --json     the same for programs
  ./baton bench --check    fail if a row is worse than test/bench/recorded.json by more than 1 %
  ./baton bench --record   make the figures the recorded ones
  ./baton bench --profile ipc_call_0   where the instructions of a row of the kernel's bench go, by function
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from host import bench_rows, build, elf_size, paths, profile
from host.bench_rows import CALIBRATE, Row, RowError
from host.say import UserError, say

NAME = "bench"
SUMMARY = "count instructions per operation, beside references and targets"

TARGETS = paths.ROOT / "test" / "bench" / "targets.json"
RECORDED = paths.ROOT / "test" / "bench" / "recorded.json"
BENCH_SECONDS = 600


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--check", action="store_true", help="fail when a row is worse than recorded by more than 1 %%")
    parser.add_argument("--profile", metavar="ROW", help="count the instructions of a row of the kernel's bench by function")
    parser.add_argument("--lines", action="store_true", help="with --profile: by instruction, as a disassembly")
    parser.add_argument("--record", action="store_true", help="write the figures to test/bench/recorded.json")


def bench_commands() -> list[dict[str, object]]:
    """The benches the build knows, as Meson describes them."""
    done = subprocess.run(["meson", "introspect", "--benchmarks", str(paths.BUILD_RELEASE)], capture_output=True,
                          text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise UserError(f"meson introspect failed:\n{done.stdout}{done.stderr}")
    return list(json.loads(done.stdout))


def run_bench(name: str, command: list[str]) -> list[Row]:
    """Run one bench guest; its rows. Raises UserError with its output when it fails."""
    try:
        done = subprocess.run(command, cwd=paths.BUILD_RELEASE, capture_output=True, text=True, check=False,
                              timeout=BENCH_SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise UserError(f"bench {name}: no end within {BENCH_SECONDS} s") from None
    if done.returncode != 0:
        raise UserError(f"bench {name} failed:\n{done.stdout}{done.stderr}")
    try:
        return bench_rows.parse_output(done.stdout)
    except RowError as error:
        raise UserError(f"bench {name}: {error}") from None


def measure() -> list[Row]:
    """All rows of all benches, and the size of the kernel's text."""
    rows: list[Row] = []
    for test in bench_commands():
        name = str(test["name"])
        for row in run_bench(name, [str(word) for word in test["cmd"]]):  # type: ignore[attr-defined]
            if row.id == CALIBRATE:
                say(f"bench {name}: calibration loop, {row.instructions:g} ticks a turn")
            else:
                rows.append(row)
    kernel = paths.BUILD_RELEASE / paths.KERNEL
    if kernel.exists():
        rows.append(Row("kernel_text_bytes", elf_size.text_bytes(kernel), None, None, {}))
    return rows


def record(rows: list[Row]) -> None:
    figures = {row.id: row.instructions for row in rows}
    RECORDED.write_text(json.dumps(figures, indent=1) + "\n")
    say(f"recorded {len(figures)} figures in {paths.shown(RECORDED)}")


def check(rows: list[Row]) -> int:
    if not RECORDED.exists():
        raise UserError(f"--check: there is no {paths.shown(RECORDED)}; ./baton bench --record writes it")
    worse = bench_rows.compare(rows, json.loads(RECORDED.read_text()))
    for line in worse:
        print(f"worse: {line}", file=sys.stderr)
    return 1 if worse else 0


def kernel_bench() -> list[str]:
    """The command that runs the kernel's bench."""
    for test in bench_commands():
        if str(test["name"]) == "kernel":
            return [str(word) for word in test["cmd"]]  # type: ignore[attr-defined]
    raise UserError("the build has no bench `kernel`")


def trace_row(row: str, functions: profile.Functions) -> tuple[collections.Counter[int], int]:
    """Addresses executed in the row, and its operations."""
    with tempfile.TemporaryDirectory(prefix="baton-") as place:
        fifo = pathlib.Path(place) / "trace"
        os.mkfifo(fifo)
        command = [*kernel_bench(), "--append", f"row={row}", "--timeout", str(BENCH_SECONDS), "--",
                   *profile.TRACE_ARGUMENTS, "-D", str(fifo)]
        with subprocess.Popen(command, cwd=paths.BUILD_RELEASE, stdout=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL) as guest:
            with fifo.open("rb") as trace:
                addresses = profile.count(trace, functions, *profile.MARKS.get(row, (profile.BEGIN, profile.END)))
            output, _ = guest.communicate(timeout=BENCH_SECONDS)
    if guest.returncode != 0:
        raise UserError(f"bench kernel failed:\n{output}")
    operations = [line.partition(" ops=")[2].split()[0] for line in output.splitlines() if f" id={row} " in line]
    if not operations:
        raise UserError(f"the kernel's bench has no row {row!r}")
    return addresses, int(operations[0])


def print_profile(row: str, by_line: bool) -> int:
    files = [paths.BUILD_RELEASE / paths.KERNEL, paths.BUILD_RELEASE / "test" / "bench" / "kernel_bench.elf"]
    functions = profile.Functions(files)
    addresses, operations = trace_row(row, functions)
    print("\n".join(profile.table(addresses, functions, operations)))
    if by_line:
        print("\n".join(profile.disassembly(addresses, files, operations)))
    return 0


def run(options: argparse.Namespace) -> int:
    build.ready(paths.BUILD_RELEASE, ["benches"])
    if options.profile:
        return print_profile(options.profile, options.lines)
    rows = measure()
    targets = bench_rows.load_targets(TARGETS)
    print(bench_rows.as_json(rows, targets) if options.json else "\n".join(bench_rows.table(rows, targets)))
    code = check(rows) if options.check else 0
    if options.record:
        record(rows)
    return code
