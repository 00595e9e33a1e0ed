"""Owns one trial: run a test, bounded in time, and stop it at its first failure; try one mutant against all tests."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import tempfile
import threading
import time

from mutation.mutants import Mutant, misfit
from mutation.workplace import Test, Workplace

FAILED_CASE = re.compile(r"^not ok\b\s*\d*\s*-?\s*(.*)$")
BAIL_OUT = re.compile(r"^Bail out!\s*(.*)$")
END_SECONDS = 15  # from the request to stop to the end of the test's process


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a mutant. killed_by: the test and its failure, None if the mutant survived.
    fault: why it was not run."""

    mutant: Mutant
    killed_by: str | None
    fault: str | None
    seconds: float


class Alarm:
    """Asks a process to end after some time. rang: whether it did."""

    def __init__(self, child: subprocess.Popen[str], seconds: float) -> None:
        self.child = child
        self.rang = False
        self.timer = threading.Timer(seconds, self.ring)
        self.timer.start()

    def ring(self) -> None:
        self.rang = True
        self.child.terminate()


class Runner:
    """Runs tests in one workplace; stop(), called from another thread, ends the current test."""

    def __init__(self, place: Workplace) -> None:
        self.place = place
        self.lock = threading.Lock()
        self.child: subprocess.Popen[str] | None = None
        self.stopped = False

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            if self.child is not None:
                self.child.terminate()

    def run(self, test: Test, seconds: float) -> str | None:
        """None when the test passed, else what it failed with."""
        with tempfile.TemporaryFile("w+") as errors:
            with self.lock:
                if self.stopped:
                    return "stopped"
                self.child = subprocess.Popen(test.command, cwd=self.place.build, stdout=subprocess.PIPE, stderr=errors,
                                              stdin=subprocess.DEVNULL, text=True, errors="replace",
                                              env={**os.environ, **test.environment})
            alarm = Alarm(self.child, seconds)
            failure = self.first_failure(self.child)
            code = self.finish(self.child)
            alarm.timer.cancel()
            if failure is not None:
                return failure
            if code == 0:
                return None
            if alarm.rang:
                return f"no end within {seconds:.0f} s"
            errors.seek(0)
            return last_words(errors.read()) or f"exit code {code}"

    def first_failure(self, child: subprocess.Popen[str]) -> str | None:
        """Read the test's output up to its first failure; None: it ended without one."""
        assert child.stdout is not None
        for line in child.stdout:
            found = FAILED_CASE.match(line) or BAIL_OUT.match(line)
            if found:
                child.terminate()
                return found[1].strip()
        return None

    def finish(self, child: subprocess.Popen[str]) -> int:
        """The test's exit code; one that does not end when asked to is killed."""
        assert child.stdout is not None
        try:
            child.stdout.close()
            return child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()
        finally:
            with self.lock:
                self.child = None


def last_words(errors: str) -> str:
    """The most telling line of a crashed program's errors: a sanitizer's summary, else the last line."""
    lines = [line.strip("# ").strip() for line in errors.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("SUMMARY:")), lines[-1] if lines else "")


def order(mutant: Mutant, tests: list[Test], seconds: dict[str, float]) -> tuple[list[Test], list[Test]]:
    """The tests that can notice the mutant: first the expected ones, as listed; then the others, quick ones first. The
    second list is empty when the mutant's entry explains that no test will notice."""
    able = [test for test in tests if test.notices(mutant.file)]
    expected = [test for name in mutant.suites for test in able if test.name == name]
    others = sorted((test for test in able if test not in expected), key=lambda test: seconds[test.name])
    return expected, [] if mutant.explained else others


def attempt(runner: Runner, mutant: Mutant, tests: list[Test], seconds: dict[str, float],
            limits: dict[str, float]) -> Outcome:
    """Apply the mutant, build and test until something fails, and take it back."""
    place = runner.place
    started = time.monotonic()
    fault = misfit(mutant, place.files)
    if fault is not None:
        return Outcome(mutant, None, fault, 0.0)
    place.put(mutant.file, mutant.apply(place.files[mutant.file].decode()))
    try:
        for group in order(mutant, tests, seconds):
            refused = place.compile(sorted({target for test in group for target in test.targets})) if group else None
            if refused is not None:
                return Outcome(mutant, None, f"does not build:\n{refused}", time.monotonic() - started)
            for test in group:
                failure = runner.run(test, limits[test.name])
                # unexpected, so run it again: is the failure stable?
                if failure is not None and test.name not in mutant.suites:
                    failure = runner.run(test, limits[test.name])
                if failure is not None:
                    return Outcome(mutant, f"{test.name}: {failure}", None, time.monotonic() - started)
        return Outcome(mutant, None, None, time.monotonic() - started)
    finally:
        place.put(mutant.file, None)
