"""Owns test/coverage-notes.md: why some lines are not reached. It is prose, with headings and items of this form:

    ## `kernel/entry/main.c`
    - `panic("not enough memory");`: a machine that small does not boot.
    - `first line;`, `second line;`: one reason for both.

A note holds for every unreached line of its file with that text, so that it survives changes elsewhere in the file.
"""

from __future__ import annotations

import re

Notes = dict[tuple[str, str], str]  # (file, text of a line) -> the reason

HEADING = re.compile(r"^#+ `([^`]+)`\s*$")
ITEM = re.compile(r"^- ((?:`[^`]+`(?:, |,\n {2})?)+): (.*)$")
QUOTED = re.compile(r"`([^`]+)`")


def parse(text: str) -> Notes:
    """All notes. An item's later lines are indented by two spaces."""
    notes: Notes = {}
    file = ""
    for block in re.sub(r"\n {2}(?=\S)", " ", text).splitlines():
        heading, item = HEADING.match(block), ITEM.match(block)
        if heading:
            file = heading[1]
        elif item:
            for quoted in QUOTED.findall(item[1]):
                notes[file, quoted.strip()] = item[2].strip()
    return notes
