"""Owns the pictures of the documentation: each is an SVG drawn from a description in TOML beside it, and each recording
is drawn from a page's session (documents/recording.py).

A description has a title, boxes on a grid (name, at, size, title, text, colour) and arrows between boxes (from, to,
text).
"""

from __future__ import annotations

import pathlib
import textwrap
import tomllib
from typing import Any
from xml.sax.saxutils import escape

from documents import recording
from documents.tree import Tree

FOLDER = "docs/pictures"
RECORDINGS = {"session.svg": "README.md", "recovery.svg": "docs/recovery.md"}  # and the pages of their sessions
COLUMN, ROW, MARGIN, HEAD, GAP = 80, 36, 20, 30, 4  # pixels
LETTER, LINE = 6.4, 16  # for 12-pixel text: the mean width of a letter, the distance between lines
ARROWHEAD = ('<marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
             '<path d="M0 0 8 4 0 8z" fill="#555"/></marker>')

Rectangle = tuple[float, float, float, float]  # left, top, width, height


def rectangle(box: dict[str, Any]) -> Rectangle:
    (column, row), (columns, rows) = box["at"], box["size"]
    return MARGIN + column * COLUMN + GAP, HEAD + row * ROW, columns * COLUMN - 2 * GAP, rows * ROW


def draw_box(box: dict[str, Any]) -> list[str]:
    left, top, width, height = rectangle(box)
    lines = [line for part in box["text"].splitlines() for line in textwrap.wrap(part, int((width - 16) / LETTER))]
    if (len(lines) + 1) * LINE + 10 > height:
        raise ValueError(f"the text of {box['name']} does not fit into its box")
    out = [f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="4" fill="{box["colour"]}" '
           f'stroke="#555"/>',
           f'<text x="{left + 8:g}" y="{top + 18:g}" font-weight="bold">{escape(box["title"])}</text>']
    out += [f'<text x="{left + 8:g}" y="{top + 18 + number * LINE:g}">{escape(line)}</text>'
            for number, line in enumerate(lines, 1)]
    return out


def draw_arrow(arrow: dict[str, Any], boxes: dict[str, Rectangle]) -> list[str]:
    """An arrow straight down, in the middle of the width that both boxes share, or sideways at mid-height."""
    start, end = boxes[arrow["from"]], boxes[arrow["to"]]
    left, right = max(start[0], end[0]), min(start[0] + start[2], end[0] + end[2])
    if left < right:
        x = x_end = (left + right) / 2
        y, y_end = start[1] + start[3], end[1]
    else:
        y = y_end = start[1] + start[3] / 2
        x, x_end = (start[0], end[0] + end[2]) if start[0] > end[0] else (start[0] + start[2], end[0])
    return [f'<line x1="{x:g}" y1="{y:g}" x2="{x_end:g}" y2="{y_end:g}" stroke="#555" marker-end="url(#head)"/>',
            f'<text x="{x + 8:g}" y="{(y + y_end) / 2 + (-6 if y == y_end else 4):g}" '
            f'font-style="italic">{escape(arrow["text"])}</text>']


def draw(description: str) -> str:
    """The picture as SVG. A ValueError names a text that does not fit."""
    picture = tomllib.loads(description)
    boxes = {box["name"]: rectangle(box) for box in picture["box"]}
    width = max(left + wide for left, _, wide, _ in boxes.values()) + GAP + MARGIN
    height = max(top + high for _, top, _, high in boxes.values()) + MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} '
           f'{height:g}" '
           'font-family="sans-serif" font-size="12">', f"<title>{escape(picture['title'])}</title>",
           f"<defs>{ARROWHEAD}</defs>", f'<rect width="{width:g}" height="{height:g}" fill="white"/>']
    for box in picture["box"]:
        out += draw_box(box)
    for arrow in picture.get("arrow", []):
        out += draw_arrow(arrow, boxes)
    return "\n".join([*out, "</svg>"]) + "\n"


def drawings(root: pathlib.Path) -> dict[str, tuple[str, str]]:
    """The name of each picture that there has to be -> what it is drawn from, and the SVG."""
    found = {source.with_suffix(".svg").name: (source.name, draw(source.read_text()))
             for source in sorted((root / FOLDER).glob("*.toml"))}
    for name, page in RECORDINGS.items():
        lines = recording.session((root / page).read_text()) if (root / page).exists() else []
        if lines:
            found[name] = (page, recording.draw(lines))
    return found


def check(tree: Tree) -> list[str]:
    folder = tree.root / FOLDER
    wanted = drawings(tree.root)
    there = {drawn.name: drawn.read_text() for drawn in sorted(folder.glob("*.svg"))}
    return [f"{FOLDER}/{name}: is not what {source} describes; tools/pictures.py draws it anew"
            for name, (source, picture) in wanted.items() if there.get(name) != picture] + \
        [f"{FOLDER}/{name}: has no description" for name in there if name not in wanted]
