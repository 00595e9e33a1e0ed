#!/usr/bin/env python3
"""Owns how the Python tests report: run every test_*.py of a folder with unittest and print TAP.

    unittest_tap.py test/tools
    unittest_tap.py test/system test_jobs.py       only one of them

The folder's tests may import the tools, whose folder is on the path.
"""

from __future__ import annotations

import io
import pathlib
import sys
import traceback
import unittest


class TapResult(unittest.TestResult):
    """Prints a line for each finished test; a failure's traceback follows as remarks."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.sub_failures: list[str] = []

    def report(self, test: unittest.TestCase, good: bool, note: str = "") -> None:
        self.count += 1
        print(f"{'ok' if good else 'not ok'} {self.count} - {test.id()}{note}", flush=True)

    def remark(self, error: object) -> str:
        out = io.StringIO()
        traceback.print_exception(*error, file=out)  # type: ignore[misc]
        return "".join(f"# {line}\n" for line in out.getvalue().splitlines())

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.sub_failures = []

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.report(test, True)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: object) -> None:
        super().addSubTest(test, subtest, err)  # type: ignore[arg-type]
        if err is not None:
            self.sub_failures.append(f"# {subtest}\n{self.remark(err)}")

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        if self.sub_failures:  # addSuccess is not called for a test whose parts failed
            self.report(test, False)
            print("".join(self.sub_failures), end="", flush=True)

    def addFailure(self, test: unittest.TestCase, err: object) -> None:
        super().addFailure(test, err)  # type: ignore[arg-type]
        self.report(test, False)
        print(self.remark(err), end="", flush=True)

    addError = addFailure

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self.report(test, True, f" # SKIP {reason}")


def main(arguments: list[str]) -> int:
    folder = pathlib.Path(arguments[0]).resolve()
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    print("TAP version 13")
    suite = unittest.defaultTestLoader.discover(str(folder), *arguments[1:], top_level_dir=str(folder))
    result = TapResult()
    suite.run(result)
    print(f"1..{result.count}")
    return 0 if result.count > 0 and result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
