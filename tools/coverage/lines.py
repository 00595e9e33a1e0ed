"""Owns the reading of llvm-cov's export: how often each line and each side of each branch was reached."""

from __future__ import annotations

import dataclasses
import os
import pathlib

ASSERTIONS = ("assert(", "_Static_assert(")


@dataclasses.dataclass
class FileCoverage:
    """lines: line number -> executions. branches: line number -> executions of each side of each branch there."""

    lines: dict[int, int] = dataclasses.field(default_factory=dict)
    branches: dict[int, list[int]] = dataclasses.field(default_factory=dict)

    def lines_reached(self) -> int:
        return sum(count > 0 for count in self.lines.values())

    def branches_reached(self) -> int:
        return sum(count > 0 for counts in self.branches.values() for count in counts)

    def branches_total(self) -> int:
        return sum(len(counts) for counts in self.branches.values())

    def missed_lines(self) -> list[int]:
        return sorted(number for number, count in self.lines.items() if count == 0)


def parse(text: str, root: pathlib.Path) -> dict[str, FileCoverage]:
    """The files of an export in lcov's form, named from `root`, to which paths in the export are relative."""
    files: dict[str, FileCoverage] = {}
    current = FileCoverage()
    for line in text.splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":
            current = files.setdefault(os.path.relpath(root / rest, root), FileCoverage())
        elif kind == "DA":
            number, count = (int(word) for word in rest.split(",")[:2])
            current.lines[number] = current.lines.get(number, 0) + count
        elif kind == "BRDA":
            number_text, _, _, taken = rest.split(",")
            current.branches.setdefault(int(number_text), []).append(0 if taken == "-" else int(taken))
    return files


def directive_lines(source: list[str]) -> set[int]:
    """The numbers of the lines that belong to the preprocessor. The code of a macro counts where it is used."""
    found: set[int] = set()
    continued = False
    for number, text in enumerate(source, 1):
        if continued or text.lstrip().startswith("#"):
            found.add(number)
            continued = text.endswith("\\")
    return found


def code_only(coverage: FileCoverage, source: list[str]) -> FileCoverage:
    """The coverage without the preprocessor's lines, and without the branches of assertions, which
    never fail in a good run."""
    directives = directive_lines(source)
    lines = {number: count for number, count in coverage.lines.items() if number not in directives}
    branches = {number: counts for number, counts in coverage.branches.items()
                if number in lines and not source[number - 1].strip().startswith(ASSERTIONS)}
    return FileCoverage(lines, branches)
