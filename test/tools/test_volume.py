"""Does a volume read back as it was written, by every reader, with its data where it can be mapped?"""

from __future__ import annotations

import io
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest

import volume

SAMPLE: volume.Members = [
    ("boot/kernel.elf", bytes(range(256)) * 40),
    ("etc/manifest.json", b"{}\n"),
    ("etc/empty", b""),
    ("bin/shell", b"x" * 4096),
    ("bin/ls", b"y" * 511),
]


def data_offsets(archive: bytes) -> list[int]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        return [member.offset_data for member in members if member.size]


class Volume(unittest.TestCase):
    def test_round_trip(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            path = pathlib.Path(place) / "boot.tar"
            path.write_bytes(volume.build(SAMPLE))
            self.assertEqual(volume.read(path), SAMPLE)

    def test_members_are_plain(self) -> None:
        with tarfile.open(fileobj=io.BytesIO(volume.build(SAMPLE))) as members:
            for member in members:
                self.assertTrue(member.isreg())
                self.assertEqual((member.mtime, member.uid, member.gid, member.mode), (0, 0, 0, 0o644))

    def test_data_is_aligned_after_every_gap(self) -> None:
        for length in range(0, 3 * volume.ALIGN_BYTES, volume.BLOCK_BYTES):
            archive = volume.build([("first", bytes(length)), ("second", b"data"), ("third", b"more")])
            for offset in data_offsets(archive):
                self.assertEqual(offset % volume.ALIGN_BYTES, 0, f"after {length} bytes")
            self.assertEqual(len(archive) % volume.ALIGN_BYTES, 0)

    def test_same_bytes_each_time(self) -> None:
        self.assertEqual(volume.build(SAMPLE), volume.build(list(SAMPLE)))

    @unittest.skipUnless(shutil.which("tar"), "no tar here")
    def test_tar_lists_and_extracts(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            (folder / "boot.tar").write_bytes(volume.build(SAMPLE))
            listing = subprocess.run(["tar", "tvf", "boot.tar"], cwd=folder, capture_output=True, text=True, check=True)
            self.assertEqual(listing.stderr, "")
            self.assertEqual([line.split()[-1] for line in listing.stdout.splitlines()], [name for name, _ in SAMPLE])
            subprocess.run(["tar", "xf", "boot.tar"], cwd=folder, check=True)
            for name, data in SAMPLE:
                self.assertEqual((folder / name).read_bytes(), data)

    def test_names_refused(self) -> None:
        for name in ("", "/etc/rc", "etc//rc", "etc/../rc", "./rc", "a b", "caf\u00e9", "x" * 100, "line\n"):
            with self.subTest(name=name), self.assertRaises(volume.VolumeError):
                volume.build([(name, b"")])
        volume.build([("x" * volume.NAME_BYTES_MAX, b"")])

    def test_name_twice_refused(self) -> None:
        with self.assertRaisesRegex(volume.VolumeError, "given twice"):
            volume.build([("a", b""), ("a", b"")])

    def test_size_limit(self) -> None:
        with self.assertRaisesRegex(volume.VolumeError, "too large at member 'big'"):
            volume.build([("small", b"x"), ("big", bytes(volume.VOLUME_BYTES_MAX))])

    def test_replace(self) -> None:
        self.assertEqual(volume.replace([("a", b"1"), ("b", b"2")], "a", b"3"), [("a", b"3"), ("b", b"2")])
        self.assertEqual(volume.replace([("a", b"1")], "b", b"2"), [("a", b"1"), ("b", b"2")])

    def test_program(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            (folder / "file").write_bytes(b"hello")
            self.assertEqual(volume.main(["--output", f"{place}/boot.tar", f"etc/rc={place}/file"]), 0)
            self.assertEqual(volume.read(folder / "boot.tar"), [("etc/rc", b"hello")])
