#!/usr/bin/env python3
"""Owns the check that documentation and sources agree. Prints TAP, one line a check, and each problem as a remark.

    check_docs.py [ROOT]

The modules in documents/ say what each check demands. Exits 1 when a check fails.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable

from documents import abi, arrows, claims, decisions, history, limits, pictures, prose, quotes, sources
from documents.tree import Skipped, Tree

CHECKS: tuple[tuple[str, Callable[[Tree], list[str]]], ...] = (
    ("a page for each system call, a test for each error", abi.check),
    ("each system call has a caller in the product", abi.check_callers),
    ("includes point one way", arrows.check),
    ("no file is too long", sources.check_sizes),
    ("headers are included once", sources.check_headers),
    ("helpers stand once", sources.check_helpers),
    ("assembly and packed words have their place", sources.check_places),
    ("assertions are for each clang", sources.check_assertions),
    ("a tag stands for one thing", sources.check_tags),
    ("blocks of code are closed", quotes.check_fences),
    ("quoted files and functions exist", quotes.check_names),
    ("links lead somewhere", quotes.check_links),
    ("quoted commands are known", quotes.check_commands),
    ("decisions have their parts", decisions.check_adrs),
    ("each lesson has an answer", decisions.check_lessons),
    ("what pages say of the tree is so", claims.check),
    ("limits are those of the sources", limits.check),
    ("the version is one", history.check_version),
    ("subjects of commits have their form", history.check_subjects),
    ("pictures are those of their descriptions", pictures.check),
    ("sentences are read once", prose.check_turns),
    ("lines are not too long", prose.check_widths),
)


def main(arguments: list[str]) -> int:
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parent.parent
    tree = Tree(root)
    failed = False
    print("TAP version 13")
    print(f"1..{len(CHECKS)}")
    for number, (name, check) in enumerate(CHECKS, 1):
        problems, remark = [], ""
        try:
            problems = check(tree)
        except Skipped as reason:
            remark = f" # SKIP {reason}"
        failed = failed or bool(problems)
        print(f"{'not ok' if problems else 'ok'} {number} - {name}{remark}")
        for problem in problems:
            print(f"# {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main(sys.argv[1:]))
