"""Owns the project's files as the checks see them: their text, the identifiers in them, the names of all tests."""

from __future__ import annotations

import functools
import pathlib
import re

FOLDERS = ("boot", "kernel", "libsys", "servers", "userland", "tools", "test", "docs")
CODE = {".c", ".h", ".S", ".py", ".def", ".ld", ".inc"}
RECIPES = ("meson.build", "Containerfile")
WORD = re.compile(r"[A-Za-z_]\w*")
CASE = re.compile(r"\bCASE(?:_NEEDS)?\((\w+)")
PYTHON_CASE = re.compile(r"^    def (test_\w+)\(", re.MULTILINE)
MESON_WORD = re.compile(r"'([\w.-]+)'")
MESON_BLOCK = re.compile(r"^```(?:meson|diff)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


class Skipped(Exception):
    """A check can't be made here; the text says why."""


class Tree:
    """The files below `root`. Everything is read at most once."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root

    @functools.cached_property
    def files(self) -> dict[str, str]:
        """Path from the root -> text, of every file that is code, documentation, a table or build description."""
        found = {}
        candidates = [path for folder in FOLDERS for path in (self.root / folder).rglob("*")]
        candidates += [path for path in self.root.iterdir() if path.suffix == ".md" or path.name in RECIPES]
        for path in sorted(candidates):
            if path.is_file() and (path.suffix in CODE | {".md", ".json"} or path.name in RECIPES):
                found[path.relative_to(self.root).as_posix()] = path.read_text(errors="replace")
        return found

    def code(self) -> dict[str, str]:
        return {path: text for path, text in self.files.items() if pathlib.PurePath(path).suffix in CODE}

    def pages(self) -> dict[str, str]:
        return {path: text for path, text in self.files.items() if path.endswith(".md")}

    def text(self, path: str) -> str:
        return self.files.get(path, "")

    @functools.cached_property
    def identifiers(self) -> set[str]:
        """Every identifier in the sources' code; words in C comments do not count."""
        return {word for text in self.code().values() for word in WORD.findall(COMMENT.sub(" ", text))}

    @functools.cached_property
    def words(self) -> set[str]:
        """Every identifier, the words of build descriptions and of tables, and the names of tests."""
        rest = (text for path, text in self.files.items() if path.endswith(("meson.build", ".json")))
        return self.identifiers | self.tests | {word for text in rest for word in WORD.findall(text)}

    @functools.cached_property
    def guest_cases(self) -> dict[str, str]:
        """Cases of the suites that run in the machine, CASE(name), and the file that each is in."""
        return {name: path for path, text in self.code().items() if path.startswith("test/guest/")
                for name in CASE.findall(COMMENT.sub(" ", text))}

    @functools.cached_property
    def tests(self) -> set[str]:
        """The names of all cases, in the machine, on the host and of the tools, and of all tests that Meson knows."""
        names = set(self.guest_cases)
        for path, text in self.files.items():
            if path.startswith("test/") and path.endswith(".c"):
                names.update(CASE.findall(text))
            if path.startswith("test/") and path.endswith(".py"):
                names.update(PYTHON_CASE.findall(text))
            if path.endswith("meson.build"):
                names.update(MESON_WORD.findall(text))
        return names

    @functools.cached_property
    def runnable(self) -> set[str]:
        """Names by which Meson may know tests: words of build descriptions. `NAME_` is also used as a
        prefix, `_NAME` as a suffix."""
        texts = [text for path, text in self.files.items() if path.endswith("meson.build")]
        # tests that a tutorial makes
        texts += [block for text in self.pages().values() for block in MESON_BLOCK.findall(text)]
        words = {word for text in texts for word in MESON_WORD.findall(text)}
        before = {word for word in words if word.endswith("_")} | {""}
        behind = {word for word in words if word.startswith("_")} | {""}
        return {first + word + last for word in words for first in before for last in behind}


def project() -> Tree:
    """The tree that this file is in."""
    return Tree(pathlib.Path(__file__).resolve().parents[2])


def section(text: str, title: str) -> str:
    """The part of a page below `## title`, up to the next heading of that level; empty when it has none."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def rows(text: str) -> list[list[str]]:
    """The cells of every table row in `text`, without heads and rulers."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    rulers = [number for number, row in enumerate(cells) if all(set(cell) <= set("-: ") for cell in row)]
    heads = {number - 1 for number in rulers}
    return [row for number, row in enumerate(cells) if number not in heads and number not in rulers]
