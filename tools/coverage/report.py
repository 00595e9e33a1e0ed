"""Owns the report on coverage: a row for each file, and the lines that no test reached, with the notes on them."""

from __future__ import annotations

import dataclasses
import re

from coverage.lines import FileCoverage, code_only
from coverage.notes import Notes

NOTHING = re.compile(r"[\s{}();]*(else|break;)?[\s{}();]*")  # lines without a statement of their own
FORM = "{:38} {:>12} {:>7}   {:>12} {:>7}"
NO_NOTE = "NO NOTE"


@dataclasses.dataclass(frozen=True)
class Report:
    """lines: the whole text. summary: one line. unexplained: how many unreached lines have no note."""

    lines: list[str]
    summary: str
    unexplained: int


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def row(name: str, coverage: list[FileCoverage]) -> str:
    lines, lines_total = sum(file.lines_reached() for file in coverage), sum(len(file.lines) for file in coverage)
    branches, total = sum(file.branches_reached() for file in coverage), sum(file.branches_total() for file in coverage)
    return FORM.format(name, f"{lines}/{lines_total}", share(lines, lines_total), f"{branches}/{total}",
                       share(branches, total)).rstrip()


def missed(name: str, coverage: FileCoverage, source: list[str], notes: Notes) -> list[tuple[str, bool]]:
    """The unreached lines of a file as text, and whether a note explains each."""
    found = []
    for number in coverage.missed_lines():
        text = source[number - 1].strip()
        if not NOTHING.fullmatch(text):
            note = notes.get((name, text))
            found.append((f"{number:5}  {text}\n         {note or NO_NOTE}", note is not None))
    return found


def one_sided(coverage: FileCoverage, source: list[str]) -> list[str]:
    """The reached lines on which a branch only ever went one way."""
    return [f"{number:5}  {source[number - 1].strip()}" for number, counts in sorted(coverage.branches.items())
            if coverage.lines.get(number, 1) > 0 and 0 in counts]


def stale(notes: Notes, files: dict[str, FileCoverage], sources: dict[str, list[str]]) -> list[str]:
    """The notes on lines that are reached, or no longer exist."""
    found = []
    for name, text in notes:
        missing = [sources[name][number - 1].strip() for number in files[name].missed_lines()] if name in files else []
        if text not in missing:
            found.append(f"{name}: {text}")
    return found


def write(files: dict[str, FileCoverage], sources: dict[str, list[str]], notes: Notes) -> Report:
    """The report on these files; `sources` has the lines of each."""
    counted = {name: code_only(files[name], sources[name]) for name in sorted(files)}
    lines = [FORM.format("file", "lines", "", "branches", "")]
    counted = {name: coverage for name, coverage in counted.items() if coverage.lines}
    lines += [row(name, [coverage]) for name, coverage in counted.items()]
    total = row("total", list(counted.values()))
    lines += [total, "", "Lines that no test reached:"]
    unexplained = explained = 0
    for name, coverage in counted.items():
        found = missed(name, coverage, sources[name], notes)
        explained += sum(has_note for _, has_note in found)
        unexplained += sum(not has_note for _, has_note in found)
        lines += [name, *(text for text, _ in found)] if found else []
    lines += ["", "Branches that only ever went one way, on lines that were reached:"]
    for name, coverage in counted.items():
        sided = one_sided(coverage, sources[name])
        lines += [name, *sided] if sided else []
    old = stale(notes, counted, sources)
    lines += ["", "Notes on lines that are reached, or gone:", *old] if old else []
    summary = f"{' '.join(total.split())}; unreached lines: {unexplained} without a note, {explained} with one"
    return Report([*lines, "", summary], summary + (f"; {len(old)} stale notes" if old else ""), unexplained)
