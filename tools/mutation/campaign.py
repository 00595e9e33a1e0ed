"""Owns a whole run: the tests without a mutant, all mutants in parallel over several workplaces, and the verdict."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from host.say import UserError
from mutation.mutants import Mutant
from mutation.trial import Outcome, Runner, attempt
from mutation.workplace import Test, Workplace

SHARE_KILLED_MIN = 0.9
LIMIT_FACTOR = 5  # a test may take this many times as long as without a mutant, plus LIMIT_SECONDS
LIMIT_SECONDS = 10.0

Job = TypeVar("Job")
Done = TypeVar("Done")


def spread(runners: list[Runner], jobs: list[Job], work: Callable[[Runner, Job], Done]) -> Iterator[Done]:
    """The results of `work` on all jobs, as they come. Each runner does one job at a time. An
    exception ends the whole run."""
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    results: queue.SimpleQueue[Done | BaseException] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)

    def serve(runner: Runner) -> None:
        try:
            while not runner.stopped:
                results.put(work(runner, waiting.get_nowait()))
        except queue.Empty:
            pass
        except BaseException as error:  # pylint: disable=broad-except
            results.put(error)

    threads = [threading.Thread(target=serve, args=(runner,)) for runner in runners]
    for thread in threads:
        thread.start()
    try:
        for _ in jobs:
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            yield result
    except BaseException:
        for runner in runners:
            runner.stop()
        raise
    finally:
        for thread in threads:
            thread.join()


@dataclasses.dataclass
class Campaign:
    """The workplaces, and what is known of the tests there."""

    runners: list[Runner]
    tests: list[Test] = dataclasses.field(default_factory=list)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    failing: list[str] = dataclasses.field(default_factory=list)  # without any mutant

    def prepare(self) -> None:
        """Configure and build every workplace, and run every test there on the unchanged sources."""
        first = self.runners[0].place
        first.configure()
        found = first.tests()
        targets = sorted({target for test in found for target in test.targets})

        def make(_: Runner, place: Workplace) -> None:
            place.configure()
            refused = place.compile(targets)
            if refused is not None:
                raise UserError(f"the sources do not build without a mutant:\n{refused}")

        for _ in spread(self.runners, [runner.place for runner in self.runners], make):
            pass

        def measure(runner: Runner, test: Test) -> tuple[Test, str | None, float]:
            started = time.monotonic()
            failure = runner.run(relocated(test, first, runner.place), test.seconds_max)
            return test, failure, time.monotonic() - started

        for test, failure, seconds in spread(self.runners, found, measure):
            self.seconds[test.name] = seconds
            if failure is None:
                self.tests.append(test)
            else:
                self.failing.append(f"{test.name}: {failure}")

    def check_suites(self, mutants: list[Mutant]) -> None:
        """Raise UserError when a mutant names a test that does not exist."""
        for mutant in mutants:
            for name in mutant.suites:
                if name not in self.seconds:
                    raise UserError(f"mutant {mutant.name}: there is no test {name} that runs kernel code")

    def run(self, mutants: list[Mutant]) -> Iterator[Outcome]:
        limits = {name: LIMIT_FACTOR * seconds + LIMIT_SECONDS for name, seconds in self.seconds.items()}
        first = self.runners[0].place

        def work(runner: Runner, mutant: Mutant) -> Outcome:
            tests = [relocated(test, first, runner.place) for test in self.tests]
            return attempt(runner, mutant, tests, self.seconds, limits)

        return spread(self.runners, mutants, work)


def relocated(test: Test, place: Workplace, to: Workplace) -> Test:
    """The test, with the paths in its command and environment changed to another workplace's."""
    old, new = str(place.tree.parent), str(to.tree.parent)
    return dataclasses.replace(test, command=tuple(word.replace(old, new) for word in test.command),
                               environment={key: value.replace(old, new) for key, value in test.environment.items()})


def judge(outcomes: list[Outcome], failing: list[str]) -> tuple[str, list[str]]:
    """The summary line, and what is wrong; empty: nothing."""
    killed = sum(outcome.killed_by is not None for outcome in outcomes)
    problems = [f"fails without any mutant, so it was left out: {name}" for name in failing]
    for outcome in outcomes:
        name, explained = outcome.mutant.name, outcome.mutant.explained
        if outcome.fault is not None:
            problems.append(f"{name}: {outcome.fault}")
        elif outcome.killed_by is None and not explained:
            problems.append(f"{name} survived, and nothing explains why: {outcome.mutant.breaks}")
        elif outcome.killed_by is not None and explained:
            problems.append(f"{name} is explained as one that no test can notice, but died: {outcome.killed_by}")
    if killed < SHARE_KILLED_MIN * len(outcomes):
        problems.append(f"fewer than {SHARE_KILLED_MIN:.0%} died")
    return f"{killed} of {len(outcomes)} killed", problems
