"""Memory exhausted, as a user at the terminal sees it: only the processes that took it are killed."""

from __future__ import annotations

import re
import time
import unittest

from machine import PROMPT, Terminal, run

HOG = "test/exec/hog"


class Pressure(Terminal):
    """One CPU. The subclasses have more, and spread programs over all of them."""

    arguments = ("--boot", "pvh", "--timeout", "600")

    def setUp(self) -> None:
        super().setUp()
        self.seen: list[str] = []  # all lines so far, up to a prompt
        self.expect(PROMPT)

    def answer(self, line: str) -> list[str]:
        """The lines up to the next prompt. Lines of the kernel's log may interrupt the echo of the typed line."""
        self.type(line.encode() + b"\r")
        lines = self.expect(PROMPT).decode().replace("\r", "").splitlines()
        self.seen += lines
        return lines

    def free(self) -> int:
        """The number of free frames."""
        seen = "\n".join(self.answer("mem"))
        found = re.search(r"free of these +(\d+) frames", seen)
        assert found is not None, seen
        return int(found[1])

    def is_back(self, before: int) -> bool:
        """Is all memory free again, apart from the few pages that the shell touched for the first time meanwhile?"""
        return abs(self.free() - before) < 12

    def until_told(self, job: int, name: str) -> None:
        """Wait until the shell says, at some prompt, that the job was killed."""
        end = time.monotonic() + 400
        while f"[{job}] killed: out of memory: {name}" not in self.seen:
            self.assertLess(time.monotonic(), end, self.seen)
            time.sleep(0.3)
            self.answer("true")

    def test_a_program_that_keeps_all_it_gets(self) -> None:
        self.answer("sleep 1000 &")
        before = self.free()
        self.type(f"{HOG} keep &\r".encode())
        self.expect(b"hog: has it all")
        self.type(b"\r")
        self.expect(PROMPT)
        self.assertIn("hi", self.answer("echo hi"))
        self.assertIn("hi", self.answer("echo hi"))
        seen = self.answer("ps")  # `ps` itself needs pages, which the hog has
        self.assertTrue(any(line.endswith("sleep") for line in seen), seen)
        self.until_told(2, f"{HOG} keep")
        self.assertTrue(self.is_back(before))
        self.assertIn("[1] 2 running: sleep 1000", self.answer("jobs"))

    def test_several_that_touch_all_there_is(self) -> None:
        self.answer("sleep 1000 &")
        before = self.free()
        for _ in range(3):
            self.answer(f"{HOG} touch &")
        for job in (2, 3, 4):
            self.until_told(job, f"{HOG} touch")
        self.assertTrue(self.is_back(before))
        self.assertIn("[1] 2 running: sleep 1000", self.answer("jobs"))

    def test_those_that_fork_and_touch(self) -> None:
        before = self.free()
        self.answer(f"{HOG} bomb &")
        time.sleep(3)
        seen = self.answer("echo still here")
        self.assertIn("still here", seen)
        self.answer("kill -KILL %1")
        end = time.monotonic() + 400
        while not self.is_back(before):  # processes whose parent has ended go on until they are killed, too
            self.assertLess(time.monotonic(), end)
            time.sleep(0.5)


class PressureOnTwo(Pressure):
    arguments = (*Pressure.arguments, "--smp", "2", "--all-cpus")


class PressureOnFour(Pressure):
    arguments = (*Pressure.arguments, "--smp", "4", "--all-cpus")


class Commands(unittest.TestCase):
    def test_killed_by_name(self) -> None:
        """In the foreground the shell tells the kill; the log says how much each process had, and which one asked."""
        done = run("--boot", "pvh", "-c", f"{HOG} touch; echo $?; echo on")
        self.assertIn("hog: killed: out of memory", done.stdout + done.stderr)
        self.assertEqual(done.stdout.replace("\r", "").splitlines()[-2:], ["137", "on"], done.stderr)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
