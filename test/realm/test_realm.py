"""What does a realm's suite say of a mistake, and who is in its manifest?"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import realm
from baton_cli import main
from host import needs

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILT = pathlib.Path(os.environ["BATON_BUILT"])
SECONDS = 100


def command(name: str) -> list[str]:
    """How a realm's suite is run."""
    tests = json.loads((BUILT / "meson-info" / "intro-tests.json").read_text())
    found: list[str] = next(test["cmd"] for test in tests if test["name"] == name)
    return found


class Mistakes(unittest.TestCase):
    def run_case(self, case: str) -> str:
        words = [word.replace("/relay_mocked", "/relay_wrong") for word in command("relay_mocked")]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([*words, "--case", case, "--output", f"{folder}/run"], capture_output=True, text=True,
                                  check=False, timeout=SECONDS, cwd=BUILT, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stdout

    def says(self, case: str, *wanted: str) -> None:
        said = self.run_case(case)
        for words in wanted:
            self.assertRegex(said, words)
        self.assertRegex(said, f"(?m)^not ok 1 - {case}$")

    def test_a_leak_of_the_suite(self) -> None:
        self.says("the_suite_keeps_a_slot", r"slots of the suite's table: \d+ before the case, \d+ after it")

    def test_a_leak_of_the_server(self) -> None:
        self.says("the_server_keeps_a_capability", r"capabilities: \d+ before the case, \d+ after it")

    def test_a_server_that_faults(self) -> None:
        self.says("the_server_faults",
                  r"relay: undefined or privileged instruction; the kernel's log has the report",
                  r"relay_serve_err at \S*test/realm/relay\.c:\d+")

    def test_an_unexpected_call(self) -> None:
        self.says("a_call_is_unexpected", r"mock files: 1 unexpected calls, the last of operation 3 \(stat\)")

    def test_a_client_that_faults(self) -> None:
        self.says("a_client_faults", r"client 1: page fault at rip 0x[0-9a-f]+, address 0x1230 "
                  r"\(fault at \S*test/realm/relay_wrong\.c:\d+")

    def test_a_client_that_does_not_end(self) -> None:
        self.says("a_client_does_not_end", r"client 1 does not end: it waits for a notification")

    def test_a_client_that_does_not_call(self) -> None:
        self.says("a_client_does_not_call", r"client 1 does not wait for an answer: it waits for a notification")

    def test_a_case_that_faults(self) -> None:
        said = self.run_case("the_case_faults")
        self.assertRegex(said, r"case the_case_faults: page fault at rip 0x[0-9a-f]+, address 0x1230 "
                               r"\(fault at \S*test/realm/relay_wrong\.c:\d+")
        self.assertIn("the guest bailed out: a case has faulted", said)

    def test_too_many_clients(self) -> None:
        said = self.run_case("too_many_clients")
        self.assertIn("the guest bailed out: more clients in a case than there can be", said)

    def test_no_such_case(self) -> None:
        self.assertIn("the guest bailed out: there is no case nonsense", self.run_case("nonsense"))


class Manifests(unittest.TestCase):
    usual = json.dumps({"programs": [
        {"name": "a", "image": "bin/a", "capabilities": {"serve": {"endpoint": "a", "right": "serve"},
                                                         "b": {"endpoint": "b", "right": "call"},
                                                         "tick": {"notification": "tick", "right": "raise"}}},
        {"name": "b", "image": "bin/b", "capabilities": {"serve": {"endpoint": "b", "right": "own"},
                                                         "tick": {"notification": "tick", "right": "wait"}}},
    ]})

    def made(self, *words: str) -> list[realm.Program]:
        programs: list[realm.Program] = json.loads(realm.manifest(self.usual, words, ["case=x"]))["programs"]
        return programs

    def test_what_is_missing_is_the_suite_s(self) -> None:
        [server, suite] = self.made("a")
        self.assertEqual((server["name"], suite["arguments"], suite["vital"]), ("a", ["case=x"], True))
        given = suite["capabilities"]
        self.assertEqual(given["a"], {"endpoint": "a", "right": "issue"})
        self.assertEqual(given["b"], {"endpoint": "b", "right": "own"})
        self.assertEqual(given["tick-events"], {"notification": "tick", "right": "own"})
        self.assertEqual(self.made("b")[1]["capabilities"]["tick-events"], {"notification": "tick", "right": "raise"})

    def test_a_server_of_the_realm_is_no_mock(self) -> None:
        given = self.made("a", "b")[-1]["capabilities"]
        self.assertEqual(given["b"], {"endpoint": "b", "right": "issue"})
        self.assertNotIn("tick-events", given)

    def test_another_image(self) -> None:
        self.assertEqual(self.made("a=bin/other")[0]["image"], "bin/other")

    def test_mistakes(self) -> None:
        with self.assertRaisesRegex(realm.RealmError, "the manifest has no server c; it has a, b"):
            self.made("a", "c")
        with self.assertRaisesRegex(realm.RealmError, "server a is named twice"):
            self.made("a", "a=bin/other")


class Page(unittest.TestCase):
    """docs/realms.md shows what is in this folder, and commands that there are."""

    text = (ROOT / "docs/realms.md").read_text()

    def blocks(self, language: str) -> list[str]:
        found = re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        self.assertNotEqual(found, [])
        return found

    def test_its_code_is_in_a_file(self) -> None:
        files = [file.read_text() for file in (*HERE.glob("*.c"), HERE / "meson.build")]
        for block in self.blocks("c") + self.blocks("meson"):
            self.assertTrue(any(block in file for file in files), block)

    def test_its_commands(self) -> None:
        for line in "".join(self.blocks("sh")).splitlines():
            [program, *words] = line.split()
            self.assertEqual(program, "./baton")
            options = main.make_parser().parse_args(words)
            for name in options.names:
                source = (HERE / f"{name}.c").read_text()
                self.assertIn("--realm", command(name))
                self.assertIn(f"CASE({options.case or ''}", source)


class Debugger(unittest.TestCase):
    def setUp(self) -> None:
        if lacking := needs.lacking("gdb"):
            self.skipTest(lacking)

    def stops_at(self, case: str | None) -> str:
        chosen = ["--case", case] if case else []
        with tempfile.TemporaryDirectory() as folder:
            machine = subprocess.Popen([*command("pipes_alone"), "--gdb", *chosen, "--output", f"{folder}/run"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       text=True, cwd=BUILT)
            try:
                assert machine.stderr is not None
                line = next(found for said in machine.stderr if (found := re.search(r"type: (gdb -x \S+)", said)))
                done = subprocess.run([*line[1].split(), "-nx", "-batch", "-ex", "backtrace", "-ex", "kill"],
                                      capture_output=True, text=True, timeout=SECONDS, check=False,
                                      stdin=subprocess.DEVNULL)
                return done.stdout + done.stderr
            finally:
                machine.terminate()
                machine.communicate(timeout=SECONDS)

    def test_the_case_that_is_named(self) -> None:
        said = self.stops_at("a_reader_waits_for_a_byte")
        self.assertIn("\nBreakpoint 1, ", said)
        # #1 if what it calls first is inlined
        self.assertRegex(said, r"#[01] .*a_reader_waits_for_a_byte \(\) at \S*test/realm/pipes_alone\.c:\d+")
        self.assertRegex(said, r"#\d+ .* run_case ")

    def test_the_first_case(self) -> None:
        self.assertRegex(self.stops_at(None), r"Breakpoint 1, .*run_case .* at \S*test/realm/suite\.c:\d+")


if __name__ == "__main__":
    unittest.main()
