"""Owns the profile of a bench row: where its instructions go, by program and function, or by instruction."""

from __future__ import annotations

import collections

from host.counts import Group
from host.images import Image, Images

OTHER = "(elsewhere)"


def by_size(group: Group, images: Images) -> list[tuple[Image | None, collections.Counter[int]]]:
    """The programs that ran, the one with most instructions first."""
    return sorted(group.by_image(images).items(), key=lambda item: -sum(item[1].values()))


def table(group: Group, images: Images, operations: int) -> list[str]:
    """Instructions per operation, by function, the largest first, and how many distinct
    instructions of each function run."""
    lines = [f"{'instructions':>12}  {'of':>5}  {'program':14} function"]
    found: list[tuple[int, int, str, str]] = []
    for image, addresses in by_size(group, images):
        times: collections.Counter[str] = collections.Counter()
        different: collections.Counter[str] = collections.Counter()
        for address, count in addresses.items():
            name = image.function(address) if image else ""
            times[name] += count
            different[name] += 1
        program = image.name if image else OTHER
        found += [(count, different[name], program, name) for name, count in times.items()]
        lines.append(f"{sum(addresses.values()) / operations:12.2f}  {len(addresses):5}  {program:14} all of it")
    found.sort(key=lambda line: -line[0])
    lines += [f"{count / operations:12.2f}  {of:5}  {program:14} {name}" for count, of, program, name in found]
    return [*lines, f"{sum(group.times.values()) / operations:12.2f}         all"]


def disassembly(group: Group, images: Images, operations: int) -> list[str]:
    """Every instruction that ran, in the order of the programs' files, and how often an operation runs it."""
    lines = []
    for image, addresses in by_size(group, images):
        title = ""
        for address, text in image.disassembly.items() if image else ():
            if address not in addresses:
                continue
            if (now := f"{image.name}: {image.function(address)}") != title:  # type: ignore[union-attr]
                lines.append(title := now)
            lines.append(f"{addresses[address] / operations:10.2f}  {address:x}  {text}")
    return lines
