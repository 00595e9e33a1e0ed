"""Owns the check on how comments and pages are written: turns that made strangers read twice, and too long lines.

A reader should get each sentence at the first reading. What a rule can't see, a reader has to.
"""

from __future__ import annotations

import pathlib
import re

from documents.quotes import FENCE
from documents.tree import Tree

COLUMNS_MAX = 120
START = r"(?:^|(?<=[.:;!?] ))"  # of a sentence; a comment is one line here
BANNED: tuple[tuple[str, str], ...] = (
    (START + r"Who (?![^.]*\?)", "say `whoever`, or name the part that does it"),
    (r"\b(?:for|to|of|by|from|with|than|at|on) who\b", "say `whoever`, or name the part that does it"),
    (r"\bso-?manieth\b", "say `nth`"),
    (r"^The same\b", "name what is done; `the same` sends the reader searching"),
    (r"\b[Oo]f (?:what|whom) \w+ (?:is|are|was|were)\b", "say `whose`, or turn the sentence around"),
    (r"^What \w+ leaves\b", "say what is done with it"),
    (r"(?<![-\w])(?:[Hh]e|[Hh]im|[Hh]is)\b", "say `they`, or name the part"),
    (r"\bbut for\b", "say `except`, or `without`"),
    (r"\bof (?:ours|yours)\b", "name the owner before the thing"),
    (r"\bshall\b", "say `has to`, `should` or `will`"),
    (r"\b[Ll]ikewise\b", "name the thing"),
    (r"\bbelongs? into\b", "say `belongs in`, or `goes into`"),
    (r"\b(?:the|its|at|in the) begin\b", "say `the beginning`"),
    (r"\b(?:has|have|had) not got\b", "say `does not have`, or `lacks`"),
    (r"\b(?:is|are) to be had\b", "say where it is found, or that it exists"),
    (r"\b(?:for|of|with|but|by|after|in) so many\b", "say how many"),
    (r"\bwhat (?:comes|becomes) of\b", "say what happens to it"),
    (r"\b[Ww]ho may\b(?![^.]*\?)", "say which thread, process or program"),
    (r"\bany more (?:that|which)\b", "put `that` behind its noun"),
)
C_COMMENT = re.compile(r"/\*(.*?)\*/", re.DOTALL)
PYTHON_COMMENT = re.compile(r'"""(.*?)"""|((?:^[ \t]*#(?!!).*\n)+)|(?<=\S)  # (.*)$', re.DOTALL | re.MULTILINE)
DECORATION = re.compile(r"^[ \t]*(?:\*|#)?[ \t]?", re.MULTILINE)
CODE = re.compile(r"`[^`]*`")
PARAGRAPH = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*|] |\d+\. |\|))")


def passages(path: str, text: str) -> list[str]:
    """The prose of a file, each comment or paragraph on one line, without quoted code."""
    suffix = pathlib.PurePath(path).suffix
    if suffix == ".md":
        found = PARAGRAPH.split(FENCE.sub("\n\n", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)))
    elif suffix == ".py":
        groups = (match.groups() for match in PYTHON_COMMENT.finditer(text))
        found = [next(part for part in parts if part is not None) for parts in groups]
    else:
        found = C_COMMENT.findall(text)
    return [" ".join(CODE.sub("X", DECORATION.sub("", part)).split()) for part in found]


def check_turns(tree: Tree) -> list[str]:
    problems = []
    for path, text in tree.files.items():
        if path.endswith((".json", "prose.py", "test_check_docs.py")):
            continue
        for passage in passages(path, text):
            for turn, advice in BANNED:
                match = re.search(turn, passage)
                if match:
                    near = passage[max(0, match.start() - 20):match.end() + 40].strip()
                    problems.append(f"{path}: `{near}`: {advice}")
    return problems


def check_widths(tree: Tree) -> list[str]:
    """Pages may have longer lines: a table's row is one line."""
    return [f"{path}:{number}: {len(line)} columns, more than {COLUMNS_MAX}" for path, text in tree.code().items()
            for number, line in enumerate(text.splitlines(), 1) if len(line) > COLUMNS_MAX]
