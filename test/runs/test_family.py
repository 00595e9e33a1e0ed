"""Do all processes that a command started end with it, however it ends?"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import family

TOOLS = pathlib.Path(family.__file__).parent
GONE_SECONDS = 2.0  # 0.3 for those that can tidy up, the rest for a busy host
DEAF = """import signal, time
for number in (1, 2, 15):
    signal.signal(number, signal.SIG_IGN)
print('there', flush=True)
time.sleep(60)
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
COMMAND = f"""
import subprocess, sys, time
sys.path.insert(0, {str(TOOLS)!r})
import family
def work():
    subprocess.Popen([sys.executable, "-c", {PARENT!r}, {DEAF!r}, sys.argv[1]], start_new_session=True)  # as Meson does
    if sys.argv[2] == "stay":
        time.sleep(60)
    time.sleep(1)
    return 7
sys.exit(family.run(work))
"""


class Endings(unittest.TestCase):
    """A process two sessions below the command, whose parent is killed and which ignores all
    signals that can be ignored."""

    def named(self, mark: str) -> list[int]:
        found = []
        for place in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (place / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark.encode() in words and int(place.name) != os.getpid():
                found.append(int(place.name))
        return found

    def start(self, way: str = "stay") -> tuple[subprocess.Popen[str], str]:
        mark = f"mark-{next(tempfile._get_candidate_names())}"  # type: ignore[attr-defined]
        command = subprocess.Popen([sys.executable, "-c", COMMAND, mark, way], stdout=subprocess.PIPE, text=True,
                                   start_new_session=True)
        assert command.stdout is not None
        self.addCleanup(command.stdout.close)
        self.assertEqual(command.stdout.readline(), "there\n")
        return command, mark

    def check_gone(self, mark: str) -> None:
        end = time.monotonic() + GONE_SECONDS
        while self.named(mark) and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(self.named(mark), [])

    def test_by_each_signal(self) -> None:
        for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGKILL, -9)):
            with self.subTest(signal=number.name):
                command, mark = self.start()
                command.send_signal(number)
                self.assertEqual(command.wait(10), status)
                self.check_gone(mark)

    def test_by_a_key_which_both_get(self) -> None:
        command, mark = self.start()
        os.killpg(command.pid, signal.SIGINT)
        self.assertEqual(command.wait(10), 130)
        self.check_gone(mark)

    def test_by_the_end_of_the_worker(self) -> None:
        """The host's out-of-memory killer may choose the worker."""
        command, mark = self.start()
        (worker,) = family.children()[command.pid]
        os.kill(worker, signal.SIGKILL)
        self.assertEqual(command.wait(10), 137)
        self.check_gone(mark)

    def test_what_the_shell_started_before(self) -> None:
        """A shell that becomes the command by exec leaves its own children to it."""
        mark = str(os.getpid())
        script = f"sleep 61.{mark} & exec {sys.executable} -c \"$1\" deaf-{mark} go"
        done = subprocess.run(["sh", "-c", script, "sh", COMMAND], stdout=subprocess.DEVNULL, check=False, timeout=20)
        self.assertEqual(done.returncode, 7)
        self.check_gone(f"deaf-{mark}")
        (older,) = self.named(f"61.{mark}")
        os.kill(older, signal.SIGKILL)

    def test_in_order(self) -> None:
        command, mark = self.start("go")
        self.assertEqual(command.wait(10), 7)
        self.check_gone(mark)


if __name__ == "__main__":
    unittest.main()
