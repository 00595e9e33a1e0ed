"""Owns the figures' history: each commit that changed test/bench/recorded.json, oldest first, and its plot."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
from typing import Any

from host import bench_rows, paths, svg
from host.bench_rows import figure
from host.git import git


@dataclasses.dataclass(frozen=True)
class State:
    """The figures recorded at one time."""

    name: str
    figures: dict[str, float]


def read(recorded: pathlib.Path) -> list[State]:
    """The recorded figures, commit by commit, and the file's current ones if they are not committed."""
    name = paths.shown(recorded)
    states = []
    for line in git("log", "--reverse", "--format=%h %ct", "--", name).decode().splitlines():
        commit, seconds = line.split()
        when = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
        states.append(State(f"{when:%m-%d %H:%M} {commit}", json.loads(git("show", f"{commit}:{name}"))))
    now = json.loads(recorded.read_text())
    if not states or states[-1].figures != now:
        states.append(State("not committed", now))
    return states


def panel(title: str, states: list[State], targets: list[dict[str, Any]]) -> svg.Panel:
    """A chart of these targets' rows, each relative to its current target. A row that was never recorded has no
    line."""
    lines = []
    for target in targets:
        if not target["target"]:
            continue
        points = [(float(number), state.figures[target["id"]] / target["target"]) for number, state in enumerate(states)
                  if target["id"] in state.figures]
        last = next((state.figures[target["id"]] for state in reversed(states) if target["id"] in state.figures), None)
        if last is not None:
            name = f"{target['id']} {figure(last)} ({last / target['target']:.2f} of {figure(target['target'])})"
            lines.append(svg.Line(name, points))
    marks = [(float(number), state.name) for number, state in enumerate(states)]
    return svg.Panel(title, "figure / target", lines, marks, height=560, logarithmic=True, level=(1.0, "target"))


def plot(states: list[State], targets: list[dict[str, Any]]) -> str:
    """Both tables, as SVG."""
    return svg.document([panel(f"{title}. Shown relative to the target", states, wanted)
                         for title, wanted in bench_rows.tables(targets).items()])
