"""Owns the table of `./baton test --matrix`: the cases of one suite, and the result of each in the tests that ran
it."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

CASE = re.compile(r"^(ok|not ok)\s+\d+\s+-\s+(\S+)(.*)$", re.MULTILINE)
SKIP = re.compile(r"#\s*SKIP\b", re.IGNORECASE)
PASS, SKIPPED, FAIL, NONE = "pass", "skip", "FAIL", "-"


def read_log(log: pathlib.Path) -> list[dict[str, Any]]:
    """The entries of Meson's log; none when there is no log."""
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text().splitlines() if line.strip()]


def results(entry: dict[str, Any]) -> dict[str, str]:
    """Case -> its result, in the order of the test's output."""
    found = {}
    for verdict, name, rest in CASE.findall(entry.get("stdout", "")):
        found[name] = FAIL if verdict == "not ok" else SKIPPED if SKIP.search(rest) else PASS
    return found


def table(entries: list[dict[str, Any]]) -> list[str]:
    """A line for each case with a column for each test, then a line for each test with its counts."""
    tests = {entry["name"].split(" / ")[-1]: results(entry)
             for entry in sorted(entries, key=lambda entry: str(entry["name"]))}
    cases = list(dict.fromkeys(case for found in tests.values() for case in found))
    width = max([len(case) for case in cases], default=0)
    lines = [" ".join([f"{'case':{width}}", *tests])]
    for case in cases:
        cells = [f"{found.get(case, NONE):{len(name)}}" for name, found in tests.items()]
        lines.append(" ".join([f"{case:{width}}", *cells]).rstrip())
    for name, found in tests.items():
        counts = [f"{list(found.values()).count(kind)} {word}" for kind, word in
                  ((PASS, "passed"), (SKIPPED, "skipped"), (FAIL, "failed"))]
        missing = len(cases) - len(found)
        lines.append(f"{name}: {', '.join(counts)}" + (f", {missing} did not run" if missing else ""))
    return lines
