"""Owns the arrows between files: which file may include which, and that no files include or import in a circle.

A unit is a pair NAME.c and NAME.h, whatever its files end in, or a module of Python. An arrow leads from a unit to each
unit that it includes or imports, and from its folder to the other's. Files in a circle can only be read all at once.
"""

from __future__ import annotations

import ast
import pathlib
import posixpath
import re
from collections.abc import Iterator

from documents.tree import Tree

INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)
TREES = ("kernel/", "libsys/", "servers/", "boot/", "userland/", "tools/")
CONTRACT = "kernel/arch.h"  # all that generic code knows of the machine; what of it has to be inline is in ...
CONTRACT_PARTS = "kernel/arch/x86_64/contract/"

# Which folder may include which, by the beginnings of paths; the first entry that fits the including file decides.
DIRECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("kernel/abi/", ("kernel/abi/",)),
    ("kernel/", ("kernel/",)),
    ("boot/", ("boot/", "kernel/abi/", "libsys/")),
    ("libsys/", ("libsys/", "kernel/abi/")),
    ("userland/", ("userland/", "libsys/", "kernel/abi/")),
)

# The kernel's rooms (kernel/README.md), the highest first: a file includes none of a room above its own.
ROOMS = ("kernel/arch/x86_64", "kernel/entry", "kernel/calls", "kernel/ending", "kernel/ipc", "kernel/run",
         "kernel/memory", "kernel/cap", "kernel/machine", "kernel", "kernel/arch/x86_64/contract", "kernel/base",
         "kernel/abi")

# libsys's rooms (libsys/README.md), in the same order.
LIBSYS_ROOMS = ("libsys/maker", "libsys/runtime", "libsys/proto", "libsys/wire",
                "libsys/program", "libsys/format", "libsys/text")

# Servers that are made of another one's files (docs/servers.md).
SHARING = {"servers/files_flat/": "servers/files/", "servers/process_eager/": "servers/process/",
           "servers/process_lottery/": "servers/process/"}

# The circles that are there in spite of the rule, of units or of folders.
CIRCLES: tuple[frozenset[str], ...] = (
    frozenset({"tools", "tools/baton_cli", "tools/coverage", "tools/documents", "tools/evidence", "tools/fresh",
               "tools/host", "tools/machine", "tools/mutation", "tools/storm"}),
)


def allowed(path: str) -> tuple[str, ...] | None:
    """The beginnings that a file's includes may have; None: any (tests)."""
    if path.startswith("servers/"):
        own = "/".join(path.split("/")[:2]) + "/"  # a server knows other servers by their protocols only
        shared = (SHARING[own],) if own in SHARING else ()
        return (own, *shared, "libsys/", "kernel/abi/")
    return next((may for beginning, may in DIRECTIONS if path.startswith(beginning)), None)


def check_include(path: str, name: str) -> str:
    """What is wrong with this include; empty: nothing."""
    may = allowed(path)
    if may is not None and "/" in name and not name.startswith(may):
        return f"{path}: must not include {name}"
    room, other = posixpath.dirname(path), posixpath.dirname(name)
    rooms = next((rooms for beginning, rooms in (("kernel/", ROOMS), ("libsys/", LIBSYS_ROOMS))
                  if path.startswith(beginning) and name.startswith(beginning)), None)
    if rooms is None:
        return ""
    if not {room, other} <= set(rooms):
        return f"{path}: {room if room not in rooms else other} is no room"
    if other.startswith("kernel/arch/") and not room.startswith("kernel/arch/") and \
            not (path == CONTRACT and name.startswith(CONTRACT_PARTS)):
        return f"{path}: generic code must not include {name}"
    is_above = rooms.index(other) < rooms.index(room)
    return f"{path}: must not include {name}, which is in a room above" if is_above else ""


def unit(path: str) -> str:
    return posixpath.splitext(path)[0]


def imports(path: str, text: str) -> Iterator[str]:
    """The modules that a module of tools/ may import. Some do not exist: `from A import B` can mean A or A/B."""
    for node in ast.walk(ast.parse(text, path)):
        if isinstance(node, ast.Import):
            yield from ("tools/" + name.name.replace(".", "/") for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            module = "tools/" + node.module.replace(".", "/")
            yield from (module, *(f"{module}/{name.name}" for name in node.names))


def arrows(tree: Tree) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path, text in tree.code().items():
        if path.startswith(TREES):
            ends = imports(path, text) if path.endswith(".py") else map(unit, INCLUDE.findall(text))
            found.setdefault(unit(path), set()).update(ends)
    return {start: (ends & found.keys()) - {start} for start, ends in found.items()}


def of_folders(units: dict[str, set[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for start, ends in units.items():
        folder = posixpath.dirname(start)
        found.setdefault(folder, set()).update({posixpath.dirname(end) for end in ends} - {folder})
    return found


def reach(start: str, ends: dict[str, set[str]]) -> set[str]:
    """All units or folders that arrows lead to from `start`; `start` itself is one of them if it is in a circle."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        new = ends[waiting.pop()] - reached
        reached |= new
        waiting += new
    return reached


def circles(ends: dict[str, set[str]]) -> set[frozenset[str]]:
    reached = {start: reach(start, ends) for start in ends}
    return {frozenset(other for other in reached[start] if start in reached[other])
            for start in ends if start in reached[start]}


def check(tree: Tree, declared: tuple[frozenset[str], ...] = CIRCLES) -> list[str]:
    problems = [problem for path, text in tree.code().items()
                if pathlib.PurePath(path).suffix in (".c", ".h", ".S")
                for name in INCLUDE.findall(text) if (problem := check_include(path, name))]
    units = arrows(tree)
    found = circles(units) | circles(of_folders(units))
    problems += [f"a circle: {' '.join(sorted(circle))}" for circle in found
                 if not any(circle <= exception for exception in declared)]
    problems += [f"declared, but no circle: {' '.join(sorted(exception))}" for exception in declared
                 if not any(circle <= exception for circle in found)]
    return problems
