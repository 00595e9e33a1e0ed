"""Job control, as a user at the terminal sees it."""

from __future__ import annotations

import re
import time
import unittest

from machine import CTRL_C, CTRL_D, CTRL_Z, PROMPT, ROOT, Prompt, run


class Jobs(Prompt):
    """Each case begins at a prompt."""

    def test_stop_and_go_on(self) -> None:
        self.enter(b"sleep 100")
        self.assertEqual(self.key(CTRL_Z), ["^Z", "[1] stopped: sleep 100"])
        self.assertEqual(self.answer(b"echo $?"), ["148"])
        self.assertRegex("\n".join(self.answer(b"jobs; ps")),
                         r"^\[1\] 2 stopped: sleep 100\n(.*\n)* +2 +1 stopped .* sleep")
        self.assertEqual(self.answer(b"bg")[:1], ["[1] sleep 100 &"])
        self.assertEqual(self.answer(b"jobs"), ["[1] 2 running: sleep 100"])
        self.enter(b"fg %1")
        self.assertEqual(self.key(CTRL_C), ["[1] sleep 100", "^C"])
        self.assertEqual(self.answer(b"echo $?; jobs"), ["130"])

    def test_the_session_in_the_documentation(self) -> None:
        page = (ROOT / "docs" / "shell.md").read_text(encoding="utf-8")
        block = re.search(r"^    baton\$ (.*\n    )*\^C\n", page, re.M)
        assert block is not None
        parts = block[0].replace("\n    ", "\n").strip().split("baton$ ")[1:]
        self.assertEqual(len(parts), 4, block[0])
        for part in parts:
            line, *wanted = part.splitlines()
            with self.subTest(line=line):
                self.enter(line.encode())
                keys = [key for key, shown in ((CTRL_Z, "^Z"), (CTRL_C, "^C")) if shown in wanted]
                seen = self.key(keys[0]) if keys else self.expect(PROMPT).decode().replace("\r", "").splitlines()
                self.assertEqual(seen, wanted)

    def test_a_whole_pipeline(self) -> None:
        self.enter(b"sleep 100 | cat | cat; echo not this")
        self.assertEqual(self.key(CTRL_Z)[:2], ["^Z", "[1] stopped: sleep 100 | cat | cat"])
        processes = "\n".join(self.answer(b"ps"))
        self.assertEqual(processes.count(" stopped "), 3, processes)
        self.enter(b"fg; echo not this")
        self.assertEqual(self.key(CTRL_C), ["[1] sleep 100 | cat | cat", "^C"])
        processes = "\n".join(self.answer(b"ps"))
        self.assertNotIn("cat", processes)
        self.assertNotIn("sleep", processes)

    def test_keys_spare_what_is_in_the_background(self) -> None:
        self.answer(b"sleep 100 | cat &")
        self.enter(b"sleep 200")
        self.key(CTRL_C)
        self.enter(b"sleep 300")
        self.assertEqual(self.key(CTRL_Z), ["^Z", "[2] stopped: sleep 300"])
        self.assertEqual(self.answer(b"jobs"), ["[1] 3 running: sleep 100 | cat", "[2] 5 stopped: sleep 300"])

    def test_control_c_ends_a_wait_only(self) -> None:
        self.answer(b"sleep 100 &")
        self.enter(b"wait; echo not this")
        self.assertEqual(self.key(CTRL_C), ["^C"])
        self.assertEqual(self.answer(b"echo $?; jobs"), ["130", "[1] 2 running: sleep 100"])

    def test_a_stopped_reader_takes_nothing(self) -> None:
        """Input typed later goes to the shell, then to another reader. The stopped reader gets its input when it goes
        on."""
        self.enter(b"cat")
        self.assertEqual(self.key(CTRL_Z), ["^Z", "[1] stopped: cat"])
        self.assertEqual(self.answer(b"echo mine"), ["mine"])
        self.enter(b"cat | cat")
        time.sleep(0.7)
        self.type(b"second\r")
        self.expect(b"second\r\nsecond\r\n")  # typed, and printed
        self.assertEqual(self.key(CTRL_D), [])
        self.enter(b"fg")
        time.sleep(0.7)
        self.type(b"first\r")
        self.expect(b"first\r\nfirst\r\n")
        self.key(CTRL_D)
        self.assertEqual(self.answer(b"jobs"), [])

    def test_leaving_with_stopped_jobs(self) -> None:
        self.answer(b"shell") # a prompt within the prompt
        self.enter(b"sleep 100")
        self.key(CTRL_Z)
        warning = "shell: there are stopped jobs; again, and they end with the shell"
        self.assertEqual(self.answer(b"exit"), [warning])
        self.assertEqual(self.answer(b"true; exit"), [warning], "another command was between")
        self.enter(b"exit 5")
        self.expect(PROMPT)
        self.assertEqual(self.answer(b"echo $?"), ["5"])
        self.assertNotIn("sleep", "\n".join(self.answer(b"ps")))

    def test_a_script_stops_as_a_whole(self) -> None:
        self.enter(b"shell -c 'sleep 100; echo second'")
        self.assertEqual(self.key(CTRL_Z)[1:], ["[1] stopped: shell -c 'sleep 100; echo second'"])
        self.assertEqual("\n".join(self.answer(b"ps")).count(" stopped "), 2)
        self.enter(b"fg")
        self.assertEqual(self.key(CTRL_C)[1:], ["^C"])
        self.assertNotIn("sleep", "\n".join(self.answer(b"ps")))

    def test_kill_by_job(self) -> None:
        self.enter(b"sleep 100 | cat")
        self.key(CTRL_Z)
        self.assertEqual(self.answer(b"kill %1; wait %1"), ["[1] killed by signal 15: sleep 100 | cat"])
        self.answer(b"sleep 200 &")
        self.assertEqual(self.answer(b"kill -KILL %1; wait"), ["[1] killed by signal 9: sleep 200"])
        self.assertEqual(self.answer(b"kill %1"), ["kill: %1: no such job"])

    def test_a_stopped_job_ends_however_the_signal_is_spelled(self) -> None:
        for words, signal in ((b"-15", 15), (b"-SIGTERM", 15), (b"--", 15), (b"-SIGHUP", 1), (b"-1", 1)):
            with self.subTest(words=words):
                self.enter(b"sleep 100")
                self.key(CTRL_Z)
                self.assertEqual(self.answer(b"kill " + words + b" %1; wait %1"),
                                 [f"[1] killed by signal {signal}: sleep 100"])
        self.enter(b"sleep 100")
        self.key(CTRL_Z)
        self.assertEqual(self.answer(b"kill 999 %1; wait %1"),
                         ["kill: 999: no such process", "[1] killed by signal 15: sleep 100"])
        self.assertEqual(self.answer(b"kill -65 1")[0], "kill: no such signal: -65")


