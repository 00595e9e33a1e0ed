"""Owns the rules about each source file: how long it may be, which words and helpers belong in one place only, and that
a tag stands for one structure."""

from __future__ import annotations

import pathlib
import re

from documents.tree import COMMENT, Tree

LINES_MAX = 500
KERNEL_LINES_MAX = 9000  # of code; comments are free


def code_lines(text: str) -> int:
    """The lines that are neither blank nor comment."""
    return sum(bool(line.strip()) for line in COMMENT.sub("", text).splitlines())


def kernel_lines(tree: Tree) -> int:
    return sum(code_lines(text) for path, text in tree.code().items() if path.startswith("kernel/"))


def check_sizes(tree: Tree) -> list[str]:
    lengths = {path: text.count("\n") for path, text in tree.code().items()}
    problems = [f"{path}: {count} lines, more than {LINES_MAX}" for path, count in lengths.items() if count > LINES_MAX]
    kernel = kernel_lines(tree)
    if kernel > KERNEL_LINES_MAX:
        problems.append(f"kernel/: {kernel} lines of code, more than {KERNEL_LINES_MAX}")
    return problems


# Words of the kernel's code, and the only place for them.
PLACES = (("__asm__", "kernel/arch/"), ("type_and_count", "kernel/base/ledger."), ("musttail", "kernel/base/tail.h"),
          ("_slowly", "kernel/arch/"))

# Functions of one line that return a value, in these folders.
PRODUCT = ("boot/", "kernel/", "libsys/", "servers/", "userland/")
HELPER = re.compile(r"^static (?:inline )?[\w *]+?\b(\w+)\([^)]*\) \{ (return [^;]*;) \}$", re.MULTILINE)


def check_places(tree: Tree) -> list[str]:
    return [f"{path}: {word} is only for {place}" for path, text in tree.code().items() if path.startswith("kernel/")
            for word, place in PLACES if not path.startswith(place) and word in COMMENT.sub("", text)]


def check_helpers(tree: Tree) -> list[str]:
    """Functions of one line that stand in two files under one name: the second one includes the first instead."""
    found: dict[tuple[str, str], str] = {}
    problems = []
    for path, text in tree.code().items():
        for name, body in HELPER.findall(COMMENT.sub("", text)) if path.startswith(PRODUCT) else ():
            first = found.setdefault((name, re.sub(r"\b[a-z]\w*\b", "x", body)), path)
            problems += [f"{path}: {name}() stands in {first}, too"] if first != path else []
    return problems


def check_headers(tree: Tree) -> list[str]:
    return [f"{path}: no `#pragma once`" for path, text in tree.code().items()
            if path.endswith(".h") and "#pragma once" not in text]


# An assertion outside a macro.
ASSERTION = re.compile(r'^_Static_assert\((?:"[^"]*"|[^";])*;', re.MULTILINE)


def check_assertions(tree: Tree) -> list[str]:
    """clang 15 and 16 warn of `&&` between constants there, and 14 does not: `&` says the same."""
    return [f"{path}: `&&` in a _Static_assert: clang 15 warns, write `&`" for path, text in tree.code().items()
            for assertion in ASSERTION.findall(text) if "&&" in assertion]


# A structure, union or enumeration with a body.
TAG = re.compile(r"\b(?:struct|union|enum)\s+(?:\w+\(.*?\)\s+)?(\w+)\s*(?::\s*\w+\s*)?\{")


def check_tags(tree: Tree) -> list[str]:
    """One word stands for one thing: a tag has its body in one file of the tree."""
    places: dict[str, set[str]] = {}
    for path, text in tree.code().items():
        if pathlib.PurePath(path).suffix in (".c", ".h"):
            for tag in TAG.findall(COMMENT.sub("", text)):
                places.setdefault(tag, set()).add(path)
    return [f"the tag {tag} stands for more than one thing: {' '.join(sorted(paths))}"
            for tag, paths in places.items() if len(paths) > 1]
