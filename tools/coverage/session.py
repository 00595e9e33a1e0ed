"""Owns a coverage run: build with counters, run the tests, merge what machine and host counted, write the report."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import claims
import family
from coverage import emulator, lines, notes, report
from host import build, packages, paths, test_log
from host.say import UserError, say
from machine.command_line import QEMU

PLACE = paths.BUILD_COVERAGE
PROFILES = PLACE / "profiles"
MERGED = PLACE / "merged.profdata"
NOTES = paths.ROOT / "test" / "coverage-notes.md"
SUITES = ("host", "guest", "system")
SLOWNESS = "3"  # counting takes time: the tests' limits are this many times longer
KERNEL_FOLDER = "kernel"
COVERAGE_SECTION = b"__llvm_covmap"


def tool(name: str) -> str:
    """An LLVM tool of the compiler's version; Debian's package llvm has them."""
    done = subprocess.run(["clang", "-dumpversion"], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    for candidate in (f"{name}-{done.stdout.partition('.')[0]}", name):
        if shutil.which(candidate):
            return candidate
    raise UserError(f"{name} is missing; it is in the package llvm", packages.CODE_MISSING)


def run_tool(command: list[str]) -> str:
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise UserError(f"{command[0]} {command[1]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def prepare() -> dict[str, list[str]]:
    """Remove the profiles of former runs. Returns the kernel's sources as they were built, file by file, since they may
    be edited while the tests run."""
    shutil.rmtree(PROFILES, ignore_errors=True)
    PROFILES.mkdir()
    sources = (path for pattern in ("*.c", "*.h") for path in (paths.ROOT / KERNEL_FOLDER).rglob(pattern))
    return {str(path.relative_to(paths.ROOT)): path.read_text().splitlines() for path in sources}


def run_tests(words: list[str], programs: pathlib.Path) -> bool:
    """Run the tests with the emulator in `programs` in QEMU's place; True when all passed."""
    real = shutil.which(QEMU)
    if real is None:
        raise UserError(f"{QEMU} is missing", packages.CODE_MISSING)
    (programs / QEMU).symlink_to(pathlib.Path(emulator.__file__).resolve())
    environment = {"MALLOC_PERTURB_": "0", "PATH": f"{programs}:{os.environ['PATH']}",
                   "LLVM_PROFILE_FILE": str(PROFILES / "host-%p.profraw"), emulator.QEMU_VARIABLE: real,
                   emulator.KERNEL_VARIABLE: str(PLACE / paths.KERNEL), emulator.PROFILES_VARIABLE: str(PROFILES)}
    with test_log.claimed(PLACE) as log:
        family.relay(["meson", "test", "-C", str(PLACE), "--no-rebuild", "--logbase", log.stem, "-t", SLOWNESS,
                      "--print-errorlogs", *words], environment)
        totals = test_log.count(log)
    print(totals.line(), flush=True)
    return totals.passed > 0 and totals.failed == 0


def merge() -> tuple[int, int]:
    """Merge all profiles into one. Returns how many machines and how many host programs were counted."""
    profiles = sorted(PROFILES.glob("*.profraw"))
    machines = sum(path.name.startswith("guest-") for path in profiles)
    if machines == 0:
        raise UserError("no machine was counted: did a test boot the kernel, and end in order?")
    names = PROFILES / "list"
    names.write_text("\n".join(str(path) for path in profiles))
    run_tool([tool("llvm-profdata"), "merge", "-sparse", "-o", str(MERGED), f"--input-files={names}"])
    return machines, len(profiles) - machines


def counted_programs() -> list[str]:
    """The kernel and every host program with coverage in it, as llvm-cov takes them."""
    programs = [path for path in sorted((PLACE / "test" / "host").rglob("*"))
                if path.is_file() and os.access(path, os.X_OK) and COVERAGE_SECTION in path.read_bytes()]
    return [str(PLACE / paths.KERNEL), *(word for path in programs for word in ("-object", str(path)))]


def write_report(sources: dict[str, list[str]], html: bool) -> report.Report:
    """Write coverage.txt, and HTML pages when asked for."""
    cover, profile = tool("llvm-cov"), f"-instr-profile={MERGED}"
    exported = run_tool([cover, "export", "-format=lcov", *counted_programs(), profile])
    files = {name: coverage for name, coverage in lines.parse(exported, paths.ROOT).items()
             if name in sources and coverage.lines}
    explained = notes.parse(NOTES.read_text()) if NOTES.exists() else {}
    written = report.write(files, sources, explained)
    (PLACE / "coverage.txt").write_text("\n".join(written.lines) + "\n")
    if html:
        run_tool([cover, "show", "-format=html", f"-output-dir={PLACE / 'html'}", "-show-branches=count",
                  *counted_programs(), profile, *sorted(files)])
    return written


def run(words: list[str], html: bool) -> int:
    """words: names of tests and options for `meson test`; empty: all that reach the kernel. The exit code."""
    with build.ready(PLACE, alone=True):
        sources = prepare()
        with claims.private_folder() as programs:
            chosen = words or [word for suite in SUITES for word in ("--suite", suite)]
            passed = run_tests(chosen, programs)
        return conclude(sources, html, passed)


def conclude(sources: dict[str, list[str]], html: bool, passed: bool) -> int:
    """Report what was counted. Returns the exit code."""
    machines, programs_counted = merge()
    written = write_report(sources, html)
    pages = f" and {paths.shown(PLACE / 'html' / 'index.html')}" if html else ""
    say(f"{machines} machines and {programs_counted} runs on the host were counted; "
        f"see {paths.shown(PLACE / 'coverage.txt')}{pages}")
    print(written.summary, flush=True)
    return 0 if passed else 1
