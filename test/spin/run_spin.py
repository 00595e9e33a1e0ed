#!/usr/bin/env python3
"""Owns the check of a model by Spin: it must hold, and each planted mistake, -DBUG_*, must be found.

    run_spin.py --model test/spin/ipc.pml

Prints TAP. Without spin the test is skipped.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from host import needs  # noqa: E402  (the path has to be set first)

SECONDS = 60
DEPTH = 100000
PREPROCESSOR = "-Pclang -E -x c"  # spin's own choice is gcc, which need not be there


def search(model: pathlib.Path, defines: list[str]) -> tuple[bool, str]:
    """Search all states. Returns whether no error was found, and Spin's output. Raises
    CalledProcessError, TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        def run(*command: str) -> str:
            done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=SECONDS,
                                  stdin=subprocess.DEVNULL)
            return done.stdout
        run("spin", PREPROCESSOR, *(f"-D{name}" for name in defines), "-a", str(model.resolve()))
        run("clang", "-O0", "-w", "-DSAFETY", "-DCOLLAPSE", "-DNOFAIR", "-o", "pan", "pan.c")
        said = run("./pan", f"-m{DEPTH}")
    complete = "Search not completed" not in said and "max search depth too small" not in said
    return "errors: 0" in said and complete, said


def reason(said: str) -> str:
    return next((line for line in said.splitlines() if line.startswith("pan:")), "no reason given")


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the IPC model with Spin.")
    parser.add_argument("--model", required=True, type=pathlib.Path)
    model = parser.parse_args().model
    if lacking := needs.lacking("spin"):
        print(f"TAP version 13\n1..0 # SKIP {lacking}")
        return 0
    planted = sorted(set(re.findall(r"\bBUG_\w+", model.read_text(encoding="utf-8"))))
    print(f"TAP version 13\n1..{1 + len(planted)}")
    failed = 0
    for number, defines in enumerate([[], *([name] for name in planted)], start=1):
        name = f"spin_finds_{defines[0].lower()}" if defines else f"spin_{model.stem}_model_holds"
        try:
            holds, said = search(model, defines)
        except (subprocess.SubprocessError, OSError) as error:
            # a search that did not run is a failure, with or without a planted mistake
            holds, said = bool(defines), f"pan: {error}"
        good = holds != bool(defines)
        failed += not good
        states = next((line.split()[0] for line in said.splitlines() if "states, stored" in line), "?")
        print(f"# {states} states" + ("" if holds else f"; {reason(said)}"))
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
