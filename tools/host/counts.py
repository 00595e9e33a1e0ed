"""Reads the file of the counter (tools/counter/counter.c): how often each instruction was executed in each row of a
bench."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable

from host.images import Image, Images

INTERRUPT_ENTRY = "interrupt_common"  # every exception and interrupt passes it
INTERRUPT = "interrupt"
ROW, STOP = "row", "stop"


class CountError(Exception):
    """The file is not in the counter's format."""


@dataclasses.dataclass
class Group:
    """The instructions executed in one row, or up to one stop."""

    end: str = ""  # "row", or "stop ADDRESS:PAGE"
    times: dict[tuple[int, int], int] = dataclasses.field(default_factory=dict)  # by address and page

    @property
    def kernel(self) -> int:
        """Instructions in the kernel's half of all addresses."""
        return sum(times for (address, _), times in self.times.items() if address >> 63)

    def by_image(self, images: Images) -> dict[Image | None, collections.Counter[int]]:
        """Address and times, for each program that ran."""
        found: dict[Image | None, collections.Counter[int]] = {}
        for (address, page), times in self.times.items():
            image, at = images.find(address, page)
            found.setdefault(image, collections.Counter())[at] += times
        return found

    def events(self, images: Images) -> dict[str, int]:
        """How often each kind of event happened, without kinds that did not."""
        seen: collections.Counter[str] = collections.Counter()
        for image, addresses in self.by_image(images).items():
            if image is None:
                continue
            for address in image.events.keys() & addresses.keys():
                seen[image.events[address]] += addresses[address]
            if image.is_kernel:
                seen[INTERRUPT] += addresses[image.address(INTERRUPT_ENTRY)]
        return {name: times for name, times in seen.items() if times}


def read(lines: Iterable[str]) -> list[Group]:
    """All groups of a counter's file. Raises CountError."""
    groups = [Group()]
    for line in lines:
        words = line.split()
        if words[:1] in ([ROW], [STOP]):
            groups[-1].end = line.strip()
            groups.append(Group())
            continue
        try:
            address, page, times = words
            groups[-1].times[int(address, 16), int(page, 16)] = int(times)
        except ValueError:
            raise CountError(f"bad line of the counter: {line!r}") from None
    return groups[:-1]


def by_row(groups: Iterable[Group]) -> list[Group]:
    """One group for each row; the parts that stops ended are added to their row."""
    rows = [Group(ROW)]
    for group in groups:
        for where, times in group.times.items():
            rows[-1].times[where] = rows[-1].times.get(where, 0) + times
        if group.end == ROW:
            rows.append(Group(ROW))
    return rows[:-1]
