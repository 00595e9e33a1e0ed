"""Owns the reading of Meson's test log: how many cases passed, failed and were skipped."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from claims import first_free
from host import paths
from host.say import say

CASE = re.compile(r"^(ok|not ok)\b(.*)$", re.MULTILINE)
PLAN = re.compile(r"^1\.\.\d", re.MULTILINE)
SKIP = re.compile(r"#\s*SKIP\b", re.IGNORECASE)
LACKING = re.compile(r"#\s*SKIP not installed: .*\(apt-get install (.*)\)")  # as needs.lacking() writes it
GOOD = ("OK", "EXPECTEDFAIL")


@dataclasses.dataclass
class Totals:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    lacking: dict[str, list[str]] = dataclasses.field(default_factory=dict)  # test -> packages it was skipped for

    def line(self) -> str:
        """The closing line."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"

    def advice(self) -> str:
        """What to install so that all tests run; empty when nothing is missing."""
        packages = " ".join(sorted({name for names in self.lacking.values() for name in names}))
        return f"skipped for want of a tool: {', '.join(self.lacking)}; apt-get install {packages}" if packages else ""


def count_test(entry: dict[str, Any], totals: Totals) -> None:
    """Add one test. A TAP test counts its cases, and one more failure if it failed otherwise; any other counts as one.

    Meson lets TAP without a plan pass, but without it nobody knows whether results were lost.
    """
    output = entry.get("stdout", "")
    speaks_tap = output.startswith("TAP version")
    good = entry["result"] in GOOD and (not speaks_tap or PLAN.search(output) is not None)
    cases = CASE.findall(output) if speaks_tap else []
    for packages in LACKING.findall(output):
        totals.lacking.setdefault(entry["name"].split(" / ")[-1], []).extend(packages.split())
    if entry["result"] == "SKIP":
        totals.skipped += 1
        return
    failed = sum(verdict == "not ok" for verdict, _ in cases)
    skipped = sum(verdict == "ok" and bool(SKIP.search(rest)) for verdict, rest in cases)
    totals.passed += len(cases) - failed - skipped if cases else int(good)
    totals.skipped += skipped
    totals.failed += failed or int(not good)


def count(log: pathlib.Path) -> Totals:
    """The totals of the log, one JSON object a line; nothing counted when there is no log."""
    totals = Totals()
    try:
        text = log.read_text()
    except FileNotFoundError:
        return totals
    for line in text.splitlines():
        if line.strip():
            count_test(json.loads(line), totals)
    return totals


@contextlib.contextmanager
def claimed(build: pathlib.Path) -> Iterator[pathlib.Path]:
    """A log of our own for Meson to write. An old one is removed first, so that it can't be counted."""
    usual = build / "meson-logs" / "testlog"
    with first_free(usual) as lock:
        log = lock.path.with_suffix(".json")
        log.unlink(missing_ok=True)
        if log.stem != usual.name:
            say(f"another ./baton test runs here; this one's log is {paths.shown(log.with_suffix('.txt'))}")
        yield log
