"""Does the volume's reader serve all that tar and Python put into an archive, each file with its full name and content?
Or does it refuse the archive, and name the member and its byte offset?
"""

from __future__ import annotations

import io
import os
import pathlib
import subprocess
import tarfile
import tempfile
import unittest

LIST = os.environ["BATON_VOLUME_LIST"]
# too long for the name field, and its prefix has to be cut at a slash
LONG = "x/" + "d" * 60 + "/" + "e" * 60 + "/tail"
LONGEST = "x/" + "a" * 120 + "/" + "b" * 133  # 256 bytes
FILES = {"x/first": b"first\n", "x/empty": b"", "x/a b": b"blank\n", "x/grün": b"utf-8\n",
         "x/large": bytes(range(256)) * 9}


def names_of(archive: pathlib.Path) -> dict[str, bytes | None]:
    """The files that the reader serves: name -> content, None for a folder."""
    done = subprocess.run([LIST, archive], capture_output=True, check=False, timeout=20)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    lines = done.stdout.decode().split("\n")
    served: dict[str, bytes | None] = {}
    for head, content in zip(lines[:-1:2], lines[1::2]):
        kind, _, name = head.split(" ", 2)
        served[name] = bytes.fromhex(content) if kind == "file" else None
    return served


class Forms(unittest.TestCase):
    """One folder of files, packed in every way."""

    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)
        self.archive = self.folder / "volume.tar"

    def put(self, files: dict[str, bytes]) -> dict[str, bytes | None]:
        """Write files. Returns what the reader must serve, folders included."""
        served: dict[str, bytes | None] = dict(files)
        for name, data in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            served |= {str(parent): None for parent in pathlib.Path(name).parents if str(parent) != "."}
        return served

    def tar(self, *arguments: str, names: tuple[str, ...] = ("x",)) -> None:
        subprocess.run(["tar", "-cf", self.archive, *arguments, *names], cwd=self.folder, check=True,
                       capture_output=True)

    def python_tar(self, form: int, name: str = "x") -> None:
        with tarfile.open(self.archive, "w", format=form) as archive:
            archive.add(self.folder / "x", name)

    def write(self, *members: tarfile.TarInfo) -> None:
        """Write an archive of these members, each file with its own name as content."""
        with tarfile.open(self.archive, "w", format=tarfile.GNU_FORMAT) as archive:
            for member in members:
                data = member.name.encode() if member.isreg() else b""
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))

    def refused(self, what: str, name: str) -> int:
        """Check that the reader refuses the archive with these words and this name. Returns the
        byte offset that it tells."""
        done = subprocess.run([LIST, self.archive], capture_output=True, text=True, check=False, timeout=20)
        text, offset, told = done.stdout.split("\n")[:3]
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(what, text)
        self.assertEqual(told, name)
        with self.archive.open("rb") as archive:
            archive.seek(int(offset))
            self.assertIn(name.encode()[:90], archive.read(512), "the header is at that byte")
        return int(offset)

    def test_gnu_tar_with_every_format(self) -> None:
        served = self.put({**FILES, LONG: b"long\n"})
        for form in ("gnu", "oldgnu", "pax", "posix", "ustar"):
            for names in (("x",), ("./x",), (".",)):
                with self.subTest(form=form, names=names):
                    self.tar(f"--format={form}", "--exclude=*.tar", names=names)
                    self.assertEqual(names_of(self.archive), served)

    def test_gnu_tar_v7(self) -> None:
        served = self.put(FILES)
        self.tar("--format=v7")
        self.assertEqual(names_of(self.archive), served)

    def test_python_with_every_format(self) -> None:
        served = self.put({**FILES, LONG: b"long\n"})
        for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
            with self.subTest(form=form):
                self.python_tar(form)
                self.assertEqual(names_of(self.archive), served)

    def test_the_longest_name_and_one_more(self) -> None:
        served = self.put({LONGEST: b"longest\n"})
        for form in ("gnu", "pax"):
            self.tar(f"--format={form}")
            self.assertEqual(names_of(self.archive), served)
        (self.folder / LONGEST).rename(self.folder / (LONGEST + "b"))
        for form in ("gnu", "pax"):
            self.tar(f"--format={form}")
            self.refused("name longer than 256 bytes", LONGEST)

    def test_absolute_names_are_below_the_root(self) -> None:
        served = self.put(FILES)
        self.tar("-P", "--transform=s,^,/,")
        self.assertEqual(names_of(self.archive), served)

    def test_a_hard_link_is_the_same_file(self) -> None:
        served = self.put(FILES)
        os.link(self.folder / "x/first", self.folder / "x/second")
        for form in ("gnu", "pax", "ustar"):
            self.tar(f"--format={form}")
            self.assertEqual(names_of(self.archive), {**served, "x/second": b"first\n"})

    def test_long_hard_links(self) -> None:
        """Also with targets that fill their field to the last byte, without a terminating zero."""
        for length in (99, 100, 101, 200):
            target = ("x/" + "d" * 60 + "/" + "e" * 140)[:length]
            with self.subTest(length=length), tempfile.TemporaryDirectory() as place:
                self.folder = pathlib.Path(place)
                served = self.put({target: b"long\n"})
                os.link(self.folder / target, self.folder / "x/z")
                for form in ("gnu", "pax"):
                    self.tar(f"--format={form}")
                    self.assertEqual(names_of(self.archive), {**served, "x/z": b"long\n"})

    def test_symbolic_links_are_refused(self) -> None:
        served = self.put(FILES)
        (self.folder / "x/second").symlink_to("first")
        self.tar()
        self.refused("symbolic link", "x/second")
        self.tar("--dereference")
        self.assertEqual(names_of(self.archive), {**served, "x/second": b"first\n"})

    def test_sparse_files_are_refused(self) -> None:
        self.put({"x/sparse": b""})
        os.truncate(self.folder / "x/sparse", 1 << 20)
        self.tar("--format=gnu", "--sparse")
        self.refused("sparse file", "x/sparse")
        for version in ("0.0", "0.1", "1.0"):
            self.tar("--format=pax", "--sparse", f"--sparse-version={version}")
            done = subprocess.run([LIST, self.archive], capture_output=True, text=True, check=False, timeout=20)
            self.assertIn("sparse file", done.stdout)
            self.assertIn("x/sparse", done.stdout.split("\n")[2])

    def test_what_is_no_file_is_refused(self) -> None:
        os.mkfifo(self.folder / "x")
        self.tar()
        self.refused("neither file nor folder nor hard link", "x")

    def test_names_that_nobody_could_open(self) -> None:
        for name, what in (("x/../bin/evil", "`..`"), ("x/a\x1b[2Jb", "control byte"), ("..", "`..`")):
            self.write(tarfile.TarInfo("x/good"), tarfile.TarInfo(name))
            self.assertEqual(self.refused(what, name), 1024)

    def test_a_name_twice_and_one_through_a_file(self) -> None:
        self.write(tarfile.TarInfo("a"), tarfile.TarInfo("b"), tarfile.TarInfo("./a"))
        self.refused("a path appears twice", "a")
        self.write(tarfile.TarInfo("a"), tarfile.TarInfo("a//b"))
        done = subprocess.run([LIST, self.archive], capture_output=True, text=True, check=False, timeout=20)
        self.assertEqual(done.stdout.split("\n")[:3], ["a path leads through a file", "1024", "a/b"])


if __name__ == "__main__":
    unittest.main()
