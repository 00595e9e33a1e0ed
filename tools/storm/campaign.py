"""Owns campaigns: many plans in as few machines as possible, and what is found out about one that fails."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from storm import plans
from storm.machine import Outcome, System, way
from storm.plans import Plan

BATCH = 50  # plans in one machine
REPLAYS = 10


@dataclasses.dataclass(frozen=True)
class Failure:
    """number: of the plan among those drawn. replay: plans which, in a new machine, fail in the same way each time."""

    number: int
    plan: Plan
    reasons: tuple[str, ...]
    replay: tuple[Plan, ...]
    replays: int  # how many of REPLAYS did

    def lines(self) -> list[str]:
        options = " ".join(f"--plan {plan}" for plan in self.replay)
        return [f"plan {self.number} fails: {self.plan}", *("  " + reason for reason in self.reasons),
                f"  fails again, {self.replays} of {REPLAYS} times: ./baton storm {options}"]


def fails_so(system: System, chosen: Sequence[Plan], wanted: str) -> bool:
    """Whether the last of these plans, and none before it, fails in this way."""
    outcome = system.run(chosen)
    return outcome.passed == len(chosen) - 1 and way(outcome.reasons) == wanted


def explain(system: System, number: int, before: Sequence[Plan], plan: Plan, reasons: tuple[str, ...]) -> Failure:
    """Make a plan that failed behind others smaller. It is run alone if it fails alone."""
    wanted = way(reasons)
    history: Sequence[Plan] = next((before[len(before) - count:] for count in (0, 1, 2, 4, 8, 16, 32)
                                    if count <= len(before) and fails_so(system, (*before[len(before) - count:], plan),
                                                                         wanted)), before)
    least = plans.shrink(plan, lambda part: fails_so(system, (*history, part), wanted))
    replay = (*history, least)
    return Failure(number, plan, reasons, replay, sum(fails_so(system, replay, wanted) for _ in range(REPLAYS)))


@dataclasses.dataclass
class Campaign:
    """jobs: machines at a time. on_batch: told how many plans have been run, and those that failed."""

    system: System
    jobs: int = 1
    until_failure: bool = False  # end at the first failure
    on_batch: Callable[[int, list[Failure]], None] = lambda done, failures: None

    def batch(self, numbers: Sequence[int], chosen: Sequence[Plan]) -> list[Failure]:
        """Run plans. Behind one that fails the others go on in a new machine."""
        failures: list[Failure] = []
        at = 0
        while at < len(chosen):
            outcome: Outcome = self.system.run(chosen[at:])
            failed = at + outcome.passed
            if outcome.reasons:
                failures.append(explain(self.system, numbers[failed], chosen[at:failed], chosen[failed],
                                        outcome.reasons))
                if self.until_failure:
                    break
            at = failed + 1
        return failures

    def run(self, seed: int, first: int, count: int | None,
            seconds: float | None = None) -> tuple[int, list[Failure]]:
        """Run `count` plans of a seed, or as many as begin in this time. How many were run, and which failed."""
        end = None if seconds is None else time.monotonic() + seconds
        done, failures, at = 0, [], first

        def batches() -> Iterator[range]:
            nonlocal at
            while (count is None or at < first + count) and (end is None or time.monotonic() < end):
                last = at + BATCH if count is None else min(at + BATCH, first + count)
                yield range(at, last)
                at = last

        drawn = batches()
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                while True:
                    turn = [numbers for numbers in (next(drawn, range(0)) for _ in range(self.jobs)) if numbers]
                    if not turn or (self.until_failure and failures):
                        return done, failures
                    for found in pool.map(lambda numbers: self.batch(numbers, [plans.draw(seed, number)
                                                                                for number in numbers]), turn):
                        failures += found
                    done += sum(len(numbers) for numbers in turn)
                    self.on_batch(done, failures)
            except BaseException:  # a signal's: the pool waits for its threads, which may have minutes to go
                self.system.is_over.set()
                raise
