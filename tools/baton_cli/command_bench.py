"""Count instructions: run the bench guests of build-release/ and print their figures beside reference and target.

Under `-icount shift=0` the emulated time-stamp counter counts executed instructions, identically from run to run, so
a regression of one instruction is visible. Beside a figure stand the events (CR3 writes, ...) that cost a real CPU
much more than an emulator.

examples:
  ./baton bench            the table
  ./baton bench --json     the same for programs
  ./baton bench --check    fail if a row is worse than test/bench/recorded.json by more than 1 %, or if a step of the
                           sweep is a cliff
  ./baton bench --record   make the figures the recorded ones
  ./baton bench --profile ipc_call_0   where the instructions of a row go, by program and function
  ./baton bench boot       where those of a boot go, phase by phase
  ./baton bench sweep      call and answer with every number of words and capabilities; fails if a step is a cliff
  ./baton bench scaling    calls on one CPU, and on as many as four at once: in the host's time, which should be quiet
  ./baton bench --plot bench.svg         the recorded figures over time, relative to their targets
  ./baton bench sweep --plot sweep.svg   the sweep as a plot
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys

from host import bench_rows, bench_run, boot_phases, build, elf_size, history, paths, profile, svg, sweep
from host.bench_rows import Row
from host.say import UserError, say

NAME = "bench"
SUMMARY = "count instructions per operation, beside references and targets"

TARGETS = paths.ROOT / "test" / "bench" / "targets.json"
RECORDED = paths.ROOT / "test" / "bench" / "recorded.json"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("rows", "boot", "sweep", "scaling"), default="rows",
                        help="what to measure (rows)")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    parser.add_argument("--check", action="store_true",
                        help="fail when a row is worse than recorded by more than 1 %%, or the sweep has a cliff")
    parser.add_argument("--profile", metavar="ROW", help="count the instructions of a row by program and function")
    parser.add_argument("--lines", action="store_true", help="with --profile: by instruction, as a disassembly")
    parser.add_argument("--plot", metavar="FILE", type=pathlib.Path,
                        help="draw an SVG: the recorded figures' history, or the sweep")
    parser.add_argument("--record", action="store_true", help="write the figures to test/bench/recorded.json")


def measure() -> list[Row]:
    """All rows of all benches, and the size of the kernel's text."""
    return [*bench_run.measure(), Row("kernel_text_bytes", elf_size.text_bytes(paths.BUILD_RELEASE / paths.KERNEL))]


def record(rows: list[Row]) -> None:
    figures = {row.id: row.instructions for row in rows}
    RECORDED.write_text(json.dumps(figures, indent=1) + "\n")
    say(f"recorded {len(figures)} figures in {paths.shown(RECORDED)}")


def measure_sweep() -> sweep.Costs:
    bench = next(bench for bench in bench_run.benches() if bench.name == "kernel")
    return sweep.costs(bench_run.run(bench, append="sweep").rows)


def check_sweep(found: sweep.Costs) -> int:
    bad = sweep.cliffs(found)
    for line in bad:
        print(f"cliff: {line}", file=sys.stderr)
    return 1 if bad else 0


def check(rows: list[Row]) -> int:
    if not RECORDED.exists():
        raise UserError(f"--check: there is no {paths.shown(RECORDED)}; ./baton bench --record writes it")
    worse = bench_rows.compare(rows, json.loads(RECORDED.read_text()))
    for line in worse:
        print(f"worse: {line}", file=sys.stderr)
    return max(1 if worse else 0, check_sweep(measure_sweep()))


def print_profile(name: str, by_line: bool) -> int:
    result, row, group = bench_run.find_row(name)
    form = profile.disassembly if by_line else profile.table
    print("\n".join(form(group, result.bench.images, row.operations)))
    return 0


def print_boot() -> int:
    parts, images = boot_phases.measure()
    targets = {target["id"]: target["target"] for target in bench_rows.load_targets(TARGETS)}
    print("\n".join(boot_phases.table(parts, images, targets)))
    return 0


def print_sweep(plot: pathlib.Path | None) -> int:
    found = measure_sweep()
    print("\n".join(sweep.table(found)))
    if plot:
        marks = [(float(words), str(words)) for words in range(0, 65, 4)]
        panel = svg.Panel("Call and answer, by words of the message", "instructions", sweep.lines(found), marks)
        plot.write_text(svg.document([panel]))
    return check_sweep(found)


def plot_history(file: pathlib.Path) -> int:
    file.write_text(history.plot(history.read(RECORDED), bench_rows.load_targets(TARGETS)))
    say(f"wrote {file}")
    return 0


def run(options: argparse.Namespace) -> int:
    more = [f"--{name}" for name in ("json", "check", "profile", "record") if getattr(options, name)]
    if options.what != "rows" and more or options.what in ("boot", "scaling") and options.plot:
        raise UserError(f"bench {options.what} has no option {more[0] if more else '--plot'}")
    if options.plot and options.what == "rows":
        return plot_history(options.plot)
    with build.ready(paths.BUILD_RELEASE, ["benches"]):
        return run_benches(options)


def run_benches(options: argparse.Namespace) -> int:
    if options.profile:
        return print_profile(options.profile, options.lines)
    if options.what == "boot":
        return print_boot()
    if options.what == "sweep":
        return print_sweep(options.plot)
    if options.what == "scaling":
        print("\n".join(bench_run.scaling()))
        return 0
    rows = measure()
    targets = bench_rows.load_targets(TARGETS)
    print(bench_rows.as_json(rows, targets) if options.json else "\n".join(bench_rows.table(rows, targets)))
    code = check(rows) if options.check else 0
    if options.record:
        record(rows)
    return code
