"""Does ./baton take its options, refuse bad values in words that help, and read the results it counts?"""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import tempfile
import unittest
from unittest import mock

from baton_cli import command_test, main
from host import matrix, paths, version
from host.say import UserError
from host.test_log import Totals, count


def refusal(*words: str) -> str:
    """The error of ./baton on a command line that it refuses."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        main.make_parser().parse_args(words)
        raise AssertionError(f"{words} was accepted")
    return said.getvalue()


class Options(unittest.TestCase):
    def test_run_defaults(self) -> None:
        options = main.make_parser().parse_args(["run"])
        self.assertEqual((options.commands, options.smp, options.memory, options.boot, options.accel, options.log),
                         (None, 1, 256, "uefi", "auto", "info"))

    def test_run_takes_all(self) -> None:
        options = main.make_parser().parse_args(
            ["run", "-c", "ls; false", "--smp", "4", "-m", "1024", "--headless", "--timeout", "2.5", "--accel", "tcg",
             "--gdb", "--log", "warn", "--dry-run", "--boot", "pvh", "--", "-device", "e1000e"])
        self.assertEqual((options.commands, options.smp, options.memory, options.timeout), ("ls; false", 4, 1024, 2.5))
        self.assertEqual(options.rest, ["-device", "e1000e"])

    def test_bad_values_are_explained(self) -> None:
        for words, text in (
            (("run", "--smp", "0"), "--smp: '0' is not a number of CPUs (1..16)"),
            (("run", "--smp", "17"), "--smp: '17' is not a number of CPUs (1..16)"),
            (("run", "--smp", "four"), "'four' is not a number of CPUs"),
            (("run", "--smp", "1_0"), "'1_0' is not a number of CPUs"),
            (("run", "--smp", " 2"), "' 2' is not a number of CPUs"),
            (("run", "--smp", "\u0664"), "'\u0664' is not a number of CPUs"),
            (("run", "-m", "8"), "'8' is not a number of MiB (32..65536)"),
            (("run", "--timeout", "0"), "'0' is not a number of seconds above 0"),
            (("run", "--timeout", "nan"), "'nan' is not a number of seconds above 0"),
            (("run", "--accel", "hvf"), "--accel: invalid choice: 'hvf'"),
            (("run", "--log", "loud"), "--log: invalid choice: 'loud'"),
            (("run", "--gui", "--headless"), "--headless: not allowed with argument --gui"),
            (("frob",), "invalid choice: 'frob'"),
            (("run", "--foo"), "./baton run: unrecognized arguments: --foo (`./baton help run` lists"),
            (("--foo", "run"), "./baton: unrecognized arguments: --foo (`./baton help` lists"),
            (("doctor", "-x"), "./baton doctor: unrecognized arguments: -x (`./baton help doctor` lists"),
            (("test", "--list", "--gdb"), "--gdb: not allowed with argument --list"),
            (("test", "--coverage", "--list"), "--list: not allowed with argument --coverage"),
            (("run", "echo hi"), "unrecognized arguments: echo hi"),
            (("build", "--", "-j4"), "build takes nothing behind --"),
        ):
            with self.subTest(words=words):
                self.assertIn(text, refusal(*words))

    def test_options_that_would_be_ignored_are_refused(self) -> None:
        for words, text in ((["--html"], "--html: only with --coverage"),
                            (["--list", "caps"], "--list: takes no names"),
                            (["--coverage", "--seed", "1"], "--coverage: not with"),
                            (["--case", "a", "--list"], "--case: not with"),
                            (["--repeat", "0"], "--repeat: at least 1"),
                            (["--repeat", "2", "--gdb", "caps"], "--repeat: at least 1, and not with"),
                            (["--coverage", "--matrix", "process"], "--coverage: not with")):
            options = main.make_parser().parse_args(["test", *words])
            with self.subTest(words=words), self.assertRaisesRegex(UserError, text) as caught:
                command_test.run(options)
            self.assertEqual(caught.exception.code, 2)

    def test_version(self) -> None:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            main.make_parser().parse_args(["--version"])
        self.assertEqual(said.getvalue(), version.current() + "\n")
        self.assertRegex(said.getvalue(), r"^\d+\.\d+\.\d+$")

    def test_help_of_every_command(self) -> None:
        for module in main.COMMANDS:
            said = io.StringIO()
            with self.subTest(command=module.NAME), contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
                main.make_parser().parse_args([module.NAME, "--help"])
            self.assertIn(f"./baton {module.NAME}", said.getvalue())

    def test_test_names_and_arguments(self) -> None:
        options = main.make_parser().parse_args(["test", "--seed", "7", "ipc", "--", "--repeat", "3"])
        self.assertEqual((options.seed, options.names, options.rest), (7, ["ipc"], ["--repeat", "3"]))

    def test_a_suite_for_gdb_runs_where_meson_runs_it(self) -> None:
        """The paths of its command are relative to the build folder, wherever ./baton is called."""
        tests = [{"name": "caps", "cmd": ["python3", "../tools/suite.py"]},
                 {"name": "docs", "cmd": ["python3", "docs.py"]}]
        with mock.patch.object(command_test, "known_tests", return_value=tests), \
                mock.patch.object(command_test.family, "relay", return_value=0) as relay:
            self.assertEqual(command_test.debug(["caps"]), 0)
            relay.assert_called_once_with(["python3", "../tools/suite.py", "--gdb"], folder=paths.BUILD)
            for names in ([], ["docs"], ["none"], ["caps", "docs"]):
                with self.assertRaises(UserError):
                    command_test.debug(names)

    def test_one_case_is_of_one_realm(self) -> None:
        tests = [{"name": "pipes_alone", "cmd": ["suite.py", "--realm", "pipes"]},
                 {"name": "caps", "cmd": ["suite.py"]}]
        with mock.patch.object(command_test, "known_tests", return_value=tests):
            command_test.check_case(["pipes_alone"])
            for names in (["caps"], ["pipes_alone", "caps"], []):
                with self.subTest(names=names), self.assertRaisesRegex(UserError, "name one suite of a realm"):
                    command_test.check_case(names)

    def test_each_time_has_the_next_seed(self) -> None:
        """And a time that fails is the last, so that its log is not written over."""
        options = main.make_parser().parse_args(["test", "--repeat", "4", "--seed", "7", "caps"])
        for results, seeds in (([0, 0, 0, 0], [7, 8, 9, 10]), ([0, 1, 0, 0], [7, 8])):
            with mock.patch.object(command_test, "say"), \
                    mock.patch.object(command_test, "run_tests", side_effect=results) as run:
                self.assertEqual(command_test.repeat(options, []), max(results))
            self.assertEqual([call.args[2] for call in run.call_args_list], seeds)

    def test_only_what_named_tests_need_is_built(self) -> None:
        tests = [{"name": name, "suite": [], "depends": depends}
                 for name, depends in (("caps", ["1@exe"]), ("revoke", ["1@exe", "2@cus"]), ("docs", []))]
        with tempfile.TemporaryDirectory() as place, mock.patch.object(paths, "BUILD", pathlib.Path(place)), \
                mock.patch.object(command_test, "known_tests", return_value=tests):
            info = pathlib.Path(place) / "meson-info"
            info.mkdir()
            (info / "intro-targets.json").write_text(json.dumps(
                [{"id": f"{number}@{kind}", "filename": [f"{place}/test/file{number}"]}
                 for number, kind in ((1, "exe"), (2, "cus"), (3, "exe"))]))
            self.assertEqual(command_test.needed_by(["caps"]), ["test/file1"])
            self.assertEqual(command_test.needed_by(["re*", "caps"]), ["test/file1", "test/file2"])
            self.assertIsNone(command_test.needed_by(["caps", "docs"]))  # which does not say what it needs

    def test_names_that_no_test_has(self) -> None:
        tests = [{"name": "caps", "suite": ["baton:guest"]}, {"name": "revoke", "suite": ["baton:guest", "baton:long"]}]
        with mock.patch.object(command_test, "known_tests", return_value=tests):
            self.assertEqual(command_test.find_names(["caps", "re*"], ["long"]), ["caps", "revoke"])
            self.assertEqual(command_test.find_names(["re*", "revoke"], []), ["revoke"])
            for names, suites, told in ((["caps", "revok"], [], "no test revok;"),
                                        ([], ["short"], "no test --suite short;")):
                with self.subTest(names=names), self.assertRaises(UserError) as caught:
                    command_test.find_names(names, suites)
                self.assertIn(told, str(caught.exception))


class TestLog(unittest.TestCase):
    def count(self, *entries: dict[str, str]) -> Totals:
        with tempfile.TemporaryDirectory() as place:
            log = pathlib.Path(place) / "testlog.json"
            log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
            return count(log)

    def test_cases_are_counted(self) -> None:
        totals = self.count({"result": "OK", "stdout": "TAP version 13\nok 1 - a\nok 2 - b # SKIP no\n1..2\n"},
                            {"result": "OK", "stdout": "ok, this is no TAP\n"})
        self.assertEqual(totals.line(), "2 passed, 0 failed, 1 skipped")

    def test_failures_are_counted(self) -> None:
        totals = self.count({"result": "FAIL", "stdout": "TAP version 13\nok 1 - a\nnot ok 2 - b\n1..2\n"},
                            {"result": "ERROR", "stdout": "TAP version 13\nok 1 - a\nBail out! triple fault\n"},
                            {"result": "TIMEOUT"}, {"result": "FAIL", "stdout": ""})
        self.assertEqual(totals.line(), "2 passed, 4 failed")

    def test_tap_without_a_plan_has_failed(self) -> None:
        entry = {"result": "OK", "stdout": "TAP version 13\nok 1 - a\n"}
        self.assertEqual(self.count(entry).line(), "1 passed, 1 failed")
        self.assertEqual(self.count(dict(entry, stdout=entry["stdout"] + "1..1\n")).line(), "1 passed, 0 failed")

    def test_what_lacked_is_told(self) -> None:
        totals = self.count({"name": "p:host / proof", "result": "SKIP",
                             "stdout": f"TAP version 13\n"
                                       f"1..0 # SKIP not installed: why3, z3 (apt-get install why3 z3)\n"},
                            {"name": "p:host / tools", "result": "OK",
                             "stdout": "TAP version 13\n1..2\nok 1 - a\n"
                                       "ok 2 - b # SKIP not installed: z3 (apt-get install z3)\n"})
        self.assertEqual(totals.line(), "1 passed, 0 failed, 2 skipped")
        self.assertEqual(totals.advice(), "skipped for want of a tool: proof, tools; apt-get install why3 z3")
        self.assertEqual(Totals().advice(), "")

    def test_skip(self) -> None:
        self.assertEqual(self.count({"result": "SKIP", "stdout": "TAP version 13\n1..0 # SKIP no\n"}).line(),
                         "0 passed, 0 failed, 1 skipped")

    def test_no_log(self) -> None:
        self.assertEqual(count(pathlib.Path("/nonesuch")), Totals())


class Matrix(unittest.TestCase):
    def test_table(self) -> None:
        lines = matrix.table([
            {"name": "baton:system / suite_mini", "stdout": "TAP version 13\n1..3\nok 1 - one\nok 2 - two # SKIP no\n"},
            {"name": "baton:system / suite",
             "stdout": "TAP version 13\n1..3\nok 1 - one\nnot ok 2 - two\nok 3 - three\n"},
            {"name": "baton:system / suite_none"}])
        self.assertEqual(lines, [
            "case  suite suite_mini suite_none",
            "one   pass  pass       -",
            "two   FAIL  skip       -",
            "three pass  -          -",
            "suite: 2 passed, 0 skipped, 1 failed",
            "suite_mini: 1 passed, 1 skipped, 0 failed, 1 did not run",
            "suite_none: 0 passed, 0 skipped, 0 failed, 3 did not run"])

    def test_no_log(self) -> None:
        self.assertEqual(matrix.table(matrix.read_log(pathlib.Path("/nonesuch"))), ["case"])
