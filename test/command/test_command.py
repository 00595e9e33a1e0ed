"""Does ./baton run do what it says when its streams, its folders and the processes around it are not as usual?

Machines are real ones, of the build folder BATON_BUILT. Temporary files go to a folder of the test's own.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import pty
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = pathlib.Path(os.environ["BATON_BUILT"])
QEMU = "qemu-system-x86_64"
SECONDS = 60.0
HOST_FAILED = 78
WRAPPER = "#!/bin/sh\n{} \"$@\"\nexit $?\n"
SLEEPER = "#!/bin/sh\n[ \"$1\" = test ] || exit 0\necho started\nsetsid setsid sleep 6{0} & setsid sleep 6{0} & wait\n"


def is_named_anywhere(text: str) -> bool:
    """Whether a process's command line holds `text`."""
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ")
            if place.name != str(os.getpid()) and text.encode() in words:
                return True
    return False


class Place(unittest.TestCase):
    """A folder for temporary files, and a private one that looks like the build folder but keeps its own logs."""

    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory(prefix="bcmd-")
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)
        self.tmp = self.place / "tmp"
        self.built = self.place / "built"
        self.tmp.mkdir()
        self.built.mkdir()
        for name in ("boot", "boot.tar", "kernel"):
            (self.built / name).symlink_to(BUILT / name)
        self.environment = {**os.environ, "TMPDIR": str(self.tmp)}

    def words(self, *more: str | bytes) -> list[str | bytes]:
        return [str(ROOT / "baton"), "run", "--built", str(self.built), "--boot", "pvh", "--accel", "tcg",
                "--timeout", "50", *more]

    def run_it(self, *more: str | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                                 "env": self.environment, "timeout": SECONDS, **options}
        done = subprocess.run(self.words(*more), check=False, **given)
        self.assertNotIn(b"Traceback", done.stderr or b"")
        self.assertEqual([name for name in os.listdir(self.tmp) if name.startswith("baton-run-")], [])
        return done

    def check_refused(self, done: subprocess.CompletedProcess[bytes], words: str) -> None:
        self.assertEqual((done.returncode, done.stderr.decode()), (HOST_FAILED, f"baton: {words}\n"))

    def wait_until(self, condition: Any, seconds: float = 10.0) -> bool:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True


class Streams(Place):
    def test_full_output(self) -> None:
        with open("/dev/full", "wb") as full:
            done = self.run_it("-c", "echo x", stdout=full)
        self.check_refused(done, "standard output: no space left on device")

    def test_closed_output(self) -> None:
        done = self.run_it("-c", "echo x", preexec_fn=lambda: os.close(1))
        self.check_refused(done, "standard output: bad file descriptor")

    def test_output_that_nobody_reads(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        done = self.run_it("-c", "echo x", stdout=writing)
        os.close(writing)
        self.assertEqual((done.returncode, done.stderr), (128 + signal.SIGPIPE, b""))

    def test_help(self) -> None:
        """Help is written as the command ends, so a failed write must still be reported."""
        reading, writing = os.pipe()
        os.close(reading)
        with open("/dev/full", "wb") as full, os.fdopen(writing, "wb") as unread:
            for output, status, said in ((full, HOST_FAILED, b"baton: standard output: no space left on device\n"),
                                         (unread, 128 + signal.SIGPIPE, b"")):
                done = subprocess.run([str(ROOT / "baton"), "help", "run"], stdout=output, stderr=subprocess.PIPE,
                                      env=self.environment, check=False)
                self.assertEqual((done.returncode, done.stderr), (status, said))

    def test_closed_errors(self) -> None:
        done = self.run_it("-c", "echo x; false", preexec_fn=lambda: os.close(2))
        self.assertEqual((done.returncode, done.stdout[:2]), (1, b"x\n"))

    def test_full_errors(self) -> None:
        with open("/dev/full", "wb") as full:
            done = self.run_it("-c", "echo x; crash read", stderr=full)
        self.assertEqual((done.returncode, done.stdout[:2]), (128 + 11, b"x\n"))

    def test_closed_input(self) -> None:
        self.assertEqual(self.run_it("-c", "echo x", preexec_fn=lambda: os.close(0)).stdout[:2], b"x\n")

    def test_bytes(self) -> None:
        for more in ({}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
            done = self.run_it("-c", b"echo gr\xc3\xbcn \xff\xfe", env={**self.environment, **more})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.partition(b"\n")[0], b"gr\xc3\xbcn \xff\xfe")


class Keys(Place):
    """Standard input that is no terminal. The first keys wake the shell up."""

    LINES = b"\n\necho some $((3)) keys\nexit 3\n"

    def test_file(self) -> None:
        (self.place / "keys").write_bytes(self.LINES)
        with (self.place / "keys").open("rb") as keys:
            done = self.run_it(stdin=keys)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)

    def test_socket(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(self.LINES)
            done = self.run_it(stdin=theirs, start_new_session=True)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)

    def test_terminal_that_goes_away(self) -> None:
        """The terminal's window is closed. No signal comes, since it is not our controlling terminal."""
        master, slave = pty.openpty()
        with subprocess.Popen(self.words(), env=self.environment, stdin=slave, stdout=slave,
                              stderr=subprocess.PIPE) as command:
            os.close(slave)
            self.assertTrue(self.wait_until(lambda: list(self.built.glob("run/log-*/kernel.log"))))
            os.close(master)
            said = command.communicate(timeout=SECONDS)[1].decode()
        self.assertEqual(command.returncode, HOST_FAILED, said)
        self.assertRegex(said.splitlines()[-1], r"^baton: [a-z :]*input/output error$")


