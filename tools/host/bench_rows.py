"""Owns the benches' figures: from a guest's lines to rows, to the table, to the comparison with the recorded ones.

A bench guest prints, among its TAP lines, one line for each row:

    # bench id=syscall_null ops=10000 ticks=900000 user=200000 kernel=700000 syscalls=10000 cr3_writes=0

`id`, `ops` and `ticks` are required: ticks of the time-stamp counter for all operations together, loop overhead taken
off; one tick is one instruction. `user` and `kernel` share ticks out. Every other key is an event, counted over all
operations. The id `calibrate` is a counted loop: it has to come out at the instructions the loop holds.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

MARK = "# bench "
CALIBRATE = "calibrate"
WORSE_LIMIT = 1.01
FIXED_KEYS = ("id", "ops", "ticks", "user", "kernel")


class RowError(Exception):
    """A bench printed a line that is not a row."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One measured figure, per operation."""

    id: str
    instructions: float
    user: float | None
    kernel: float | None
    events: dict[str, float]


def parse_line(line: str) -> Row | None:
    """The row in a line of a guest's output; None when the line is something else."""
    if not line.startswith(MARK):
        return None
    pairs = dict(word.partition("=")[::2] for word in line[len(MARK):].split())
    try:
        operations = int(pairs["ops"])
        figures = {key: int(value) / operations for key, value in pairs.items() if key not in ("id", "ops")}
        events = {key: value for key, value in figures.items() if key not in FIXED_KEYS}
        return Row(pairs["id"], figures["ticks"], figures.get("user"), figures.get("kernel"), events)
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise RowError(f"bad bench line: {line!r} ({type(error).__name__}: {error})") from None


def parse_output(text: str) -> list[Row]:
    """All rows of one guest. A repeated id is an error: nobody could say which figure counts."""
    rows = [row for line in text.splitlines() if (row := parse_line(line))]
    names = [row.id for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise RowError(f"bench id {name!r} was printed twice")
    return rows


def load_targets(path: pathlib.Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["rows"])


def figure(value: float | None) -> str:
    """A figure for the table."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def event_words(row: Row | None) -> str:
    """The events of one operation, those that happened."""
    return ", ".join(f"{value:g} {name}" for name, value in row.events.items() if value) if row else ""


def table(rows: list[Row], targets: list[dict[str, Any]]) -> list[str]:
    """The table: every row that has a target, measured or not, then the rows without one."""
    measured = {row.id: row for row in rows}
    form = "{:24} {:>12} {:>13} {:>10} {:>6}  {:12} {}"
    lines = [form.format("id", "instructions", "reference", "target", "ratio", "", "operation; events")]
    for target in targets:
        row = measured.pop(target["id"], None)
        value = row.instructions if row else None
        ratio = f"{value / target['reference']:.2f}" if value is not None and target["reference"] else "-"
        met = "not measured" if value is None else "met" if value <= target["target"] else "MISSED"
        lines.append(form.format(target["id"], figure(value), figure(target["reference"]), figure(target["target"]), ratio,
                                 met, "; ".join(filter(None, [target["operation"], event_words(row)]))))
    for row in measured.values():
        lines.append(form.format(row.id, figure(row.instructions), "-", "-", "-", "", event_words(row)).rstrip())
    return lines


def as_json(rows: list[Row], targets: list[dict[str, Any]]) -> str:
    """The measured rows with their references, for programs."""
    by_id = {target["id"]: target for target in targets}
    out = [{"id": row.id, "instructions": row.instructions, "user": row.user, "kernel": row.kernel, "events": row.events,
            "reference": by_id.get(row.id, {}).get("reference"), "target": by_id.get(row.id, {}).get("target")}
           for row in rows]
    return json.dumps({"rows": out}, indent=1)


def compare(rows: list[Row], recorded: dict[str, float]) -> list[str]:
    """What is worse than recorded by more than 1 %, or no longer measured. Empty: nothing."""
    measured = {row.id: row.instructions for row in rows}
    worse = []
    for name, before in recorded.items():
        now = measured.get(name)
        if now is None:
            worse.append(f"{name}: recorded as {figure(before)}, not measured now")
        elif now > before * WORSE_LIMIT:
            worse.append(f"{name}: {now:.3f} instructions, recorded {before:.3f} (+{100 * (now / before - 1):.1f} %)")
    return worse
