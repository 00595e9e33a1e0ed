"""Are mutants read, applied, tried and judged as they should be?"""

from __future__ import annotations

import json
import pathlib
import sys
import tempfile
import unittest

from mutation import campaign, mutants, workplace
from mutation.campaign import judge, spread
from mutation.mutants import Mutant, MutantError
from mutation.trial import Outcome, Runner, attempt, last_words, order
from mutation.workplace import Test, Workplace

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOOD = {"name": "m", "file": "kernel/a.c", "old": "x > 3", "new": "x >= 3", "breaks": "a bound", "suites": ["caps"]}


def mutant(name: str = "m", explained: str = "", suites: tuple[str, ...] = ("first",)) -> Mutant:
    return Mutant(name, "kernel/a.c", "one", "two", "something", suites, explained)


def python_test(name: str, program: str) -> Test:
    return Test(name, (sys.executable, "-c", program), {}, 30, (), frozenset(["kernel/a.c"]))


class Reading(unittest.TestCase):
    def test_entries_that_are_refused(self) -> None:
        for change, words in (({"old": ""}, "lacks old"), ({"suites": []}, "lacks suites"),
                              ({"breaks": ""}, "lacks breaks"), ({"colour": "red"}, "has unknown colour"),
                              ({"new": "x > 3"}, "changes nothing")):
            with self.subTest(change=change), self.assertRaisesRegex(MutantError, words):
                mutants.parse({**GOOD, **change}, "file.json")
        without = {key: value for key, value in GOOD.items() if key != "new"}
        with self.assertRaisesRegex(MutantError, "lacks new"):
            mutants.parse(without, "file.json")

    def test_lines_are_joined_and_nothing_may_be_put_in(self) -> None:
        entry = mutants.parse({**GOOD, "old": ["a", "b", ""], "new": ""}, "file.json")
        self.assertEqual((entry.old, entry.new), ("a\nb\n", ""))

    def test_old_text_must_occur_once(self) -> None:
        entry = mutants.parse(GOOD, "file.json")
        self.assertEqual(entry.apply("if (x > 3) y;"), "if (x >= 3) y;")
        for text, count in (("x > 4", 0), ("x > 3 || x > 3", 2)):
            with self.subTest(text=text), self.assertRaisesRegex(MutantError, f"occurs {count} times"):
                entry.apply(text)
        self.assertEqual(mutants.misfit(entry, {}), "there is no file kernel/a.c")
        self.assertIsNone(mutants.misfit(entry, {"kernel/a.c": b"x > 3"}))

    def test_names(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            (folder / "a.json").write_text(json.dumps([GOOD, {**GOOD, "name": "other"}]))
            found = mutants.load(folder)
            self.assertEqual([entry.name for entry in found], ["m", "other"])
            self.assertEqual([entry.name for entry in mutants.select(found, ["o*", "m"])], ["other", "m"])
            self.assertEqual(mutants.select(found, []), found)
            with self.assertRaisesRegex(MutantError, "no mutant called q"):
                mutants.select(found, ["q"])
            (folder / "b.json").write_text(json.dumps([GOOD]))
            with self.assertRaisesRegex(MutantError, "two mutants are called m"):
                mutants.load(folder)
            (folder / "b.json").write_text("[")
            with self.assertRaisesRegex(MutantError, "b.json"):
                mutants.load(folder)

    def test_the_project_has_enough_and_all_fit_the_sources(self) -> None:
        """An outdated mutant would first be noticed by a campaign, which nobody runs for each change."""
        found = mutants.load(ROOT / "test" / "mutants")
        self.assertGreaterEqual(len(found), 36)
        files = {entry.file: (ROOT / entry.file).read_bytes() for entry in found if (ROOT / entry.file).exists()}
        self.assertEqual([(entry.name, wrong) for entry in found if (wrong := mutants.misfit(entry, files))], [])


class Copy(unittest.TestCase):
    def test_the_tree_becomes_what_is_asked_and_right_files_stay(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            (folder / "old").mkdir()
            (folder / "old" / "gone.c").write_text("gone")
            (folder / "same.c").write_text("same")
            before = (folder / "same.c").stat().st_mtime_ns
            workplace.write_tree(folder, {"same.c": b"same", "new/a.c": b"new"})
            self.assertEqual(sorted(str(path.relative_to(folder)) for path in folder.rglob("*")),
                             ["new", "new/a.c", "same.c"])
            self.assertEqual((folder / "same.c").stat().st_mtime_ns, before)

    def test_a_header_concerns_whatever_holds_kernel_sources(self) -> None:
        test = python_test("t", "")
        self.assertTrue(test.notices("kernel/a.c"))
        self.assertTrue(test.notices("kernel/b.h"))
        self.assertFalse(test.notices("kernel/b.c"))


class StillPlace(Workplace):
    """A workplace whose builds do nothing, or fail."""

    def __init__(self, folder: pathlib.Path, refused: str | None = None) -> None:
        super().__init__(folder, {"kernel/a.c": b"one"}, 1)
        self.build.mkdir()
        self.refused = refused

    def compile(self, targets: list[str]) -> str | None:
        return self.refused


PASS = "print('TAP version 13\\n1..1\\nok 1 - fine')"
FAIL = "import time; print('1..2\\nnot ok 1 - bad', flush=True); time.sleep(60)"


class Trial(unittest.TestCase):
    def run_one(self, program: str, seconds: float = 20) -> str | None:
        with tempfile.TemporaryDirectory() as place:
            return Runner(StillPlace(pathlib.Path(place))).run(python_test("t", program), seconds)

    def test_what_a_test_fails_with(self) -> None:
        for program, words in ((PASS, None), (FAIL, "bad"), ("print('Bail out! tired'); exit(1)", "tired"),
                               ("import sys; sys.exit(3)", "exit code 3"),
                               ("import sys; print('# panic: help', file=sys.stderr); sys.exit(1)", "panic: help")):
            with self.subTest(program=program):
                self.assertEqual(self.run_one(program), words)
        self.assertEqual(self.run_one("import time; time.sleep(60)", 0.2), "no end within 0 s")

    def test_last_words(self) -> None:
        self.assertEqual(last_words("ERROR\nSUMMARY: AddressSanitizer: use-after-free\n\nABORTING\n"),
                         "SUMMARY: AddressSanitizer: use-after-free")
        self.assertEqual(last_words(""), "")

    def test_expected_tests_come_first_then_quick_ones(self) -> None:
        tests = [python_test(name, "") for name in ("slow", "quick", "second", "first")]
        tests.append(Test("unrelated", (), {}, 1, (), frozenset(["kernel/z.c"])))
        seconds = {"slow": 9.0, "quick": 1.0, "second": 5.0, "first": 5.0, "unrelated": 0.0}
        expected, others = order(mutant(suites=("first", "second", "unrelated")), tests, seconds)
        self.assertEqual([test.name for test in expected], ["first", "second"])
        self.assertEqual([test.name for test in others], ["quick", "slow"])
        self.assertEqual(order(mutant(explained="no test can"), tests, seconds), ([tests[3]], []))

    def attempt(self, tests: list[Test], refused: str | None = None) -> Outcome:
        with tempfile.TemporaryDirectory() as place:
            runner = Runner(StillPlace(pathlib.Path(place), refused))
            names = [test.name for test in tests]
            outcome = attempt(runner, mutant(), tests, dict.fromkeys(names, 1.0), dict.fromkeys(names, 20.0))
            self.assertEqual((runner.place.tree / "kernel/a.c").read_text(), "one")  # taken back
            return outcome

    def test_outcomes(self) -> None:
        sees = "import pathlib; text = pathlib.Path('../tree/kernel/a.c').read_text()\n"
        notices = sees + "print('not ok 1 - seen' if text == 'two' else 'ok 1 - fine')"
        killed = self.attempt([python_test("first", PASS), python_test("then", notices)])
        self.assertEqual(killed.killed_by, "then: seen")
        survived = self.attempt([python_test("first", PASS)])
        self.assertEqual((survived.killed_by, survived.fault), (None, None))
        self.assertEqual(self.attempt([python_test("first", PASS)], "error: x").fault, "does not build:\nerror: x")

    def test_a_mutant_that_does_not_fit_is_a_fault(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            runner = Runner(StillPlace(pathlib.Path(place)))
            other = Mutant("m", "kernel/a.c", "three", "four", "something", ("first",))
            self.assertIn("occurs 0 times", attempt(runner, other, [], {}, {}).fault or "")

    def test_a_surprise_has_to_come_twice(self) -> None:
        once = ("import pathlib; flag = pathlib.Path('seen'); seen = flag.exists(); flag.touch()\n"
                "print('ok 1 - a' if seen else 'not ok 1 - a')")
        self.assertIsNone(self.attempt([python_test("first", PASS), python_test("flaky", once)]).killed_by)


class Judgement(unittest.TestCase):
    def outcomes(self, killed: int, survived: int) -> list[Outcome]:
        return [Outcome(mutant(f"k{n}"), "caps: x", None, 1) for n in range(killed)] + [
            Outcome(mutant(f"s{n}", "cannot be seen"), None, None, 1) for n in range(survived)]

    def test_judge(self) -> None:
        self.assertEqual(judge(self.outcomes(9, 1), []), ("9 of 10 killed", []))
        self.assertEqual(judge(self.outcomes(8, 2), [])[1], ["fewer than 90% died"])
        silent = Outcome(mutant("quiet"), None, None, 1)
        stale = Outcome(mutant("stale", "cannot be seen"), "caps: x", None, 1)
        broken = Outcome(mutant("broken"), None, "does not build", 1)
        for outcome, words in ((silent, "quiet survived"), (stale, "stale is explained"), (broken, "does not build")):
            with self.subTest(words=words):
                self.assertIn(words, judge(self.outcomes(99, 0) + [outcome], [])[1][0])
        self.assertIn("left out: caps", judge(self.outcomes(9, 0), ["caps: x"])[1][0])

    def test_spread_gives_all_results_or_the_error(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            runners = [Runner(StillPlace(pathlib.Path(place) / str(number))) for number in range(2)]
            self.assertEqual(sorted(spread(runners, [1, 2, 3], lambda _, job: job * 2)), [2, 4, 6])
            with self.assertRaises(ZeroDivisionError):
                list(spread(runners, [1, 0, 2], lambda _, job: 1 // job))
            self.assertTrue(all(runner.stopped for runner in runners))

    def test_commands_name_the_own_copy(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            one, two = (StillPlace(pathlib.Path(place) / name) for name in ("copy0", "copy1"))
            test = Test("t", (f"{one.build}/t", "x"), {"BUILT": str(one.build)}, 1, (), frozenset())
            moved = campaign.relocated(test, one, two)
            self.assertEqual((moved.command, moved.environment), ((f"{two.build}/t", "x"), {"BUILT": str(two.build)}))


if __name__ == "__main__":
    unittest.main()
