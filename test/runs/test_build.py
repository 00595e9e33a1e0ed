"""Is a build folder used only when Meson finished it for this place, and by one builder at a time?

Meson and ninja are stubs.
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

from host import build, paths, test_log
from host.say import UserError

STUBS = {"meson": """#!/bin/sh
[ "$1" = configure ] && { echo "$@" >> $PLACE/configured; exit; }
for word; do folder=$sources sources=$word; done
mkdir -p $folder/meson-private && touch $folder/meson-private/coredata.dat
[ -e $PLACE/cut ] && kill -9 $$
mkdir -p $folder/meson-info && touch $folder/build.ninja
paths="\\"source\\": \\"$sources\\", \\"build\\": \\"$(realpath $folder)\\""
echo "{\\"directories\\": {$paths}}" > $folder/meson-info/meson-info.json
echo $folder >> $PLACE/set-up
""", "ninja": """#!/bin/sh
[ "$3" = -n ] && { [ -e $PLACE/changed ] || echo 'ninja: no work to do.'; exit; }
[ -e $PLACE/building ] && touch $PLACE/met
[ -e $PLACE/slow ] && { touch $PLACE/building; sleep 0.5; rm $PLACE/building; }
[ -e $PLACE/killed ] && kill -9 $$
[ -e $PLACE/doubtful ] && echo 'a.c:1:2: warning: doubtful'
echo '[1/1] made'
"""}
BUILDER = f"""
import pathlib, sys
sys.path.insert(0, {str(paths.ROOT / "tools")!r})
from host import build, packages
packages.ensure = lambda **_: None
folder = pathlib.Path(sys.argv[1])
build.OPTIONS[folder] = "-Dx=y"
with build.ready(folder):
    print("ready", flush=True)
    if len(sys.argv) > 2:
        sys.stdin.read()
"""


class Stubs(unittest.TestCase):
    """A clone without a build folder, with a Meson and a ninja that only log their calls."""

    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name).resolve()
        (self.place / "bin").mkdir()
        for name, text in STUBS.items():
            (self.place / "bin" / name).write_text(text)
            (self.place / "bin" / name).chmod(0o755)
        self.enterContext(mock.patch.dict(os.environ, PLACE=str(self.place),
                                          PATH=f"{self.place}/bin:{os.environ['PATH']}"))
        self.sources = self.place / "clone"
        self.sources.mkdir()
        self.folder = self.sources / "build"


class Folders(Stubs):
    def configure(self, sources: pathlib.Path | None = None) -> str:
        """Configure the folder. Returns the output on standard error."""
        said = io.StringIO()
        sources = sources or self.sources
        with contextlib.redirect_stderr(said):
            build.configure(sources / "build", sources)
        return said.getvalue()

    def set_up(self) -> list[str]:
        """The folders that Meson has set up so far."""
        return (self.place / "set-up").read_text().split()

    def test_once(self) -> None:
        self.configure()
        self.assertTrue(build.is_configured(self.folder, self.sources))
        self.assertEqual(self.configure(), "")
        self.assertEqual(self.set_up(), [str(self.folder)])

    def test_interrupted(self) -> None:
        (self.place / "cut").touch()
        with self.assertRaises(UserError):
            self.configure()
        (self.place / "cut").unlink()
        self.assertIn("left half set up", self.configure())
        self.assertTrue(build.is_configured(self.folder, self.sources))

    def test_interrupted_behind_its_last_file(self) -> None:
        self.configure()
        (self.folder / build.BEGUN).touch()
        (self.folder / "old").touch()
        self.assertIn("left half set up", self.configure())
        self.assertFalse((self.folder / "old").exists())

    def test_set_up_by_hand(self) -> None:
        subprocess.run(["meson", "setup", str(self.folder), str(self.sources)], check=True)
        self.assertEqual(self.configure(), "")

    def test_copied(self) -> None:
        self.configure()
        (self.folder / "run").mkdir()
        before = sorted(path.stat().st_mtime_ns for path in self.sources.rglob("*"))
        copy = self.place / "copy"
        subprocess.run(["cp", "-a", str(self.sources), str(copy)], check=True)
        self.assertIn(f"was set up for {self.sources}; it is set up anew", self.configure(copy))
        self.assertEqual(self.set_up(), [str(self.folder), str(copy / "build")])
        self.assertEqual(sorted(path.stat().st_mtime_ns for path in self.sources.rglob("*")), before)
        self.assertEqual(self.configure(copy), "")

    def test_moved(self) -> None:
        self.configure()
        moved = self.place / "moved"
        self.sources.rename(moved)
        self.assertIn("set up anew", self.configure(moved))
        self.assertFalse(self.sources.exists())

    def test_copied_with_a_link_to_the_others_build_folder(self) -> None:
        (self.place / "disk").mkdir()
        self.folder.symlink_to(self.place / "disk")
        self.configure()
        self.assertTrue(build.is_configured(self.folder, self.sources), "a build folder may be a link")
        with mock.patch.object(build, "is_elsewheres", lambda folder: True):
            build.lock_folder(self.folder)
        self.assertFalse(self.folder.is_symlink())
        self.assertTrue((self.place / "disk" / "build.ninja").exists())

    def test_one_that_cannot_be_written(self) -> None:
        self.folder.touch()
        with self.assertRaises(UserError) as caught:
            build.lock_folder(self.folder)
        self.assertEqual(caught.exception.code, build.CODE_BUILD)


class Warnings(Stubs):
    def test_a_warning_is_shown(self) -> None:
        """A user's build goes on despite it, and a developer sees it."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            build.compile_folder(self.place)
            self.assertNotIn("doubtful", said.getvalue())
            (self.place / "doubtful").touch()
            build.compile_folder(self.place)
        self.assertIn("a.c:1:2: warning: doubtful", said.getvalue())

    def test_a_build_that_is_killed(self) -> None:
        (self.place / "killed").touch()
        with self.assertRaisesRegex(UserError, "ended from outside, by SIGKILL"):
            build.compile_folder(self.place)

    def test_a_warning_may_be_an_error(self) -> None:
        with mock.patch.dict(build.OPTIONS, {self.folder: "-Dx=y"}), mock.patch.object(build.packages, "ensure"), \
                contextlib.redirect_stderr(io.StringIO()):
            for werror, wanted in ((False, ""), (True, f"configure -Dwerror=true {self.folder}\n")):
                with build.ready(self.folder, werror=werror):
                    pass
                log = self.place / "configured"
                self.assertEqual(log.read_text() if log.exists() else "", wanted)


