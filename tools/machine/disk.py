"""Owns the disk image that firmware boots from: a GPT with one EFI system partition, filled by mtools.

    sector 0        protective MBR
    1               GPT header        2..33   its partition entries
    2048..          the EFI system partition (FAT32)
    last 33         the backup entries and the backup header

The image is sparse and cached under the hash of what it holds, so an unchanged system costs nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import struct
import subprocess
import uuid
import zlib
from collections.abc import Iterator

import claims

SECTOR_BYTES = 512
DISK_SECTORS = (96 << 20) // SECTOR_BYTES
ESP_FIRST_SECTOR = 2048
GPT_ENTRIES = 128
GPT_ENTRY_BYTES = 128
GPT_TABLE_SECTORS = GPT_ENTRIES * GPT_ENTRY_BYTES // SECTOR_BYTES
ESP_LAST_SECTOR = DISK_SECTORS - ESP_FIRST_SECTOR - 1
CLUSTER_SECTORS = 1  # FAT32 needs at least 65,525 clusters, so a small partition needs small clusters
ESP_TYPE = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
DISK_ID = uuid.UUID("6f746162-006e-4000-8000-000000000001")  # fixed, so that equal contents give equal images
ESP_ID = uuid.UUID("6f746162-006e-4000-8000-000000000002")
FAT_EPOCH = 315532800  # 1980-01-01, where FAT's calendar begins
IMAGES_KEPT = 8
TRIES = 3  # to make an image while another run makes or removes it
IMAGE, UNFINISHED, IMAGE_FILE = "disk-", "new-", "disk.img"  # names of folders in the cache, and the file in them

LOADER_PATH = "EFI/BOOT/BOOTX64.EFI"
VOLUME_PATH = "baton/boot.tar"
COMMAND_PATH = "baton/command.txt"


class DiskError(Exception):
    """The image cannot be made; the text says why."""


def gpt_header(entries: bytes, own: int, other: int, table: int) -> bytes:
    """One GPT header (UEFI specification, "GPT Header") for the copy at sector `own`."""

    def pack(checksum: int) -> bytes:
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, checksum, 0, own, other,
                           2 + GPT_TABLE_SECTORS, DISK_SECTORS - GPT_TABLE_SECTORS - 2, DISK_ID.bytes_le, table,
                           GPT_ENTRIES, GPT_ENTRY_BYTES, zlib.crc32(entries))

    return pack(zlib.crc32(pack(0))).ljust(SECTOR_BYTES, b"\0")


def write_partition_table(path: pathlib.Path) -> None:
    """Make `path` a sparse disk with the protective MBR and both copies of the GPT."""
    entry = struct.pack("<16s16sQQQ72s", ESP_TYPE.bytes_le, ESP_ID.bytes_le, ESP_FIRST_SECTOR, ESP_LAST_SECTOR, 0,
                        "EFI system partition".encode("utf-16-le"))
    entries = entry.ljust(GPT_ENTRIES * GPT_ENTRY_BYTES, b"\0")
    last = DISK_SECTORS - 1
    mbr_entry = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, last)
    mbr = bytes(446) + mbr_entry.ljust(64, b"\0") + b"\x55\xaa"
    with path.open("wb") as disk:
        disk.truncate(DISK_SECTORS * SECTOR_BYTES)
        disk.write(mbr + gpt_header(entries, 1, last, 2) + entries)
        disk.seek((last - GPT_TABLE_SECTORS) * SECTOR_BYTES)
        disk.write(entries + gpt_header(entries, last, 1, last - GPT_TABLE_SECTORS))


def run_mtool(arguments: list[str]) -> None:
    """Run one program of mtools; raise DiskError with what it said."""
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1", "SOURCE_DATE_EPOCH": str(FAT_EPOCH)}
    try:
        done = subprocess.run(arguments, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
    except FileNotFoundError:
        raise DiskError(f"{arguments[0]} is not installed (package mtools)") from None
    if done.returncode != 0:
        raise DiskError(f"{' '.join(arguments)}: {done.stderr.strip()}")


def write_image(path: pathlib.Path, files: dict[str, bytes]) -> None:
    """Write a disk whose EFI system partition holds `files` (path inside it -> contents)."""
    write_partition_table(path)
    partition = f"{path}@@{ESP_FIRST_SECTOR * SECTOR_BYTES}"
    sectors = ESP_LAST_SECTOR - ESP_FIRST_SECTOR + 1
    run_mtool(["mformat", "-i", partition, "-F", "-T", str(sectors), "-h", "16", "-s", "63", "-c",
               str(CLUSTER_SECTORS), "-H", str(ESP_FIRST_SECTOR), "-N", "42544e31", "-v", "BATON", "::"])
    folders = sorted({"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)})
    run_mtool(["mmd", "-i", partition, *(f"::/{folder}" for folder in folders)])
    source = path.with_name(f"{path.name}.file")
    for name, data in files.items():
        source.write_bytes(data)
        os.utime(source, (FAT_EPOCH, FAT_EPOCH))
        run_mtool(["mcopy", "-m", "-i", partition, str(source), f"::/{name}"])
    source.unlink()


@contextlib.contextmanager
def cached_image(folder: pathlib.Path, files: dict[str, bytes]) -> Iterator[pathlib.Path]:
    """The image that holds `files`, from the cache in `folder` or written now. No other run removes it
    before the end of the block."""
    digest = hashlib.sha256(repr((DISK_SECTORS, CLUSTER_SECTORS)).encode())
    for name, data in files.items():
        digest.update(f"{name} {len(data)}\n".encode() + data)
    claims.sweep(folder, IMAGE, keep=IMAGES_KEPT)
    place = folder / f"{IMAGE}{digest.hexdigest()[:24]}"
    with claim_image(place, files):
        os.utime(place)
        yield place / IMAGE_FILE


def claim_image(place: pathlib.Path, files: dict[str, bytes]) -> claims.Claim:
    """A claim on the folder `place` with an image of `files`, made if missing."""
    for _ in range(TRIES):
        claim = claims.existing(place, shared=True)
        if claim is not None:
            return claim
        with claims.private_folder(place.parent, UNFINISHED) as fresh:
            write_image(fresh / IMAGE_FILE, files)
            with contextlib.suppress(OSError):  # another run was faster
                fresh.rename(place)  # in one step, so that another run never sees half an image
    raise DiskError(f"{place} can be neither used nor replaced; remove it")
