"""Run the tests: set up, build, `meson test -C build`, and one closing line.

examples:
  ./baton test                    all of them
  ./baton test sched 'ipc_*'      the tests with these names
  ./baton test --list             their names
  ./baton test --seed 7 ipc       another seed for everything random in a guest (default 1)
  ./baton test --suite host       the tests of one suite
  ./baton test --coverage         which lines and branches of the kernel the tests reach (--html: as pages, too)
  ./baton test --matrix process   a protocol's conformance suite, against each server of it: case by case
  ./baton test --gdb ipc_words    one guest suite, waiting for gdb; its command line is printed
  ./baton test --repeat 5 ipc     five times, each with the next seed; it ends with the first time that fails
  ./baton test --case read_all kv_alone    of a realm's suite one case, also with --gdb: it stops at the first line
  ./baton test -- --no-suite host further arguments for `meson test`, after --

The closing line, `N passed, N failed`, counts cases; a test that prints no cases of its own counts as one. Full logs:
build/meson-logs/testlog.txt, or testlog-2.txt when another ./baton test was running, which has its own results.

exit status:
  0 something passed and nothing failed   1 otherwise   2 wrong usage
  76 something needed is missing   77 the build failed   78 a file, folder or stream of the host's failed us
  130 interrupted   141 nobody reads the output any more
"""

from __future__ import annotations

import argparse
import fnmatch
import functools
import json
import pathlib
from typing import Any

import family
from coverage import session
from host import build, matrix, paths, test_log
from host.say import CODE_USAGE, UserError, say

NAME = "test"
SEED_DEFAULT = 1  # of tools/suite.py
MATRICES = ("process",)  # for each a suite of tests and a build target, matrix_NAME
SUMMARY = "run the tests (all, or those named)"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="tests to run; after --, arguments for `meson test`")
    parser.set_defaults(takes_rest=True)  # Meson's
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--list", action="store_true", help="print the tests' names")
    parser.add_argument("--suite", action="append", default=[], metavar="NAME", help="only the tests of this suite")
    way.add_argument("--gdb", action="store_true",
                     help="with one guest suite: wait for gdb before its first instruction")
    parser.add_argument("--matrix", choices=MATRICES,
                        help="the conformance suite of this protocol, against each server of it")
    way.add_argument("--coverage", action="store_true",
                     help="count what is reached of the kernel; the report goes to build-coverage/coverage.txt")
    parser.add_argument("--html", action="store_true", help="with --coverage: the sources with counts, as pages")
    parser.add_argument("--case", metavar="NAME", help="with one suite of a realm: only this case of it")
    parser.add_argument("--repeat", type=int, metavar="N", help="run them N times, each with the next seed")
    parser.add_argument("--seed", type=int, metavar="N", help="the seed for everything random in a guest")


def known_tests() -> list[dict[str, Any]]:
    """All tests, as Meson tells of them."""
    found: list[dict[str, Any]] = json.loads((paths.BUILD / "meson-info" / "intro-tests.json").read_text())
    return found


def find_names(names: list[str], suites: list[str]) -> list[str]:
    """The tests that these names and patterns mean. Raises UserError for a name that matches nothing: Meson silently
    skips a wrong name beside right ones, and only later versions know patterns."""
    tests = known_tests() if names or suites else []
    suites_known = {suite.rpartition(":")[2] for entry in tests for suite in entry["suite"]}
    found = {name: fnmatch.filter([entry["name"] for entry in tests], name) for name in names}
    unknown = [name for name, meant in found.items() if not meant]
    unknown += [f"--suite {suite}" for suite in suites if suite not in suites_known]
    if unknown:
        raise UserError(f"there is no test {', '.join(unknown)}; ./baton test --list has the names", CODE_USAGE)
    return list(dict.fromkeys(name for meant in found.values() for name in meant))  # Meson fails on one named twice


def needed_by(names: list[str]) -> list[str] | None:
    """What these tests, or patterns, need to be built. None: all. So it is for a test that does not say."""
    found = find_names(names, [])
    depends = [entry["depends"] for entry in known_tests() if entry["name"] in found]
    if not all(depends):
        return None
    targets = json.loads((paths.BUILD / "meson-info" / "intro-targets.json").read_text())
    wanted = {target for one in depends for target in one}
    return sorted({str(pathlib.Path(file).relative_to(paths.BUILD)) for target in targets if target["id"] in wanted
                   for file in target["filename"]})


