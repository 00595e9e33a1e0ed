"""Does each test that wants an extra tool skip itself as Meson understands it, whichever tool is hidden? And does the
proof tool name a proof that it lacks?

A TAP test is skipped by the plan `1..0 # SKIP reason` and status 0. Any other status is an error, also 77, which means
"skipped" in other protocols.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from host import needs

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPIN = [str(ROOT / "test/spin/run_spin.py"), "--model", str(ROOT / "test/spin/ipc.pml")]
PROOF = [str(ROOT / "test/proof/prove.py")]
TESTS = {"spin": SPIN, **dict.fromkeys(needs.PROVERS, PROOF)}
SECONDS = 60


def path_without(program: str, folder: pathlib.Path) -> str:
    """A PATH with all programs of the usual one, except `program`."""
    for place in os.environ["PATH"].split(os.pathsep):
        for file in pathlib.Path(place).glob("*"):
            if file.name != program and not (folder / file.name).is_symlink():
                (folder / file.name).symlink_to(file)
    return str(folder)


class HiddenExtras(unittest.TestCase):
    def test_each_extra_hidden_in_turn(self) -> None:
        for program, command in TESTS.items():
            with self.subTest(hidden=program), tempfile.TemporaryDirectory() as place:
                path = path_without(program, pathlib.Path(place))
                self.assertIsNone(shutil.which(program, path=path))
                done = subprocess.run([sys.executable, *command], env={**os.environ, "PATH": path}, capture_output=True,
                                      text=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stdout, rf"^TAP version 13\n1\.\.0 # SKIP not installed: .*\b{program}\b")


class WrongNames(unittest.TestCase):
    def test_a_proof_that_is_not_there(self) -> None:
        done = subprocess.run([sys.executable, *PROOF, "--places", "elf", "nosuch"], capture_output=True, text=True,
                              timeout=SECONDS, check=False, stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("there is no proof nosuch; there are elf, ", done.stderr)
