"""Does the rehearsal read the instructions for strangers, add up its runs, and fail where it can't be run?"""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import tempfile
import unittest
from unittest import mock

from fresh import recipe, rehearsal, root, tally
from fresh.recipe import RecipeError
from fresh.rehearsal import Rehearsal
from fresh.root import Ended, Root, RootError
from host import paths
from host.test_log import Totals

CONTAINERFILE = ("FROM docker.io/library/debian:trixie-slim\n"
                 "RUN one\nRUN two && three\nWORKDIR /p\nCOPY . .\nRUN later\n")


class Recipes(unittest.TestCase):
    def test_containerfile(self) -> None:
        found = recipe.read_containerfile(CONTAINERFILE)
        self.assertEqual((found.suite, found.preparations, str(found.place)), ("trixie", ("one", "two && three"), "/p"))

    def test_containerfile_of_another_form_is_refused(self) -> None:
        for part in ("FROM docker.io/library/debian:trixie-slim\n", "WORKDIR /p\n", "COPY . .\n"):
            with self.subTest(without=part), self.assertRaises(RecipeError):
                recipe.read_containerfile(CONTAINERFILE.replace(part, "\n"))

    def test_a_step_over_two_lines_is_refused(self) -> None:
        """Only its first line would be taken."""
        with self.assertRaises(RecipeError):
            recipe.read_containerfile(CONTAINERFILE.replace("RUN one\n", "RUN one && \\\n two\n"))

    def test_readme_begins_with_two_commands(self) -> None:
        for text in ("no block", "```sh\none\n```\n", "```sh\none\ntwo\nthree\n```\n"):
            with self.subTest(text=text), self.assertRaises(RecipeError):
                recipe.first_commands(text)

    def test_those_of_this_project(self) -> None:
        found = recipe.read_containerfile((paths.ROOT / "Containerfile").read_text())
        self.assertEqual(found.suite, "bookworm")
        self.assertTrue(any("python3" in command for command in found.preparations))
        self.assertEqual(recipe.first_commands((paths.ROOT / "README.md").read_text()), ("./baton run", "./baton test"))


class Tallies(unittest.TestCase):
    def test_closing_line(self) -> None:
        self.assertEqual(tally.closing_totals("words\n12 passed, 3 failed, 4 skipped\n"), Totals(12, 3, 4))
        self.assertEqual(tally.closing_totals("12 passed, 0 failed\n"), Totals(12, 0, 0))
        for output in ("", "12 passed, 0 failed\nmore\n", "x 12 passed, 0 failed"):
            self.assertIsNone(tally.closing_totals(output))

    def add(self, cases: tally.Cases, *entries: tuple[str, str, str]) -> None:
        with tempfile.TemporaryDirectory() as place:
            log = pathlib.Path(place) / "log"
            log.write_text("".join(json.dumps({"name": f"p:s / {name}", "result": result,
                                               "stdout": f"TAP version 13\n{out}\n"})
                                   + "\n" for name, result, out in entries))
            cases.add(log, "as root")

    def test_what_never_ran(self) -> None:
        cases = tally.Cases()
        self.add(cases, ("proof", "SKIP", "1..0 # SKIP no"), ("spin", "SKIP", "1..0 # SKIP no"),
                 ("full", "OK", "ok 1 - fork\nok 2 - threads # SKIP no"), ("mini", "OK", "ok 1 - fork # SKIP no"))
        self.assertEqual(cases.never_ran(), ["proof", "spin", "threads"])
        self.add(cases, ("proof", "OK", "ok 1 - proof_elf"), ("full", "OK", "not ok 1 - threads"))
        self.assertEqual(cases.never_ran(), ["spin"])

    def test_what_failed_is_told_in_its_words(self) -> None:
        cases = tally.Cases()
        self.add(cases, ("good", "OK", "ok 1 - fork"), ("bad", "FAIL", "ok 1 - fork\nnot ok 2 - exec\n# 3, not 4"),
                 ("slow", "TIMEOUT", "\n".join(f"line {number}" for number in range(100))))
        self.assertEqual(len(cases.failures), 2)
        self.assertEqual(cases.failures[0], "as root: bad: FAIL\n    not ok 2 - exec\n    # 3, not 4")
        self.assertTrue(cases.failures[1].startswith("as root: slow: TIMEOUT\n    line 80\n"))
        self.assertTrue(cases.failures[1].endswith("    line 99"))


class FakeRoot(Root):
    """Commands end as `answers` says; all others with 0."""

    answers: dict[str, Ended] = {}

    def run(self, command: str, *_: object, **__: object) -> Ended:
        return self.answers.get(command, Ended(0, ""))


class Rehearsals(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)
        self.said = io.StringIO()
        self.enterContext(contextlib.redirect_stdout(self.said))
        self.rehearsal = Rehearsal(self.folder)

    def test_a_root_that_cannot_be_made_is_a_failure(self) -> None:
        self.enterContext(mock.patch.object(root, "must", side_effect=RootError("mmdebstrap: no such archive")))
        self.enterContext(mock.patch.object(rehearsal, "CACHE", self.folder / "cache"))
        self.rehearsal.run(["bench"])
        self.assertEqual((self.rehearsal.totals.passed, self.rehearsal.totals.failed), (0, 1))
        self.assertIn("mmdebstrap: no such archive", self.said.getvalue().split("== what failed")[1])

    def test_half_an_archive_is_not_kept(self) -> None:
        def half(command: list[str], seconds: float) -> None:
            pathlib.Path(command[-1]).write_text("half")
            raise RootError("full")
        self.enterContext(mock.patch.object(root, "must", half))
        with self.assertRaises(RootError):
            root.bare_archive("trixie", self.folder / "cache")
        self.assertEqual(list((self.folder / "cache").iterdir()), [])

    def test_steps(self) -> None:
        for ended, wanted, good in ((Ended(0, ""), "", 1), (Ended(0, "a\r\nb\r\n"), "a", 1), (Ended(0, "ab\n"), "a", 0),
                                    (Ended(1, "a\n"), "a", 0), (Ended(None, ""), "", 0)):
            with self.subTest(ended=ended, wanted=wanted):
                self.assertEqual(self.rehearsal.step("step", ended, wanted), bool(good))

    def test_a_run_of_tests_counts_its_cases(self) -> None:
        run = FakeRoot(self.folder)
        log = run.path(self.rehearsal.place / rehearsal.LOG)
        log.parent.mkdir(parents=True)
        log.write_text("")
        for ended, counted in ((Ended(0, "7 passed, 0 failed, 2 skipped\n"), (7, 0, 2)),
                               (Ended(1, "5 passed, 2 failed\n"), (5, 2, 0)),
                               (Ended(1, "5 passed, 0 failed\n"), (0, 1, 0)),
                               (Ended(0, "no closing line\n"), (0, 1, 0)), (Ended(None, ""), (0, 1, 0))):
            with self.subTest(ended=ended):
                self.rehearsal.totals = Totals()
                run.answers = {"./baton test": ended}
                self.rehearsal.test("test", run, "./baton test")
                self.assertEqual((self.rehearsal.totals.passed, self.rehearsal.totals.failed,
                                  self.rehearsal.totals.skipped),
                                 counted)

    def test_a_clang_that_does_not_build_fails_alone(self) -> None:
        run = FakeRoot(self.folder)
        run.answers = {"CC=clang-19 meson setup -Dwerror=true build-clang-19": Ended(1, "error")}
        self.rehearsal.clang(run, 16)
        self.rehearsal.clang(run, 19)
        self.assertEqual((self.rehearsal.totals.passed, self.rehearsal.totals.failed), (6, 1))
