"""What if the host fails us: a file can't be opened or written, a folder made, a process started?

The command runs again and again in this process, with stubs for QEMU, Meson and ninja. Each time another one of these
operations fails; Python's audit events announce them before they happen. In each case the command must end with a
status that its help explains, print a sentence and no traceback, and leave nothing behind.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pathlib
import re
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator
from unittest import mock

import claims
import volume
from baton_cli import command_run, command_test, main, streams
from host import build, packages, paths
from host.say import CODE_HOST
from machine import disk, firmware, guest

QEMU = """#!/bin/sh
for word; do case $word in file,id=log,path=*) log=${word#*path=};; esac; done
echo '0.000001 INFO power: off, status 0' > $log
exit 33
"""
MESON = """#!/bin/sh
[ $1 = test ] && { echo '{"name": "a", "result": "OK"}' > $FOLDER/meson-logs/$6.json; exit; }
mkdir -p $FOLDER/meson-info && touch $FOLDER/build.ninja
paths="\\"source\\": \\"$SOURCES\\", \\"build\\": \\"$FOLDER\\""
echo "{\\"directories\\": {$paths}}" > $FOLDER/meson-info/meson-info.json
"""
NINJA = "#!/bin/sh\necho '[1/1] made'\n"
NOTHING = "#!/bin/sh\n"
MANIFEST = b'{"programs": [{"name": "process", "image": "bin/process", "arguments": []}]}'
EVENTS = {"open": ("open",), "mkdir": ("os.mkdir",), "spawn": ("subprocess.Popen",),
          "rest": ("os.rename", "os.symlink", "os.truncate", "os.utime", "socket.__new__", "socket.bind",
                   "fcntl.flock")}
TIMES_MAX = 400


class Injector:
    """Fails the nth event of one kind; `seen` counts them."""

    def __init__(self) -> None:
        self.events: tuple[str, ...] = ()
        self.nth = self.seen = 0
        sys.addaudithook(self.hear)  # for good, as an audit hook can't be removed

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event not in self.events or event == "open" and not self.is_file(arguments[0]):
            return
        self.count(errno.ENOSPC, arguments[0] if isinstance(arguments[0], str) else None)

    @staticmethod
    def is_file(path: object) -> bool:
        """Whether it is a file: no descriptor, none of our own modules, and no folder, which is
        opened to remove its contents."""
        return isinstance(path, str) and not path.endswith((".py", ".pyc")) and not os.path.isdir(path)

    def count(self, number: int, name: object) -> None:
        self.seen += 1
        if self.seen == self.nth:
            raise OSError(number, os.strerror(number), name)

    @contextlib.contextmanager
    def failing(self, kind: str, nth: int) -> Iterator[None]:
        self.events, self.nth, self.seen = EVENTS.get(kind, ()), nth, 0
        try:
            with mock.patch("io.open", self.opener(io.open)) if kind == "write" else contextlib.nullcontext():
                yield
        finally:
            self.events = ()

    def opener(self, really: Callable[..., io.IOBase]) -> Callable[..., io.IOBase]:
        """An open() whose files can fail in write()."""
        injector = self

        class Raw(io.FileIO):
            def write(self, data: object) -> int:
                injector.count(errno.ENOSPC, None)
                return super().write(data)  # type: ignore[call-overload, no-any-return]

        def opened(file: object, mode: str = "r", *more: object, **named: object) -> io.IOBase:
            if "w" not in mode:
                return really(file, mode, *more, **named)
            raw = Raw(file, "w")  # type: ignore[arg-type]
            return io.BufferedWriter(raw) if "b" in mode else io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8")

        return opened


INJECTOR = Injector()


def documented(module: object) -> set[int]:
    """The exit statuses that a command's help names."""
    part = (module.__doc__ or "").partition("exit status:")[2]
    return {int(word) for word in re.findall(r"(?<![\w-])\d{1,3}(?![\w-])", part)}


class Stubs(unittest.TestCase):
    """A build folder and programs of a few lines."""

    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name).resolve()
        self.folder = self.place / "build"
        for name, text in (("qemu-system-x86_64", QEMU), ("meson", MESON), ("ninja", NINJA), ("mformat", NOTHING),
                           ("mmd", NOTHING), ("mcopy", NOTHING)):
            self.write(f"bin/{name}", text.encode())
            (self.place / "bin" / name).chmod(0o755)
        self.write("tmp/", b"")
        self.enterContext(mock.patch.dict(os.environ, FOLDER=str(self.folder), SOURCES=str(paths.ROOT),
                                          PATH=f"{self.place}/bin:{os.environ['PATH']}"))
        self.words = ("run", "--built", str(self.folder), "--boot", "pvh", "--accel", "tcg", "-c", "true")
        self.enterContext(mock.patch.object(tempfile, "tempdir", str(self.place / "tmp")))
        self.enterContext(mock.patch.object(paths, "BUILD", self.folder))
        self.enterContext(mock.patch.dict(build.OPTIONS, {self.folder: "-Dchecks=true"}))
        self.enterContext(mock.patch.object(packages, "ensure", lambda **_: None))  # nothing is installed from here
        self.enterContext(mock.patch.object(guest, "DRAIN_SECONDS", 0.01))

    def write(self, name: str, data: bytes) -> None:
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(data)
        else:
            path.mkdir()

    def make_built(self) -> None:
        self.write("build/boot.tar", volume.build([("etc/manifest.json", MANIFEST)]))
        for name in ("boot/pvh.elf", "boot/BOOTX64.EFI", "kernel/kernel.elf"):
            self.write(f"build/{name}", b"\x7fELF")

    def command(self, *words: str) -> tuple[int, str, str]:
        """Status, standard output, standard error."""
        out, said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
        with mock.patch.object(sys, "stdout", out), contextlib.redirect_stderr(said), \
                mock.patch.object(streams, "give_up_stdout"):  # standard output is the tests' own
            status = main.main(list(words))
        out.seek(0)
        return status, out.read(), said.getvalue()


