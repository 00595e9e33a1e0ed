"""Reads the instructions for strangers: the steps of the Containerfile and the first commands of README.md."""

from __future__ import annotations

import dataclasses
import pathlib
import re

BASE = re.compile(r"^FROM \S*debian:(\w+?)(?:-slim)?$", re.MULTILINE)
PREPARATION = re.compile(r"^RUN (.*)$", re.MULTILINE)
CONTINUED = re.compile(r"\\$", re.MULTILINE)
PLACE = re.compile(r"^WORKDIR (\S+)$", re.MULTILINE)
COPY = "\nCOPY . .\n"
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class RecipeError(Exception):
    """A page does not have the expected form; the text says which."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """suite: the Debian release to begin with. preparations: shell commands, before the project is copied to
    `place`."""

    suite: str
    preparations: tuple[str, ...]
    place: pathlib.PurePosixPath


def read_containerfile(text: str) -> Recipe:
    base, place = BASE.search(text), PLACE.search(text)
    head, found, _ = text.partition(COPY)
    if base is None or place is None or not found or CONTINUED.search(head):
        raise RecipeError("Containerfile: expected FROM ...debian:SUITE, WORKDIR, COPY . ., and each RUN in one line")
    return Recipe(base[1], tuple(PREPARATION.findall(head)), pathlib.PurePosixPath(place[1]))


def first_commands(readme: str) -> tuple[str, str]:
    """The two commands that README.md begins with."""
    block = COMMANDS.search(readme)
    lines = block[1].splitlines() if block is not None else []
    if len(lines) != 2:
        raise RecipeError("README.md: does not begin with a block of two commands")
    return lines[0], lines[1]
