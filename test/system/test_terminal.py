"""The terminal's owner, as a user at the keyboard sees it: background commands read nothing and change nothing."""

from __future__ import annotations

import time
import unittest

from machine import CTRL_C, CTRL_D, CTRL_Z, PROMPT, Prompt


class Owner(Prompt):
    """On one CPU."""

    def stops_as(self, line: bytes, told: str) -> None:
        """A command in the background stops, and takes nothing of what is typed for the shell."""
        seen = self.answer(line + b" &") + self.answer(b"sleep 1; echo all of it")
        self.assertEqual(sorted(seen[1:]), [f"[1] {told}: {line.decode()}", "all of it"])

    def ends(self, line: bytes = b"sleep 100") -> None:
        """Ctrl-C ends a command in the foreground."""
        self.enter(line)
        self.assertEqual(self.key(CTRL_C)[-1:], ["^C"])

    def test_a_reader_of_lines_in_the_background(self) -> None:
        """It stops; it stops again when it is only continued; and it reads once it has the terminal."""
        self.stops_as(b"cat", "stopped (terminal input)")
        self.assertEqual(self.answer(b"jobs"), ["[1] 2 stopped (terminal input): cat"])
        seen = self.answer(b"bg") + self.answer(b"sleep 1; echo this too")
        self.assertEqual(sorted(seen[1:]), ["[1] stopped (terminal input): cat", "this too"])
        self.enter(b"fg")
        time.sleep(0.7)
        self.type(b"now\r")
        self.expect(b"now\r\nnow\r\n")
        self.assertEqual(self.key(CTRL_Z), ["^Z", "[1] stopped: cat"])
        seen = self.answer(b"kill -CONT %1") + self.answer(b"sleep 1; echo and this")
        self.assertEqual(sorted(seen), ["[1] stopped (terminal input): cat", "and this"])
        self.enter(b"fg")
        time.sleep(0.7)
        self.type(b"last\r")
        self.expect(b"last\r\nlast\r\n")
        self.assertEqual(self.key(CTRL_D), [])
        self.assertEqual(self.answer(b"jobs"), [])

    def test_a_reader_of_keys_in_the_background(self) -> None:
        """The next owner does not get the raw mode that it leaves behind."""
        self.stops_as(b"terminaltest keys", "stopped (terminal output)")
        self.ends()
        self.enter(b"fg")
        time.sleep(0.7)
        self.type(b"aq")
        self.expect(b"key 97\r\nkey 113\r\nOK\r\n")
        self.expect(PROMPT)
        self.ends()

    def test_what_is_refused(self) -> None:
        """All terminal calls of a background program that does not stop by itself are refused."""
        self.enter(b"terminaltest calls & wait")
        self.assertEqual(self.expect(PROMPT).decode().replace("\r", "").splitlines()[1],
                         "P_BACKGROUND P_BACKGROUND P_BACKGROUND P_PERMISSION")
        self.enter(b"terminaltest take & wait")
        self.assertEqual(self.expect(PROMPT).decode().replace("\r", "").splitlines()[1], "P_BACKGROUND")
        self.ends()

    def test_a_shell_in_the_background(self) -> None:
        """It stops before its prompt. In the foreground it prompts, gives its jobs the terminal, and gets it back."""
        self.stops_as(b"shell", "stopped (terminal input)")
        self.enter(b"fg")
        self.expect(PROMPT)
        self.assertEqual(self.answer(b"echo inner $$"), ["inner 2"])
        self.ends()
        self.enter(b"cat")
        self.assertEqual(self.key(CTRL_Z), ["^Z", "[1] stopped: cat"])
        self.ends()
        self.answer(b"kill -KILL %1")
        self.enter(b"exit")
        self.expect(PROMPT)
        self.assertEqual(self.answer(b"echo outer $$"), ["outer 1"])
        self.ends()

    def test_a_chain_in_the_background(self) -> None:
        """The whole chain stops, does not go on to its next command, and reads once in the foreground."""
        self.stops_as(b"cat && echo behind", "stopped (terminal input)")
        self.enter(b"fg")
        time.sleep(0.7)
        self.type(b"line\r")
        self.expect(b"line\r\nline\r\n")
        self.assertEqual(self.key(CTRL_D), ["behind"])

    def ends_early(self, line: bytes) -> None:
        """Ctrl-C before the command has started, while it starts, or soon after: it always takes effect."""
        for pause_ms in (0, 1, 2, 5, 10, 20, 40):
            self.type(line + b"\r")
            time.sleep(pause_ms / 1000)
            self.type(CTRL_C)
            self.assertNotIn(b"\r\nnot this", self.expect(PROMPT))
            self.assertEqual(self.answer(b"echo $?")[-1:], ["130"], (line, pause_ms))
            self.answer(b"kill -KILL %1; wait")

    def test_control_c_right_behind_enter(self) -> None:
        self.ends_early(b"sleep 100; echo not this")

    def test_control_c_while_a_pipeline_starts(self) -> None:
        self.ends_early(b"sleep 100 | cat | cat | cat | cat | cat | cat | cat")

    def test_control_c_reaches_what_starts_last(self) -> None:
        self.ends_early(b"cat | sleep 100 | cat")

    def test_control_c_right_before_a_wait(self) -> None:
        self.ends_early(b"sleep 100 & wait")

    def test_control_z_right_behind_enter(self) -> None:
        self.type(b"sleep 100 | cat\r" + CTRL_Z)
        self.assertIn(b"^Z\r\n[1] stopped: sleep 100 | cat\r\n", self.expect(PROMPT))


class OwnerOnFour(Owner):
    """With the servers, the shell and what it runs on CPUs of their own."""

    arguments = ("--boot", "pvh", "--smp", "4", "--all-cpus")


if __name__ == "__main__":
    unittest.main()