class Levels(Place):
    """The host reads from the kernel's log how a machine ended. `--log` must not take that away."""

    def test_end_is_told_at_every_level(self) -> None:
        for command, status, line in (("exit 3", 3, "INFO power: off, status 3\n"),
                                      ("reboot", 0, "INFO power: reboot\n")):
            with self.subTest(command=command):
                done = self.run_it("--log", "error", "-c", command)
                self.assertEqual(done.returncode, status, done.stderr)
                log = (self.built / "run" / "last" / "kernel.log").read_text()
                self.assertRegex(log, rf"^[0-9.]+ {line}$")


class Folders(Place):
    def test_names(self) -> None:
        for name in ("long-" + 90 * "n", "with,a comma", "with $PATH 'and' \"more\"", "grün"):
            with self.subTest(name=name):
                self.tmp = self.place / name
                self.tmp.mkdir()
                done = self.run_it("-c", "echo x", env={**self.environment, "TMPDIR": str(self.tmp)})
                self.assertEqual((done.returncode, done.stdout[:2]), (0, b"x\n"), done.stderr)

    def test_small(self) -> None:
        limit = (1 << 20, 1 << 20)
        done = self.run_it("-c", "echo x", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        self.assertEqual(done.returncode, HOST_FAILED)
        self.assertRegex(done.stderr, rb"^baton: /.*/boot\.tar: file too large\n$")

    def test_one_that_can_hold_no_log(self) -> None:
        (self.built / "run").touch()
        done = self.run_it("-c", "echo x")
        self.assertEqual((done.returncode, done.stdout[:2]), (0, b"x\n"))
        said = done.stderr.decode()
        self.assertIn("run can't be written", said)
        self.assertTrue((pathlib.Path(said.strip().rpartition(" ")[2]) / "kernel.log").exists(), said)

    def test_machines_at_once_and_the_log_of_a_long_one(self) -> None:
        """More machines come and go than logs are kept."""
        with subprocess.Popen(self.words("-c", "sleep 60"), env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as long:
            self.assertTrue(self.wait_until(lambda: list(self.built.glob("run/log-*/kernel.log"))))
            (log,) = self.built.glob("run/log-*/kernel.log")
            for _ in range(3):
                others = [subprocess.Popen(self.words("-c", "true"), env=self.environment, stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(3)]
                for other in others:
                    said = other.communicate(timeout=SECONDS)[1]
                    self.assertEqual((other.returncode, said), (0, b""))
            self.assertTrue(log.exists())
            long.terminate()
            self.assertEqual((long.communicate(timeout=SECONDS)[1], long.returncode), (b"", 128 + signal.SIGTERM))


class Ends(Place):
    """QEMU is started by a script that waits for it, as distributions and profilers do."""

    def setUp(self) -> None:
        super().setUp()
        programs = self.place / "bin"
        programs.mkdir()
        self.write(programs / QEMU, WRAPPER.format(shutil.which(QEMU)))
        self.environment["PATH"] = f"{programs}:{os.environ['PATH']}"

    def write(self, path: pathlib.Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def test_time_is_out(self) -> None:
        done = self.run_it("--timeout", "3", "-c", "sleep 60")
        self.assertEqual(done.returncode, 124)
        self.assertFalse(is_named_anywhere(str(self.tmp)))

    def test_killed(self) -> None:
        with subprocess.Popen(self.words("-c", "sleep 60"), env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as command:
            self.assertTrue(self.wait_until(lambda: is_named_anywhere(f"path={self.tmp}")))
            command.kill()
        self.assertTrue(self.wait_until(lambda: not is_named_anywhere(str(self.tmp)), 3), "QEMU is still there")
        self.run_it("-c", "true")  # removes what the killed run left

    def test_test_is_ended(self) -> None:
        """./baton test with a Meson whose tests are in sessions of their own, as the real one's are."""
        mark = str(os.getpid())
        self.write(self.place / "bin" / "meson", SLEEPER.format(mark))
        self.write(self.place / "bin" / "ninja", "#!/bin/sh\necho 'ninja: no work to do.'\n")
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal=number.name), \
                 subprocess.Popen([str(ROOT / "baton"), "test"], env=self.environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as command:
                assert command.stdout is not None
                self.assertEqual(command.stdout.readline(), b"started\n")
                self.assertTrue(self.wait_until(lambda: is_named_anywhere(f"sleep 6{mark}")))
                command.send_signal(number)
                command.wait(10)
                gone = self.wait_until(lambda: not is_named_anywhere(f"sleep 6{mark}"), 3)
                self.assertTrue(gone, "a test is still there")


if __name__ == "__main__":
    unittest.main()
