"""Does the line that ./baton prints start a gdb that finds sources, stops at breakpoints, and shows callers?"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import unittest

from host import needs

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = os.environ["BATON_BUILT"]
WAITING = re.compile(r"type: (gdb -x \S+)")
SECONDS = 60


def setUpModule() -> None:
    if lacking := needs.lacking("gdb"):
        raise unittest.SkipTest(lacking)


def line_of(file: str, text: str) -> int:
    """The number of the first line with this text."""
    return next(number for number, line in enumerate((ROOT / file).read_text().splitlines(), 1) if text in line)


class Debugger(unittest.TestCase):
    def debug(self, command: list[str], *words: str) -> str:
        """Start gdb by the line that `command` prints, give it these commands, then kill the
        machine. Returns gdb's output."""
        machine = subprocess.Popen(command, cwd=BUILT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        try:
            assert machine.stderr is not None
            line = next(found for said in machine.stderr if (found := WAITING.search(said)))
            wanted = [word for text in (*words, "kill") for word in ("-ex", text)]
            done = subprocess.run([*line[1].split(), "-nx", "-batch", *wanted], capture_output=True, text=True,
                                  timeout=SECONDS, check=False, stdin=subprocess.DEVNULL)
            return done.stdout + done.stderr
        finally:
            machine.terminate()
            machine.communicate(timeout=SECONDS)

    def run_command(self, *words: str) -> list[str]:
        return [sys.executable, str(ROOT / "baton"), "run", "--built", BUILT, "--gdb", *words]

    def test_in_the_kernel_by_file_and_line(self) -> None:
        number = line_of("kernel/calls/endpoint.c", "enum status status = table_find(self, self->arch.frame.target")
        said = self.debug(self.run_command("--boot", "pvh", "-c", "true"), f"break kernel/calls/endpoint.c:{number}",
                          "continue", "backtrace", "list")
        # the source is found
        self.assertRegex(said, rf"kernel/calls/endpoint.c:{number}\n{number}\s+enum status status = table_find")
        self.assertRegex(said, r"#1 .* run_message .*\n#2 .* syscall_run_message .*\n#3 .*syscall\.S")
        self.assertNotIn("Backtrace stopped", said)
        self.assertNotIn("Cannot access", said)

    def test_in_a_server_by_file_and_line(self) -> None:
        """Under firmware, as on a user's machine."""
        number = line_of("servers/files/serve.c", "static uint32_t find_file(") + 1
        said = self.debug(self.run_command("-c", "cat /etc/manifest.json"), "program files",
                          f"break servers/files/serve.c:{number}", "continue", "print number", "backtrace",
                          "info breakpoints")
        self.assertRegex(said, rf"servers/files/serve.c:{number}\n{number}\s+ret_file->in_memory")
        self.assertRegex(said, r"\$1 = [1-9]\d*\n")
        self.assertRegex(said, r"#1 .*servers/files/serve.c:\d+\n")
        self.assertRegex(said, r"#\d+ .*main \(")
        self.assertIn("breakpoint already hit 1 time", said)
        self.assertNotIn("Backtrace stopped", said)

    def test_other_programs_at_the_address_are_not_stopped(self) -> None:
        """The console's main begins at the address of `true`'s main, and runs long before it."""
        said = self.debug(self.run_command("--boot", "pvh", "-c", "true"), "program true", "break *main",
                          "set backtrace past-main on", "continue",
                          "python print(f'the program: {inside.Session.program.runs()}')", "backtrace")
        self.assertIn("the program: True", said)
        self.assertRegex(said, r"#0 +main .*\n#1 .*program_start.*\n#2 .*_start .*start\.S:\d+\n(?!#3)")

    def test_a_breakpoint_of_any_kind_is_for_one_program(self) -> None:
        """Breakpoints set before the symbols are loaded, set with a condition, or given one later."""
        for words in (("set breakpoint pending on", "break *main", "program true"),
                      ("program true", "break *main if 1 == 1"), ("program true", "break *main", "condition 1 1 == 1")):
            with self.subTest(words=words):
                said = self.debug(self.run_command("--boot", "pvh", "-c", "true"), *words, "continue",
                                  "python print(f'the program: {inside.Session.program.runs()}')")
                self.assertIn("the program: True", said)

    def test_a_program_that_is_none(self) -> None:
        said = self.debug(self.run_command("--boot", "pvh", "-c", "true"), "program", "program nothing",
                          "program etc/manifest.json")
        self.assertIn("the name of a program is missing", said)
        self.assertIn("there is no bin/nothing on the volume", said)
        self.assertIn("etc/manifest.json is no program", said)

    def test_in_a_guest_suite(self) -> None:
        said = self.debug([sys.executable, str(ROOT / "tools/suite.py"), "--name", "gdb", "--loader",
                           f"{BUILT}/boot/pvh.elf", "--kernel", f"{BUILT}/kernel/kernel.elf", "--init",
                           f"{BUILT}/test/guest/guest_smp.elf", "--gdb"],
                          "break system_info_counts_the_cpus", "continue", "backtrace")
        self.assertRegex(said, r"guest/smp\.c:\d+\n")
        self.assertNotIn("No such file", said)


if __name__ == "__main__":
    unittest.main()