class Commands(Stubs):
    def try_each(self, kind: str, words: tuple[str, ...], statuses: set[int]) -> int:
        """Fail each event of this kind once. Returns how many there are."""
        for nth in range(1, TIMES_MAX):
            with self.subTest(kind=kind, nth=nth, words=words):
                with INJECTOR.failing(kind, nth):
                    status, _, said = self.command(*words)
                if INJECTOR.seen < nth:
                    return nth - 1
                lines = said.splitlines()
                self.assertIn(status, statuses, said)
                self.assertTrue(status == 0 or lines, "not a word")
                if status in (build.CODE_BUILD, CODE_HOST):
                    self.assertTrue(all(line.startswith("baton: ") for line in lines), said)
                left = [name for name in os.listdir(self.place / "tmp") if not name.startswith("baton-log-")]
                self.assertEqual(left, [], said)
                with self.assertRaises(ChildProcessError, msg="a process"):
                    os.waitpid(-1, os.WNOHANG)
        self.fail(f"more than {TIMES_MAX} of {kind}")

    def test_run(self) -> None:
        self.make_built()
        self.assertEqual(self.command(*self.words)[0], 0)
        self.assertIn(CODE_HOST, documented(command_run))
        for kind, least in (("open", 10), ("mkdir", 2), ("spawn", 1), ("write", 1), ("rest", 8)):
            self.assertGreaterEqual(self.try_each(kind, self.words, documented(command_run)), least, kind)

    def test_run_from_firmware(self) -> None:
        """With a disk image, which is made anew each time."""
        self.make_built()
        found = firmware.Firmware(self.place / "OVMF.fd")
        for kind, least in (("open", 15), ("mkdir", 3), ("spawn", 5), ("write", 3), ("rest", 8)):
            with mock.patch.object(disk, "IMAGES_KEPT", 0), mock.patch.object(firmware, "find", return_value=found):
                done = self.try_each(kind, (*self.words, "--boot", "uefi"), documented(command_run))
            self.assertGreaterEqual(done, least, kind)
            self.assertFalse(list(self.folder.glob("run/new-*")), "half an image")

    def test_build_from_nothing(self) -> None:
        for kind, least in (("open", 2), ("mkdir", 1), ("spawn", 2), ("rest", 1)):
            done = self.try_each(kind, ("build",), {0, build.CODE_BUILD, CODE_HOST})
            self.assertGreaterEqual(done, least, kind)
            self.assertEqual(self.command("build")[0], 0, "what is left of the last try is no hindrance")
            build.clear(self.folder)

    def test_test(self) -> None:
        self.write("build/meson-logs/old", b"")
        self.assertEqual(self.command("test")[:2], (0, "1 passed, 0 failed\n"))
        for kind, least in (("open", 5), ("mkdir", 1), ("spawn", 1)):
            self.assertGreaterEqual(self.try_each(kind, ("test",), documented(command_test)), least, kind)

    def test_what_a_dead_run_left(self) -> None:
        """Any next command removes it, except doctor, which changes nothing."""
        with claims.new(self.place / "tmp", claims.PRIVATE) as claim:
            self.command("build")
            self.assertTrue(claim.folder.exists(), "a living one's")
        self.command("doctor")
        self.assertTrue(claim.folder.exists())
        self.command("build")
        self.assertFalse(claim.folder.exists())

    def test_the_sentence_names_the_file(self) -> None:
        self.make_built()
        (self.folder / "boot.tar").unlink()
        (self.folder / "boot.tar").mkdir()
        status, _, said = self.command(*self.words)
        self.assertEqual((status, said), (CODE_HOST, f"baton: {self.folder}/boot.tar: is a directory\n"))


