"""Owns the rules about source files: which file may include which, and how long a file may be."""

from __future__ import annotations

import pathlib
import re

from documents.tree import COMMENT, Tree

LINES_MAX = 500
KERNEL_LINES_MAX = 9000  # of code; comments are free
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)
CONTRACT = "kernel/arch.h"  # all that generic code knows of the machine; what of it has to be inline is in ...
CONTRACT_PARTS = "kernel/arch/x86_64/contract/"

# Allowed includes, by path prefixes. The first entry that matches the including file decides.
DIRECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("kernel/abi/", ("kernel/abi/",)),
    ("kernel/", ("kernel/",)),
    ("boot/", ("boot/", "kernel/abi/", "libsys/")),
    ("libsys/", ("libsys/", "kernel/abi/")),
    ("userland/", ("userland/", "libsys/", "kernel/abi/")),
)


def allowed(path: str) -> tuple[str, ...] | None:
    """The prefixes that a file's includes may have; None: any (tests)."""
    if path.startswith("servers/"):
        own = "/".join(path.split("/")[:2]) + "/"  # a server knows other servers only by their protocols
        return (own, "libsys/", "kernel/abi/")
    return next((may for beginning, may in DIRECTIONS if path.startswith(beginning)), None)


def check_includes(tree: Tree) -> list[str]:
    problems = []
    for path, text in tree.code().items():
        if pathlib.PurePath(path).suffix not in (".c", ".h", ".S"):
            continue
        may = allowed(path)
        generic = path.startswith("kernel/") and not path.startswith("kernel/arch/")
        for name in INCLUDE.findall(text):
            if may is not None and "/" in name and not name.startswith(may):
                problems.append(f"{path}: must not include {name}")
            part = path == CONTRACT and name.startswith(CONTRACT_PARTS)
            if generic and name.startswith("kernel/arch/") and not part:
                problems.append(f"{path}: generic code must not include {name}")
    return problems


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


def check_headers(tree: Tree) -> list[str]:
    return [f"{path}: no `#pragma once`" for path, text in tree.code().items()
            if path.endswith(".h") and "#pragma once" not in text]
