"""Adds up the runs of a rehearsal: their closing lines, the failures, and the cases that were skipped in every run."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re

from host.test_log import GOOD, SKIP, Totals

CLOSING = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")
CASE = re.compile(r"^(ok|not ok)\s+\d+\s+-\s+(\S+)(.*)$", re.MULTILINE)
PLAN_OF_NONE = re.compile(r"^1\.\.0\b", re.MULTILINE)
WORDS_OF_A_FAILURE = 20  # lines


def closing_totals(output: str) -> Totals | None:
    """The totals in the last line of ./baton test; None when it is no closing line."""
    lines = output.strip().splitlines()
    closing = CLOSING.match(lines[-1]) if lines else None
    return Totals(int(closing[1]), int(closing[2]), int(closing[3] or 0)) if closing else None


def words_of(entry: dict[str, str]) -> str:
    """A failed test's own words: its failed cases, each with the lines after it, else the end of its output."""
    lines = f"{entry.get('stdout', '')}\n{entry.get('stderr', '')}".strip().splitlines()
    told = [line for index, line in enumerate(lines)
            if any(earlier.startswith("not ok") for earlier in lines[max(0, index - 5):index + 1])]
    return "\n".join(f"    {line}" for line in (told or lines)[-WORDS_OF_A_FAILURE:])


@dataclasses.dataclass
class Cases:
    """The cases that ran and those that were skipped, over several runs, with the test of each."""

    ran: set[str] = dataclasses.field(default_factory=set)
    ran_tests: set[str] = dataclasses.field(default_factory=set)
    skipped: set[tuple[str, str]] = dataclasses.field(default_factory=set)  # (test, case); no case: the whole test
    failures: list[str] = dataclasses.field(default_factory=list)  # a test and how its output ended

    def add(self, log: pathlib.Path, run: str) -> None:
        """Take in Meson's log of `run`."""
        for line in log.read_text().splitlines():
            entry = json.loads(line)
            test, output = entry["name"].split(" / ")[-1], entry.get("stdout", "")
            if entry["result"] not in (*GOOD, "SKIP"):
                self.failures.append(f"{run}: {test}: {entry['result']}\n{words_of(entry)}")
            if entry["result"] == "SKIP" or PLAN_OF_NONE.search(output):
                self.skipped.add((test, ""))
                continue
            self.ran_tests.add(test)
            for _, case, rest in CASE.findall(output):
                if SKIP.search(rest):
                    self.skipped.add((test, case))
                else:
                    self.ran.add(case)

    def never_ran(self) -> list[str]:
        """The names of the cases that were skipped in every run. Servers of one protocol share their cases, so a case
        that ran in one test counts for all."""
        return sorted(case or test for test, case in self.skipped
                      if (case not in self.ran if case else test not in self.ran_tests))