class Built(Stubs):
    """--built with a folder that is no build folder."""

    def test_what_is_said(self) -> None:
        self.make_built()
        for name, data, words in (("boot.tar", b"junk", "is no boot volume"), ("boot.tar", b"", "is no boot volume"),
                                  ("boot/pvh.elf", None, "the build did not make")):
            with self.subTest(name=name):
                path = self.folder / name
                before = path.read_bytes()
                path.unlink()
                if data is not None:
                    path.write_bytes(data)
                status, _, said = self.command(*self.words)
                path.write_bytes(before)
                self.assertEqual((status, said.count("\n")), (build.CODE_BUILD, 1), said)
                self.assertIn(words, said)
        for folder in (self.folder / "boot.tar", self.place / "none"):
            status, _, said = self.command("run", "--built", str(folder))
            self.assertEqual((status, said), (build.CODE_BUILD, f"baton: {folder} is no build folder\n"))

    def test_window(self) -> None:
        """On some systems a window needs a package of its own, which --gui and doctor name."""
        self.make_built()
        with mock.patch.dict(os.environ, DISPLAY=":0"):
            for windows, wanted in (("curses", packages.CODE_MISSING), ("curses gtk", 0)):
                self.write("bin/qemu-system-x86_64", f"#!/bin/sh\nprintf 'QEMU 7.2.0\\n%s\\n' '{windows}'\n".encode())
                status, out, said = self.command(*self.words, "--gui", "--dry-run")
                self.assertEqual(status, wanted, said)
                self.assertEqual("-display gtk" in out, wanted == 0)
                self.assertEqual("qemu-system-gui" in said, wanted != 0)
                self.assertEqual("qemu-system-gui" in self.command("doctor")[1], wanted != 0)

    def test_manifest(self) -> None:
        self.make_built()
        for manifest in (b"{", b"[]", b'{"programs": [{"name": 1}]}', b'{"programs": 1}', None):
            with self.subTest(manifest=manifest):
                members = [("bin/x", b"")] + ([("etc/manifest.json", manifest)] if manifest else [])
                self.write("build/boot.tar", volume.build(members))
                status, _, said = self.command(*self.words, "--with", "a=x")
                self.assertEqual((status, said.count("\n")), (build.CODE_BUILD, 1), said)


if __name__ == "__main__":
    unittest.main()