class Background(unittest.TestCase):
    """Cases that need no keys."""

    def test_pipelines_and_chains(self) -> None:
        done = run("--boot", "pvh", "-c", "echo one | cat & wait; true && echo two || echo no & wait $!; "
                   "false && echo no & wait $!; echo $?; X=1 && X=2 & wait; echo $X; jobs; sleep 100 | false & "
                   "wait $!; echo $?; fg; exit 9 | cat; help | cat")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = done.stdout.replace("\r", "").splitlines()
        self.assertEqual(lines[:7],
                         ["one", "two", "1", "", "1", "-c:1: fg: only a shell with a prompt controls jobs",
                         "-c:1: exit: no part of a pipeline, and not for the background"])
        self.assertEqual(lines[7][:7], "PROGRAM")


    def lines(self, commands: str, *more: str) -> list[str]:
        done = run("--boot", "pvh", *more, "-c", commands)
        return done.stdout.replace("\r", "").splitlines()

    def test_what_nobody_controls_reads_nothing(self) -> None:
        """Background commands must not eat their script: they read the end of input at once, unless redirected."""
        script = ["cat &", "wait", "echo after", "cat | cat &", "true && cat &", "wait", "cat < /tmp/f &", "wait",
                  "cat", "last"]
        self.assertEqual(self.lines("echo file > /tmp/f\n" + "".join(f"echo '{line}' >> /tmp/s\n" for line in script)
                                    + "shell < /tmp/s; cat & wait; echo end"), ["after", "file", "last", "end"])

    def test_a_last_command_that_is_no_process(self) -> None:
        """There is still a process to wait for, which tells the status."""
        for command, status, told in (("sleep 1 | nosuch", 127, ["-c:1: nosuch: command not found"]),
                                      ("nosuch", 127, ["-c:1: nosuch: command not found"]),
                                      ("/etc", 126, ["-c:1: /etc: not a file"]),
                                      ("sleep 1 | cat < /no", 1, ["-c:1: /no: no such file or directory"]),
                                      ("echo x | jobs", 0, None), ("exit 3", 2, None)):
            with self.subTest(command=command):
                lines = self.lines(f"{command} & echo [$!]; wait $!; echo $?")
                self.assertRegex(lines[-2], r"^\[[1-9]\d*\]$", lines)
                self.assertEqual(lines[-1], str(status), lines)
                if told is not None:
                    self.assertEqual(lines[:-2], told)

    def test_a_stop_within_a_chain_holds(self) -> None:
        """Also in a copy of the first shell, which continues whatever stops in its own script."""
        stop, go_on = ("; ".join(f"kill -{name} {pid} 2> /tmp/e" for pid in (3, 4)) for name in ("STOP", "CONT"))
        for smp in ((), ("--smp", "2", "--all-cpus"), ("--smp", "4", "--all-cpus")):
            with self.subTest(smp=smp):
                lines = self.lines(f"sleep 2 && echo second & sleep 1; {stop}; sleep 2; echo stopped; {go_on}; wait; "
                                   f"echo end", *smp)
                self.assertEqual(lines, ["stopped", "second", "end"])

    def test_jobs_tells_the_state_of_now(self) -> None:
        done = run("--boot", "pvh", "-c", "true &\nsleep 100 &\nkill -STOP %2\nsleep 1\njobs\nkill -KILL %2")
        self.assertEqual(done.stdout.replace("\r", "").splitlines(), ["[2] 3 stopped: sleep 100"], done.stderr)

    def test_as_many_jobs_as_can_be(self) -> None:
        done = run("--boot", "pvh", "-c", "sleep 1 & " * 16
                   + "true & X=$?; true; Y=$?; wait; echo $X $Y; true & echo $?; wait; jobs; true | false")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        refused = "-c:1: there are 16 jobs already"
        self.assertEqual(done.stdout.replace("\r", "").splitlines(), [refused, refused, "1 1", "0"])


if __name__ == "__main__":
    unittest.main()
