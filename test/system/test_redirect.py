"""Redirection: files in place of a command's input and output."""

from __future__ import annotations

import unittest

from machine import ROOT, run

MANIFEST_BYTES = (ROOT / "servers" / "init" / "manifest.json").stat().st_size


class Redirection(unittest.TestCase):
    """Each case is one machine; a case's lines are compared one by one."""

    def check(self, commands: str, *wanted: str) -> None:
        done = run("--boot", "pvh", "-m", "64", "-c", commands)
        self.assertEqual(done.stdout.replace("\r", "").splitlines()[: len(wanted)], list(wanted),
                         done.stdout + done.stderr)

    def test_write_append_and_read(self) -> None:
        self.check("echo one two > /tmp/f; cat /tmp/f; echo three>>/tmp/f; cat < /tmp/f; > /tmp/f; cat /tmp/f; >> "
                   "/tmp/f echo 'a > b'; cat /tmp/f; echo x > '/tmp/two words'; ls /tmp; F=/tmp/g; ls /etc > $F; cat "
                   "$F; cat < /etc/manifest.json > /tmp/m\nls -l /tmp/m",
                   "one two", "one two", "three", "a > b", "f", "two words", "manifest.json", "rc",
                   f"      {MANIFEST_BYTES:4} /tmp/m")

    def test_errors_of_a_program(self) -> None:
        self.check("cat /no > /tmp/o 2> /tmp/e; cat /tmp/o; cat /tmp/e; cat /no > /tmp/both 2>&1; echo $?; cat "
                   "/tmp/both; cat /no 2>&1 > /tmp/o | cat; echo told >&2 2> /tmp/e; cat /tmp/e; nosuch 2> /tmp/e; "
                   "echo $?; cat /tmp/e\nshell -c 'cat /own 2>&1' > /tmp/o; cat /tmp/o /tmp/o",
                   "cat: /no: no such file or directory", "1", "cat: /no: no such file or directory",
                   "cat: /no: no such file or directory", "told", "127", "-c:1: nosuch: command not found",
                   "cat: /own: no such file or directory", "cat: /own: no such file or directory")

    def test_what_is_built_in(self) -> None:
        self.check("help > /tmp/h; jobs > /tmp/j; X=1; unset X > /tmp/f; echo $X.; ls /tmp; help | cat > /tmp/i; cat "
                   "/tmp/h > /tmp/k; exit 7 2> /tmp/e; echo not this", ".", "f", "h", "j")

    def test_pipelines(self) -> None:
        self.check("echo one | cat > /tmp/f; cat < /tmp/f | cat | cat; echo two > /tmp/f | cat; cat /tmp/f; cat < "
                   "/tmp/f > /tmp/g & wait; cat /tmp/g; echo x > /tmp/f && cat /tmp/f & wait; echo 'echo five; cat' > "
                   "/tmp/s; echo rest >> /tmp/s; shell < /tmp/s; echo 'false; exit 4' | shell; echo $?; false; echo "
                   "$? | cat", "one", "two", "two", "x", "five", "rest", "4", "1")

    def test_each_error_names_the_file(self) -> None:
        self.check("echo x > /bin/x; echo $?; cat < /tmp/none; echo $?; echo x > /tmp; echo x > /tmp/no/x; echo x >> "
                   "/etc/manifest.json\necho x > /tmp/f; cat < /tmp/f/x; help > /bin/h; echo $?\n"
                   "true < /tmp/none | echo y; echo x < /tmp/none > /tmp/new; ls /tmp; cat < /tmp/f < /tmp",
                   "-c:1: /bin/x: it can't be changed: the boot volume is read only", "1",
                   "-c:1: /tmp/none: no such file or directory", "1", "-c:1: /tmp: not a file",
                   "-c:1: /tmp/no/x: no such file or directory",
                   "-c:1: /etc/manifest.json: it can't be changed: the boot volume is read only",
                   "-c:2: /tmp/f/x: not a directory",
                   "-c:2: /bin/h: it can't be changed: the boot volume is read only", "1",
                   "-c:3: /tmp/none: no such file or directory", "y",
                   "-c:3: /tmp/none: no such file or directory", "f", "-c:3: /tmp: not a file")

    def test_syntax(self) -> None:
        for line, words in (("cat 3< /tmp/f", "column 5: only 0, 1 and 2 can be redirected"),
                            ("echo >", "column 6: no file after the redirection"),
                            ("echo x > $NONE", "column 8: the redirection's file has an empty name")):
            with self.subTest(line=line):
                self.check(line + "\necho $?", "-c:1: " + words, "2")

    def test_what_does_not_fit_is_told(self) -> None:
        self.check("cat /bin/shell /bin/shell /bin/shell /bin/shell > /tmp/a; echo $?\n"
                   "cat /tmp/a /tmp/a /tmp/a /tmp/a /tmp/a /tmp/a /tmp/a /tmp/a /tmp/a > /tmp/b; echo $?\n"
                   "cat /tmp/b /tmp/b > /tmp/c; echo $?; help > /tmp/f; echo $?; rm /tmp/b; help > /tmp/f; echo $?",
                   "0", "cat: stdout: no space is left", "1", "cat: stdout: no space is left", "1",
                   # they are charged to the shell, which has opened them
                   "-c:3: help: stdout: no space is left", "1", "0")


if __name__ == "__main__":
    unittest.main()