def check_case(names: list[str]) -> None:
    """Raises UserError unless these are one suite of a realm, which alone can run one case."""
    commands = [entry["cmd"] for entry in known_tests() if entry["name"] in names]
    if len(commands) != 1 or "--realm" not in commands[0]:
        raise UserError("--case: name one suite of a realm, as ./baton test --suite realm --list does", CODE_USAGE)


def debug(names: list[str], case: str | None = None) -> int:
    """Run one guest suite by its own command, with gdb."""
    tests = {entry["name"]: entry for entry in known_tests()}
    if len(names) != 1 or names[0] not in tests:
        raise UserError("--gdb: name one test, as ./baton test --list does", CODE_USAGE)
    command = tests[names[0]]["cmd"]
    if not any(word.endswith("/suite.py") for word in command):
        raise UserError(f"--gdb: {names[0]} is no guest suite", CODE_USAGE)
    chosen = ["--case", case] if case is not None else []
    return family.relay([*command, "--gdb", *chosen], folder=paths.BUILD)


def run(options: argparse.Namespace) -> int:
    if options.html and not options.coverage:
        raise UserError("--html: only with --coverage", CODE_USAGE)
    if options.list and options.names:
        raise UserError("--list: takes no names; --suite lists one suite", CODE_USAGE)
    if options.coverage and (options.matrix or options.seed is not None):
        raise UserError("--coverage: not with --matrix or --seed", CODE_USAGE)
    if options.repeat is not None and (options.repeat < 1 or options.coverage or options.gdb or options.list):
        raise UserError("--repeat: at least 1, and not with --coverage, --gdb or --list", CODE_USAGE)
    if options.case is not None and (options.coverage or options.list or options.matrix):
        raise UserError("--case: not with --coverage, --list or --matrix", CODE_USAGE)
    suites = [word for suite in options.suite for word in ("--suite", suite)]
    if options.coverage:
        return session.run([*suites, *options.names, *options.rest], options.html)
    target = f"matrix_{options.matrix}"
    if options.matrix:
        suites += ["--suite", target]
    targets: build.Targets = [target] if options.matrix else None
    if options.list:
        targets = ["build.ninja"]  # the tests' names, as the sources have them
    elif options.names and not options.matrix:
        targets = functools.partial(needed_by, options.names)
    with build.ready(paths.BUILD, targets):
        if options.list:
            return family.relay(["meson", "test", "-C", str(paths.BUILD), "--no-rebuild", *suites, "--list"])
        options.names = find_names(options.names, options.suite)
        if options.case is not None:
            check_case(options.names)
        if options.gdb:
            return debug(options.names, options.case)
        return repeat(options, suites) if options.repeat is not None else run_tests(options, suites, options.seed)


def repeat(options: argparse.Namespace, suites: list[str]) -> int:
    """Run them again and again, until a time fails. The exit code."""
    first = options.seed if options.seed is not None else SEED_DEFAULT
    for seed in range(first, first + options.repeat):
        say(f"seed {seed}, {seed - first + 1} of {options.repeat}")
        if (status := run_tests(options, suites, seed)) != 0:
            return status
    return 0


def run_tests(options: argparse.Namespace, suites: list[str], seed: int | None) -> int:
    """Run them all, and count. The exit code."""
    environment = {"MALLOC_PERTURB_": "0"}  # it would slow the emulator down, and is not under test
    if seed is not None:
        environment["BATON_SEED"] = str(seed)
    if options.case is not None:
        environment["BATON_CASE"] = options.case
    with test_log.claimed(paths.BUILD) as log:
        status = family.relay(["meson", "test", "-C", str(paths.BUILD), "--no-rebuild", "--logbase", log.stem, *suites,
                               "--print-errorlogs", *options.names, *options.rest], environment)
        totals = test_log.count(log)
        if options.matrix:
            print("\n".join(matrix.table(matrix.read_log(log))))
        if totals.advice():
            say(totals.advice())
        print(totals.line(), flush=True)
        return 0 if status == 0 and totals.failed == 0 and totals.passed > 0 else 1
