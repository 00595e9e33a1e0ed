#!/usr/bin/env python3
"""Owns the boot volume's format: one ustar archive whose file data can be mapped in place.

    volume.py --output boot.tar boot/kernel.elf=build/kernel/kernel.elf etc/manifest.json=manifest.json

The data of each file begins at a multiple of 4096 bytes from the archive's start. The gap before it is filled by a pax
extended header that carries only a `comment` record, which every tar reader skips. Two runs over the same files give
the same bytes: members stand in the order given, times and owners are 0.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import tarfile

BLOCK_BYTES = 512
ALIGN_BYTES = 4096
NAME_BYTES_MAX = 99  # one less than ustar's field, so that a reader may treat it as a C string
VOLUME_BYTES_MAX = 64 << 20  # the loader reads it into memory at once, and it must fit the image's partition

Members = list[tuple[str, bytes]]


class VolumeError(Exception):
    """The volume cannot be read or written; the text says which member and why."""


def check_name(name: str) -> None:
    """Refuse a member name that a small reader could misread."""
    if not name or not name.isascii() or any(ord(char) <= 0x20 or ord(char) == 0x7F for char in name):
        raise VolumeError(f"member name {name!r}: want printable ASCII without spaces")
    if len(name) > NAME_BYTES_MAX:
        raise VolumeError(f"member name {name!r}: {len(name)} bytes, at most {NAME_BYTES_MAX} fit")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise VolumeError(f"member name {name!r}: want a relative path without empty, '.' or '..' parts")


def tar_header(name: str, size: int, kind: bytes) -> bytes:
    """One ustar header block with times and owners 0."""
    header = bytearray(BLOCK_BYTES)

    def put(offset: int, data: bytes) -> None:
        header[offset : offset + len(data)] = data

    put(0, name.encode())
    put(100, b"0000644\0" + b"0000000\0" * 2)  # mode, owner, group
    put(124, b"%011o\0" % size)
    put(136, b"00000000000\0")  # modification time
    put(148, b" " * 8)  # the checksum counts its own field as spaces
    put(156, kind)
    put(257, b"ustar\x0000")
    put(329, b"0000000\0" * 2)  # device numbers
    put(148, b"%06o\0 " % sum(header))
    return bytes(header)


def comment_record(length: int) -> bytes:
    """A pax record of exactly `length` bytes that says nothing."""
    start = b"%d comment=" % length
    return start + b"-" * (length - len(start) - 1) + b"\n"


def padding(position: int) -> bytes:
    """The bytes before a header at `position` that align the data after the header."""
    gap = -(position + BLOCK_BYTES) % ALIGN_BYTES
    if gap == 0:
        return b""
    if gap == BLOCK_BYTES:  # room for the extended header but not for its record
        gap += ALIGN_BYTES
    record_bytes = gap - BLOCK_BYTES
    return tar_header("PaxHeaders/align", record_bytes, b"x") + comment_record(record_bytes)


def build(members: Members) -> bytes:
    """The archive's bytes. Raises VolumeError on a bad or repeated name, or when the whole is too large."""
    archive = bytearray()
    seen: set[str] = set()
    for name, data in members:
        check_name(name)
        if name in seen:
            raise VolumeError(f"member name {name!r}: given twice")
        seen.add(name)
        archive += padding(len(archive))
        archive += tar_header(name, len(data), b"0")
        archive += data
        archive += bytes(-len(archive) % BLOCK_BYTES)
        if len(archive) > VOLUME_BYTES_MAX:
            raise VolumeError(f"volume too large at member {name!r}: at most {VOLUME_BYTES_MAX} bytes")
    archive += bytes(2 * BLOCK_BYTES)  # the end mark
    archive += bytes(-len(archive) % ALIGN_BYTES)
    return bytes(archive)


def read(path: pathlib.Path) -> Members:
    """The members of a volume, in order. Raises VolumeError: it is none."""
    members: Members = []
    try:
        with tarfile.open(path, "r:") as archive:
            for entry in archive:
                stream = archive.extractfile(entry)
                if stream is not None:
                    members.append((entry.name, stream.read()))
    except tarfile.TarError as error:
        raise VolumeError(f"{path} is no boot volume: {error}") from None
    return members


def replace(members: Members, name: str, data: bytes) -> Members:
    """`members` with `name` holding `data`: in its old place, or at the end."""
    if any(old == name for old, _ in members):
        return [(old, data if old == name else content) for old, content in members]
    return [*members, (name, data)]


def parse_member(word: str) -> tuple[str, pathlib.Path]:
    """`name=path` as a pair."""
    name, separator, path = word.partition("=")
    if not separator or not path:
        raise VolumeError(f"{word!r}: want NAME=PATH")
    return name, pathlib.Path(path)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Write a boot volume.")
    parser.add_argument("--output", required=True, type=pathlib.Path, metavar="FILE")
    parser.add_argument("members", nargs="+", metavar="NAME=PATH", help="in their order in the volume")
    options = parser.parse_args(arguments)
    try:
        pairs = [parse_member(word) for word in options.members]
        archive = build([(name, path.read_bytes()) for name, path in pairs])
        options.output.write_bytes(archive)
    except (VolumeError, OSError) as error:
        print(f"volume: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
