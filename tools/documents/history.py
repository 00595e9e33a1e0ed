"""Owns the check of the project's version: one number in the build description, in CHANGES.md and on the pages."""

from __future__ import annotations

import re

from documents.tree import Tree
from host import version

HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
DATE = r", \d{4}-\d\d-\d\d"
PRINTED = re.compile(r"\bbaton (\d+\.\d+\.\d+)")  # in the session of a page, the kernel's first line
CHANGES = "CHANGES.md"


def check_version(tree: Tree) -> list[str]:
    wanted = version.read(tree.text(version.BUILD_DESCRIPTION))
    newest = HEADING.search(tree.text(CHANGES))
    problems = []
    if newest is None or not re.fullmatch(re.escape(wanted) + DATE, newest[1]):
        problems.append(f"{CHANGES}: begins with `{newest[1] if newest else ''}`, not with the version {wanted} of "
                        f"{version.BUILD_DESCRIPTION} and its date")
    problems += [f"{path}: shows baton {shown}, the version is {wanted}" for path, text in tree.pages().items()
                 for shown in PRINTED.findall(text) if shown != wanted]
    return problems
