#!/usr/bin/env python3
"""Owns the proofs: annotate copies of real sources with the contracts of *.acsl, and let Frama-C's WP prove them.

    prove.py [NAME ...] [--verbose]
    prove.py --places

A .acsl file names a source and functions. Then come the annotations, each after the source line (`---- text of the
line`) that it is inserted before. The sources themselves carry none. A file is proved when each of its functions has
goals and all goals are proved. How many there are says nothing: WP makes one for each way through a function, so the
number changes with the braces. Prints TAP, one result for each file, and names unproved goals. Without frama-c or a
prover the test is skipped: most changes of a proved function are made on such a machine. So --places checks what needs
no prover: each annotated line and function exists.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from host import needs  # noqa: E402  (the path has to be set first)

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 300
GOAL_SECONDS = 8
FOLDERS = ("kernel", "libsys")
MARK = "---- "
REPORT = "goals.json"
LEFT_OUT = re.compile(r"\[\[nodiscard\]\] |__attribute__\(\(musttail\)\) |^_Static_assert\(.*?\);$",
                      re.MULTILINE | re.DOTALL)
OPEN = re.compile(r"\[wp\] \[(?:Timeout|Unknown|Failed|Stepout)\] Goal (\S+)")


class ProofError(Exception):
    """A proof cannot be attempted; the text says why."""


@dataclasses.dataclass(frozen=True)
class Proof:
    name: str
    source: str
    functions: str
    annotations: list[tuple[str, str]]


def detect_provers(work: pathlib.Path) -> dict[str, str]:
    """The environment in which Why3 knows the provers, by a generated configuration: users need none of their own."""
    environment = {**os.environ, "WHY3CONFIG": str(work / "why3.conf")}
    done = subprocess.run(["why3", "config", "detect"], env=environment, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    said = done.stdout + done.stderr
    if done.returncode != 0 or "Z3" not in said or "CVC4" not in said:
        raise ProofError(f"why3 config detect finds no Z3 or no CVC4: {said.strip()}")
    return environment


def read(path: pathlib.Path) -> Proof:
    head, *parts = path.read_text(encoding="utf-8").split("\n" + MARK)
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    annotations = []
    for part in parts:
        line, text = part.split("\n", 1)
        annotations.append((line, text))
    return Proof(path.stem, fields["source"], ",".join(fields["functions"].split()), annotations)


def annotate(proof: Proof, source: pathlib.Path) -> None:
    """Put each annotation before the next line that has its text."""
    lines = source.read_text(encoding="utf-8").splitlines()
    at = 0
    for wanted, text in proof.annotations:
        while at < len(lines) and wanted not in lines[at]:
            at += 1
        if at == len(lines):
            raise ProofError(f"{proof.source} has no line (any more, or not behind the one before) with: {wanted}")
        lines[at:at] = text.splitlines()
        at += len(text.splitlines()) + 1
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")


def copy_sources(work: pathlib.Path) -> None:
    """Copy the sources without attributes in brackets and static assertions: Frama-C reads C99 and only some of C11."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".c", ".h", ".def"):
                target = work / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(LEFT_OUT.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")


def prove(proof: Proof, work: pathlib.Path) -> tuple[dict[str, tuple[int, int]], str]:
    """How many goals of each function are proved and how many it has, and Frama-C's output."""
    environment = detect_provers(work)
    copy_sources(work)
    annotate(proof, work / proof.source)
    command = ["frama-c", "-machdep", "gcc_x86_64", f"-cpp-extra-args=-I{work} -DBATON_CHECKS=0 -D_Noreturn=",
               "-wp", "-wp-rte", "-wp-model", "Typed+Cast", "-wp-prover", "z3,cvc4", "-wp-timeout", str(GOAL_SECONDS),
               "-wp-par", "2", "-wp-fct", proof.functions, "-wp-report-json", str(work / REPORT),
               str(work / proof.source)]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=SECONDS,
                          check=False, stdin=subprocess.DEVNULL)
    said = done.stdout + done.stderr
    if done.returncode != 0 or not (work / REPORT).exists():
        raise ProofError("frama-c: " + " | ".join(said.strip().splitlines()[-4:]))
    reported = json.loads((work / REPORT).read_text(encoding="utf-8"))["wp:functions"]
    goals = {}
    for name in proof.functions.split(","):
        sums = reported.get(name, {}).get("wp:section", {}).get("wp:main", {})
        goals[name] = sums.get("valid", 0), sums.get("total", 0)
    return goals, said


def misplaced(proof: Proof, work: pathlib.Path) -> str:
    """What no longer fits the source; empty when all fits."""
    annotate(proof, work / proof.source)
    annotated = (work / proof.source).read_text(encoding="utf-8")
    lost = [name for name in proof.functions.split(",")
            if not re.search(rf"^[a-z].*\b{name}\(", annotated, re.MULTILINE)]
    return f"{proof.source} has no function {', '.join(lost)}" if lost else ""


def check_places(paths: list[pathlib.Path]) -> int:
    print(f"TAP version 13\n1..{len(paths)}")
    good = bool(paths)
    with tempfile.TemporaryDirectory() as work:
        copy_sources(pathlib.Path(work))
        for number, path in enumerate(paths, start=1):
            try:
                fault = misplaced(read(path), pathlib.Path(work))
            except (ProofError, KeyError, ValueError, OSError) as error:
                fault = str(error)
            if fault:
                print(f"# {path.name}: {fault}")
            good = good and not fault
            print(f"{'not ok' if fault else 'ok'} {number} - places_{path.stem}")
    return 0 if good else 1


def main() -> int:
    parser = argparse.ArgumentParser(description="Prove contracts of pure functions with Frama-C.")
    parser.add_argument("names", nargs="*", help="which proofs; all if none is named")
    parser.add_argument("--verbose", action="store_true", help="all that Frama-C says")
    parser.add_argument("--places", action="store_true", help="only whether the annotations fit the sources")
    options = parser.parse_args()
    proofs = {path.stem: path for path in sorted(HERE.glob("*.acsl"))}
    for name in options.names:
        if name not in proofs:
            parser.error(f"there is no proof {name}; there are {', '.join(proofs)}")
    paths = [path for name, path in proofs.items() if not options.names or name in options.names]
    if options.places:
        return check_places(paths)
    if lacking := needs.lacking(*needs.PROVERS):
        print(f"TAP version 13\n1..0 # SKIP {lacking}")
        return 0
    print(f"TAP version 13\n1..{len(paths)}", flush=True)
    good = bool(paths)
    for number, path in enumerate(paths, start=1):
        said = ""
        try:
            with tempfile.TemporaryDirectory() as work:
                proof = read(path)
                goals, said = prove(proof, pathlib.Path(work))
            passed = all(proved == total > 0 for proved, total in goals.values())
            print(f"# {proof.source}: {sum(proved for proved, _ in goals.values())} of "
                  f"{sum(total for _, total in goals.values())} goals proved")
            for name in (name for name, (_, total) in goals.items() if total == 0):
                print(f"# {proof.source}: {name} has no goals")
        except (ProofError, KeyError, ValueError, OSError, subprocess.TimeoutExpired) as error:
            passed = False
            print(f"# {path.name}: {error}")
        for found in OPEN.finditer(said):
            print(f"# not proved: {found.group(1)}")
        if options.verbose:
            print("\n".join(f"# {line}" for line in said.splitlines()))
        good = good and passed
        print(f"{'ok' if passed else 'not ok'} {number} - proof_{path.stem}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
