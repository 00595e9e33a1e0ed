"""A booted machine: ./baton run with commands, or with a terminal on which a test types.

BATON_BUILT names the build folder whose files are booted, by way of a private folder that looks like it. So `run/last`
there is our last run, even if other machines run. --timeout bounds each machine's time.
"""

from __future__ import annotations

import atexit
import os
import pathlib
import pty
import select
import shutil
import subprocess
import tempfile
import termios
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = tempfile.mkdtemp(prefix="bsys-")
atexit.register(shutil.rmtree, BUILT)
for name in ("boot", "boot.tar", "kernel", "test"):
    os.symlink(f"{os.environ['BATON_BUILT']}/{name}", f"{BUILT}/{name}")
MACHINE_SECONDS = "60"
SESSION_SECONDS = 60.0
PROMPT = b"baton$ "
CTRL_C, CTRL_D, CTRL_Z = b"\x03", b"\x04", b"\x1a"


def command(*arguments: str) -> list[str]:
    return [str(ROOT / "baton"), "run", "--built", BUILT, "--accel", "tcg", "--timeout", MACHINE_SECONDS, *arguments]


def run(*arguments: str, seconds: float = 2 * SESSION_SECONDS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                          timeout=seconds)


def piped(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a session whose standard input is a pipe that holds `text`, and then ends."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, input=text,
                          timeout=2 * SESSION_SECONDS)


class Terminal(unittest.TestCase):
    """A machine with a terminal; each test of a subclass gets a new one."""

    arguments: tuple[str, ...] = ("--boot", "pvh")

    def setUp(self) -> None:
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.output = b""
        self.process = subprocess.Popen(command(*self.arguments), stdin=slave, stdout=slave, stderr=slave)

    def tearDown(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        os.close(self.master)
        os.close(self.slave)

    def expect(self, text: bytes) -> bytes:
        """The output up to `text`, which must come."""
        end = time.monotonic() + SESSION_SECONDS
        while text not in self.output:
            ready = select.select([self.master], [], [], max(0.0, end - time.monotonic()))[0]
            if not ready:
                self.fail(f"{text!r} did not come; the screen shows {self.output!r}")
            self.output += os.read(self.master, 4096)
        found, _, self.output = self.output.partition(text)
        return found

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def end(self) -> int:
        self.process.wait(SESSION_SECONDS)
        return self.process.returncode


class Prompt(Terminal):
    """Each case begins at a prompt."""

    def setUp(self) -> None:
        super().setUp()
        self.expect(PROMPT)

    def enter(self, line: bytes) -> None:
        """Type a line, and wait until it is all on the screen."""
        self.type(line + b"\r")
        self.expect(line + b"\r\n")

    def answer(self, line: bytes) -> list[str]:
        """The lines that a command prints."""
        self.enter(line)
        return self.expect(PROMPT).decode().replace("\r", "").splitlines()

    def key(self, key: bytes) -> list[str]:
        """Press a key while a command runs, which needs some time to react. Returns the lines up to the prompt."""
        time.sleep(0.7)
        self.type(key)
        return self.expect(PROMPT).decode().replace("\r", "").splitlines()
