"""Owns the check of docs/limits.md: each row has its constant's value and names a test that exists,
and no limit is missing."""

from __future__ import annotations

import re

from documents import constants
from documents.claims import Block, said
from documents.tree import COMMENT, Tree, rows, section

PAGE = "docs/limits.md"
INTERNAL = "Not here"  # the section that lists constants which limit no user
UNTESTED = "not tested"
LIMIT = re.compile(r"^\s*#\s*define (\w+_MAX)\b", re.MULTILINE)
HEADERS = ("kernel/abi/", "libsys/", "servers/", "userland/")
CELLS = 5


def check_row(tree: Tree, row: list[str]) -> str:
    """What is wrong with a row; empty: nothing."""
    if len(row) != CELLS:
        return f"{row}: want limit, how much, constant, beyond it, test"
    file, _, expression = row[2].strip("`").partition(": ")
    try:
        value = constants.evaluate(tree, file, expression)
    except constants.Unknown as unknown:
        return str(unknown)
    if not said(value, Block(PAGE, row[1], (), False, False)):
        return f"{row[0]}: {row[1]}, {row[2]} is {value}"
    if row[4] != UNTESTED and row[4].strip("`") not in tree.tests:
        return f"{row[0]}: there is no test {row[4]}, nor is it `{UNTESTED}`"
    return ""


def check(tree: Tree) -> list[str]:
    text = tree.text(PAGE)
    problems = [f"{PAGE}: {wrong}" for row in rows(text) if (wrong := check_row(tree, row))]
    internal = section(text, INTERNAL)
    for path, code in tree.code().items():
        if not path.endswith(".h") or not path.startswith(HEADERS):
            continue
        for name in LIMIT.findall(COMMENT.sub(" ", code)):
            listed = re.search(rf"`{re.escape(path)}: [^`]*\b{name}\b", text)
            if not listed:
                problems.append(f"{PAGE}: has no {path}: {name}; a row, or a line in `{INTERNAL}`")
    known = {f"{file}: {name}" for file, names in re.findall(r"`([\w/.]+): ([^`]*)`", internal)
             for name in names.split()}
    return problems + [f"{PAGE}: {one}: there is no such constant" for one in sorted(known)
                       if not re.search(rf"#\s*define {one.split()[1]}\b", tree.text(one.split(':')[0]))]
