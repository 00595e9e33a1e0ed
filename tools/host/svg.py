"""Owns line charts as SVG: panels below each other, each with axes, lines, and every line's name at its right end."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 1280, 120, 330, 50, 90
LETTER = 13  # a line of text
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf", "#ff7f0e")
DASHES = ("", "7 3", "2 3")


@dataclasses.dataclass(frozen=True)
class Line:
    name: str
    points: list[tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Panel:
    """One chart. marks: where the x axis has words. level: a line across, with its name. logarithmic: the y axis."""

    title: str
    y_name: str
    lines: list[Line]
    marks: list[tuple[float, str]]
    height: int = 480
    logarithmic: bool = False
    level: tuple[float, str] | None = None


def steps(low: float, high: float, logarithmic: bool) -> list[float]:
    """Round numbers that cover low to high, for the y axis."""
    if logarithmic:
        exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        every = [factor * 10.0**exponent for exponent in exponents for factor in (1, 2, 5)]
        first, last = max(step for step in every if step <= low), min(step for step in every if step >= high)
        return [step for step in every if first <= step <= last]
    size = 10.0 ** math.floor(math.log10(max(high, 1.0)))
    size /= 1 if high / size > 5 else 2 if high / size > 2 else 5
    return [size * number for number in range(math.ceil(high / size) + 1)]


def spread(wanted: list[float], least: float, low: float, high: float) -> list[float]:
    """Places near those wanted, in the same order, `least` apart, between low and high as far as they fit."""
    order = sorted(range(len(wanted)), key=lambda number: wanted[number])
    places = [0.0] * len(wanted)
    at = low
    for number in order:
        at = places[number] = max(wanted[number], at)
        at += least
    limit = high
    for number in reversed(order):
        limit = places[number] = min(places[number], limit)
        limit -= least
    return places


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'


def axes(panel: Panel, ticks: list[float], place: Callable[[float, float], tuple[float, float]], low: float,
         high: float) -> list[str]:
    """Title, grid, and what the numbers are."""
    right = WIDTH - RIGHT
    out = [text(LEFT, TOP - 24, panel.title, 'font-size="15" font-weight="bold"'),
           text(LEFT - 6, TOP - 8, panel.y_name, 'text-anchor="end"')]
    for tick in ticks:
        y = place(low, tick)[1]
        out.append(f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(text(LEFT - 6, y + 4, f"{tick:,.10g}", 'text-anchor="end"'))
    for at, words in panel.marks:
        x = place(at, ticks[0])[0]
        y = panel.height - BOTTOM
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{y}" stroke="#eee"/>')
        out.append(text(x, y + 14, words, f'text-anchor="end" transform="rotate(-35 {x:.1f} {y + 14})"'))
    if panel.level:
        y = place(low, panel.level[0])[1]
        out.append(f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="black" stroke-width="1.5"/>')
        out.append(text(LEFT + 4, y - 4, panel.level[1], 'font-weight="bold"'))
    return out


def draw(panel: Panel) -> list[str]:
    points = [point for line in panel.lines for point in line.points]
    values = [y for _, y in points] + ([panel.level[0]] if panel.level else [])
    ticks = steps(min(values), max(values), panel.logarithmic)
    low, high = min(x for x, _ in points), max(x for x, _ in points)

    def scale(value: float) -> float:
        return math.log10(value) if panel.logarithmic else value

    bottom, top = scale(ticks[0]), scale(ticks[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        share = (x - low) / (high - low) if high > low else 1.0
        rise = (scale(y) - bottom) / (top - bottom) if top > bottom else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT), panel.height - BOTTOM - rise * (panel.height - TOP - BOTTOM)

    out = axes(panel, ticks, place, low, high)
    ends = [place(*line.points[-1]) for line in panel.lines]
    names = spread([y for _, y in ends], LETTER, TOP, panel.height - 10)
    for number, (line, end, y) in enumerate(zip(panel.lines, ends, names)):
        look = (f'stroke="{COLOURS[number % len(COLOURS)]}" '
                f'stroke-dasharray="{DASHES[number // len(COLOURS) % len(DASHES)]}"')
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in (place(*point) for point in line.points))
        out.append(f'<polyline fill="none" stroke-width="1.6" {look} points="{path}"/>')
        right = WIDTH - RIGHT
        out.append(f'<polyline fill="none" stroke-width="0.6" {look} points="{end[0]:.1f},{end[1]:.1f} '
                   f'{right + 24},{y:.1f}"/>')
        out.append(text(right + 28, y + 4, line.name, f'fill="{COLOURS[number % len(COLOURS)]}"'))
    return out


def document(panels: list[Panel]) -> str:
    """The panels, one below the other."""
    height = sum(panel.height for panel in panels)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
           'font-family="sans-serif" font-size="11">', f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
    at = 0
    for panel in panels:
        out += [f'<g transform="translate(0 {at})">', *draw(panel), "</g>"]
        at += panel.height
    return "\n".join([*out, "</svg>"]) + "\n"
