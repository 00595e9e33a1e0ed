"""Owns the benches' figures: from a guest's lines to rows, to the table, to the comparison with the recorded ones.

A bench guest prints, among its TAP lines, one line for each row:

    # bench id=syscall_null ops=10000 ticks=900000

Ticks of the time-stamp counter are for all operations together, without the loop's overhead; one tick is one
instruction. The id `calibrate` is a counted loop, whose figure must equal the loop's instructions. The kernel's share
and the events come from the counter (counts.py), unless the line has `kernel`.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

from host.counts import INTERRUPT, Group
from host.images import Images

MARK = "# bench "
CALIBRATE = "calibrate"
WORSE_LIMIT = 1.01
FORM = "{:24} {:>12} {:>9} {:>9} {:>13} {:>10} {:>6}  {:12} {}"
# by the table's reference system
TITLES = {"seL4": "Operations of the kernel", "Linux": "Operations of processes"}
BOOT = "boot_"  # how the ids of boot rows begin
SLACK = 100  # instructions between the marks and the readings of the clock


class RowError(Exception):
    """A bench printed a line that is not a row."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One measured figure, per operation."""

    id: str
    instructions: float
    operations: int = 1
    user: float | None = None
    kernel: float | None = None
    events: dict[str, float] = dataclasses.field(default_factory=dict)


def with_kernel(row: Row, kernel: int) -> Row:
    """The row with its kernel share: `kernel` of its instructions, over all operations, were the kernel's."""
    share = kernel / row.operations
    return dataclasses.replace(row, kernel=share, user=row.instructions - share)


def parse_line(line: str) -> Row | None:
    """The row in a line of a guest's output; None when the line is something else."""
    if not line.startswith(MARK):
        return None
    pairs = dict(word.partition("=")[::2] for word in line[len(MARK):].split())
    try:
        operations = int(pairs["ops"])
        row = Row(pairs["id"], int(pairs["ticks"]) / operations, operations)
        return with_kernel(row, int(pairs["kernel"])) if "kernel" in pairs else row
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


def with_group(row: Row, group: Group, images: Images) -> Row:
    """The row with its shares and events. Raises RowError if counter and clock disagree.

    The counter counts more than the clock: 3 instructions of the loop each turn, some around it, and a faulting
    instruction each time that it is tried. The counter's figure is used where the clock has none, and for a boot, since
    it includes what runs before the kernel reads the clock.
    """
    if not group.times:  # a row that does not count instructions
        return row
    events = group.events(images)
    counted = sum(sum(times.values()) for image, times in group.by_image(images).items() if image is not None)
    if row.instructions == 0 or row.id.startswith(BOOT):
        row = dataclasses.replace(row, instructions=counted / row.operations)
    surplus = counted - row.instructions * row.operations
    if not -SLACK <= surplus <= SLACK + 4 * row.operations + events.get(INTERRUPT, 0):
        raise RowError(f"{row.id}: the clock counted {row.instructions * row.operations:.0f} instructions, the "
                       f"counter {counted}")
    each = {name: times / row.operations for name, times in events.items()}
    return dataclasses.replace(with_kernel(row, group.kernel), events=each)


def load_targets(path: pathlib.Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["rows"])


def figure(value: float | None) -> str:
    """A figure for the table."""
    if value is None:
        return "-"
    value = round(value, 2) + 0.0  # no -0.0
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def event_words(row: Row | None) -> str:
    """The events of an operation that happen at least once in a hundred operations."""
    return ", ".join(f"{figure(value)} {name}" for name, value in sorted(row.events.items())
                     if value >= 0.01) if row else ""


def shares(row: Row | None) -> tuple[str, str]:
    """The parts of a row in user mode and in the kernel."""
    return (figure(row.user), figure(row.kernel)) if row else ("-", "-")


def tables(targets: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The targets by their table's title."""
    found: dict[str, list[dict[str, Any]]] = {}
    for target in targets:
        title = next(title for system, title in TITLES.items() if target["reference_system"].startswith(system))
        found.setdefault(f"{title}; the reference is {target['reference_system']}", []).append(target)
    return found


def table_line(row: Row | None, target: dict[str, Any]) -> str:
    """One line of a table. Without a row: not measured."""
    value = row.instructions if row else None
    ratio, met = "-", ""
    if value is not None and target["reference"]:
        ratio = f"{value / target['reference']:.{2 if value * 100 > target['reference'] else 3}f}"
    if value is None:
        met = "not measured"
    elif target["target"]:
        met = "met" if value <= target["target"] else "MISSED"
    return FORM.format(target["id"], figure(value), *shares(row), figure(target["reference"]),
                       figure(target["target"]), ratio, met,
                       "; ".join(filter(None, [target["operation"], event_words(row)])))


def table(rows: list[Row], targets: list[dict[str, Any]]) -> list[str]:
    """The tables: every row that has a target, measured or not, then the rows without one."""
    measured = {row.id: row for row in rows}
    lines = []
    for title, wanted in tables(targets).items():
        lines += [f"{title}:", FORM.format("id", "instructions", "user", "kernel", "reference", "target", "ratio", "",
                                           "operation; events")]
        lines += [table_line(measured.pop(target["id"], None), target) for target in wanted]
        lines.append("")
    for row in measured.values():
        lines.append(FORM.format(row.id, figure(row.instructions), *shares(row), "-", "-", "-", "",
                                 event_words(row)).rstrip())
    return lines


def as_json(rows: list[Row], targets: list[dict[str, Any]]) -> str:
    """The measured rows with their references, for programs."""
    by_id = {target["id"]: target for target in targets}
    out = [{"id": row.id, "instructions": row.instructions, "user": row.user, "kernel": row.kernel,
            "events": row.events, "reference": by_id.get(row.id, {}).get("reference"),
            "target": by_id.get(row.id, {}).get("target")}
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
