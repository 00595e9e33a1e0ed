"""Owns the reading of structures as the compiler laid them out: offsets of members, from an ELF
file's debug information."""

from __future__ import annotations

import pathlib
import re
import subprocess

DUMPER = "llvm-dwarfdump"  # of the package that has llvm-symbolizer
DUMPER_SECONDS = 30
ENTRY = re.compile(r"^0x[0-9a-f]+:( +)DW_TAG_(\w+)")
ATTRIBUTE = re.compile(r"^ +DW_AT_(\w+)\t\((.*)\)$")

Layout = dict[str, int]  # member -> offset


class LayoutError(Exception):
    """The layouts can't be had; the text says why."""


def parse(text: str, wanted: tuple[str, ...]) -> dict[str, Layout]:
    """The structures called `wanted` in a dump; the first of each name."""
    found: dict[str, Layout] = {}
    depth, kind, current, member = 0, "", None, ""
    for line in text.splitlines():
        if (entry := ENTRY.match(line)) is not None:
            depth, kind, member = len(entry[1]), entry[2], ""
            current = current if depth > 1 else None
        elif (attribute := ATTRIBUTE.match(line)) is not None:
            name, value = attribute.groups()
            if depth == 1 and kind == "structure_type" and name == "name" and value.strip('"') in wanted:
                current = found.setdefault(value.strip('"'), {})
            elif current is not None and depth == 3 and kind == "member" and name == "name":
                member = value.strip('"')
            elif current is not None and depth == 3 and kind == "member" and name == "data_member_location":
                current.setdefault(member, int(value, 0))
    return found


def read(image: pathlib.Path, *wanted: str) -> dict[str, Layout]:
    """The layouts of these structures of an ELF file. Raises LayoutError: one is not there."""
    command = [DUMPER, "--show-children", *(f"--name={name}" for name in wanted), str(image)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DUMPER_SECONDS, check=False,
                              stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LayoutError(f"{DUMPER}: {error}") from None
    found = parse(done.stdout, wanted)
    missing = [name for name in wanted if not found.get(name)]
    if missing:
        raise LayoutError(f"{image.name}: no debug information on {', '.join(missing)}")
    return found