class Builders(Stubs):
    """Several processes that build in one folder."""

    def start(self, *more: str) -> subprocess.Popen[str]:
        builder = subprocess.Popen([sys.executable, "-c", BUILDER, str(self.folder), *more], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(builder.communicate)
        return builder

    def setUp(self) -> None:
        super().setUp()
        subprocess.run(["meson", "setup", str(self.folder), str(paths.ROOT)], check=True)

    def test_take_turns(self) -> None:
        (self.place / "slow").touch()
        (self.place / "changed").touch()
        said = [builder.communicate() for builder in [self.start() for _ in range(3)]]
        self.assertEqual([out for out, _ in said], ["ready\n"] * 3)
        self.assertFalse((self.place / "met").exists(), "two ninjas in one folder")
        self.assertTrue(any("waiting for its end" in errors for _, errors in said), said)

    def test_users_wait_for_nobody_while_there_is_nothing_to_build(self) -> None:
        user = self.start("use")
        assert user.stdout is not None
        self.assertEqual(user.stdout.readline(), "ready\n")
        self.assertEqual(self.start().communicate(timeout=10)[0], "ready\n")
        (self.place / "changed").touch()
        builder = self.start()
        assert builder.stderr is not None
        self.assertIn("another ./baton uses it", builder.stderr.readline())
        self.assertIsNone(builder.poll())
        user.communicate("")
        self.assertEqual(builder.communicate(timeout=10)[0], "ready\n")

    def test_one_that_is_used_as_it_is(self) -> None:
        (self.place / "slow").touch()
        builder = self.start()
        while not (self.place / "building").exists():
            time.sleep(0.01)
        said = io.StringIO()
        with contextlib.redirect_stderr(said), build.finished(self.folder):
            self.assertFalse((self.place / "building").exists())
        self.assertIn("another ./baton builds", said.getvalue())
        builder.communicate()


class Results(Stubs):
    def test_logs_of_tests_at_once(self) -> None:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), test_log.claimed(self.folder) as first:
            first.write_text('{"result": "OK"}\n')
            with test_log.claimed(self.folder) as second:
                self.assertEqual([first.name, second.name], ["testlog.json", "testlog-2.json"])
                self.assertEqual(test_log.count(second).passed, 0)
            self.assertEqual(test_log.count(first).passed, 1)
        self.assertIn("testlog-2.txt", said.getvalue())
        with test_log.claimed(self.folder) as log:
            self.assertFalse(log.exists(), "figures of a former run")


if __name__ == "__main__":
    unittest.main()
