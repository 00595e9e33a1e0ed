"""Owns the definition of a mutant: a file, the text that is replaced (`old`), the new text, and what the change breaks.

test/mutants/*.json hold lists of them. A text is a string, or a list of lines. Each `old` must occur exactly once in
its file, so an outdated mutant is noticed and never applied at another place.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

REQUIRED = ("name", "file", "old", "new", "breaks", "suites")
OPTIONAL = ("explained",)


class MutantError(Exception):
    """A mutant is not well formed, or does not fit the sources."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    """suites: the tests expected to notice, run first. explained: why no test can notice; empty when one must."""

    name: str
    file: str
    old: str
    new: str
    breaks: str
    suites: tuple[str, ...]
    explained: str = ""

    def apply(self, text: str) -> str:
        """The file's text with the mutation. Raises MutantError when `old` is not there exactly once."""
        found = text.count(self.old)
        if found != 1:
            raise MutantError(f"its old text occurs {found} times in {self.file}, not once")
        return text.replace(self.old, self.new)


def lines_or_text(value: object) -> str:
    return "\n".join(str(line) for line in value) if isinstance(value, list) else str(value)


def parse(entry: dict[str, Any], source: str) -> Mutant:
    """One entry of a file; `source` is that file's name, for messages."""
    label = f"{source}: {entry.get('name', 'an entry without a name')}"
    lacking = [key for key in REQUIRED if not entry.get(key) and key != "new" or key not in entry]
    unknown = [key for key in entry if key not in REQUIRED + OPTIONAL]
    if lacking or unknown:
        words = [f"lacks {', '.join(lacking)}"] if lacking else []
        words += [f"has unknown {', '.join(unknown)}"] if unknown else []
        raise MutantError(f"{label}: {'; '.join(words)}")
    old, new = lines_or_text(entry["old"]), lines_or_text(entry["new"])
    if old == new:
        raise MutantError(f"{label}: changes nothing")
    return Mutant(str(entry["name"]), str(entry["file"]), old, new, str(entry["breaks"]), tuple(entry["suites"]),
                  str(entry.get("explained", "")))


def load(folder: pathlib.Path) -> list[Mutant]:
    """All mutants of a folder's JSON files, in order. Names are unique."""
    mutants: list[Mutant] = []
    for path in sorted(folder.glob("*.json")):
        try:
            entries = json.loads(path.read_text())
        except ValueError as error:
            raise MutantError(f"{path.name}: {error}") from None
        mutants += [parse(entry, path.name) for entry in entries]
    names = [mutant.name for mutant in mutants]
    for name in names:
        if names.count(name) > 1:
            raise MutantError(f"two mutants are called {name}")
    return mutants


def select(mutants: list[Mutant], names: list[str]) -> list[Mutant]:
    """The mutants with these names; a name that ends in `*` means all that begin so. All mutants when no name is
    given."""
    chosen: list[Mutant] = []
    for name in names:
        found = [mutant for mutant in mutants
                 if mutant.name == name or name.endswith("*") and mutant.name.startswith(name[:-1])]
        if not found:
            raise MutantError(f"there is no mutant called {name}")
        chosen += [mutant for mutant in found if mutant not in chosen]
    return chosen if names else mutants


def misfit(mutant: Mutant, files: dict[str, bytes]) -> str | None:
    """Why the mutant does not fit these sources; None when it does."""
    if mutant.file not in files:
        return f"there is no file {mutant.file}"
    try:
        mutant.apply(files[mutant.file].decode())
    except MutantError as error:
        return str(error)
    return None
