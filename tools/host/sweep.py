"""Owns the sweep: the costs of call and answer for every number of words and capabilities, none of them a cliff."""

from __future__ import annotations

import re

from host.bench_rows import Row, figure
from host.svg import Line

Costs = dict[tuple[int, int], float]  # instructions, by words and capabilities
ID = re.compile(r"sweep_(\d+)_(\d+)$")
REGISTER_WORDS = 4  # words of a message in registers; docs/performance.md has the limits below, too
BEYOND_REGISTERS = 320.0  # instructions that the first longer message may cost more
FLAT, FIRST_LONG_WORD, WORD, CAPABILITY = 3.0, 60.0, 6.0, 320.0  # most instructions that one step may add


def costs(rows: list[Row]) -> Costs:
    return {(int(match[1]), int(match[2])): row.instructions for row in rows if (match := ID.match(row.id))}


def word_limit(words: int) -> float:
    """How much more a message of `words` words may cost than one with a word less."""
    return FLAT if words <= REGISTER_WORDS else FIRST_LONG_WORD if words == REGISTER_WORDS + 1 else WORD


def cliffs(found: Costs) -> list[str]:
    """The steps that are too large, in words. Empty: none."""
    bad = []
    for (words, caps), cost in sorted(found.items()):
        steps = [(found.get((words - 1, caps)), word_limit(words)),
                 (found.get((words, caps - 1)), CAPABILITY)]
        bad += [f"{words} words, {caps} capabilities: {figure(cost)} instructions, {figure(cost - before)} above the "
                f"step before, {figure(limit)} are allowed" for before, limit in steps
                if before is not None and cost - before > limit]
    first_long = found.get((REGISTER_WORDS + 1, 0), 0.0)
    if first_long > BEYOND_REGISTERS:
        bad.append(f"{REGISTER_WORDS + 1} words: {figure(first_long)} instructions, {figure(BEYOND_REGISTERS)} are "
                   f"allowed")
    return bad


def table(found: Costs) -> list[str]:
    """A line for each number of words."""
    capabilities = sorted({caps for _, caps in found})
    lines = ["words" + "".join(f"{caps:>8} cap" for caps in capabilities)]
    for words in sorted({words for words, _ in found}):
        lines.append(f"{words:5}" + "".join(f"{figure(found.get((words, caps))):>12}" for caps in capabilities))
    return lines


def lines(found: Costs) -> list[Line]:
    """For a plot."""
    return [Line(f"{caps} capabilit{'y' if caps == 1 else 'ies'}",
                 [(float(words), cost) for (words, of), cost in sorted(found.items()) if of == caps])
            for caps in sorted({caps for _, caps in found})]
