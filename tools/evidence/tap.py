"""Owns the judgement of a guest's TAP stream: is every promised result there, once, and ok?

The guest's stream: `1..N` once, before or after the results; `ok N - name` / `not ok N - name` with a name of its own
for each case, optionally ending in `# SKIP reason`; lines that begin with `#`. Anything else is a fault of the stream.
"""

from __future__ import annotations

import dataclasses
import re

ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
PLAN = re.compile(r"1\.\.(\d+)(?:\s+#\s*SKIP\b\s*(.*))?$", re.IGNORECASE)
RESULT = re.compile(r"(not ok|ok)\b(?:\s+(\d+))?(?:\s+-)?\s*([^#]*?)\s*(?:#\s*(SKIP\b)?.*)?$", re.IGNORECASE)
VERSION = re.compile(r"TAP version \d+$")
LINE_BYTES_MAX = 4096


@dataclasses.dataclass
class Judge:
    """Takes bytes and returns clean lines. `faults` lists the stream's faults; finish() adds those
    visible only at its end."""

    partial: bytes = b""
    plan: int | None = None
    skip_reason: str = ""
    passed: list[str] = dataclasses.field(default_factory=list)
    failed: list[str] = dataclasses.field(default_factory=list)
    skipped: list[str] = dataclasses.field(default_factory=list)
    faults: list[str] = dataclasses.field(default_factory=list)
    names: set[str] = dataclasses.field(default_factory=set)
    bailed_out: bool = False
    lines: int = 0

    @property
    def results(self) -> int:
        return len(self.passed) + len(self.failed) + len(self.skipped)

    def feed(self, data: bytes) -> list[str]:
        """Take in bytes; return the lines that are complete now, to be echoed. The version line is swallowed."""
        *complete, self.partial = (self.partial + data).split(b"\n")
        if len(self.partial) > LINE_BYTES_MAX:
            complete.append(self.partial)
            self.partial = b""
        lines = [ESCAPE.sub("", line.decode(errors="replace")).replace("\r", "") for line in complete]
        return [line for line in lines if self.take(line)]

    def take(self, line: str) -> bool:
        """Judge one line. True: echo it."""
        self.lines += 1
        if VERSION.match(line):
            if self.lines != 1:
                self.faults.append("the version line is not the first line")
            return False
        if plan := PLAN.match(line):
            self.take_plan(int(plan[1]), plan[2] or "")
        elif result := RESULT.match(line):
            self.take_result(result)
        elif line.startswith("Bail out!"):
            self.bailed_out = True
            self.faults.append(f"the guest bailed out: {line[len('Bail out!'):].strip() or 'no reason given'}")
            return False
        elif line and not line.startswith(("#", " ")):
            self.faults.append(f"not a TAP line: {line[:80]!r}")
        return True

    def take_plan(self, count: int, reason: str) -> None:
        if self.plan is not None:
            self.faults.append(f"a second plan: 1..{count} after 1..{self.plan}")
            return
        self.plan = count
        self.skip_reason = reason
        if count == 0 and not reason:
            self.faults.append("the plan is 1..0 without a reason")

    def take_result(self, result: re.Match[str]) -> None:
        verdict, number, name, skip = result.groups()
        due = self.results + 1
        if number is not None and int(number) != due:
            self.faults.append(f"result {number} came where {due} was due")
        if not name:
            self.faults.append(f"result {due} has no name")
        elif name in self.names:
            self.faults.append(f"duplicate case name: {name!r}")
        self.names.add(name)
        if verdict.lower() != "ok":
            self.failed.append(name)
        elif skip:
            self.skipped.append(name)
        else:
            self.passed.append(name)

    def finish(self) -> list[str]:
        """At the stream's end: everything that is wrong with it, failed cases included. Empty = all is well."""
        problems = [f"not ok: {name}" for name in self.failed] + self.faults
        if self.partial:
            problems.append(f"the stream ends inside a line: {self.partial[:80].decode(errors='replace')!r}")
        if self.plan is None:
            problems.append(f"no plan (1..N); {self.results} results came")
        elif self.results < self.plan:
            problems.append(f"missing results: {self.results} came, the plan is 1..{self.plan}")
        elif self.results > self.plan:
            problems.append(f"surplus results: {self.results} came, the plan is 1..{self.plan}")
        return problems
